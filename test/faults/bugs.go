//go:build linux && seededbugs

package main

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/docsaga/docsaga/events"
)

// Bugs, each in one place of docsaga. No other build of this program has them.
const (
	bugAckFirst = "ack-before-write"  // a delivery is acknowledged before anything is done
	bugIgnore   = "ignore-taken-slot" // a slot that another took counts as written
	bugDrop     = "drop-an-event"     // an event is not written
	bugBarrier  = "skip-the-barrier"
	bugForward  = "undo-forward"
	bugCursor   = "cursor-ahead"
	bugRelaxed  = "relaxed-stream" // streams are set so that a slot takes a second event
)

// bugs are faults of docsaga's own making: verify must catch each, by the
// invariant that is named.
func bugs() []scenario {
	usual := []string{fateOK, fateOK, fateReject, fateRetry}
	return []scenario{
		{name: bugAckFirst, invariant: 2, fates: usual, fault: bugAckFirst, during: crashingAt("before-effect"), documents: 1500},
		{name: bugForward, invariant: 6, fates: []string{fateReject}, fault: bugForward, documents: 600, bitten: tallied},
		{name: bugBarrier, invariant: 4, fates: usual, fault: bugBarrier, during: crashingAt("after-effect"), documents: 1500},
		{name: bugCursor, invariant: 2, fates: usual, fault: bugCursor, documents: 1500, bitten: tallied},
		{name: bugDrop, invariant: 2, fates: usual, fault: bugDrop, documents: 600, bitten: tallied},
		{name: bugIgnore, invariant: 4, fates: []string{fateOK, fateLate}, fault: bugIgnore, documents: 600, bitten: tallied},
		{name: bugRelaxed, invariant: 3, fates: usual, during: relaxing, documents: 600},
	}
}

// crashingAt crashes workers at a point, again and again.
func crashingAt(point string) func(context.Context, *trial) int {
	return func(ctx context.Context, t *trial) int {
		n := 0
		for ctx.Err() == nil {
			n += crashOnce(ctx, t.sys.parts[steps()[t.rng.IntN(3)]], crashAt(point, 1+t.rng.IntN(hits)))
		}
		return n
	}
}

// relaxing lets a slot take more than one event.
func relaxing(ctx context.Context, t *trial) int {
	nc, err := connect(t.sys.url)
	if err != nil {
		return 0
	}
	defer nc.Close()
	n := 0
	for shard := range shards {
		if update(nc, shard, func(config map[string]any) {
			config["max_msgs_per_subject"], config["discard_new_per_subject"], config["discard"] = -1, false, "old"
		}) {
			n++
		}
	}
	<-ctx.Done()
	return n
}

// skipsBarrier reports whether effects are written without the barrier.
func skipsBarrier(fault string) bool { return fault == bugBarrier }

// unfenced reports whether effects are idempotent at most.
func unfenced(fault string) bool { return fault == bugBarrier || fault == bugIgnore }

// withBug builds a bug into a log.
func withBug(f *faulty) partLog { return &buggy{faulty: f} }

// A buggy log has the bug that its fault names.
type buggy struct {
	*faulty

	mu      sync.Mutex
	written int
}

// Write writes, or not.
func (b *buggy) Write(ctx context.Context, e events.Event) (events.Event, error) {
	switch {
	case b.fault == bugDrop && e.Slot.Kind == events.Outcome && b.drops():
		b.bites.add()
		return e, nil
	case b.fault == bugForward && e.Slot.Kind == events.Undo:
		e = b.forward(ctx, e)
	}
	standing, err := b.faulty.Write(ctx, e)
	if b.fault == bugIgnore && errors.Is(err, events.ErrTaken) {
		b.bites.add()
		return standing, nil
	}
	return standing, err
}

// Send leaves every event to Write, which has the bugs.
func (*buggy) Send(context.Context, events.Event, func(bool)) bool { return false }

// drops picks one event in twenty.
func (b *buggy) drops() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written++
	return b.written%20 == 0
}

// forward undoes first what was done first.
func (b *buggy) forward(ctx context.Context, e events.Event) events.Event {
	history, err := b.History(ctx, e.Slot.Document)
	if err != nil {
		return e
	}
	undone := make(map[events.StepID]bool)
	for i := range history {
		if history[i].Slot.Kind == events.Undo {
			undone[history[i].Slot.Step] = true
		}
	}
	for i := range history {
		if s := history[i].Slot; s.Kind == events.Outcome && history[i].Result == events.Completed && !undone[s.Step] {
			e.Slot = s.Of(events.Undo)
			b.bites.add()
			return e
		}
	}
	return e
}

// Cues yields deliveries, which may be acknowledged already.
func (b *buggy) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	if b.fault != bugAckFirst {
		return b.faulty.Cues(ctx, queue, shard, inFlight)
	}
	return func(yield func(events.Delivery, error) bool) {
		for d, err := range b.faulty.Cues(ctx, queue, shard, inFlight) {
			if err == nil {
				_ = d.Ack() // what it is about
				d.Receipt = nothing{}
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// Follow yields what follows, without the first of each twentieth batch, if
// the cursor is to be one ahead.
func (b *buggy) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	if b.fault != bugCursor {
		return b.faulty.Follow(ctx, after)
	}
	return func(yield func([]events.Delivery, error) bool) {
		n := 0
		for batch, err := range b.faulty.Follow(ctx, after) {
			if n++; err == nil && n%20 == 0 {
				b.bites.add()
				if batch = batch[1:]; len(batch) == 0 {
					continue
				}
			}
			if !yield(batch, err) {
				return
			}
		}
	}
}
