package events

import (
	"fmt"
	"strings"
	"time"
)

// Decode returns the event of a stored message. An error wraps
// [ErrBadSubject] if the message stands in no slot, and [ErrBadEvent] if it
// stands in one but is no event; then the returned event has its Slot set, for
// the slot is taken all the same.
func Decode(subject string, h HeaderLines, data []byte) (Event, error) {
	slot, err := ParseSubject(subject)
	if err != nil {
		return Event{}, err
	}
	e := Event{Slot: slot, Data: data}
	bad := func(format string, args ...any) (Event, error) {
		return e, fmt.Errorf("events: %s: %s: %w", slot.ID(), fmt.Sprintf(format, args...), ErrBadEvent)
	}
	a := attributesOf(h)
	if v := a[specVersionAt]; v != specVersion {
		return bad("specversion %.20q, want %s", v, specVersion)
	}
	if id := a[idAt]; id == "" || !isID(subject, id) {
		return bad("id %.200q is not the subject's last four tokens", id)
	}
	if e.Result, err = resultOf(slot, a[typeAt]); err != nil {
		return bad("%v", err)
	}
	if e.Source, err = decodeValue(a[sourceAt]); err != nil || e.Source == "" {
		return bad("source %.100q", a[sourceAt])
	}
	if t := a[timeAt]; t != "" {
		if e.Time, err = time.Parse(time.RFC3339Nano, t); err != nil || !isTime(e.Time) {
			return bad("time %.50q is not RFC 3339 of the years 1 to 9999", t)
		}
		e.Time = e.Time.UTC()
	}
	if ct := a[contentTypeAt]; ct != "" && ct != contentType && !strings.HasPrefix(ct, contentType+";") {
		return bad("datacontenttype %.80q, want %s", ct, contentType)
	}
	if len(data) > MaxData && (!IsSealed(data) || len(data) > MaxSealed) {
		return bad("%d bytes of data, at most %d", len(data), MaxData)
	}
	e.Cause, e.Worker = a[causeAt], a[workerAt]
	if trace := a[traceAt]; isPlain(trace) { // no event that follows could carry another on
		e.Trace = trace
	}
	if a[signedAt] == SignedAttributes {
		e.Signature = a[signatureAt]
	}
	return e, nil
}

// Where attributesOf puts the attributes that [Decode] reads.
const (
	specVersionAt = iota
	idAt
	sourceAt
	typeAt
	timeAt
	contentTypeAt
	causeAt
	workerAt
	traceAt
	signatureAt
	signedAt
	notRead
)

// attributesOf returns the first value of each attribute, in one walk.
func attributesOf(h HeaderLines) (a [notRead]string) {
	var has [notRead]bool
	for name, value := range h.All() {
		if at := placeOf(name); at != notRead && !has[at] {
			a[at], has[at] = value, true
		}
	}
	return a
}

func placeOf(name string) int {
	switch name {
	case headerSpecVersion:
		return specVersionAt
	case headerID:
		return idAt
	case headerSource:
		return sourceAt
	case headerType:
		return typeAt
	case headerTime:
		return timeAt
	case headerContentType:
		return contentTypeAt
	case headerCause:
		return causeAt
	case headerWorker:
		return workerAt
	case headerTrace:
		return traceAt
	case headerSignature:
		return signatureAt
	case headerSigned:
		return signedAt
	}
	return notRead
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
