package audit

import (
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

// appendLeaf appends the bytes that the leaf covers.
func (m *message) appendLeaf(b []byte) []byte {
	b = append(b, leafFormat...)
	b = binary.AppendUvarint(b, uint64(m.position.Shard)) //nolint:gosec // not negative
	b = binary.AppendUvarint(b, m.position.Seq)
	b = binary.AppendVarint(b, m.at.UnixNano())
	b = binary.AppendUvarint(b, uint64(len(m.subject)))
	b = append(b, m.subject...)
	b = binary.AppendUvarint(b, uint64(len(m.header)))
	b = append(b, m.header...)
	b = binary.AppendUvarint(b, uint64(len(m.data)))
	return append(b, m.data...)
}

// hash returns the leaf's hash. It may use buffer, and returns it for the next.
func (m *message) hash(buffer []byte) (tlog.Hash, []byte) {
	buffer = m.appendLeaf(buffer[:0])
	return tlog.RecordHash(buffer), buffer
}
