package runner_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// redraw deploys the flow drawn otherwise, as its next version.
func (s *stage) redraw(from, to string) {
	s.Helper()
	drawn := strings.Replace(flow, from, to, 1)
	if drawn == flow {
		s.Fatalf("the flow has no %s", from)
	}
	if _, err := catalog.Deploy(s.ctx, s.log, []byte(drawn)); err != nil {
		s.Fatal(err)
	}
}

func second(slot events.Slot) events.Slot {
	slot.Version = 2
	return slot
}

func (s *stage) submitToSecond() {
	s.Helper()
	s.write(events.Event{Slot: second(events.DocumentSlot("flow", 1, "d", events.Submitted))})
}

func TestAnAttemptEndsWhenItsStepIsTimedOut(t *testing.T) {
	for _, tt := range []struct{ step, runner, want time.Duration }{
		{20 * time.Second, time.Minute, 20 * time.Second}, {time.Minute, 20 * time.Second, 20 * time.Second},
	} {
		t.Run(fmt.Sprint(tt.step), func(t *testing.T) {
			play(t, func(s *stage) {
				s.redraw(`<z:header key="on-failure" value="wait"/>`, fmt.Sprintf(`<z:header key="timeout" value="PT%dS"/>`, int(tt.step.Seconds())))
				var left time.Duration
				s.host("left", &fake{do: func(ctx context.Context, _ runner.Visit) (any, error) {
					deadline, _ := ctx.Deadline()
					left = time.Until(deadline)
					return nil, nil
				}}, runner.Config{Timeout: tt.runner})
				s.submitToSecond()
				s.outcome(second(slot("left", events.Outcome)))
				if left != tt.want {
					t.Errorf("the attempt has %v, want %v: the shorter of the step's and the runner's", left, tt.want)
				}
			})
		})
	}
}

func TestAJoinIsGivenNothingThatCameAfterIt(t *testing.T) {
	play(t, func(s *stage) {
		n := func(step events.StepID, visit, n int) {
			at := slot(step, events.Outcome)
			at.Visit = visit
			s.write(events.Event{Slot: at, Result: events.Completed, Data: fmt.Appendf(nil, `{"output":{"n":%d}}`, n)})
		}
		s.submit()
		n("left", 1, 40)
		n("right", 1, 2)
		n("left", 2, 1000) // whoever wrote that, and why
		last := &fake{do: always(`{}`)}
		s.host("last", last, runner.Config{})
		s.outcome(slot("last", events.Outcome))
		if got := string(last.visits[0].Input); got != `{"of":{"sum":42}}` {
			t.Errorf("last got %s, want the sum of what came before its cue", got)
		}
	})
}

// A stubborn log writes even when its caller was told to stop.
type stubborn struct{ *memlog.Log }

func (s stubborn) Write(ctx context.Context, e events.Event) (events.Event, error) {
	return s.Log.Write(context.WithoutCancel(ctx), e)
}

func TestALastAttemptThatAStopBreaksOffIsNoFailure(t *testing.T) {
	for _, kind := range []events.Kind{events.Outcome, events.Undone} {
		t.Run(kind.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				s.redraw(`type="left" retries="3"`, `type="left" retries="1"`)
				r, err := runner.New("left", &patient{}, stubborn{s.log}, catalog.New(s.log), runner.Config{})
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(s.ctx)
				done := make(chan error, 1)
				go func() { done <- r.Run(ctx) }()
				at, attempts := second(slot("left", kind)), 1
				s.submitToSecond()
				if kind == events.Undone {
					attempts = 2 // an undo has twice as many
					s.write(events.Event{Slot: at.Of(events.Outcome), Result: events.TimedOut})
					s.write(events.Event{Slot: at.Of(events.Undo)})
				}
				pass(time.Duration(attempts-1)*6*time.Minute + time.Minute) // in the last attempt
				stop()
				if err := <-done; err != nil {
					t.Errorf("Run returned %v", err)
				}
				if e, err := s.log.Read(s.ctx, at); !errors.Is(err, events.ErrNotFound) {
					t.Errorf("%s is %v (error %v), want nothing there: the attempt was broken off", at.ID(), e.Result, err)
				}
				s.host("left", &fake{do: always(`{}`)}, runner.Config{})
				if e, _ := s.outcome(at); e.Result != events.Completed {
					t.Errorf("%s is %v, want completed by the next process", at.ID(), e.Result)
				}
			})
		})
	}
}

// patient does nothing until it is told to stop.
type patient struct{}

func (patient) Do(ctx context.Context, _ runner.Visit) (any, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (patient) Undo(ctx context.Context, _ runner.Visit) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestALoserLeavesTheUndoToTheServiceThatDoesIt(t *testing.T) {
	play(t, func(s *stage) {
		s.redraw(`isForCompensation="true"><extensionElements><z:taskDefinition type="left"/>`,
			`isForCompensation="true"><extensionElements><z:taskDefinition type="cleaner"/>`)
		at := second(slot("left", events.Outcome))
		h := &fake{}
		h.do = func(context.Context, runner.Visit) (any, error) {
			s.write(events.Event{Slot: at, Result: events.TimedOut, Worker: "another"})
			return nil, nil
		}
		cleaner := &fake{do: always(`{}`)}
		s.host("left", h, runner.Config{})
		s.host("cleaner", cleaner, runner.Config{})
		s.submitToSecond()
		s.outcome(at)
		pass(time.Minute)
		if len(h.undone) != 0 || len(cleaner.undone) != 0 {
			t.Errorf("%d and %d undos, want none before the command", len(h.undone), len(cleaner.undone))
		}
		s.write(events.Event{Slot: at.Of(events.Undo)})
		s.outcome(at.Of(events.Undone))
		if len(h.undone) != 0 || len(cleaner.undone) != 1 {
			t.Errorf("%d and %d undos, want one by the service that is drawn", len(h.undone), len(cleaner.undone))
		}
	})
}

func TestAVisitWhoseSlotWasTakenBeforeItsTimeIsTheNextOne(t *testing.T) {
	for _, result := range []events.Result{events.Completed, events.Failed, events.Cancelled} {
		t.Run(result.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				s.foreign(events.Event{Slot: slot("left", events.Outcome), Result: result}, "", `{"output":{"n":1}}`)
				h := &fake{do: always(`{"n":2}`)}
				s.host("left", h, runner.Config{})
				s.submit()
				next := slot("left", events.Outcome)
				next.Visit = 2
				if e, data := s.outcome(next); e.Result != events.Completed || string(data.Output) != `{"n":2}` {
					t.Errorf("the second visit is %v with %s, want completed: all readers open that one", e.Result, data.Output)
				}
				want := 0
				if result != events.Completed {
					want = 1
				}
				if h.calls(2) != 1 || len(h.undone) != want {
					t.Errorf("%d calls for the second visit, %d undos; want one and %d", h.calls(2), len(h.undone), want)
				}
			})
		})
	}
}

// TestAPoisonedDocumentIsPutAsideInTime measures how long a document that kills
// its worker every time is in the way: docs/limits.md says it.
func TestAPoisonedDocumentIsPutAsideInTime(t *testing.T) {
	const ackWait = 30 * time.Second
	for _, tt := range []struct {
		retries string
		crashes int
		want    int // deliveries that kill
	}{{"", 0, 8}, {"3", 0, 6}, {"1", 1, 2}} {
		t.Run(fmt.Sprintf("retries %s crashes %d", tt.retries, tt.crashes), func(t *testing.T) {
			play(t, func(s *stage) {
				retries := ""
				if tt.retries != "" {
					retries = ` retries="` + tt.retries + `"`
				}
				s.redraw(` retries="3"`, retries+" ")
				began := time.Now()
				s.submitToSecond()
				shard := events.Shard("d", s.log.Shards())
				for range tt.want {
					for _, err := range s.log.Cues(s.ctx, "left", shard, 1) {
						if err != nil {
							t.Fatal(err)
						}
						break // the worker dies with it
					}
				}
				h := &fake{do: always(`{}`)}
				s.host("left", h, runner.Config{Crashes: tt.crashes})
				e, data := s.outcome(second(slot("left", events.Outcome)))
				if e.Result != events.Failed || data.Error.Code != runner.CodePoison || len(h.visits) != 0 {
					t.Errorf("left is %v with %+v after %d calls, want failed as poison without a call", e.Result, data.Error, len(h.visits))
				}
				took, want := time.Since(began), time.Duration(tt.want)*ackWait
				if took < want || took > want+10*time.Second {
					t.Errorf("it took %v, want the ack wait %d times: %v", took, tt.want, want)
				}
				t.Logf("%d deliveries, %v", tt.want, took)
			})
		})
	}
}
