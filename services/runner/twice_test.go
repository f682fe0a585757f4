package runner_test

import (
	"context"
	"iter"
	"strings"
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

// A renewed log is one whose queues were all made anew.
type renewed struct{ *memlog.Log }

func (l renewed) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		for d, err := range l.Log.Cues(ctx, queue, shard, inFlight) {
			if d.Again = true; !yield(d, err) {
				return
			}
		}
	}
}

func TestAVisitThatWasArchivedIsNotDoneAgain(t *testing.T) {
	for _, ended := range []bool{true, false} {
		play(t, func(s *stage) {
			h := &fake{do: always(`{"n":1}`)}
			s.submit()
			if ended { // and its outcomes were taken out of the log
				s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Ended), Result: events.Completed})
			}
			s.run(renewed{s.log}, h)
			pass(time.Minute)
			if done := len(h.visits) == 1; done == ended {
				t.Errorf("ended: %t, done %d times", ended, len(h.visits))
			}
		})
	}
}

func TestAnUndoThatKillsItsWorkersIsFailedWithoutBeingRun(t *testing.T) {
	play(t, func(s *stage) {
		s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{}`)})
		shard := events.Shard("d", s.log.Shards())
		for range 9 { // twice the three retries, and the margin of three
			for _, err := range s.log.Cues(s.ctx, catalog.CommandQueue("left"), shard, 1) {
				if err != nil {
					t.Fatal(err)
				}
				break // the worker dies with it
			}
			pass(31 * time.Second)
		}
		h := &fake{}
		s.host("left", h, runner.Config{})
		e, data := s.outcome(slot("left", events.Undone))
		if e.Result != events.Failed || data.Error.Code != runner.CodePoison || len(h.undone) != 0 {
			t.Errorf("undone is %v with %+v after %d calls, want failed as poison without a call", e.Result, data.Error, len(h.undone))
		}
	})
}

func TestAnUndoThatSaysTooMuchIsFailedAllTheSame(t *testing.T) {
	play(t, func(s *stage) {
		s.host("left", &fake{refuse: 100, words: strings.Repeat("x", 2*events.MaxData)}, runner.Config{})
		s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{}`)})
		if e, data := s.outcome(slot("left", events.Undone)); e.Result != events.Failed || data.Error.Code != runner.CodeError {
			t.Errorf("undone is %v with %.100s, want failed for an error", e.Result, e.Data)
		}
	})
}

func TestAnUndoThatWasAnsweredIsNotDoneAgain(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{}
		s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{}`)})
		for _, err := range s.log.Cues(s.ctx, catalog.CommandQueue("left"), events.Shard("d", s.log.Shards()), 1) {
			if err != nil {
				t.Fatal(err)
			}
			break // the worker answers, and dies before its acknowledgement
		}
		s.write(events.Event{Slot: slot("left", events.Undone), Result: events.Completed})
		s.host("left", h, runner.Config{})
		pass(2 * time.Minute)
		if len(h.undone) != 0 {
			t.Errorf("%d undos, want none: the slot is taken", len(h.undone))
		}
	})
}
