package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

const flow = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0">
  <process id="flow" isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="split"/>
    <parallelGateway id="split"/>
    <sequenceFlow id="f2" sourceRef="split" targetRef="left"/>
    <sequenceFlow id="f3" sourceRef="split" targetRef="right"/>
    <serviceTask id="left"><extensionElements><z:taskDefinition type="left" retries="3"/>
      <z:taskHeaders><z:header key="on-failure" value="wait"/></z:taskHeaders></extensionElements></serviceTask>
    <boundaryEvent id="undoLeft" attachedToRef="left"><compensateEventDefinition/></boundaryEvent>
    <serviceTask id="takeBack" isForCompensation="true"><extensionElements><z:taskDefinition type="left"/></extensionElements></serviceTask>
    <association id="a1" sourceRef="undoLeft" targetRef="takeBack"/>
    <serviceTask id="right"><extensionElements><z:taskDefinition type="right" retries="3"/></extensionElements></serviceTask>
    <sequenceFlow id="f4" sourceRef="left" targetRef="join"/>
    <sequenceFlow id="f5" sourceRef="right" targetRef="join"/>
    <parallelGateway id="join"/>
    <sequenceFlow id="f6" sourceRef="join" targetRef="last"/>
    <serviceTask id="last"><extensionElements><z:taskDefinition type="last" retries="3"/>
      <z:ioMapping><z:input source="=left.n + right.n" target="of.sum"/><z:output source="=of.sum * 2" target="twice"/></z:ioMapping></extensionElements></serviceTask>
    <sequenceFlow id="f7" sourceRef="last" targetRef="end"/>
    <endEvent id="end"/>
  </process>
</definitions>`

// A fake is a handler that does what its functions say.
type fake struct {
	do func(ctx context.Context, v runner.Visit) (any, error)

	mu     sync.Mutex
	visits []runner.Visit
	times  []time.Time
	undone []runner.Visit
	refuse int // how many undos fail
	words  string
}

func (f *fake) Do(ctx context.Context, v runner.Visit) (any, error) {
	f.mu.Lock()
	f.visits, f.times = append(f.visits, v), append(f.times, time.Now())
	f.mu.Unlock()
	return f.do(ctx, v)
}

func (f *fake) Undo(_ context.Context, v runner.Visit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.undone = append(f.undone, v)
	if f.refuse > 0 {
		f.refuse--
		return errors.New("the undo does not work today" + f.words)
	}
	return nil
}

// calls returns how often a visit was to be done.
func (f *fake) calls(visit int) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.visits {
		if v.Number == visit {
			n++
		}
	}
	return n
}

// pass lets time pass on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

func always(output string) func(context.Context, runner.Visit) (any, error) {
	return func(context.Context, runner.Visit) (any, error) { return json.RawMessage(output), nil }
}

// A stage is a log in a bubble with services on it.
type stage struct {
	*testing.T
	log   *memlog.Log
	ctx   context.Context
	sends bool // the services' log is a Sender
}

// A sender is a log that can be sent to.
type sender struct{ *memlog.Log }

func (s sender) Send(ctx context.Context, e events.Event, then func(stands bool)) bool {
	go func() {
		_, err := s.Write(ctx, e)
		then(err == nil)
	}()
	return true
}

// play runs a story in a bubble, in which waiting takes no time, and checks
// that nothing is left running after it: once with services that write, and once
// with services that send.
func play(t *testing.T, story func(s *stage)) {
	t.Helper()
	for _, sends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			s := &stage{T: t, log: memlog.New(memlog.Config{}), ctx: ctx, sends: sends}
			if _, err := catalog.Deploy(ctx, s.log, []byte(flow)); err != nil {
				t.Fatal(err)
			}
			story(s)
			cancel()
			synctest.Wait()
			if t.Failed() {
				t.Logf("services send: %v", sends)
			}
		})
	}
}

func (s *stage) host(service string, h runner.Handler, conf runner.Config) (stop func()) {
	s.Helper()
	var log runner.Log = s.log
	if s.sends {
		log = sender{s.log}
	}
	return s.hostOn(log, service, h, conf)
}

func (s *stage) hostOn(log runner.Log, service string, h runner.Handler, conf runner.Config) (stop func()) {
	s.Helper()
	r, err := runner.New(service, h, log, catalog.New(s.log), conf)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			s.Errorf("%s: Run returned %v, want nil", service, err)
		}
	}
}

func (s *stage) write(e events.Event) {
	s.Helper()
	if e.Source == "" {
		e.Source = "/test"
	}
	if _, err := s.log.Write(s.ctx, e); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) submit() {
	s.Helper()
	s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted), Data: []byte(`{"output":{"x":1}}`)})
}

func slot(step events.StepID, kind events.Kind) events.Slot {
	return events.Slot{Definition: "flow", Version: 1, Document: "d", Step: step, Visit: 1, Kind: kind, Again: 1}
}

// outcome waits for a slot to be taken and returns what stands there.
func (s *stage) outcome(at events.Slot) (events.Event, events.Data) {
	s.Helper()
	for range 10_000 {
		synctest.Wait()
		e, err := s.log.Read(s.ctx, at)
		if err == nil {
			data, err := events.ParseData(e.Data)
			if err != nil {
				s.Fatal(err)
			}
			return e, data
		}
		pass(100 * time.Millisecond)
	}
	s.Fatalf("nothing was written into %s", at.ID())
	return events.Event{}, events.Data{}
}

func TestAJoinStartsTheStepOnceWithWhatAllBranchesPutOut(t *testing.T) {
	play(t, func(s *stage) {
		last := &fake{do: func(_ context.Context, v runner.Visit) (any, error) { return v.Input, nil }}
		s.host("left", &fake{do: always(`{"n":40}`)}, runner.Config{})
		s.host("right", &fake{do: always(`{"n":2}`)}, runner.Config{})
		s.host("last", last, runner.Config{})
		s.submit()
		e, data := s.outcome(slot("last", events.Outcome))
		if e.Result != events.Completed || string(data.Output) != `{"twice":84}` || string(last.visits[0].Input) != `{"of":{"sum":42}}` {
			t.Errorf("last is %v with output %s of input %s, want completed with twice the sum of both branches", e.Result, data.Output, last.visits[0].Input)
		}
		if len(last.visits) != 1 {
			t.Errorf("last was called %d times, want once", len(last.visits))
		}
	})
}

func TestAnErrorIsTriedAgainWithGrowingPausesAndThenFails(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(context.Context, runner.Visit) (any, error) { return nil, errors.New("no disk") }}
		s.host("left", h, runner.Config{Backoff: 10 * time.Second})
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Failed || data.Error == nil || data.Error.Code != runner.CodeError || data.Error.Message != "no disk" {
			t.Errorf("left is %v with %+v, want failed with the handler's words", e.Result, data.Error)
		}
		if len(h.visits) != 3 || h.visits[2].Attempt != 3 {
			t.Fatalf("%d attempts (%+v), want the 3 that the definition says", len(h.visits), h.visits)
		}
		first, second := h.times[1].Sub(h.times[0]), h.times[2].Sub(h.times[1])
		if first < 5*time.Second || first > 10*time.Second || second < 10*time.Second || second > 20*time.Second {
			t.Errorf("pauses %v and %v, want 5 to 10 s and 10 to 20 s", first, second)
		}
	})
}

func TestACodedErrorIsTriedAgainAndThenIsTheReason(t *testing.T) {
	play(t, func(s *stage) {
		away := runner.Coded("away", "nobody answers")
		h := &fake{do: func(context.Context, runner.Visit) (any, error) { return nil, fmt.Errorf("door: %w", away) }}
		s.host("left", h, runner.Config{})
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Failed || *data.Error != (events.Error{Code: "away", Message: "door: nobody answers"}) {
			t.Errorf("left is %v with %+v, want failed for the reason that the error names", e.Result, data.Error)
		}
		if len(h.visits) != 3 {
			t.Errorf("%d attempts, want the 3 that the definition says", len(h.visits))
		}
	})
}

func TestARejectionIsFinalAndKeepsWhatWasFoundOut(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(context.Context, runner.Visit) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", &runner.Rejection{Code: "bad", Message: "very bad", Output: map[string]int{"pages": 3}})
		}}
		s.host("left", h, runner.Config{})
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Rejected || *data.Error != (events.Error{Code: "bad", Message: "very bad"}) || string(data.Output) != `{"pages":3}` {
			t.Errorf("left is %v with %s, want rejected, its code, message and output", e.Result, e.Data)
		}
		if len(h.visits) != 1 {
			t.Errorf("%d attempts, want 1", len(h.visits))
		}
	})
}

func TestAPanicIsAnErrorLikeAnother(t *testing.T) {
	play(t, func(s *stage) {
		calls := 0
		s.host("left", &fake{do: func(context.Context, runner.Visit) (any, error) {
			if calls++; calls == 1 {
				panic("out of cheese")
			}
			return nil, nil
		}}, runner.Config{})
		s.submit()
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Completed || calls != 2 {
			t.Errorf("left is %v after %d calls, want completed after 2", e.Result, calls)
		}
	})
}

func TestAVisitThatKillsItsWorkersIsFailedWithoutBeingRun(t *testing.T) {
	play(t, func(s *stage) {
		s.submit()
		shard := events.Shard("d", s.log.Shards())
		for range 6 { // three retries and the margin of three
			for d, err := range s.log.Cues(s.ctx, "left", shard, 1) {
				if err != nil {
					t.Fatal(err)
				}
				_ = d // the worker dies with it
				break
			}
			pass(31 * time.Second)
		}
		h := &fake{do: always(`{}`)}
		s.host("left", h, runner.Config{})
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Failed || data.Error.Code != runner.CodePoison || len(h.visits) != 0 {
			t.Errorf("left is %v with %+v after %d calls, want failed as poison without a call", e.Result, data.Error, len(h.visits))
		}
	})
}

func TestSlowWorkKeepsItsDelivery(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(context.Context, runner.Visit) (any, error) {
			pass(4 * time.Minute) // eight times the ack wait
			return nil, nil
		}}
		s.host("left", h, runner.Config{})
		s.submit()
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Completed || len(h.visits) != 1 {
			t.Errorf("left is %v after %d calls, want completed after one", e.Result, len(h.visits))
		}
	})
}

func TestAnAttemptEndsAtItsDeadline(t *testing.T) {
	play(t, func(s *stage) {
		s.host("left", &fake{do: func(ctx context.Context, _ runner.Visit) (any, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}, runner.Config{Timeout: time.Minute, Backoff: time.Second})
		start := time.Now()
		s.submit()
		e, _ := s.outcome(slot("left", events.Outcome))
		if took := time.Since(start); e.Result != events.Failed || took < 3*time.Minute || took > 4*time.Minute {
			t.Errorf("left is %v after %v, want failed after three attempts of a minute", e.Result, took)
		}
	})
}

func TestALoserUndoesWhatItDid(t *testing.T) {
	for _, standing := range []events.Result{events.TimedOut, events.Cancelled, events.Completed} {
		t.Run(standing.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				h := &fake{}
				h.do = func(context.Context, runner.Visit) (any, error) {
					s.write(events.Event{Slot: slot("left", events.Outcome), Result: standing, Worker: "another"})
					return map[string]int{"n": 1}, nil
				}
				s.host("left", h, runner.Config{})
				s.submit()
				s.outcome(slot("left", events.Outcome))
				pass(time.Minute)
				want := 1
				if standing == events.Completed {
					want = 0
				}
				if len(h.undone) != want || len(h.visits) != 1 {
					t.Errorf("%d undos after %d calls, want %d after one", len(h.undone), len(h.visits), want)
				}
			})
		})
	}
}

func TestAnUndoCommandIsDoneAndAnswered(t *testing.T) {
	for name, tt := range map[string]struct {
		refuse int
		want   events.Result
	}{"at once": {0, events.Completed}, "after failures": {5, events.Completed}, "never": {100, events.Failed}} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				h := &fake{do: always(`{"n":1}`), refuse: tt.refuse}
				s.host("left", h, runner.Config{})
				s.submit()
				s.outcome(slot("left", events.Outcome))
				s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{"output":{"n":1}}`)})
				e, _ := s.outcome(slot("left", events.Undone))
				if e.Result != tt.want || e.Cause != "d.left.1.undo" {
					t.Errorf("undone is %v caused by %s, want %v caused by the command", e.Result, e.Cause, tt.want)
				}
				if v := h.undone[0]; string(v.Output) != `{"n":1}` || v.Step != "left" || v.Number != 1 {
					t.Errorf("Undo got %+v, want the visit with its output", v)
				}
			})
		})
	}
}

// redo returns the slot of the command to do the second visit of left.
func redo() events.Slot {
	again := slot("left", events.Redo)
	again.Visit = 2
	return again
}

func (s *stage) failLeft() {
	s.Helper()
	s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.Failed})
}

func TestARedoCommandIsAnotherVisit(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(_ context.Context, v runner.Visit) (any, error) {
			if v.Number == 1 {
				return nil, errors.New("not yet")
			}
			return v.Input, nil
		}}
		s.host("left", h, runner.Config{})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		s.write(events.Event{Slot: redo(), Data: []byte(`{"context":{"document":{"x":2}}}`)})
		e, data := s.outcome(redo().Of(events.Outcome))
		if e.Result != events.Completed || string(data.Output) != `{"document":{"x":2}}` {
			t.Errorf("the second visit is %v with %s, want completed with the context of the command", e.Result, data.Output)
		}
	})
}

func TestARedoWithoutAContextGetsWhatTheCompletedStepsPutOut(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: func(_ context.Context, v runner.Visit) (any, error) { return v.Input, nil }}
		s.submit()
		s.failLeft()
		s.write(events.Event{Slot: slot("right", events.Outcome), Result: events.Completed, Data: []byte(`{"output":{"n":2}}`)})
		s.write(events.Event{Slot: redo()})
		s.host("left", h, runner.Config{})
		if _, data := s.outcome(redo().Of(events.Outcome)); string(data.Output) != `{"document":{"x":1},"right":{"n":2}}` {
			t.Errorf("the second visit got %s, want the outputs of the submission and of right", data.Output)
		}
	})
}

func TestARedoThatCameTooLateIsNotDone(t *testing.T) {
	document := func(kind events.Kind) events.Event {
		return events.Event{Slot: events.DocumentSlot("flow", 1, "d", kind)}
	}
	end := document(events.Ended)
	end.Result = events.Failed
	for name, before := range map[string][]events.Event{
		"after a compensate":        {document(events.Compensate)},
		"after a cancel":            {document(events.Cancel)},
		"after the end":             {document(events.Cancel), end},
		"after a resolving by hand": {{Slot: redo().Of(events.Outcome), Result: events.Completed}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				h := &fake{do: always(`{}`)}
				s.submit()
				s.failLeft()
				for _, e := range before {
					s.write(e)
				}
				s.write(events.Event{Slot: redo()})
				stop := s.host("left", h, runner.Config{})
				pass(10 * time.Minute)
				stop()
				if h.calls(2) != 0 {
					t.Errorf("the handler was called for %+v, want the first visit only", h.visits)
				}
			})
		})
	}
}

func TestMiddlewaresWrapTheHandler(t *testing.T) {
	play(t, func(s *stage) {
		calls := 0
		h := &fake{do: func(context.Context, runner.Visit) (any, error) {
			if calls++; calls < 3 {
				return nil, errors.New("not yet")
			}
			return map[string]int{"n": 1}, nil
		}}
		var seen message.Metadata
		look := func(next message.HandlerFunc) message.HandlerFunc {
			return func(msg *message.Message) ([]*message.Message, error) {
				seen = msg.Metadata
				return next(msg)
			}
		}
		retry := middleware.Retry{MaxRetries: 5, InitialInterval: time.Millisecond}
		s.host("left", h, runner.Config{Middleware: []message.HandlerMiddleware{look, retry.Middleware}})
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Completed || string(data.Output) != `{"n":1}` || h.visits[2].Attempt != 1 {
			t.Errorf("left is %v with %s in attempt %d, want completed by the middleware's retries in the first", e.Result, data.Output, h.visits[2].Attempt)
		}
		if seen[runner.MetadataDocument] != "d" || seen[runner.MetadataStep] != "left" {
			t.Errorf("the middleware saw %v, want document and step", seen)
		}
	})
}

func TestAMiddlewareMayPassARejectionOn(t *testing.T) {
	play(t, func(s *stage) {
		through := func(next message.HandlerFunc) message.HandlerFunc { return next }
		h := &fake{do: func(context.Context, runner.Visit) (any, error) { return nil, runner.Reject("no", "no") }}
		s.host("left", h, runner.Config{Middleware: []message.HandlerMiddleware{through}})
		s.submit()
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Rejected {
			t.Errorf("left is %v, want rejected", e.Result)
		}
	})
}

func TestAnOutputThatNoEventCanHoldFailsTheVisit(t *testing.T) {
	play(t, func(s *stage) {
		s.host("left", &fake{do: always(`"` + strings.Repeat("x", events.MaxData) + `"`)}, runner.Config{})
		s.submit()
		e, data := s.outcome(slot("left", events.Outcome))
		if e.Result != events.Failed || data.Error.Code != runner.CodeOutput {
			t.Errorf("left is %v with %+v, want failed for its output", e.Result, data.Error)
		}
	})
}

func TestStoppingFinishesTheWorkAtHand(t *testing.T) {
	play(t, func(s *stage) {
		started := make(chan struct{})
		stop := s.host("left", &fake{do: func(context.Context, runner.Visit) (any, error) {
			close(started)
			pass(5 * time.Second)
			return nil, nil
		}}, runner.Config{})
		s.submit()
		<-started
		stop()
		if e, err := s.log.Read(s.ctx, slot("left", events.Outcome)); err != nil || e.Result != events.Completed {
			t.Errorf("left is %v (error %v) after the stop, want completed", e.Result, err)
		}
	})
}

func TestAMessageThatIsNoEventStopsNothing(t *testing.T) {
	play(t, func(s *stage) {
		h := &fake{do: always(`{}`)}
		s.host("left", h, runner.Config{})
		bad := events.DocumentSlot("flow", 1, "bad", events.Submitted)
		if !s.log.Put(bad.Subject(), events.Header{"ce-id": {"a", "b"}}, []byte("{")) {
			t.Fatal("the subject was taken")
		}
		s.submit()
		if e, _ := s.outcome(slot("left", events.Outcome)); e.Result != events.Completed || len(h.visits) != 1 {
			t.Errorf("left is %v after %d calls, want completed after one, for the good document", e.Result, len(h.visits))
		}
	})
}

func TestNewRefusesABadConfiguration(t *testing.T) {
	log := memlog.New(memlog.Config{})
	if _, err := runner.New("a.b", &fake{}, log, catalog.New(log), runner.Config{}); !errors.Is(err, events.ErrBadID) {
		t.Errorf("service a.b: error %v, want ErrBadID", err)
	}
	if _, err := runner.New("a", &fake{}, log, catalog.New(log), runner.Config{Retries: -1}); err == nil {
		t.Error("negative retries: no error")
	}
}
