package events

import (
	"fmt"
	"strings"
	"time"
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

// A Header holds the attributes of an event on the wire. It has the shape of
// a nats.Header.
type Header = map[string][]string

// Header returns the event's attributes as headers of a NATS message.
func (e *Event) Header() Header {
	var b HeaderBuffer
	_, h := b.Fill(e)
	return h
}

// A HeaderBuffer makes headers again and again in the same memory: a map of
// nine costs more to make than all that stands in it. The zero value is ready.
type HeaderBuffer struct {
	header Header
	values [headers]string // one array behind all values
}

const headers = 12

func headerNames() [headers]string {
	return [headers]string{
		headerSpecVersion, headerID, headerSource, headerType, headerSubject,
		headerTime, headerContentType, headerCause, headerWorker, headerTrace, headerSignature, headerSigned,
	}
}

// Fill returns the event's subject, and its attributes as headers. These are
// valid until the next call, which removes what the caller has added to them.
func (b *HeaderBuffer) Fill(e *Event) (subject string, h Header) {
	subject = e.Slot.Subject()
	before := b.values
	b.values = [headers]string{
		specVersion, subject[len(subject)-e.Slot.idSize():], encodeValue(e.Source), e.Type(), string(e.Slot.Document),
		e.Time.UTC().Format(timeLayout), contentType, e.Cause, e.Worker, e.Trace, e.Signature, e.signed(),
	}
	set, same := 0, b.header != nil
	for i := range b.values {
		if b.values[i] != "" {
			set++
		}
		same = same && (b.values[i] == "") == (before[i] == "")
	}
	if same && len(b.header) == set {
		return subject, b.header // its members lie in values
	}
	if clear(b.header); b.header == nil {
		b.header = make(Header, headers)
	}
	for i, name := range headerNames() {
		if b.values[i] != "" {
			b.header[name] = b.values[i : i+1 : i+1]
		}
	}
	return subject, b.header
}

// Decode returns the event of a stored message. An error wraps
// [ErrBadSubject] if the message stands in no slot, and [ErrBadEvent] if it
// stands in one but is no event; then the returned event has its Slot set, for
// the slot is taken all the same.
func Decode(subject string, h Header, data []byte) (Event, error) {
	slot, err := ParseSubject(subject)
	if err != nil {
		return Event{}, err
	}
	e := Event{Slot: slot, Data: data}
	bad := func(format string, args ...any) (Event, error) {
		return e, fmt.Errorf("events: %s: %s: %w", slot.ID(), fmt.Sprintf(format, args...), ErrBadEvent)
	}
	if v := first(h, headerSpecVersion); v != specVersion {
		return bad("specversion %.20q, want %s", v, specVersion)
	}
	if id := first(h, headerID); id == "" || !isID(subject, id) {
		return bad("id %.200q is not the subject's last four tokens", id)
	}
	if e.Result, err = resultOf(slot, first(h, headerType)); err != nil {
		return bad("%v", err)
	}
	if e.Source, err = decodeValue(first(h, headerSource)); err != nil || e.Source == "" {
		return bad("source %.100q", first(h, headerSource))
	}
	if t := first(h, headerTime); t != "" {
		if e.Time, err = time.Parse(time.RFC3339Nano, t); err != nil || !isTime(e.Time) {
			return bad("time %.50q is not RFC 3339 of the years 1 to 9999", t)
		}
		e.Time = e.Time.UTC()
	}
	if ct := first(h, headerContentType); ct != "" && ct != contentType && !strings.HasPrefix(ct, contentType+";") {
		return bad("datacontenttype %.80q, want %s", ct, contentType)
	}
	if len(data) > MaxData && (!IsSealed(data) || len(data) > MaxSealed) {
		return bad("%d bytes of data, at most %d", len(data), MaxData)
	}
	e.Cause, e.Worker = first(h, headerCause), first(h, headerWorker)
	if trace := first(h, headerTrace); isPlain(trace) { // no event that follows could carry another on
		e.Trace = trace
	}
	if first(h, headerSigned) == SignedAttributes {
		e.Signature = first(h, headerSignature)
	}
	return e, nil
}

// isID reports whether id is what follows the subject's fourth dot.
func isID(subject, id string) bool {
	return strings.HasSuffix(subject, id) && len(subject) > len(id) &&
		subject[len(subject)-len(id)-1] == '.' && strings.Count(id, ".") == 3
}

func first(h Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// isPlain reports whether a header value needs no encoding and cannot break
// out of its line.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

const upperHex = "0123456789ABCDEF"

// encodeValue percent-encodes what a header value may not hold: space, double
// quote, percent, and everything outside printable ASCII, as section 3.1.3.2
// of the CloudEvents HTTP binding says, which the NATS binding follows.
func encodeValue(s string) string {
	plain := func(c byte) bool { return c > 0x20 && c < 0x7f && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

func decodeValue(s string) (string, error) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, nil
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("percent sign without two digits in %.100q", s)
		}
		high, low := unhex(s[i+1]), unhex(s[i+2])
		if high < 0 || low < 0 {
			return "", fmt.Errorf("percent sign without two digits in %.100q", s)
		}
		b = append(b, byte(high<<4|low))
		i += 2
	}
	return string(b), nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
