package verbs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/coordinator/where"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/verify"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// flow draws a, b and c in a row, each with an undo; b waits for a person if
// it fails.
func flow() []byte {
	var tasks, edges strings.Builder
	last := "start"
	for _, s := range []string{"a", "b", "c"} {
		wait := ""
		if s == "b" {
			wait = `<z:taskHeaders><z:header key="on-failure" value="wait"/></z:taskHeaders>`
		}
		fmt.Fprintf(&tasks, `
    <serviceTask id="%[1]s"><extensionElements><z:taskDefinition type="%[1]s" retries="1"/>%[2]s</extensionElements></serviceTask>
    <boundaryEvent id="b_%[1]s" attachedToRef="%[1]s"><compensateEventDefinition/></boundaryEvent>
    <serviceTask id="u_%[1]s" isForCompensation="true"><extensionElements><z:taskDefinition type="%[1]s"/></extensionElements></serviceTask>
    <association id="a_%[1]s" sourceRef="b_%[1]s" targetRef="u_%[1]s" associationDirection="One"/>`, s, wait)
		fmt.Fprintf(&edges, `<sequenceFlow id="to_%[2]s" sourceRef="%[1]s" targetRef="%[2]s"/>`, last, s)
		last = s
	}
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0" targetNamespace="t">
  <process id="abc" isExecutable="true"><startEvent id="start"/>` + tasks.String() + edges.String() + `<endEvent id="end"/>
    <sequenceFlow id="to_end" sourceRef="c" targetRef="end"/></process></definitions>`)
}

// service has effects, and fails on command.
type service struct {
	before  func(context.Context, events.StepID) // what it waits for, or nil
	mu      sync.Mutex
	effects map[string]bool
	fail    map[string]error // by "do STEP", "undo STEP"
	inputs  map[string]string
}

func (s *service) set(what string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[what] = err
}

func (s *service) Do(ctx context.Context, v runner.Visit) (any, error) {
	if s.before != nil {
		s.before(ctx, v.Step)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputs[fmt.Sprintf("%s.%d", v.Step, v.Number)] = string(v.Input)
	if err := s.fail["do "+string(v.Step)]; err != nil {
		return nil, err
	}
	s.effects[fmt.Sprintf("%s.%d", v.Step, v.Number)] = true
	if err := s.fail["after "+string(v.Step)]; err != nil {
		return nil, err // its effect is there all the same
	}
	return map[string]string{"by": string(v.Step)}, nil
}

func (s *service) Undo(_ context.Context, v runner.Visit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail["undo "+string(v.Step)]; err != nil {
		return err
	}
	delete(s.effects, fmt.Sprintf("%s.%d", v.Step, v.Number))
	return nil
}

func (s *service) left() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []string
	for _, step := range []string{"a", "b", "c"} {
		for visit := range 9 {
			if key := fmt.Sprintf("%s.%d", step, visit); s.effects[key] {
				left = append(left, key)
			}
		}
	}
	return left
}

type bench struct {
	*testing.T
	log      *natslog.Log
	catalog  *catalog.Catalog
	service  *service
	operator *verbs.Operator
	open     func() int // how many documents the coordinator holds
}

// newBench starts a log, a coordinator and the named services.
func newBench(t *testing.T, services ...string) *bench {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		T: t, log: log, catalog: catalog.New(log),
		service: &service{effects: map[string]bool{}, fail: map[string]error{}, inputs: map[string]string{}},
	}
	b.operator = verbs.New(log, b.catalog)
	if _, err := catalog.Deploy(t.Context(), log, flow()); err != nil {
		t.Fatal(err)
	}
	b.host(services...)
	c, err := coordinator.New(log, b.catalog, log.Snapshots(), coordinator.Config{Poll: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b.open = c.Open
	b.background(c.Run, func(ctx context.Context) error { return feed.Run(ctx, log, c) })
	return b
}

func (b *bench) host(services ...string) {
	b.Helper()
	for _, name := range services {
		r, err := runner.New(name, b.service, b.log, b.catalog, runner.Config{Backoff: time.Millisecond, Retries: 1})
		if err != nil {
			b.Fatal(err)
		}
		b.background(r.Run)
	}
}

func (b *bench) background(run ...func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	g, inner := errgroup.WithContext(ctx)
	for _, f := range run {
		g.Go(func() error { return f(inner) })
	}
	b.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			b.Errorf("background: %v", err)
		}
	})
}

func (b *bench) submit() {
	b.Helper()
	_, err := b.log.Write(b.Context(), events.Event{
		Slot: events.DocumentSlot("abc", 1, "d", events.Submitted), Source: "/test", Worker: "t", Time: time.Now(), Data: []byte(`{"output":{"n":1}}`),
	})
	if err != nil {
		b.Fatal(err)
	}
}

// until returns when the document's state is as wanted.
func (b *bench) until(what string, is func(*saga.State) bool) {
	b.Helper()
	var s saga.State
	for range 2000 {
		p, err := where.Is(b.Context(), b.log, b.catalog, "d")
		if err != nil {
			b.Fatal(err)
		}
		s = p.State
		if is(&s) {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	b.Fatalf("the document is %s, want %s; events %v", s.Phase(), what, b.types())
}

func (b *bench) incident() {
	b.Helper()
	b.until("an incident", func(s *saga.State) bool { return s.Phase() == saga.Incident })
}

func (b *bench) ends(want events.Result, effects ...string) {
	b.Helper()
	b.until("ended "+want.String(), func(s *saga.State) bool { return s.Phase() == saga.Ended && s.Verdict == want })
	if got := b.service.left(); fmt.Sprint(got) != fmt.Sprint(effects) {
		b.Errorf("effects %v are left, want %v", got, effects)
	}
}

func (b *bench) types() []string {
	b.Helper()
	history, err := b.log.History(context.Background(), "d")
	if err != nil {
		b.Fatal(err)
	}
	var types []string
	for i := range history {
		types = append(types, history[i].Type())
	}
	return types
}

func by() events.By { return events.By{Actor: "ann", Reason: "because"} }

func (b *bench) do(c verbs.Command) verbs.Done {
	b.Helper()
	c.By = by()
	done, err := b.operator.Do(b.Context(), "d", c)
	if err != nil {
		b.Fatal(err)
	}
	return done
}

func (b *bench) refuses(c verbs.Command) {
	b.Helper()
	c.By = by()
	before := len(b.types())
	if _, err := b.operator.Do(b.Context(), "d", c); !errors.Is(err, verbs.ErrUnfit) {
		b.Errorf("%s: error %v, want that it does not fit", c.Verb, err)
	}
	if after := len(b.types()); after != before {
		b.Errorf("%s was refused and wrote %d events", c.Verb, after-before)
	}
}

func TestAFailedStepIsRetriedWithWhatItWasGiven(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	b.service.set("do b", nil)
	done := b.do(verbs.Command{Verb: verbs.Retry})
	if want := "d.b.2.redo"; done.Event.ID() != want || done.Already {
		t.Errorf("wrote %s (already %v), want %s", done.Event.ID(), done.Already, want)
	}
	data, err := events.ParseData(done.Event.Data)
	if err != nil || data.By == nil || *data.By != by() {
		t.Errorf("the event says %s (error %v), want who asked and why", done.Event.Data, err)
	}
	b.ends(events.Completed, "a.1", "b.2", "c.1")
	if first, second := b.service.inputs["b.1"], b.service.inputs["b.2"]; first != second || first == "" {
		t.Errorf("the retry was given %s, want %s as the first time", second, first)
	}
	if again := b.do(verbs.Command{Verb: verbs.Retry}); !again.Already || again.Event.ID() != done.Event.ID() {
		t.Errorf("retry again: %s, already %v; want what stands", again.Event.ID(), again.Already)
	}
}

func TestAFailedStepIsResolvedByHand(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	b.refuses(verbs.Command{Verb: verbs.Retry, Step: "c"})
	b.do(verbs.Command{Verb: verbs.Resolve, Step: "b", Output: json.RawMessage(`{"by":"ann"}`)})
	b.ends(events.Completed, "a.1", "c.1")
	var input map[string]map[string]any
	if err := json.Unmarshal([]byte(b.service.inputs["c.1"]), &input); err != nil || input["b"]["by"] != "ann" || input["a"]["by"] != "a" {
		t.Errorf("c was given %s, want the output of a, and of b as resolved", b.service.inputs["c.1"])
	}
	if again := b.do(verbs.Command{Verb: verbs.Resolve}); !again.Already {
		t.Errorf("resolve again wrote %s", again.Event.ID())
	}
	b.refuses(verbs.Command{Verb: verbs.Cancel})
}

func TestTheEffectOfAFailedVisitIsUndoneWhenTheStepIsMended(t *testing.T) {
	for name, tt := range map[string]struct {
		command verbs.Command
		left    []string
	}{
		"retried":  {verbs.Command{Verb: verbs.Retry}, []string{"a.1", "b.2", "c.1"}},
		"resolved": {verbs.Command{Verb: verbs.Resolve, Output: json.RawMessage(`{}`)}, []string{"a.1", "c.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			b.service.set("after b", errors.New("the answer got lost"))
			b.submit()
			b.incident()
			if left := b.service.left(); fmt.Sprint(left) != "[a.1 b.1]" {
				t.Fatalf("effects %v, want that of the failed visit among them: the test shows nothing", left)
			}
			b.service.set("after b", nil)
			b.do(tt.command)
			b.ends(events.Completed, tt.left...)
			b.verified()
		})
	}
}

func TestAnUndoOfAFailedVisitThatFailsIsAnIncidentOfItsOwn(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("after b", errors.New("the answer got lost"))
	b.service.set("undo b", errors.New("down"))
	b.submit()
	b.incident()
	b.service.set("after b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.until("an undo that failed", func(s *saga.State) bool {
		return s.Phase() == saga.Incident && s.Visits() == 4 && s.Visit(1).Status() == saga.UndoFailed && s.Visit(3).Status() == saga.Done
	})
	b.service.set("undo b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Completed, "a.1", "b.2", "c.1")
	b.verified()
}

func TestARetryThatComesTooLateIsNotDone(t *testing.T) {
	for _, ended := range []bool{false, true} {
		t.Run(fmt.Sprintf("after the end %t", ended), func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			b.service.set("after b", errors.New("the answer got lost"))
			b.submit()
			b.incident()
			b.service.set("after b", nil)
			// One person has decided to retry, and another gives up meanwhile.
			late, err := b.operator.Plan(t.Context(), "d", verbs.Command{Verb: verbs.Retry, By: by()})
			if err != nil {
				t.Fatal(err)
			}
			b.do(verbs.Command{Verb: verbs.Compensate})
			if ended {
				b.ends(events.Failed)
			}
			late.Event.Worker, late.Event.Time = "late", time.Now()
			if _, err := b.log.Write(t.Context(), late.Event); err != nil {
				t.Fatal(err)
			}
			b.ends(events.Failed)
			b.until("that the queue of commands is empty", func(*saga.State) bool {
				waiting, err := b.log.Waiting(t.Context())
				return err == nil && waiting[catalog.CommandQueue("b")] == 0
			})
			if left := b.service.left(); len(left) > 0 || b.service.inputs["b.2"] != "" {
				t.Errorf("effects %v are left, and b.2 was given %q; want neither", left, b.service.inputs["b.2"])
			}
			b.verified()
		})
	}
}

// verified checks the document by the code that shares nothing with ours.
func (b *bench) verified() {
	b.Helper()
	history, err := b.log.History(b.Context(), "d")
	if err != nil {
		b.Fatal(err)
	}
	graph := verify.Graph{
		Next: map[events.StepID][]events.StepID{"document": {"a"}, "a": {"b"}, "b": {"c"}},
		Must: map[events.StepID]bool{"a": true, "b": true, "c": true},
	}
	c := verify.New(verify.Config{Shards: 1, Graph: func(string, int) (*verify.Graph, bool) { return &graph, true }})
	for i := range history {
		e := &history[i]
		c.Take(&verify.Message{Seq: e.Position.Seq, Subject: e.Slot.Subject(), Header: e.HeaderLines(), At: e.At})
	}
	if r := c.Finish(); !r.OK() {
		b.Errorf("verify finds %+v", r.Breaches)
	}
}

func TestAFailedStepIsResolvedAsRejected(t *testing.T) {
	b := newBench(t, "a", "b")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	b.service.set("undo a", errors.New("down, too"))
	b.do(verbs.Command{Verb: verbs.Resolve, Result: events.Rejected, Error: &events.Error{Code: "unwanted"}})
	b.incident() // the undo of a
	b.service.set("undo a", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Rejected)
}

func TestAnIncidentIsGivenUp(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	list, err := b.operator.ToUndo(t.Context(), "d")
	if want := []verbs.Undoing{{Step: "a", Visit: 1, Outcome: "completed", Service: "a"}}; err != nil || fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("to undo: %v (error %v), want %v", list, err, want)
	}
	b.do(verbs.Command{Verb: verbs.Compensate})
	b.ends(events.Failed)
	if again := b.do(verbs.Command{Verb: verbs.Compensate}); !again.Already {
		t.Errorf("compensate again wrote %s", again.Event.ID())
	}
}

func TestAnIncidentIsCancelled(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	b.do(verbs.Command{Verb: verbs.Cancel})
	b.ends(events.Cancelled)
}

func TestAFailedUndoIsRetriedUntilItWorks(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do c", runner.Reject("bad", "it is bad"))
	b.service.set("undo a", errors.New("down"))
	b.submit()
	b.incident()
	b.refuses(verbs.Command{Verb: verbs.Cancel})
	b.refuses(verbs.Command{Verb: verbs.Compensate})
	for again := 2; again <= 3; again++ {
		done := b.do(verbs.Command{Verb: verbs.Retry, Step: "a"})
		if want := fmt.Sprintf("d.a.1.undo-%d", again); done.Event.ID() != want {
			t.Fatalf("wrote %s, want %s", done.Event.ID(), want)
		}
		b.until("an incident again", func(*saga.State) bool {
			_, err := b.log.Read(t.Context(), events.Slot{Definition: "abc", Version: 1, Document: "d", Step: "a", Visit: 1, Kind: events.Undone, Again: again})
			return err == nil
		})
	}
	b.service.set("undo a", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Rejected)
}

func TestAFailedUndoIsResolvedEvenAfterAllRetries(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do c", runner.Reject("bad", "it is bad"))
	b.service.set("undo a", errors.New("down"))
	b.submit()
	b.incident()
	for again := 2; again < events.MaxAgain; again++ {
		b.do(verbs.Command{Verb: verbs.Retry})
		b.incident()
	}
	b.refuses(verbs.Command{Verb: verbs.Retry})
	b.refuses(verbs.Command{Verb: verbs.Resolve, Output: json.RawMessage(`1`)})
	if done := b.do(verbs.Command{Verb: verbs.Resolve}); done.Event.ID() != "d.a.1.undone-9" {
		t.Errorf("wrote %s, want d.a.1.undone-9", done.Event.ID())
	}
	b.ends(events.Rejected, "a.1") // removed by hand, as ann says
}

func TestARunningDocumentIsCancelledOnce(t *testing.T) {
	b := newBench(t, "a", "b") // c never comes
	b.submit()
	b.until("at c", func(s *saga.State) bool { return s.Visits() == 3 })
	b.refuses(verbs.Command{Verb: verbs.Compensate})
	b.refuses(verbs.Command{Verb: verbs.Retry})
	const operators = 8
	var wrote sync.Map
	var g errgroup.Group
	for i := range operators {
		g.Go(func() error {
			done, err := verbs.New(b.log, b.catalog).Do(t.Context(), "d", verbs.Command{Verb: verbs.Cancel, By: by()})
			if err == nil && !done.Already {
				wrote.Store(i, true)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	n := 0
	wrote.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d operators wrote the cancel, want 1", n)
	}
	b.host("c") // undoes what it may have done
	b.ends(events.Cancelled)
}

func TestACompensatingDocumentIsNotCancelled(t *testing.T) {
	b := newBench(t, "b", "c")
	b.host("a")
	b.service.set("do c", runner.Reject("bad", "it is bad"))
	b.service.set("undo b", errors.New("down"))
	b.submit()
	b.incident()
	b.refuses(verbs.Command{Verb: verbs.Cancel})
}

func TestCommandsThatAreWrongAreRefused(t *testing.T) {
	for name, c := range map[string]verbs.Command{
		"no verb":                 {By: by()},
		"nobody":                  {Verb: verbs.Cancel},
		"no reason":               {Verb: verbs.Cancel, By: events.By{Actor: "ann"}},
		"cancel of a step":        {Verb: verbs.Cancel, By: by(), Step: "a"},
		"retry with an outcome":   {Verb: verbs.Retry, By: by(), Output: json.RawMessage(`1`)},
		"resolved as failed":      {Verb: verbs.Resolve, By: by(), Result: events.Failed},
		"rejected without a code": {Verb: verbs.Resolve, By: by(), Result: events.Rejected},
		"completed with a code":   {Verb: verbs.Resolve, By: by(), Error: &events.Error{Code: "x"}},
		"output that is not JSON": {Verb: verbs.Resolve, By: by(), Output: json.RawMessage(`{`)},
		"a step that is no id":    {Verb: verbs.Retry, By: by(), Step: "a.b"},
	} {
		if _, err := verbs.New(nil, nil).Do(t.Context(), "d", c); !errors.Is(err, verbs.ErrBadCommand) {
			t.Errorf("%s: error %v, want that it is not a command", name, err)
		}
	}
}

func TestADocumentThatNobodyKnowsIsNotFound(t *testing.T) {
	b := newBench(t)
	_, err := b.operator.Do(t.Context(), "nobody", verbs.Command{Verb: verbs.Cancel, By: by()})
	if !errors.Is(err, events.ErrNotFound) {
		t.Errorf("error %v, want not found", err)
	}
}
