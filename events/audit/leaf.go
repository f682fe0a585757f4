package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
)

const leafFormat = "docsaga message 1\n"

// A message is what a leaf covers.
type message struct {
	position events.Position
	at       time.Time
	subject  string
	header   string // see headerText
	data     []byte
}

func messageOf(d *events.Delivery) message {
	return message{
		position: d.Event.Position, at: d.Event.At,
		subject: d.Subject, header: headerText(d.Header), data: d.Data,
	}
}

// headerText returns headers as lines, in the order of their names. No header's
// name holds a colon, and no name or value a line feed, so that no two sets of
// headers have the same text.
func headerText(h events.HeaderLines) string {
	var few [32]attribute
	var b strings.Builder
	for _, a := range inOrder(h, few[:0]) {
		b.WriteString(a.name)
		b.WriteString(": ")
		b.WriteString(a.value)
		b.WriteByte('\n')
	}
	return b.String()
}

// An attribute is a line of a header.
type attribute struct{ name, value string }

// inOrder appends the attributes of a header, ordered by name. Those of one
// name stay in their order.
func inOrder(h events.HeaderLines, list []attribute) []attribute {
	for name, value := range h.All() {
		list = append(list, attribute{name, value})
	}
	slices.SortStableFunc(list, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return list
}

// appendHead appends the bytes that the leaf covers, up to the headers.
func (m *message) appendHead(b []byte) []byte {
	b = append(b, leafFormat...)
	b = binary.AppendUvarint(b, uint64(m.position.Shard)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, m.position.Seq)
	b = binary.AppendVarint(b, m.at.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(m.subject)))
	return append(b, m.subject...)
}

// appendLeaf appends the bytes that the leaf covers.
func (m *message) appendLeaf(b []byte) []byte {
	b = m.appendHead(b)
	b = binary.AppendUvarint(b, uint64(len(m.header)))
	b = append(b, m.header...)
	b = binary.AppendUvarint(b, uint64(len(m.data)))
	return append(b, m.data...)
}

// leafPrefix is what RFC 6962 puts before a leaf to hash it.
const leafPrefix = 0

// hash returns the leaf's hash. It may use buffer, and returns it for the next.
func (m *message) hash(buffer []byte) (tlog.Hash, []byte) {
	buffer = m.appendLeaf(append(buffer[:0], leafPrefix))
	return sha256.Sum256(buffer), buffer
}

// leafOf returns the hash of a delivery's leaf as [message.hash] does. With a
// buffer that is long enough it allocates nothing.
func leafOf(d *events.Delivery, buffer []byte) (tlog.Hash, []byte) {
	var few [32]attribute
	attributes := inOrder(d.Header, few[:0])
	length := 0
	for _, a := range attributes {
		length += len(a.name) + len(": ") + len(a.value) + len("\n")
	}
	m := message{position: d.Event.Position, at: d.Event.At, subject: d.Subject}
	b := m.appendHead(append(buffer[:0], leafPrefix))
	b = binary.AppendUvarint(b, uint64(length)) //nolint:gosec // not negative
	for _, a := range attributes {
		b = append(append(append(append(b, a.name...), ": "...), a.value...), '\n')
	}
	b = binary.AppendUvarint(b, uint64(len(d.Data)))
	b = append(b, d.Data...)
	return sha256.Sum256(b), b
}
