package natslog

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

// A publisher publishes messages to streams, and takes all acknowledgements on
// one subscription. Compared with jetstream's own asynchronous publishing it
// decodes no JSON and starts no timer of its own for each message.
//
// No two messages have the same reply subject, ever: a message may be
// acknowledged twice, for a server that begins to lead a stream acknowledges
// what it had not yet applied, though the one before it has.
type publisher struct {
	conn   *wire.Conn
	prefix string // of the subjects on which acknowledgements come

	mu      sync.Mutex
	last    uint64             // of the messages' ids
	waiting map[uint64]*waiter // by id; each is answered once, with mu held
	free    []*waiter
}

// A waiter waits for the acknowledgement of one message, and then of another.
type waiter struct {
	id       uint64
	reply    string
	answered chan answer
	timer    *time.Timer  // of who waits for answered
	then     func(answer) // who does not wait is called instead
	expires  *time.Timer  // of who is called; nil before the first time
}

type answer struct {
	seq uint64
	err error
}

func newPublisher(nc *nats.Conn, conn *wire.Conn) *publisher {
	p := &publisher{conn: conn, prefix: nc.NewInbox() + ".", waiting: make(map[uint64]*waiter)}
	conn.Subscribe(p.prefix+"*", p.take, p.lost)
	return p
}

// publish sends a message, whose reply subject it sets. Each waiter that it
// returns must be handed to await.
func (p *publisher) publish(m *wire.Outgoing) (*waiter, error) {
	w := p.waiter(nil)
	m.Reply = w.reply
	if err := p.conn.Publish(m); err != nil {
		p.release(w)
		return nil, err
	}
	return w, nil
}

// send sends a message and calls then, once, with its acknowledgement. It must
// not block. If send returns an error, then is not called.
func (p *publisher) send(m *wire.Outgoing, then func(answer)) error {
	w := p.waiter(then)
	m.Reply = w.reply
	err := p.conn.Publish(m)
	if err == nil || p.end(w) == nil { // it was called already, for the connection was lost
		return nil
	}
	return err
}

// waiter returns one for a message with a reply subject of its own.
func (p *publisher) waiter(then func(answer)) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	var w *waiter
	if n := len(p.free); n > 0 {
		w, p.free = p.free[n-1], p.free[:n-1]
	} else {
		w = &waiter{answered: make(chan answer, 1), timer: time.NewTimer(attemptTimeout)}
	}
	p.last++
	w.id, w.then = p.last, then
	w.reply = p.prefix + strconv.FormatUint(w.id, 10)
	p.waiting[w.id] = w
	switch {
	case then == nil:
	case w.expires == nil:
		w.expires = time.AfterFunc(attemptTimeout, func() { p.expire(w) })
	default:
		w.expires.Reset(attemptTimeout)
	}
	return w
}

// release ends a wait, and lets others use the waiter.
func (p *publisher) release(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(w)
	select {
	case <-w.answered: // just too late
	default:
	}
}

// drop lets nobody answer a waiter any more. The caller holds mu.
func (p *publisher) drop(w *waiter) {
	delete(p.waiting, w.id)
	p.free = append(p.free, w)
}

// await waits for the acknowledgement.
func (p *publisher) await(ctx context.Context, w *waiter) (seq uint64, err error) {
	defer p.release(w)
	w.timer.Reset(attemptTimeout)
	select {
	case a := <-w.answered:
		return a.seq, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-w.timer.C:
		return 0, nats.ErrTimeout
	}
}

// end returns whom a waiter calls, for the caller to call; nil if it was called.
func (p *publisher) end(w *waiter) (then func(answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if then, w.then = w.then, nil; then != nil {
		p.drop(w)
	}
	return then
}

// expire ends the wait for an acknowledgement that does not come.
func (p *publisher) expire(w *waiter) {
	if then := p.end(w); then != nil {
		then(answer{err: nats.ErrTimeout})
	}
}

// take hands an acknowledgement to the one who waits for it.
func (p *publisher) take(f *wire.Frame) {
	subject := f.Subject()
	if len(subject) < len(p.prefix) {
		return // no server sends that here
	}
	id, ok := digitsOf(subject[len(p.prefix):])
	if !ok {
		return
	}
	var a answer
	if data := f.Data(); len(data) == 0 {
		a.err = jetstream.ErrNoStreamResponse // what the server says if no stream has the subject
	} else {
		a.seq, a.err = parseAck(data)
	}
	if then := p.answer(id, a); then != nil {
		then(a)
	}
}

// answer answers who waits, or returns whom to call.
func (p *publisher) answer(id uint64, a answer) (then func(answer)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.waiting[id]
	if w == nil {
		return nil // it has an answer
	}
	if then, w.then = w.then, nil; then != nil {
		p.drop(w)
		return then
	}
	delete(p.waiting, id)
	w.answered <- a // has room for the only answer
	return nil
}

// lost answers all who wait on a connection that was lost.
func (p *publisher) lost() {
	p.mu.Lock()
	ids := slices.Collect(maps.Keys(p.waiting))
	p.mu.Unlock()
	gone := answer{err: nats.ErrDisconnected}
	for _, id := range ids {
		if then := p.answer(id, gone); then != nil {
			then(gone)
		}
	}
}

// quickAck reads the acknowledgement that the server writes if all is well,
// {"stream":"DOCSAGA_0","seq":17}; older servers put a space before "seq".
func quickAck(data []byte) (seq uint64, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"stream":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 || rest[len(rest)-1] != '}' {
		return 0, false
	}
	rest, ok = bytes.CutPrefix(rest[end:len(rest)-1], []byte(`",`))
	rest, found := bytes.CutPrefix(bytes.TrimPrefix(rest, []byte(" ")), []byte(`"seq":`))
	if !ok || !found {
		return 0, false
	}
	seq, ok = digitsOf(rest)
	return seq, ok && seq > 0
}

// digitsOf reads a number of up to 18 digits, and nothing else.
func digitsOf(digits []byte) (n uint64, ok bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
