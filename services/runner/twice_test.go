package runner_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// A stutter is a log whose queues hand out the first cue once more after a
// while, as if it had not been before.
type stutter struct {
	*memlog.Log
	after time.Duration
	again bool // it says that it may have been
}

type nobody struct{}

func (nobody) Ack() error              { return nil }
func (nobody) Nak(time.Duration) error { return nil }
func (nobody) Working() error          { return nil }

func (l stutter) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		for d, err := range l.Log.Cues(ctx, queue, shard, inFlight) {
			if !yield(d, err) {
				return
			}
			if queue == "left" {
				pass(l.after)
				d.Receipt, d.Again = nobody{}, l.again
				if !yield(d, nil) {
					return
				}
			}
		}
	}
}

func (s *stage) run(l runner.Log, h runner.Handler) {
	s.Helper()
	r, err := runner.New("left", h, l, catalog.New(s.log), runner.Config{})
	if err != nil {
		s.Fatal(err)
	}
	go func() {
		if err := r.Run(s.ctx); err != nil {
			s.Error(err)
		}
	}()
}

func TestWhatIsDoneAgainAfterItsUndoIsUndoneAgain(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: always(`{"n":1}`)}
		s.run(stutter{Log: s.log, after: time.Minute}, h)
		s.submit()
		s.outcome(slot("left", events.Outcome))
		s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{"output":{"n":1}}`)})
		s.outcome(slot("left", events.Undone))
		pass(2 * time.Minute)
		if len(h.visits) != 2 || len(h.undone) != 2 {
			t.Errorf("done %d times and undone %d times, want each twice: the effect must be gone", len(h.visits), len(h.undone))
		}
		for _, v := range h.undone {
			if string(v.Output) != `{"n":1}` {
				t.Errorf("an Undo got output %s, want what Do had returned", v.Output)
			}
		}
	})
}

func TestWhatIsDoneAgainAndStandsIsLeftAlone(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: always(`{"n":1}`)}
		s.run(stutter{Log: s.log, after: time.Minute}, h)
		s.submit()
		pass(2 * time.Minute)
		if len(h.visits) != 2 || len(h.undone) != 0 {
			t.Errorf("done %d times and undone %d times, want two and none", len(h.visits), len(h.undone))
		}
	})
}

func TestWhatAQueueMadeAnewHandsOutIsNotDoneAgain(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: always(`{"n":1}`)}
		s.run(stutter{Log: s.log, after: time.Minute, again: true}, h)
		s.submit()
		pass(2 * time.Minute)
		if len(h.visits) != 1 || len(h.undone) != 0 {
			t.Errorf("done %d times and undone %d times, want once and not at all: the slot is taken", len(h.visits), len(h.undone))
		}
	})
}
