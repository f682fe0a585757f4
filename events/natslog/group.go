package natslog

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nuid"
)

const (
	// A batch is at most this long, so that one sync serves many writers and
	// none of them waits long.
	batchMessages = 200
	batchBytes    = 4 << 20
	// An atomic batch costs the server about as much as ten synced messages.
	// Fewer than these are published one after another, without waiting in
	// between.
	worthBatch = 16

	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// A group lets the writers of a shard that wait for each other publish
// together. It has no goroutine: the first writer to come leads, publishes
// what waits, and hands the lead to the first of those that came meanwhile.
type group struct {
	mu      sync.Mutex
	led     bool
	waiting []*write
}

// A turn ends a writer's wait: it is its turn to lead, or its write is done.
type turn struct {
	lead bool
	seq  uint64
	err  error
}

func (g *group) write(ctx context.Context, l *Log, w *write) (uint64, error) {
	g.mu.Lock()
	if g.led {
		g.waiting = append(g.waiting, w)
		g.mu.Unlock()
		select {
		case t := <-w.turn:
			if !t.lead {
				return t.seq, t.err
			}
		case <-ctx.Done():
			g.leave(w)
			return 0, context.Cause(ctx)
		}
		g.mu.Lock()
	}
	g.led = true
	batch := g.take(w)
	g.mu.Unlock()
	// The others' writes must not end with this writer's context.
	l.publishBatch(context.WithoutCancel(ctx), batch)
	g.mu.Lock()
	g.passLead()
	g.mu.Unlock()
	t := <-w.turn
	return t.seq, t.err
}

// leave takes w out of the queue. If it was just made the leader, the lead
// goes on; if its write is under way, nobody listens to the result.
func (g *group) leave(w *write) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == w {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
	select {
	case t := <-w.turn:
		if t.lead {
			g.passLead()
		}
	default:
	}
}

// passLead makes the first waiting writer the leader. The caller holds mu.
func (g *group) passLead() {
	if len(g.waiting) == 0 {
		g.led, g.waiting = false, nil
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	next.turn <- turn{lead: true}
}

// take returns w and what waits, as much as fits one batch and has a slot of
// its own: a batch with one slot twice would be refused. The caller holds mu.
func (g *group) take(w *write) []*write {
	batch, size := []*write{w}, w.size()
	if len(g.waiting) == 0 {
		return batch
	}
	slots := map[string]bool{w.unique: true}
	rest := make([]*write, 0, len(g.waiting))
	for _, other := range g.waiting {
		if len(batch) == batchMessages || size+other.size() > batchBytes || slots[other.unique] {
			rest = append(rest, other)
			continue
		}
		slots[other.unique] = true
		batch, size = append(batch, other), size+other.size()
	}
	g.waiting = rest
	return batch
}

// publishBatch publishes all writes of a batch and tells each its result. A
// batch that is refused, for one taken slot is enough, is cut in halves until
// they are small.
func (l *Log) publishBatch(ctx context.Context, batch []*write) {
	if len(batch) < worthBatch {
		l.publishEach(ctx, batch)
		return
	}
	last, err := l.publishAtomically(ctx, batch)
	switch {
	case err == nil:
		first := last - uint64(len(batch)) + 1
		for i, w := range batch {
			w.turn <- turn{seq: first + uint64(i)}
		}
	case isTemporary(err) && !isTaken(err):
		for _, w := range batch {
			w.turn <- turn{err: err}
		}
	default:
		l.publishBatch(ctx, batch[:len(batch)/2])
		l.publishBatch(ctx, batch[len(batch)/2:])
	}
}

func (l *Log) publishEach(ctx context.Context, batch []*write) {
	sent := make([]*waiter, len(batch))
	errs := make([]error, len(batch))
	for i, w := range batch {
		sent[i], errs[i] = l.publisher.publish(&w.msg)
	}
	for i, w := range batch {
		var t turn
		if t.err = errs[i]; t.err == nil {
			t.seq, t.err = l.publisher.await(ctx, sent[i])
		}
		w.turn <- t
	}
}

func (l *Log) publishAtomically(ctx context.Context, batch []*write) (last uint64, err error) {
	id := nuid.Next()
	defer func() {
		for _, w := range batch {
			w.msg.Header[1] = nil
		}
	}()
	for i, w := range batch {
		w.msg.Reply = ""
		w.msg.Header[1] = fmt.Appendf(nil, headerBatchID+": %s\r\n"+headerBatchSequence+": %d\r\n", id, i+1)
		if i < len(batch)-1 {
			if err := l.conn.Publish(&w.msg); err != nil {
				return 0, err
			}
		}
	}
	commit := &batch[len(batch)-1].msg
	commit.Header[1] = append(commit.Header[1], headerBatchCommit+": 1\r\n"...)
	sent, err := l.publisher.publish(commit)
	if err != nil {
		return 0, err
	}
	return l.publisher.await(ctx, sent)
}
