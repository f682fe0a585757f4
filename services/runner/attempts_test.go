package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// both deploys the flow as its second version, in which left does the other
// step behind the split, too.
func (s *stage) both(leftRetries, rightRetries string) {
	s.Helper()
	drawn := strings.Replace(flow, `type="right" retries="3"`, `type="left" retries="`+rightRetries+`"`, 1)
	drawn = strings.Replace(drawn, `type="left" retries="3"`, `type="left" retries="`+leftRetries+`"`, 1)
	if _, err := catalog.Deploy(s.ctx, s.log, []byte(drawn)); err != nil {
		s.Fatal(err)
	}
}

func TestEachVisitOfACueHasAttemptsOfItsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		retries string
		fails   int
		want    events.Result
		calls   int
	}{
		"one is enough":      {"1", 0, events.Completed, 1},
		"one is not enough":  {"1", 1, events.Failed, 1},
		"all but the last":   {"3", 2, events.Completed, 3},
		"all of them failed": {"3", 9, events.Failed, 3},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				s.both("5", tt.retries)
				calls := map[events.StepID][]int{}
				h := &fake{do: func(_ context.Context, v runner.Visit) (any, error) {
					calls[v.Step] = append(calls[v.Step], v.Attempt)
					if n := len(calls[v.Step]); v.Step == "left" && n < 5 || v.Step == "right" && n <= tt.fails {
						return nil, errors.New("down for a while")
					}
					return map[string]int{"n": 1}, nil
				}}
				s.host("left", h, runner.Config{})
				s.submitToSecond()
				e, data := s.outcome(second(slot("right", events.Outcome)))
				if got := calls["right"]; e.Result != tt.want || len(got) != tt.calls || got[len(got)-1] != tt.calls {
					t.Errorf("right is %v with %+v after attempts %v, want %v after %d", e.Result, data.Error, got, tt.want, tt.calls)
				}
				if got := calls["left"]; len(got) != 5 {
					t.Errorf("left was called in attempts %v, want 5", got)
				}
			})
		})
	}
}

func TestAFurtherVisitOfACueThatKillsItsWorkersIsFailedInTheEnd(t *testing.T) {
	for deaths, want := range map[int]events.Result{9: events.Completed, 10: events.Failed} { // three attempts and one, and twice the margin of three
		play(t, func(s *stage) {
			s.both("3", "1")
			s.submitToSecond()
			s.write(events.Event{Slot: second(slot("left", events.Outcome)), Result: events.Completed})
			s.die("left", deaths)
			h := &fake{do: always(`{"n":1}`)}
			s.host("left", h, runner.Config{})
			e, data := s.outcome(second(slot("right", events.Outcome)))
			if e.Result != want || e.Result == events.Failed && data.Error.Code != runner.CodePoison || h.calls(1) > 0 != (want == events.Completed) {
				t.Errorf("after %d deaths right is %v with %+v and %d calls, want %v", deaths, e.Result, data.Error, h.calls(1), want)
			}
		})
	}
}

func TestAFurtherVisitWhoseHandlerReturnsTooLateIsLeftToOthers(t *testing.T) {
	play(t, func(s *stage) {
		s.both("3", "9")
		release := make(chan struct{})
		slow := &fake{}
		slow.do = func(_ context.Context, v runner.Visit) (any, error) {
			if v.Step == "left" {
				return map[string]int{"n": 1}, nil
			}
			if slow.calls(1) == 2 { // the first of right
				<-release
			}
			return nil, errors.New("not now")
		}
		s.host("left", slow, runner.Config{Timeout: time.Minute})
		s.submitToSecond()
		pass(90 * time.Second) // its time is over, and the delivery was given back
		close(release)
		s.outcome(second(slot("right", events.Outcome)))
		var seconds int
		for _, v := range slow.visits {
			if v.Step == "right" && v.Attempt == 2 {
				seconds++
			}
		}
		if seconds != 1 {
			t.Errorf("right was done in a second attempt %d times, want once: by who was given it", seconds)
		}
	})
}

// die lets workers of a queue die with what they were handed.
func (s *stage) die(queue string, times int) {
	s.Helper()
	for range times {
		for _, err := range s.log.Cues(s.ctx, queue, events.Shard("d", s.log.Shards()), 1) {
			if err != nil {
				s.Fatal(err)
			}
			break // the worker dies with it
		}
		pass(31 * time.Second)
	}
}

// away is a log with definitions, of which neither can be read for a while.
type away struct {
	*memlog.Log
	*catalog.Catalog
	until time.Time
	err   error
}

func (a away) failed() error {
	if time.Now().Before(a.until) {
		return a.err
	}
	return nil
}

func (a away) Get(ctx context.Context, name string, version int) (*saga.Definition, error) {
	if err := a.failed(); err != nil && (version == 2 || !errors.Is(err, events.ErrNotFound)) {
		return nil, err
	}
	return a.Catalog.Get(ctx, name, version)
}

func (a away) Read(ctx context.Context, at events.Slot) (events.Event, error) {
	if err := a.failed(); err != nil {
		return events.Event{}, err
	}
	return a.Log.Read(ctx, at)
}

func (a away) History(ctx context.Context, d events.DocumentID) ([]events.Event, error) {
	if err := a.failed(); err != nil {
		return nil, err
	}
	return a.Log.History(ctx, d)
}

func (s *stage) hostAway(service string, h runner.Handler, l away, conf runner.Config) (stop func()) {
	s.Helper()
	r, err := runner.New(service, h, l, l, conf)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.Errorf("Run returned %v, want nil", err)
		}
	}
}

func TestWhatCannotBeBegunIsNoAttempt(t *testing.T) {
	for name, begin := range map[string]func(s *stage) events.StepID{
		"definition": func(s *stage) events.StepID { s.submit(); return "left" },
		"history": func(s *stage) events.StepID {
			s.submit()
			s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":1}}`)})
			s.write(events.Event{Slot: slot("right", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":1}}`)})
			return "last"
		},
		"slot": func(s *stage) events.StepID { s.submit(); s.die("left", 1); return "left" },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				step := begin(s)
				h := &fake{do: always(`{"n":1}`)}
				l := away{s.log, catalog.New(s.log), time.Now().Add(4 * time.Minute), errors.New("503")}
				defer s.hostAway(string(step), h, l, runner.Config{})()
				e, data := s.outcome(slot(step, events.Outcome))
				want := 1
				if name == "slot" {
					want = 2
				}
				if e.Result != events.Completed || h.visits[0].Attempt != want {
					t.Errorf("it is %v with %+v after %+v, want completed in attempt %d: nothing could be begun for a while", e.Result, data.Error, h.visits, want)
				}
			})
		})
	}
}

func TestAStopDoesNotWaitForWhatCannotBeBegun(t *testing.T) {
	play(t, func(s *stage) {
		l := away{s.log, catalog.New(s.log), time.Now().Add(time.Hour), errors.New("503")}
		stop := s.hostAway("left", &fake{}, l, runner.Config{Drain: time.Minute})
		s.submit()
		pass(time.Minute)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the stop took %v, want less than the drain: nothing was begun", took)
		}
	})
}

func TestWhatCanNeverBeBegunHoldsNoWorker(t *testing.T) {
	play(t, func(s *stage) {
		s.both("3", "3")
		l := away{s.log, catalog.New(s.log), time.Now().Add(time.Hour), events.ErrNotFound}
		s.write(events.Event{Slot: second(events.DocumentSlot("flow", 1, "e", events.Submitted))})
		h := &fake{do: always(`{"n":1}`)}
		defer s.hostAway("left", h, l, runner.Config{Concurrency: 1})()
		pass(time.Second)
		s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted)})
		pass(10 * time.Second)
		if h.calls(1) != 1 {
			t.Errorf("%d calls, want that of the document whose definition can be read", h.calls(1))
		}
	})
}

func TestALosersUndoThatFailsForEverEnds(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{refuse: 1 << 30}
		h.do = func(context.Context, runner.Visit) (any, error) {
			s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.TimedOut, Worker: "another"})
			return nil, nil
		}
		s.host("left", h, runner.Config{})
		s.submit()
		pass(24 * time.Hour)
		if len(h.undone) != 9 || len(h.visits) != 1 {
			t.Errorf("%d undos in a day after %d calls, want 9 after one: twice the three retries, and the margin of three", len(h.undone), len(h.visits))
		}
		s.write(events.Event{Slot: slot("left", events.Undo)})
		if e, _ := s.outcome(slot("left", events.Undone)); e.Result != events.Failed || len(h.undone) != 15 {
			t.Errorf("undone is %v after %d undos, want failed after six more: it was commanded", e.Result, len(h.undone))
		}
	})
}

func TestALosersUndoThatKillsItsWorkersEnds(t *testing.T) {
	play(t, func(s *stage) {
		s.submit()
		s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.TimedOut})
		s.die("left", 9)
		h := &fake{}
		s.host("left", h, runner.Config{})
		pass(time.Hour)
		if len(h.undone) != 0 || len(h.visits) != 0 {
			t.Errorf("%d undos and %d calls, want none: nine workers have died of it", len(h.undone), len(h.visits))
		}
	})
}
