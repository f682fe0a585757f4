package events

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// The headers of the NATS binary mode.
const (
	headerSpecVersion = "ce-specversion"
	headerID          = "ce-id"
	headerSource      = "ce-source"
	headerType        = "ce-type"
	headerSubject     = "ce-subject"
	headerTime        = "ce-time"
	headerContentType = "ce-datacontenttype"
	headerCause       = "ce-causationid"
	headerWorker      = "ce-sagaworker"
	headerTrace       = "traceparent"
	headerSignature   = "ce-dssematerial"
	headerSigned      = "ce-signedextattrs"

	specVersion = "1.0"
	contentType = "application/json"
	timeLayout  = "2006-01-02T15:04:05.000Z07:00"
)

// A Header holds the attributes of an event by name. It has the shape of a
// nats.Header.
type Header = map[string][]string

// A HeaderLines is a header as it stands in a message: a line "name: value" for
// each attribute. It is read where it stands: to make a map of a header takes
// longer than all else that is done with one.
type HeaderLines string

const versionLine = "NATS/1.0"

// ParseHeader returns the lines of a header block as NATS stores it, which
// begins with a version line and ends with an empty one. It reads a block as
// nats.go does: lines end in CR LF or in LF, and a status in the version line is
// told by headers Status and Description behind all others. It is not ok if the
// block is none.
func ParseHeader(block string) (lines HeaderLines, ok bool) {
	version, rest, ok := cutLine(block)
	status, isVersion := strings.CutPrefix(version, versionLine)
	if !ok || !isVersion {
		return "", false
	}
	for at := rest; ; {
		line, after, ok := cutLine(at)
		if !ok || line != "" && strings.IndexByte(line, ':') < 0 {
			return "", false
		}
		if line == "" {
			lines = HeaderLines(rest[:len(rest)-len(at)])
			break
		}
		at = after
	}
	if status == "" {
		return lines, true
	}
	code, what := strings.TrimSpace(status), ""
	if len(code) < len("503") {
		return "", false
	}
	code, what = code[:3], strings.TrimSpace(code[3:])
	lines += HeaderLines("Status: " + code + "\r\n")
	if what != "" {
		lines += HeaderLines("Description: " + what + "\r\n")
	}
	return lines, true
}

// LinesOf returns the lines of a header, the names in order. What would end a
// line within a value becomes a space.
func LinesOf(h Header) HeaderLines {
	var b strings.Builder
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			b.WriteString(name + ": " + oneLine.Replace(value) + "\r\n")
		}
	}
	return HeaderLines(b.String())
}

// All yields names and values in the order of the lines.
func (h HeaderLines) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := string(h); rest != ""; {
			line, after, _ := cutLine(rest)
			rest = after
			name, value, _ := strings.Cut(line, ":")
			for value != "" && (value[0] == ' ' || value[0] == '\t') {
				value = value[1:]
			}
			if name != "" && !yield(name, value) {
				return
			}
		}
	}
}

// Get returns the first value of a name, or nothing.
func (h HeaderLines) Get(name string) string {
	for n, value := range h.All() {
		if n == name {
			return value
		}
	}
	return ""
}

// Header returns the lines by name.
func (h HeaderLines) Header() Header {
	m := make(Header)
	for name, value := range h.All() {
		m[name] = append(m[name], value)
	}
	return m
}

// cutLine returns the first line, without its end, and what follows. It is not
// ok if there is no end of a line.
func cutLine(s string) (line, rest string, ok bool) {
	line, rest, ok = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest, ok
}

// HeaderLines returns the event's attributes as a header.
func (e *Event) HeaderLines() HeaderLines {
	return HeaderLines(e.AppendHeader(make([]byte, 0, 512)))
}

// Header returns the event's attributes by name.
func (e *Event) Header() Header { return e.HeaderLines().Header() }

// AppendHeader appends the event's attributes as [HeaderLines]. It does not
// check the event; see [Event.Check].
func (e *Event) AppendHeader(b []byte) []byte {
	b = appendAttribute(b, headerSpecVersion, specVersion)
	b = append(e.Slot.appendID(append(b, headerID+": "...)), "\r\n"...)
	b = appendAttribute(b, headerSource, encodeValue(e.Source))
	b = append(b, headerType+": "+SubjectRoot+"."...)
	b = append(append(append(b, e.Slot.Step...), '.'), e.word()...)
	b = append(b, "\r\n"...)
	b = appendAttribute(b, headerSubject, string(e.Slot.Document))
	b = append(e.Time.UTC().AppendFormat(append(b, headerTime+": "...), timeLayout), "\r\n"...)
	b = appendAttribute(b, headerContentType, contentType)
	b = appendAttribute(b, headerCause, e.Cause)
	b = appendAttribute(b, headerWorker, e.Worker)
	b = appendAttribute(b, headerTrace, e.Trace)
	b = appendAttribute(b, headerSignature, e.Signature)
	return appendAttribute(b, headerSigned, e.signed())
}

// appendAttribute appends a line; no value, no line.
func appendAttribute(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}
