package natslog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog/wire"
)

// Cues yields the deliveries of a queue on one shard, which must have been
// prepared. Not more than inFlight of them are at once with the caller or on
// their way to it; a delivery counts until its Ack or Nak, so each must get
// one. What is not answered within the ack wait is handed out again. Cues
// heals lost connections and consumers by itself and ends when ctx ends. An
// error is the last thing it yields.
func (l *Log) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		c := cues{l: l, queue: queue, shard: shard, most: max(1, inFlight), freed: make(chan struct{}, 1), yield: yield}
		err := l.checkShard(shard)
		if err == nil {
			err = c.run(ctx)
		}
		if err != nil && ctx.Err() == nil {
			yield(events.Delivery{}, fmt.Errorf("natslog: cues of %s on shard %d: %w", queue, shard, err))
		}
	}
}

// A cues is the state of one Cues.
type cues struct {
	l     *Log
	queue string
	shard int
	most  int
	out   atomic.Int64  // deliveries with the caller
	freed chan struct{} // says that out has fallen
	since time.Time     // when the consumer was made: it does not know what one before it had handed out
	yield func(events.Delivery, error) bool
}

func (c *cues) run(ctx context.Context) error {
	if err := c.exists(ctx); err != nil {
		return err
	}
	p := c.l.puller(shardName(c.shard), c.queue, c.most)
	defer p.close()
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		why := ""
		if err := c.fill(p); err != nil {
			if !isTemporary(err) {
				return err
			}
			if err := c.again(ctx, p, err.Error()); err != nil {
				return err
			}
			continue
		}
		timer.Reset(silence)
		select {
		case m := <-p.messages:
			var lost, more bool
			if lost, why, more = c.take(ctx, p, &m); !more {
				return nil
			}
			if !lost {
				continue
			}
		case <-c.freed:
			continue
		case <-p.lost:
			why = "the connection was lost"
		case <-timer.C:
			if p.wanted == 0 {
				continue // nothing was asked for, so silence means nothing
			}
			why = "no heartbeat"
		case <-ctx.Done():
			return nil
		}
		if err := c.again(ctx, p, why); err != nil {
			return err
		}
	}
}

// atOnce is how many messages are taken before the consumer is asked for more.
const atOnce = 32

// take gives the caller m and what has come besides it.
func (c *cues) take(ctx context.Context, p *puller, m *wire.Message) (lost bool, why string, more bool) {
	for taken := 1; ; taken++ {
		switch s, what := p.look(m); s {
		case isMessage:
			if !c.hand(ctx, m) {
				return false, "", false
			}
		case isLost:
			return true, what, true
		case isHeartbeat, isEnd:
		}
		if taken == atOnce {
			return false, "", true
		}
		select {
		case *m = <-p.messages:
		default:
			return false, "", true
		}
	}
}

// fill requests as many as may be in flight. It waits until it can ask for
// several, unless nothing else is under way.
func (c *cues) fill(p *puller) error {
	free := c.most - int(c.out.Load()) - p.wanted
	if free <= 0 || p.wanted > 0 && 2*free < c.most {
		return nil
	}
	return p.request(free)
}

// hand gives a message to the caller.
func (c *cues) hand(ctx context.Context, m *wire.Message) (more bool) {
	d, err := c.l.delivery(m, c.shard)
	if err != nil {
		c.l.log.Warn("natslog: not a delivery", "queue", c.queue, "error", err)
		return true
	}
	if d.Event, d.Bad, err = c.l.openOne(ctx, d.Event, d.Bad); err != nil {
		c.l.log.Warn("natslog: a cue comes again, for its key cannot be had", "queue", c.queue, "event", d.Event.ID(), "error", err)
		// Each time counts as one that came to no answer, so these must be rare
		// enough that a visit is not failed for some minutes without keys.
		delay := min(time.Second<<min(d.Attempt, 10), 5*time.Minute)
		if err := c.l.conn.Publish(&wire.Outgoing{Subject: m.Reply, Data: fmt.Appendf(nil, `-NAK {"delay":%d}`, delay)}); err != nil {
			c.l.log.Warn("natslog: give a cue back", "queue", c.queue, "error", err)
		}
		return true
	}
	c.out.Add(1)
	d.Receipt, d.Again = &receipt{c: c, of: m.Subject, to: m.Reply}, d.Event.At.Before(c.since)
	return c.yield(d, nil)
}

// again prepares for new requests after those under way were lost.
func (c *cues) again(ctx context.Context, p *puller, why string) error {
	c.l.log.Warn("natslog: asking for cues again", "queue", c.queue, "shard", c.shard, "reason", why)
	p.wanted = 0
	for backoff := 5 * firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		if pause(ctx, backoff) != nil {
			return nil //nolint:nilerr // the end of ctx ends the loop, too
		}
		err := c.exists(ctx)
		if err == nil || !isTemporary(err) {
			return err
		}
	}
}

// exists makes the queue's consumer anew if it is gone, and notes since when
// there is one.
func (c *cues) exists(ctx context.Context) error {
	for {
		info, err := c.l.consumer(ctx, c.queue, c.shard)
		if err != nil {
			return err
		}
		if info != nil {
			c.since = info.Created
			return nil
		}
		filters, _, err := c.l.remembered(ctx, c.queue)
		if err != nil {
			return err
		}
		if len(filters) == 0 {
			return fmt.Errorf("queue was never prepared: %w", events.ErrNotFound)
		}
		c.l.log.Warn("natslog: the queue's consumer is gone; it is made anew and delivers everything again",
			"queue", c.queue, "shard", c.shard)
		if err := c.l.provide(ctx, c.queue, c.shard, filters); err != nil {
			return err
		}
	}
}

// A receipt answers a delivery of a consumer.
type receipt struct {
	c    *cues
	of   string // subject of the delivery
	to   string // where its answer goes
	once sync.Once
}

var errAnswered = errors.New("natslog: the delivery was answered already")

func (r *receipt) Ack() error { return r.end("+ACK") }

func (r *receipt) Nak(delay time.Duration) error {
	if delay <= 0 {
		return r.end("-NAK")
	}
	return r.end(fmt.Sprintf(`-NAK {"delay":%d}`, delay.Nanoseconds()))
}

func (r *receipt) Working() error {
	return r.answer("+WPI")
}

func (r *receipt) end(word string) error {
	err := errAnswered
	r.once.Do(func() {
		err = r.answer(word)
		r.c.out.Add(-1)
		select {
		case r.c.freed <- struct{}{}:
		default:
		}
	})
	return err
}

func (r *receipt) answer(word string) error {
	if err := r.c.l.conn.PublishSoon(&wire.Outgoing{Subject: r.to, Data: []byte(word)}); err != nil {
		return fmt.Errorf("natslog: answer %s to %s: %w", word[:4], r.of, err)
	}
	return nil
}
