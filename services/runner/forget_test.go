package runner_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// A keeper is a handler that keeps something of documents.
type keeper struct {
	fake
	mu     sync.Mutex
	forgot []events.DocumentID
	fails  int
}

func (k *keeper) Forget(_ context.Context, id events.DocumentID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fails > 0 {
		k.fails--
		return errors.New("the database is away")
	}
	k.forgot = append(k.forgot, id)
	return nil
}

func (k *keeper) forgotten() []events.DocumentID {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.forgot)
}

func TestAServiceErasesWhatItKeepsUntilItIsDone(t *testing.T) {
	play(t, func(s *stage) {
		k := &keeper{fake: fake{do: always(`{"n":1}`)}, fails: 12}
		stop := s.host("left", k, runner.Config{})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Forgotten), Data: []byte(`{"by":{"actor":"dpo","reason":"17"}}`)})
		for range 1000 {
			if len(k.forgotten()) > 0 {
				break
			}
			pass(time.Second)
			synctest.Wait()
		}
		if got := k.forgotten(); !slices.Equal(got, []events.DocumentID{"d"}) {
			t.Errorf("forgot %v, want d once it worked", got)
		}
		stop()
	})
}

func TestNothingIsDoneOnACueThatIsErased(t *testing.T) {
	play(t, func(s *stage) {
		k := &keeper{fake: fake{do: always(`{"n":1}`)}}
		stop := s.host("left", k, runner.Config{})
		s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted), Data: []byte(`{"erased":true}`)})
		pass(time.Minute)
		synctest.Wait()
		if n := k.calls(1); n > 0 {
			t.Errorf("the visit was done %d times, want none", n)
		}
		if _, err := s.log.Read(s.ctx, slot("left", events.Outcome)); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("an outcome was written: %v", err)
		}
		if got := k.forgotten(); !slices.Equal(got, []events.DocumentID{"d"}) {
			t.Errorf("forgot %v, want what a cut off attempt may have left of d", got)
		}
		stop()
	})
}
