package runner_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
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

// A destroyed log holds all its cues sealed, and has lost the keys of those that
// are erased.
type destroyed struct{ *memlog.Log }

func (l destroyed) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		for d, err := range l.Log.Cues(ctx, queue, shard, inFlight) {
			if d.Data = []byte(`{"sealed":"Ym94"}`); !yield(d, err) {
				return
			}
		}
	}
}

func TestADocumentIsNotErasedBecauseAServiceSaysSo(t *testing.T) {
	play(t, func(s *stage) {
		k := &keeper{fake: fake{do: always(`{}`)}}
		s.host("last", k, runner.Config{})
		s.submit()
		s.foreign(events.Event{Slot: slot("left", events.Outcome), Result: events.Completed}, "", `{"output":{"n":40}}`)
		s.foreign(events.Event{Slot: slot("right", events.Outcome), Result: events.Completed}, "", `{"output":{"n":2},"erased":true}`)
		if e, _ := s.outcome(slot("last", events.Outcome)); e.Result != events.Completed || k.calls(1) != 1 || len(k.forgotten()) != 0 {
			t.Errorf("last is %v after %d calls, and forgot %v; want it done once and nothing forgotten: the document is open", e.Result, k.calls(1), k.forgotten())
		}
	})
}

func TestNothingIsDoneOnACueThatIsErased(t *testing.T) {
	play(t, func(s *stage) {
		k := &keeper{fake: fake{do: always(`{"n":1}`)}}
		s.run(destroyed{s.log}, k)
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
	})
}
