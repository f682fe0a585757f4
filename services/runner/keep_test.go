package runner_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

func (s *stage) submitMany(n int) []events.DocumentID {
	s.Helper()
	documents := make([]events.DocumentID, n)
	for i := range documents {
		documents[i] = events.DocumentID(fmt.Sprintf("d%d", i))
		s.write(events.Event{Slot: events.DocumentSlot("flow", 1, documents[i], events.Submitted), Data: []byte(`{"output":{"x":1}}`)})
	}
	return documents
}

func TestWhatWaitsForAWorkerIsNotHandedOutAgain(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(context.Context, runner.Visit) (any, error) {
			pass(3 * time.Minute) // six times the ack wait
			return nil, nil
		}}
		for range 2 {
			s.host("left", h, runner.Config{Concurrency: 1})
		}
		for _, id := range s.submitMany(12) {
			at := slot("left", events.Outcome)
			at.Document = id
			if e, _ := s.outcome(at); e.Result != events.Completed {
				t.Errorf("%s is %v, want completed", id, e.Result)
			}
		}
		for _, v := range h.visits {
			if v.Attempt != 1 {
				t.Errorf("%s came in attempt %d, want 1: no attempt had failed", v.Document, v.Attempt)
			}
		}
		if len(h.visits) != 12 {
			t.Errorf("%d visits, want 12: one for each document", len(h.visits))
		}
	})
}

func TestAStopGivesBackAtOnceWhatNobodyHasBegun(t *testing.T) {
	play(t, func(s *stage) {
		slow := &fake{do: func(context.Context, runner.Visit) (any, error) {
			pass(5 * time.Second)
			return nil, nil
		}}
		stop := s.host("left", slow, runner.Config{Concurrency: 1})
		documents := s.submitMany(12)
		pass(time.Second)
		quick := &fake{do: always(`{}`)}
		s.host("left", quick, runner.Config{})
		start := time.Now()
		stop()
		for _, id := range documents {
			at := slot("left", events.Outcome)
			at.Document = id
			s.outcome(at)
		}
		if took := time.Since(start); took > 10*time.Second || len(slow.visits) != 1 || len(quick.visits) != 11 {
			t.Errorf("all was done after %v, %d and %d visits; want 1 and 11, within ten seconds of the stop", took, len(slow.visits), len(quick.visits))
		}
	})
}

func TestAStopIsNoFailureOfTheLastAttempt(t *testing.T) {
	play(t, func(s *stage) {
		begun := make(chan struct{})
		stop := s.host("left", &fake{do: func(ctx context.Context, v runner.Visit) (any, error) {
			if v.Attempt == 3 {
				close(begun)
				<-ctx.Done()
			}
			return nil, errors.New("not now")
		}}, runner.Config{Drain: time.Second})
		s.submit()
		<-begun
		stop()
		if e, err := s.log.Read(s.ctx, slot("left", events.Outcome)); !errors.Is(err, events.ErrNotFound) {
			t.Fatalf("left is %v (error %v) after the stop, want nothing: the attempt was not let finish", e.Result, err)
		}
		s.host("left", &fake{do: always(`{}`)}, runner.Config{})
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Completed {
			t.Errorf("left is %v, want completed by the next runner", e.Result)
		}
	})
}

func TestNoPauseIsLongerThanAMinute(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(context.Context, runner.Visit) (any, error) { return nil, errors.New("no") }}
		s.host("left", h, runner.Config{Backoff: time.Hour})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		for i := range h.times[1:] {
			if pause := h.times[i+1].Sub(h.times[i]); pause > time.Minute {
				t.Errorf("pause %d is %v, want a minute at most", i+1, pause)
			}
		}
	})
}
