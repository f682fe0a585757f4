package replay

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/docsaga/docsaga/events"
)

// AppendJSON appends the event as [events.Event.MarshalJSON] writes it, byte
// for byte, several times as fast.
func AppendJSON(b []byte, e *events.Event) []byte {
	s := &e.Slot
	b = append(b, `{"specversion":"1.0"`...)
	b = appendField(b, "id", e.ID())
	b = appendField(b, "source", e.Source)
	b = appendField(b, "type", e.Type())
	b = appendField(b, "subject", string(s.Document))
	if !e.Time.IsZero() {
		b = append(b, `,"time":"`...)
		b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
		b = append(b, '"')
	}
	if len(e.Data) > 0 {
		b = append(b, `,"datacontenttype":"application/json"`...)
	}
	b = appendField(b, "partitionkey", string(s.Document))
	b = appendField(b, "correlationid", string(s.Document))
	b = appendOptional(b, "causationid", e.Cause)
	b = appendField(b, "sagadefinition", s.Definition)
	b = append(b, `,"sagaversion":`...)
	b = strconv.AppendInt(b, int64(s.Version), 10)
	b = appendField(b, "sagastep", string(s.Step))
	b = append(b, `,"sagavisit":`...)
	b = strconv.AppendInt(b, int64(s.Visit), 10)
	b = appendOptional(b, "sagaworker", e.Worker)
	if e.Position.Seq > 0 {
		b = append(b, `,"sagaposition":"`...)
		b = strconv.AppendInt(b, int64(e.Position.Shard), 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, e.Position.Seq, 10)
		b = append(b, `","sagastoredat":"`...)
		b = e.At.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	b = appendOptional(b, "traceparent", e.Trace)
	if e.Signature != "" {
		b = appendField(b, "dssematerial", e.Signature)
		b = appendField(b, "signedextattrs", events.SignedAttributes)
	}
	b = appendData(b, e.Data)
	return append(b, '}')
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, name, value)
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return appendString(b, value)
}

// appendString appends a JSON string as encoding/json writes it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c >= 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always has a form in JSON
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendData(b, data []byte) []byte {
	switch {
	case len(data) == 0:
		return b
	case !json.Valid(data):
		b = append(b, `,"data_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, data)
		return append(b, '"')
	}
	return appendCompact(append(b, `,"data":`...), data)
}

// appendCompact appends valid JSON without the spaces between its tokens, and
// with < > & and the two line separators of Unicode escaped, as encoding/json
// does.
func appendCompact(b, data []byte) []byte {
	start, quoted := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		var instead string
		switch {
		case c == '"':
			quoted = !quoted
			continue
		case c == '\\':
			i++
			continue
		case c == '<':
			instead = `\u003c`
		case c == '>':
			instead = `\u003e`
		case c == '&':
			instead = `\u0026`
		case c == 0xe2 && isSeparator(data[i:]):
			b = append(b, data[start:i]...)
			b = append(b, `\u202`...)
			b = append(b, "89"[data[i+2]&1])
			i += 2
			start = i + 1
			continue
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			if quoted {
				continue
			}
		default:
			continue
		}
		b = append(b, data[start:i]...)
		b = append(b, instead...)
		start = i + 1
	}
	return append(b, data[start:]...)
}

// isSeparator reports whether text begins with U+2028 or U+2029.
func isSeparator(text []byte) bool {
	r, _ := utf8.DecodeRune(text)
	return r == '\u2028' || r == '\u2029'
}
