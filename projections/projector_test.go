package projections

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/saga"
)

// A cursorStore keeps nothing but how far it was told, and takes its time.
type cursorStore struct {
	seq   uint64
	takes time.Duration
}

func (s *cursorStore) Cursor(context.Context, int) (uint64, error) { return s.seq, nil }

func (s *cursorStore) Load(context.Context, []events.DocumentID) ([]*Record, error) { return nil, nil }

func (s *cursorStore) Save(_ context.Context, c *Changes) error {
	<-time.After(s.takes)
	s.seq = c.To
	return nil
}

// noDefinitions has none.
type noDefinitions struct{}

func (noDefinitions) Get(context.Context, string, int) (*saga.Definition, error) {
	return nil, events.ErrNotFound
}

// submissions returns so many after a position, stored at a time.
func submissions(after uint64, n int, at time.Time) []events.Delivery {
	batch := make([]events.Delivery, n)
	for i := range batch {
		e := &batch[i].Event
		e.Slot = events.DocumentSlot("flow", 1, events.DocumentID(fmt.Sprintf("d%d", after+uint64(i))), events.Submitted)
		e.Position.Seq, e.At = after+uint64(i)+1, at
	}
	return batch
}

// applyAndRest feeds a projector as those do who keep it up to date.
func applyAndRest(t *testing.T, p *Projector, shard int, batch []events.Delivery) error {
	t.Helper()
	return feed.InOrder(p, p.Resting()).Apply(t.Context(), shard, batch)
}

func TestAProjectorRestsInProportionToItsWork(t *testing.T) {
	for _, c := range []struct {
		what            string
		events          int
		age, work, want time.Duration
	}{
		{"one event", 1, 0, 2 * time.Millisecond, 2 * restShare * time.Millisecond},
		{"as many as it keeps up with", many, 0, mostRest, mostRest},
		{"more than it keeps up with", many + 1, 0, mostRest, 0},
		{"events of the past", 100, 2 * justNow, mostRest, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, began := New(&cursorStore{takes: c.work}, noDefinitions{}), time.Now()
			if err := applyAndRest(t, p, 0, submissions(0, c.events, began.Add(-c.age))); err != nil {
				t.Fatal(err)
			}
			if rested := time.Since(began) - c.work; rested != c.want {
				t.Errorf("after %s it rested %v, want %v", c.what, rested, c.want)
			}
		})
	}
}

func TestWhoWaitsEndsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const work = 50 * time.Millisecond
		p, began := New(&cursorStore{takes: work}, noDefinitions{}), time.Now()
		done := make(chan time.Duration)
		go func() {
			if err := p.Wait(t.Context(), events.Position{Seq: 3}); err != nil {
				t.Error(err)
			}
			done <- time.Since(began)
		}()
		synctest.Wait()
		for i := range uint64(3) {
			if err := applyAndRest(t, p, 0, submissions(i, 1, began)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if took := <-done; took != 3*work {
			t.Errorf("the wait took %v, want no rest in it", took)
		}
	})
}
