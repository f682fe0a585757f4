package wire

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// soon is how long what is not urgent may wait for more that goes with it.
const soon = 5 * time.Millisecond

// An Outgoing is a message to be published.
type Outgoing struct {
	Subject string
	Reply   string // or empty
	// Header holds lines that each end in CR LF, in parts as they come; all of
	// them empty for no header.
	Header [2][]byte
	Data   []byte
}

const (
	headerBegin = "NATS/1.0\r\n"
	headerEnd   = "\r\n"
)

// Publish sends a message. It is on its way then, and may get lost with the
// connection. If the server takes what is published too slowly, Publish waits
// until it has, or the connection is lost. The error is [nats.ErrDisconnected],
// [nats.ErrConnectionClosed], [nats.ErrMaxPayload] or [nats.ErrBadSubject]. The
// caller may use the message's memory again.
func (c *Conn) Publish(m *Outgoing) error { return c.publish(m, true) }

// PublishSoon is Publish for what is small and not urgent. It never waits, but
// the message may, a few milliseconds, for something that it is written together
// with.
func (c *Conn) PublishSoon(m *Outgoing) error { return c.publish(m, false) }

func (c *Conn) publish(m *Outgoing, urgent bool) error {
	if m.Subject == "" || breaks(m.Subject) || breaks(m.Reply) {
		return nats.ErrBadSubject
	}
	header := len(m.Header[0]) + len(m.Header[1])
	if header > 0 {
		header += len(headerBegin) + len(headerEnd)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	session := c.session
	for urgent && c.up && c.session == session && len(c.out) > most {
		c.room.Wait()
	}
	switch {
	case c.ended:
		return nats.ErrConnectionClosed
	case !c.up, c.session != session: // its subscribers were told that it is lost
		return nats.ErrDisconnected
	case header+len(m.Data) > c.maxPayload:
		return nats.ErrMaxPayload
	}
	c.out = m.append(c.out, header)
	if urgent {
		c.wakeUp()
	} else if !c.awaits {
		c.awaits = true
		c.later.Reset(soon)
	}
	return nil
}

// hurry writes what has waited.
func (c *Conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaits = false
	c.wakeUp()
}

// breaks reports whether a subject would be something else in a line.
func breaks(subject string) bool {
	for i := range len(subject) {
		if c := subject[i]; c == ' ' || c >= '\t' && c <= '\r' {
			return true
		}
	}
	return false
}

// append appends
//
//	PUB <subject> [reply] <size>
//	HPUB <subject> [reply] <size of the header> <size of both>
//
// and what follows the line.
func (m *Outgoing) append(b []byte, header int) []byte {
	if header > 0 {
		b = append(b, 'H')
	}
	b = append(append(b, "PUB "...), m.Subject...)
	if m.Reply != "" {
		b = append(append(b, ' '), m.Reply...)
	}
	if header > 0 {
		b = strconv.AppendInt(append(b, ' '), int64(header), 10)
	}
	b = strconv.AppendInt(append(b, ' '), int64(header+len(m.Data)), 10)
	b = append(b, "\r\n"...)
	if header > 0 {
		b = append(append(append(append(b, headerBegin...), m.Header[0]...), m.Header[1]...), headerEnd...)
	}
	return append(append(b, m.Data...), "\r\n"...)
}
