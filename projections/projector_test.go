package projections

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A cursorStore keeps nothing but how far it was told.
type cursorStore struct{ seq uint64 }

func (s *cursorStore) Cursor(context.Context, int) (uint64, error) { return s.seq, nil }

func (s *cursorStore) Load(context.Context, []events.DocumentID) ([]*Record, error) { return nil, nil }

func (s *cursorStore) Save(_ context.Context, c *Changes) error {
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

func TestAProjectorRestsOnlyWhenItIsBusyButKeepsUp(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 0, few - 1: 0, few: rest, many: rest, many + 1: 0} {
		synctest.Test(t, func(t *testing.T) {
			p, began := New(&cursorStore{}, noDefinitions{}), time.Now()
			if err := p.Apply(t.Context(), 0, submissions(0, n, began)); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != want {
				t.Errorf("%d events took %v, want %v", n, took, want)
			}
		})
	}
}

func TestAProjectorThatCatchesUpDoesNotRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := New(&cursorStore{}, noDefinitions{}), time.Now()
		if err := p.Apply(t.Context(), 0, submissions(0, few, began.Add(-2*justNow))); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("events of the past took %v, want no time", took)
		}
	})
}

func TestWhoWaitsEndsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := New(&cursorStore{}, noDefinitions{}), time.Now()
		done := make(chan time.Duration)
		go func() {
			if err := p.Wait(t.Context(), events.Position{Seq: 3 * few}); err != nil {
				t.Error(err)
			}
			done <- time.Since(began)
		}()
		synctest.Wait()
		for i := range uint64(3) {
			if err := p.Apply(t.Context(), 0, submissions(i*few, few, began)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if took := <-done; took >= rest {
			t.Errorf("the wait took %v, want less than one rest", took)
		}
	})
}
