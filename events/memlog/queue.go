package memlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

type queueKey struct {
	name  string
	shard int
}

// A queue is a durable consumer: how far it has come, and what was handed out
// and not yet answered.
type queue struct {
	filters []string
	next    uint64 // sequence to look at next
	pending map[uint64]*pending
}

type pending struct {
	attempt int
	due     time.Time // when it is to be handed out again
	holder  *receipt  // nil once nobody holds it
}

// Prepare makes sure that the queue exists on every shard and selects at
// least these patterns, besides what it selects already.
func (l *Log) Prepare(_ context.Context, name string, patterns []events.Pattern) error {
	if err := events.CheckID(name); err != nil {
		return fmt.Errorf("memlog: prepare queue: %w", err)
	}
	if len(patterns) == 0 {
		return fmt.Errorf("memlog: prepare queue %s: no pattern: a queue must select something", name)
	}
	for _, p := range patterns {
		slot := events.Slot{Definition: p.Definition, Version: p.Version, Document: "any", Step: p.Step, Visit: 1, Kind: p.Kind, Again: max(1, p.Again)}
		if err := slot.Check(); err != nil {
			return fmt.Errorf("memlog: prepare queue %s: pattern: %w: %w", name, err, events.ErrBadSubject)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for shard := range l.shards {
		key := queueKey{name, shard}
		q := l.queues[key]
		if q == nil {
			q = &queue{next: 1, pending: make(map[uint64]*pending)}
			l.queues[key] = q
		}
		for _, p := range patterns {
			if subject := p.Subject(); !slices.Contains(q.filters, subject) {
				q.filters = append(q.filters, subject)
			}
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// Cues yields the deliveries of a queue on one shard, which must have been
// prepared. Not more than inFlight of them are at once with the caller; each
// counts until its Ack or Nak. What is not answered within the ack wait is
// handed out again. It ends when ctx ends. An error is the last thing it yields.
func (l *Log) Cues(ctx context.Context, name string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		c := &cues{l: l, key: queueKey{name, shard}, most: max(1, inFlight)}
		for ctx.Err() == nil {
			d, wait, changed, err := c.take()
			if err != nil {
				yield(events.Delivery{}, err)
				return
			}
			if d != nil {
				if !yield(*d, nil) {
					return
				}
				continue
			}
			timer := time.NewTimer(wait)
			select {
			case <-changed:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	}
}

type cues struct {
	l    *Log
	key  queueKey
	most int
	out  int // deliveries with the caller; under the log's mu
}

// take returns the next delivery, or what to wait for.
func (c *cues) take() (d *events.Delivery, wait time.Duration, changed <-chan struct{}, err error) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	q := c.l.queues[c.key]
	if q == nil {
		return nil, 0, nil, fmt.Errorf("memlog: cues of %s on shard %d: queue was never prepared: %w", c.key.name, c.key.shard, events.ErrNotFound)
	}
	if c.out >= c.most {
		return nil, time.Hour, c.l.changed, nil
	}
	now := time.Now()
	seq, wait := q.due(now)
	if seq == 0 {
		seq = q.advance(c.l.logs[c.key.shard])
	}
	if seq == 0 {
		return nil, wait, c.l.changed, nil
	}
	p := q.pending[seq]
	if p == nil {
		p = &pending{}
		q.pending[seq] = p
	}
	p.attempt++
	p.due = now.Add(c.l.ackWait)
	p.holder = &receipt{c: c, q: q, seq: seq}
	c.out++
	e, bad := c.l.at(events.Position{Shard: c.key.shard, Seq: seq})
	return &events.Delivery{Event: e, Bad: bad, Attempt: p.attempt, Receipt: p.holder}, 0, nil, nil
}

// due returns the first message that is to be handed out again, or how long
// there will be none.
func (q *queue) due(now time.Time) (seq uint64, wait time.Duration) {
	wait = time.Hour
	for s, p := range q.pending {
		if left := p.due.Sub(now); left > 0 {
			wait = min(wait, left)
		} else if seq == 0 || s < seq {
			seq = s
		}
	}
	return seq, wait
}

// advance returns the next message that the queue selects, 0 if there is none.
func (q *queue) advance(log []message) uint64 {
	for q.next <= uint64(len(log)) {
		seq := q.next
		q.next++
		if slices.ContainsFunc(q.filters, func(filter string) bool { return matches(filter, log[seq-1].subject) }) {
			return seq
		}
	}
	return 0
}

func matches(filter, subject string) bool {
	f, s := strings.Split(filter, "."), strings.Split(subject, ".")
	return slices.EqualFunc(f, s, func(a, b string) bool { return a == "*" || a == b })
}

// A receipt answers a delivery. As with JetStream, an ack ends the delivery
// even if another holds the message by now.
type receipt struct {
	c        *cues
	q        *queue
	seq      uint64
	answered bool
}

var errAnswered = errors.New("memlog: the delivery was answered already")

// Ack ends the delivery.
func (r *receipt) Ack() error {
	return r.end(func() { delete(r.q.pending, r.seq) })
}

// Nak hands it out again after the delay.
func (r *receipt) Nak(delay time.Duration) error {
	return r.end(func() {
		if p := r.q.pending[r.seq]; p != nil {
			p.due = time.Now().Add(max(0, delay))
		}
	})
}

func (r *receipt) end(answer func()) error {
	r.c.l.mu.Lock()
	defer r.c.l.mu.Unlock()
	if r.answered {
		return errAnswered
	}
	r.answered = true
	answer()
	r.c.out--
	close(r.c.l.changed)
	r.c.l.changed = make(chan struct{})
	return nil
}

// Working starts the ack wait anew.
func (r *receipt) Working() error {
	r.c.l.mu.Lock()
	defer r.c.l.mu.Unlock()
	if p := r.q.pending[r.seq]; p != nil {
		p.due = time.Now().Add(r.c.l.ackWait)
	}
	return nil
}
