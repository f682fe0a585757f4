package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
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

// headerText returns headers as lines, in one order. No header's name holds a
// colon, and no name or value a line feed, so that no two sets of headers have
// the same text.
func headerText(h events.Header) string {
	names := slices.AppendSeq(make([]string, 0, len(h)), maps.Keys(h))
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		for _, value := range h[name] {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(value)
			b.WriteByte('\n')
		}
	}
	return b.String()
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
	var few [32]string
	names := few[:0]
	length := 0
	for name, values := range d.Header {
		names = append(names, name)
		for _, value := range values {
			length += len(name) + len(": ") + len(value) + len("\n")
		}
	}
	slices.Sort(names)
	m := message{position: d.Event.Position, at: d.Event.At, subject: d.Subject}
	b := m.appendHead(append(buffer[:0], leafPrefix))
	b = binary.AppendUvarint(b, uint64(length)) //nolint:gosec // not negative
	for _, name := range names {
		for _, value := range d.Header[name] {
			b = append(append(append(append(b, name...), ": "...), value...), '\n')
		}
	}
	b = binary.AppendUvarint(b, uint64(len(d.Data)))
	b = append(b, d.Data...)
	return sha256.Sum256(b), b
}
