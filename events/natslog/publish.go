package natslog

import (
	"bytes"
	"context"
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
type publisher struct {
	conn   *wire.Conn
	prefix string // of the subjects on which acknowledgements come

	mu      sync.Mutex
	last    uint64             // of the waiters' ids
	waiting map[uint64]*waiter // also those that are free: an answer comes once
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
	w := p.waiter()
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
	w := p.waiter()
	p.mu.Lock()
	w.then = then
	if w.expires == nil {
		w.expires = time.AfterFunc(attemptTimeout, func() { p.expire(w) })
	} else {
		w.expires.Reset(attemptTimeout)
	}
	p.mu.Unlock()
	m.Reply = w.reply
	err := p.conn.Publish(m)
	if err == nil {
		return nil
	}
	p.mu.Lock()
	called := w.then == nil // for the connection was lost
	w.then = nil
	p.mu.Unlock()
	if called {
		return nil
	}
	p.release(w)
	return err
}

// expire ends the wait for an acknowledgement that does not come.
func (p *publisher) expire(w *waiter) {
	p.mu.Lock()
	then := w.then
	w.then = nil
	if then != nil {
		delete(p.waiting, w.id)
	}
	p.mu.Unlock()
	if then != nil {
		then(answer{err: nats.ErrTimeout})
	}
}

// waiter returns one that nobody uses.
func (p *publisher) waiter() *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		w := p.free[n-1]
		p.free = p.free[:n-1]
		select {
		case <-w.answered: // an answer too many, and not that the connection was lost
		default:
		}
		return w
	}
	p.last++
	w := &waiter{
		id: p.last, reply: p.prefix + strconv.FormatUint(p.last, 10),
		answered: make(chan answer, 1), timer: time.NewTimer(attemptTimeout),
	}
	p.waiting[p.last] = w
	return w
}

// release lets others use a waiter, unless an answer may be on its way to it.
func (p *publisher) release(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[w.id] == w {
		p.free = append(p.free, w)
	}
}

// await waits for the acknowledgement.
func (p *publisher) await(ctx context.Context, w *waiter) (seq uint64, err error) {
	w.timer.Reset(attemptTimeout)
	select {
	case a := <-w.answered:
		p.release(w)
		return a.seq, a.err
	case <-ctx.Done():
		p.forget(w)
		return 0, context.Cause(ctx)
	case <-w.timer.C:
		p.forget(w)
		return 0, nats.ErrTimeout
	}
}

// forget gives up a waiter, which is not used again: its answer may be on its way.
func (p *publisher) forget(w *waiter) {
	w.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, w.id)
}

// take hands an acknowledgement to the one who waits for it.
func (p *publisher) take(f *wire.Frame) {
	id, ok := digitsOf(f.Subject()[len(p.prefix):])
	if !ok {
		return
	}
	p.mu.Lock()
	w := p.waiting[id]
	var then func(answer)
	if w != nil && w.then != nil {
		then, w.then = w.then, nil
		p.free = append(p.free, w)
	}
	p.mu.Unlock()
	if w == nil {
		return
	}
	var a answer
	if data := f.Data(); len(data) == 0 {
		a.err = jetstream.ErrNoStreamResponse // what the server says if no stream has the subject
	} else {
		a.seq, a.err = parseAck(data)
	}
	if then != nil {
		then(a)
		return
	}
	w.answer(a)
}

func (w *waiter) answer(a answer) {
	select {
	case w.answered <- a:
	default: // nobody waits: not an answer of the server
	}
}

// lost answers all who wait on a connection that was lost, and forgets them: an
// answer that is on its way may find the connection that comes next.
func (p *publisher) lost() {
	gone := answer{err: nats.ErrDisconnected}
	var called []func(answer)
	p.mu.Lock()
	for _, w := range p.waiting {
		if w.then != nil {
			called = append(called, w.then)
			w.then = nil
		} else {
			w.answer(gone)
		}
	}
	clear(p.waiting)
	p.free = nil
	p.mu.Unlock()
	for _, then := range called {
		then(gone)
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
