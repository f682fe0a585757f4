package natslog

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A publisher publishes messages to streams, and takes all acknowledgements on
// one subscription. Compared with jetstream's own asynchronous publishing it
// decodes no JSON and starts no timer of its own for each message.
type publisher struct {
	nc     *nats.Conn
	prefix string // of the subjects on which acknowledgements come

	mu         sync.Mutex
	count      uint64             // of messages
	last       uint64             // of the waiters' ids
	reconnects uint64             // as last looked at; asking takes a lock that is in great demand
	waiting    map[uint64]*waiter // also those that are free: an answer comes once
	free       []*waiter
}

// A waiter waits for the acknowledgement of one message, and then of another.
type waiter struct {
	id         uint64
	reply      string
	reconnects uint64 // of the connection, when the message was published
	answered   chan answer
	tick       *time.Timer
}

type answer struct {
	seq uint64
	err error
}

// lookEvery is how often one who waits looks whether the connection was lost,
// and the acknowledgement with it.
const lookEvery = 250 * time.Millisecond

func newPublisher(nc *nats.Conn) (*publisher, error) {
	p := &publisher{nc: nc, prefix: nc.NewInbox() + ".", waiting: make(map[uint64]*waiter)}
	sub, err := nc.Subscribe(p.prefix+"*", p.take)
	if err != nil {
		return nil, err
	}
	return p, sub.SetPendingLimits(-1, -1) // the window limits them
}

// publish sends the message, whose reply subject it sets. Each waiter that it
// returns must be handed to await.
func (p *publisher) publish(msg *nats.Msg) (*waiter, error) {
	p.mu.Lock()
	if p.count++; p.count%64 == 1 {
		p.reconnects = p.nc.Stats().Reconnects
	}
	var w *waiter
	if n := len(p.free); n > 0 {
		w, p.free = p.free[n-1], p.free[:n-1]
	} else {
		w = p.newWaiter()
	}
	w.reconnects = p.reconnects
	p.mu.Unlock()
	select {
	case <-w.answered: // an answer too many
	default:
	}
	msg.Reply = w.reply
	if err := p.nc.PublishMsg(msg); err != nil {
		p.forget(w)
		return nil, err
	}
	return w, nil
}

// newWaiter makes a waiter. The caller holds mu.
func (p *publisher) newWaiter() *waiter {
	p.last++
	w := &waiter{
		id: p.last, reply: p.prefix + strconv.FormatUint(p.last, 36),
		answered: make(chan answer, 1), tick: time.NewTimer(lookEvery),
	}
	p.waiting[w.id] = w
	return w
}

// await waits for the acknowledgement.
func (p *publisher) await(ctx context.Context, w *waiter) (seq uint64, err error) {
	for left := attemptTimeout; ; left -= lookEvery {
		w.tick.Reset(lookEvery)
		select {
		case a := <-w.answered:
			p.mu.Lock()
			p.free = append(p.free, w)
			p.mu.Unlock()
			return a.seq, a.err
		case <-ctx.Done():
			p.forget(w)
			return 0, context.Cause(ctx)
		case <-w.tick.C:
			if p.lost(w) {
				return 0, nats.ErrDisconnected
			}
			if left <= lookEvery {
				p.forget(w)
				return 0, nats.ErrTimeout
			}
		}
	}
}

// lost reports whether the connection was lost since the message was
// published, or a little before, and forgets the waiter then.
func (p *publisher) lost(w *waiter) bool {
	now := p.nc.Stats().Reconnects
	p.mu.Lock()
	defer p.mu.Unlock()
	if now == w.reconnects {
		return false
	}
	p.reconnects = now
	delete(p.waiting, w.id)
	return true
}

// forget gives up a waiter, which is not used again: its answer may be on its way.
func (p *publisher) forget(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, w.id)
}

// take hands an acknowledgement to the one who waits for it.
func (p *publisher) take(m *nats.Msg) {
	id, err := strconv.ParseUint(m.Subject[len(p.prefix):], 36, 64)
	if err != nil {
		return
	}
	p.mu.Lock()
	w := p.waiting[id]
	p.mu.Unlock()
	if w == nil {
		return
	}
	var a answer
	if len(m.Data) == 0 {
		a.err = jetstream.ErrNoStreamResponse // what the server says if no stream has the subject
	} else {
		a.seq, a.err = parseAck(m.Data)
	}
	select {
	case w.answered <- a:
	default: // nobody waits: not an answer of the server
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
	if !ok || !found || len(rest) > 18 {
		return 0, false
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			return 0, false
		}
		seq = seq*10 + uint64(c-'0')
	}
	return seq, seq > 0
}
