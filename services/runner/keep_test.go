package runner_test

import (
	"context"
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
