package runner_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// deaf returns a function that does not return before the test ends, whatever
// its context says.
func deaf(release <-chan struct{}) func(context.Context, runner.Visit) (any, error) {
	return func(context.Context, runner.Visit) (any, error) {
		<-release
		return map[string]int{"n": 1}, nil
	}
}

func TestAHandlerThatNeverReturnsLosesItsVisitToAnotherWorker(t *testing.T) {
	play(t, func(s *stage) {
		release := make(chan struct{})
		stuck := &fake{do: func(ctx context.Context, v runner.Visit) (any, error) {
			if v.Attempt > 1 { // the other worker may be one of the same process
				return map[string]int{"n": 2}, nil
			}
			return deaf(release)(ctx, v)
		}}
		r, err := runner.New("left", stuck, s.log, catalog.New(s.log), runner.Config{Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(s.ctx)
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		s.submit()
		pass(30 * time.Second)
		if got := r.Stuck(); got != 0 {
			t.Errorf("%d workers are lost before the time of the handler is over", got)
		}
		pass(50 * time.Second)
		if got := r.Stuck(); got != 1 {
			t.Errorf("%d workers are lost, want one: its time is over since 20 s", got)
		}
		s.host("left", &fake{do: always(`{"n":2}`)}, runner.Config{})
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Completed || string(data.Output) != `{"n":2}` {
			t.Errorf("left is %v with %s, want completed by the other", e.Result, data.Output)
		}
		close(release)
		pass(time.Second)
		if got := r.Stuck(); got != 0 {
			t.Errorf("%d workers are lost, want none: the handler has returned", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestAVisitWhoseHandlersNeverReturnIsFailedInTheEnd(t *testing.T) {
	play(t, func(s *stage) {
		release := make(chan struct{})
		h := &fake{do: deaf(release)}
		s.host("left", h, runner.Config{Timeout: time.Minute, Crashes: 1})
		began := time.Now()
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if took := time.Since(began); e.Result != events.Failed || data.Error.Code != runner.CodePoison || took > 8*time.Minute {
			t.Errorf("left is %v with %+v after %v, want failed as poison after four attempts of a minute and the margin", e.Result, data.Error, took)
		}
		if len(h.visits) != 4 {
			t.Errorf("%d attempts, want 4: three retries and one that may crash", len(h.visits))
		}
		close(release)
		pass(time.Minute)
		if len(h.undone) != 4 {
			t.Errorf("%d undos, want 4: each that returned after all lost its slot to a failure", len(h.undone))
		}
	})
}

func TestARunnerWithoutAWorkerLeftEnds(t *testing.T) {
	play(t, func(s *stage) {
		release := make(chan struct{})
		defer close(release)
		r, err := runner.New("left", &fake{do: deaf(release)}, s.log, catalog.New(s.log), runner.Config{Timeout: time.Minute, Concurrency: 2})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- r.Run(s.ctx) }()
		s.submitMany(5)
		select {
		case err := <-done:
			if !errors.Is(err, runner.ErrStuck) || r.Stuck() != 2 {
				t.Errorf("Run returned %v with %d workers lost, want ErrStuck with both", err, r.Stuck())
			}
		case <-time.After(5 * time.Minute):
			t.Error("Run goes on without a worker")
		}
		s.host("left", &fake{do: always(`{}`)}, runner.Config{}) // as a new process would be
		for _, id := range []events.DocumentID{"d0", "d1", "d2", "d3", "d4"} {
			at := slot("left", events.Outcome)
			at.Document = id
			if e, _ := s.outcome(at); e.Result != events.Completed {
				t.Errorf("%s is %v, want completed", id, e.Result)
			}
		}
	})
}

func TestAStopDoesNotWaitForAHandlerThatNeverReturns(t *testing.T) {
	play(t, func(s *stage) {
		release := make(chan struct{})
		defer close(release)
		stop := s.host("left", &fake{do: deaf(release)}, runner.Config{})
		s.submit()
		pass(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("the stop took %v, want the drain of 10 s and little more", took)
		}
	})
}

func TestAnUndoThatNeverReturnsIsFailedInTheEnd(t *testing.T) {
	play(t, func(s *stage) {
		release := make(chan struct{})
		h := &deafUndo{fake{do: always(`{}`)}, release}
		s.host("left", h, runner.Config{Timeout: time.Minute, Crashes: 1})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		s.write(events.Event{Slot: slot("left", events.Undo)})
		e, data := s.outcome(slot("left", events.Undone))
		if e.Result != events.Failed || data.Error.Code != runner.CodePoison {
			t.Errorf("undone is %v with %+v, want failed as poison: a person must look at it", e.Result, data.Error)
		}
		close(release)
	})
}

type deafUndo struct {
	fake
	release <-chan struct{}
}

func (d *deafUndo) Undo(context.Context, runner.Visit) error {
	<-d.release
	return nil
}
