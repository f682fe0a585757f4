package verbs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// deploy deploys the flow with each text in place of another.
func (b *bench) deploy(edits ...string) int {
	b.Helper()
	d, err := catalog.Deploy(b.Context(), b.log, []byte(strings.NewReplacer(edits...).Replace(string(flow()))))
	if err != nil {
		b.Fatal(err)
	}
	return d.Version
}

// withX draws a step x, done by a, between b and c.
func (b *bench) withX() int {
	b.Helper()
	return b.deploy(`<sequenceFlow id="to_c" sourceRef="b" targetRef="c"/>`,
		`<serviceTask id="x"><extensionElements><z:taskDefinition type="a"/></extensionElements></serviceTask>
		<sequenceFlow id="to_x" sourceRef="b" targetRef="x"/><sequenceFlow id="to_c" sourceRef="x" targetRef="c"/>`)
}

func (b *bench) move(to int) verbs.Moved {
	b.Helper()
	moved, err := b.operator.Move(b.Context(), "d", verbs.Move{To: to, By: by()})
	if err != nil {
		b.Fatal(err)
	}
	return moved
}

func TestAStepThatFailedIsDoneAgainInTheNextVersion(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	to := b.withX()
	plan, err := b.operator.PlanMove(t.Context(), "d", verbs.Move{To: to})
	if err != nil || len(plan.Obstacles) > 0 || len(plan.Carried) != 1 || plan.Carried[0].Step != "b" || plan.Carried[0].Status != "incident" {
		t.Fatalf("plan %+v (error %v), want that the incident of b is carried", plan, err)
	}
	if before := len(b.types()); before != 3 {
		t.Fatalf("the plan wrote something: %v", b.types())
	}
	b.move(to)
	b.incident()
	if again := b.move(to); !again.Already {
		t.Errorf("the same again: %+v, want that it was so already", again)
	}
	b.service.set("do b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Completed, "a.1", "b.3", "c.1")
	if types := b.types(); !slices.Contains(types, "docsaga.x.completed") || !slices.Contains(types, "docsaga.document.migrate") {
		t.Errorf("events %v, want the migration, and x of the new version", types)
	}
	if _, err := b.operator.Move(t.Context(), "d", verbs.Move{To: 1, By: by()}); !errors.Is(err, verbs.ErrUnfit) {
		t.Errorf("migrating what has ended: %v, want %v", err, verbs.ErrUnfit)
	}
}

func TestWhatWasDoneBeforeAMigrationIsUndoneAfterIt(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.service.set("do c", errors.New("down for good"))
	b.submit()
	b.incident()
	b.move(b.withX())
	b.service.set("do b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Failed)
	var undone []string
	history, err := b.log.History(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		if e.Slot.Kind == events.Undo {
			undone = append(undone, fmt.Sprintf("%s.%d in %d with %s", e.Slot.Step, e.Slot.Visit, e.Slot.Version, output(t, &e)))
		}
	}
	want := []string{"b.1 in 2 with ", "c.1 in 2 with ", `b.3 in 2 with {"by":"b"}`, `a.1 in 2 with {"by":"a"}`}
	if !slices.Equal(undone, want) {
		t.Errorf("undone %q, want %q", undone, want)
	}
}

func output(t *testing.T, e *events.Event) string {
	t.Helper()
	data, err := events.ParseData(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	return string(data.Output)
}

func TestAServiceThatIsAtWorkDoesItsStepOnceInTheNewVersion(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	at, goOn := make(chan struct{}, 9), make(chan struct{})
	b.service.before = func(ctx context.Context, step events.StepID) {
		if step != "b" {
			return
		}
		select {
		case at <- struct{}{}:
		default:
		}
		select {
		case <-goOn:
		case <-ctx.Done():
		}
	}
	b.submit()
	<-at
	moved := b.move(b.withX())
	close(goOn)
	b.ends(events.Completed, "a.1", "b.2", "c.1")
	history, err := b.log.History(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	gone := false
	for _, e := range history {
		gone = gone || e.Slot.Kind == events.Migrate
		if gone && e.Slot.Version == 1 && e.Result == events.Completed {
			t.Errorf("%s was completed in the version that the document has left", e.ID())
		}
	}
	if len(moved.Notes) != 1 || !strings.Contains(moved.Notes[0], "b is done again") {
		t.Errorf("notes %q, want that b is done again", moved.Notes)
	}
}

func TestOfSeveralMigrationsAtOnceOneStands(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	versions := []int{b.withX(), b.deploy(`id="end"`, `id="end" name="the end"`), b.deploy(`id="end"`, `id="end" name="fin"`)}
	var wg sync.WaitGroup
	for _, to := range append(versions, versions...) {
		wg.Go(func() {
			// Those that come later migrate it once more, from the version that it is in.
			if _, err := verbs.New(b.log, b.catalog).Move(t.Context(), "d", verbs.Move{To: to, By: by()}); err != nil && !errors.Is(err, verbs.ErrUnfit) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	history, err := b.log.History(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[int]int)
	for i := range history {
		if history[i].Slot.Kind == events.Migrate {
			left[history[i].Slot.Version]++
		}
	}
	for version, times := range left {
		if times > 1 {
			t.Errorf("it left version %d %d times", version, times)
		}
	}
	b.service.set("do b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.until("completed", func(s *saga.State) bool { return s.Phase() == saga.Ended && s.Verdict == events.Completed })
}

func TestACancelThatWasMeantForTheOldVersionCounts(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	b.move(b.withX())
	late := events.Event{Slot: events.DocumentSlot("abc", 1, "d", events.Cancel), Source: events.SourceOperator, Worker: "late", Time: time.Now()}
	if _, err := b.log.Write(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	b.ends(events.Cancelled)
}

func TestAMigrationIsRefusedAsAWhole(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	withoutUndo := b.deploy(`<boundaryEvent id="b_a" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>`, "",
		`<serviceTask id="u_a" isForCompensation="true"><extensionElements><z:taskDefinition type="a"/></extensionElements></serviceTask>`, "",
		`<association id="a_a" sourceRef="b_a" targetRef="u_a" associationDirection="One"/>`, "")
	tests := []struct {
		name string
		to   int
		by   events.By
		want string
		err  error
	}{
		{"a version that was never deployed", 99, by(), "", events.ErrNotFound},
		{"nobody says who", withoutUndo, events.By{}, "who asks", verbs.ErrBadCommand},
		{"an undo would be lost", withoutUndo, by(), "a.1: it is completed and must be undone if the document stops, and version 2 has no undo for it", verbs.ErrUnfit},
		{"the open step is gone", b.deploy(`id="b"`, `id="bb"`, `"b"`, `"bb"`, `_b"`, `_bb"`), by(), "b.1: it is incident, and version 3 has no such step", verbs.ErrUnfit},
	}
	before := b.types()
	for _, test := range tests {
		_, err := b.operator.Move(t.Context(), "d", verbs.Move{To: test.to, By: test.by})
		if !errors.Is(err, test.err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %v that says %q", test.name, err, test.err, test.want)
		}
	}
	if after := b.types(); !slices.Equal(before, after) {
		t.Errorf("what was refused wrote %v", after[len(before):])
	}
}

// A racing log takes an event of another between the plan of the first migration
// and its writing.
type racing struct {
	*natslog.Log
	meanwhile *events.Event
	unseen    bool // the log lets the migration in behind it, as replicas may
}

func (r racing) WriteTogether(ctx context.Context, tip uint64, list []events.Event) error {
	if e := *r.meanwhile; e.Slot.Kind != 0 {
		*r.meanwhile = events.Event{}
		standing, err := r.Write(ctx, e)
		if err != nil {
			return err
		}
		if r.unseen {
			tip = standing.Position.Seq
		}
	}
	return r.Log.WriteTogether(ctx, tip, list)
}

func TestWhatIsAskedBetweenThePlanAndTheMigrationCounts(t *testing.T) {
	for _, kind := range []events.Kind{events.Cancel, events.Compensate, events.Redo} {
		t.Run(kind.String(), func(t *testing.T) {
			b := newBench(t, "a", "b", "c")
			b.service.set("do b", errors.New("down"))
			b.submit()
			b.incident()
			to := b.withX()
			b.service.set("do b", nil)
			slot := events.DocumentSlot("abc", 1, "d", kind)
			if kind == events.Redo {
				slot.Step, slot.Visit = "b", 2
			}
			meanwhile := events.Event{Slot: slot, Source: events.SourceOperator, Worker: "another", Time: time.Now()}
			_, err := verbs.New(racing{Log: b.log, meanwhile: &meanwhile}, b.catalog).Move(t.Context(), "d", verbs.Move{To: to, By: by()})
			if kind == events.Redo { // then it may be migrated, or be at work
				b.until("completed", func(s *saga.State) bool { return s.Phase() == saga.Ended && s.Verdict == events.Completed })
				return
			}
			if !errors.Is(err, verbs.ErrUnfit) {
				t.Errorf("migrating what was stopped: %v, want %v", err, verbs.ErrUnfit)
			}
			b.until("stopped", func(s *saga.State) bool { return s.Phase() == saga.Ended && s.Verdict != events.Completed })
		})
	}
}

func TestACancelThatAMigrationOvertookUnseenIsRepeated(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	meanwhile := events.Event{
		Slot: events.DocumentSlot("abc", 1, "d", events.Cancel), Source: events.SourceOperator, Worker: "another", Time: time.Now(),
		Data: []byte(`{"by":{"actor":"ann","reason":"a mistake"}}`),
	}
	log := racing{Log: b.log, meanwhile: &meanwhile, unseen: true}
	if _, err := verbs.New(log, b.catalog).Move(t.Context(), "d", verbs.Move{To: b.withX(), By: by()}); err != nil {
		t.Fatal(err)
	}
	b.ends(events.Cancelled)
	e, err := b.log.Read(t.Context(), events.DocumentSlot("abc", 2, "d", events.Cancel))
	if err != nil || !strings.Contains(string(e.Data), `"actor":"ann"`) {
		t.Errorf("in the new version: %s (error %v), want the cancel of the one who asked", e.Data, err)
	}
}

func TestNothingFollowsFromWhatComesLateForAnOldVersion(t *testing.T) {
	b := newBench(t, "a", "b", "c")
	b.service.set("do b", errors.New("down"))
	b.submit()
	b.incident()
	// The new version has no undo of b: if the old one's cancel counted, b would be left.
	b.move(b.deploy(`<boundaryEvent id="b_b" attachedToRef="b"><compensateEventDefinition/></boundaryEvent>`, "",
		`<serviceTask id="u_b" isForCompensation="true"><extensionElements><z:taskDefinition type="b"/></extensionElements></serviceTask>`, "",
		`<association id="a_b" sourceRef="b_b" targetRef="u_b" associationDirection="One"/>`, ""))
	b.service.set("do b", nil)
	b.do(verbs.Command{Verb: verbs.Retry})
	b.ends(events.Completed, "a.1", "b.3", "c.1")
	of := func(step events.StepID, visit int, kind events.Kind) events.Slot {
		return events.Slot{Definition: "abc", Version: 1, Document: "d", Step: step, Visit: visit, Kind: kind, Again: 1}
	}
	other := of("b", 1, events.Outcome)
	other.Definition = "another"
	for i, late := range []events.Event{
		{Slot: of(events.StepDocument, 1, events.Cancel)},
		{Slot: of(events.StepDocument, 1, events.Compensate)},
		{Slot: of("b", 9, events.Outcome), Result: events.Failed},
		{Slot: of("c", 1, events.Outcome), Result: events.Completed},
		{Slot: of("b", 2, events.Redo)},
		{Slot: of(events.StepDocument, 1, events.Ended), Result: events.Cancelled},
		{Slot: other, Result: events.Failed},
	} {
		before := len(b.types())
		late.Source, late.Worker, late.Time = events.SourceOperator, "late", time.Now()
		if _, err := b.log.Write(t.Context(), late); err != nil {
			t.Fatal(err)
		}
		b.marked(events.DocumentID(fmt.Sprintf("mark-%d", i)))
		if after := b.types(); len(after) != before+1 || b.open() != 0 {
			t.Errorf("%s: %v follows, and %d documents are open; want none", late.ID(), after[before+1:], b.open())
		}
	}
}

// marked returns when the coordinator has dealt with all that stands in the log:
// it has ended a document that is submitted now.
func (b *bench) marked(id events.DocumentID) {
	b.Helper()
	for _, kind := range []events.Kind{events.Submitted, events.Cancel} {
		e := events.Event{Slot: events.DocumentSlot("abc", 1, id, kind), Source: "/test", Worker: "m", Time: time.Now()}
		if _, err := b.log.Write(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	for range 2000 {
		if _, err := b.log.Read(b.Context(), events.DocumentSlot("abc", 1, id, events.Ended)); err == nil && b.open() == 0 {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	b.Fatalf("%s has not ended, or %d documents are open", id, b.open())
}
