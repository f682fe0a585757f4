package saga

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
)

// endless is a definition of a step that is undone, of three that go round and
// round behind it, and beside them of two more that are undone.
func endless(tb testing.TB) *Definition {
	tb.Helper()
	step := func(id events.StepID) Node { return Node{ID: id, Kind: Service, Service: string(id), Default: -1} }
	undone := func(id events.StepID) Node {
		n := step(id)
		n.Undo = &Undo{Step: "undo-" + id, Service: string(id)}
		return n
	}
	flow := func(from, to int) Flow {
		return Flow{ID: "f" + strconv.Itoa(from) + "-" + strconv.Itoa(to), From: from, To: to}
	}
	return compile(tb, Definition{Name: "line", Version: 1, Nodes: []Node{
		{ID: "start", Kind: Start, Default: -1}, undone("u"), step("x"), step("y"), step("z"), undone("v"), undone("w"),
	}, Flows: []Flow{flow(0, 1), flow(1, 2), flow(2, 3), flow(3, 4), flow(4, 2), flow(0, 5), flow(5, 6)}})
}

func TestADocumentThatGoesOnForEverIsStuckAndStillUndoneInOrder(t *testing.T) {
	d := endless(t)
	s := d.Fold(State{}, submitted())
	s = d.Fold(s, completed("u", 2))
	for i := range maxRanks {
		e := completed([]events.StepID{"x", "y", "z"}[i%3], s.Seq+1)
		e.Slot.Visit = i/3 + 1
		s = d.Fold(s, e)
	}
	if s.Phase() != Incident || s.Reason != ReasonTooMany || s.Anomalies != 0 {
		t.Errorf("it is %v for %q with %d anomalies, want an incident: no more outcomes can be told apart", s.Phase(), s.Reason, s.Anomalies)
	}
	s = d.Fold(s, completed("v", s.Seq+1))
	s = d.Fold(s, completed("w", s.Seq+1))
	s = d.Fold(s, &events.Event{Slot: events.DocumentSlot("line", 1, "d", events.Cancel), Position: events.Position{Seq: s.Seq + 1}})
	want := []events.StepID{"w", "v", "u"}
	var planned, undone []events.StepID
	for _, v := range d.ToUndo(&s) {
		planned = append(planned, d.Nodes[v.Node()].ID)
	}
	for range 20 {
		due := d.Decide(&s, time.Time{})
		if len(due) == 0 {
			break
		}
		e := &events.Event{Slot: due[0].Slot(d, "d"), Result: due[0].Result, Position: events.Position{Seq: s.Seq + 1}}
		if s = d.Fold(s, e); e.Slot.Kind == events.Undo {
			undone = append(undone, e.Slot.Step)
			done := &events.Event{Slot: e.Slot.Of(events.Undone), Result: events.Completed, Position: events.Position{Seq: s.Seq + 1}}
			s = d.Fold(s, done)
		}
	}
	if s.Phase() != Ended || !slices.Equal(undone, want) || !slices.Equal(planned, want) {
		t.Errorf("it is %v, and %v of %v were undone, want it ended and %v", s.Phase(), undone, planned, want)
	}
}

// A mended clock goes off after an hour, once it is mended.
type mendedClock struct{ bad *bool }

func (c mendedClock) Next(_ Vars, from time.Time, _ int) (time.Time, error) {
	if *c.bad {
		return time.Time{}, errors.New("there is no such day")
	}
	return from.Add(time.Hour), nil
}

func (c mendedClock) Around(Vars, time.Time, time.Time) (last, next time.Time, err error) {
	return last, next, nil
}

func (c mendedClock) String() string { return "mended" }

func TestABoundaryTimerThatIsRetriedWatchesItsHost(t *testing.T) {
	bad := true
	d := compile(t, Definition{Name: "line", Version: 1, Nodes: []Node{
		{ID: "start", Kind: Start, Default: -1},
		{ID: "a", Kind: Service, Service: "a", Default: -1},
		{ID: "t", Kind: Boundary, Trigger: TimerTrigger, Host: 1, Clock: mendedClock{&bad}, Default: -1},
		{ID: "late", Kind: Service, Service: "late", Default: -1},
		{ID: "end", Kind: End, Default: -1},
	}, Flows: []Flow{{ID: "1", From: 0, To: 1}, {ID: "2", From: 1, To: 4}, {ID: "3", From: 2, To: 3}, {ID: "4", From: 3, To: 4}}})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(e *events.Event) *events.Event {
		e.At = now
		return e
	}
	s := d.Fold(State{}, at(submitted()))
	if s.Phase() != Incident || s.Reason != ReasonTimer {
		t.Fatalf("it is %v for %q, want an incident: the timer cannot be evaluated", s.Phase(), s.Reason)
	}
	bad = false
	redo := completed("t", 2)
	redo.Slot.Kind, redo.Slot.Visit, redo.Result = events.Redo, 2, 0
	s = d.Fold(s, at(redo))
	if due, ok := s.Deadline(); s.Phase() != Running || !ok || !due.Equal(now.Add(time.Hour)) {
		t.Errorf("after the retry it is %v, due %v, want running and due in an hour", s.Phase(), due)
	}
	fired := completed("t", 3)
	fired.Slot.Visit = 2
	resolved := completed("t", 2) // by hand, in place of the retry
	resolved.Slot.Visit = 2
	bad = true
	waits := d.Fold(State{}, at(submitted()))
	for name, after := range map[string]State{"goes off": d.Fold(s, at(fired)), "is resolved": d.Fold(waits, at(resolved))} {
		i, _ := after.find(1, 1)
		late, ok := after.find(3, 1)
		if got := after.Visit(i).Status(); got != Leaving || !ok || after.Visit(late).Status() != Open || after.Visit(late).parent != 0 {
			t.Errorf("the timer %s: its host is %v, %+v; want it leaving, and late open in the document", name, got, after.Visit(late))
		}
	}
	done := d.Fold(s, at(completed("a", 3)))
	if due := d.Decide(&done, now); len(due) != 1 || due[0].Kind != events.Ended {
		t.Errorf("a is done, and %v is due, want the end", due)
	}
}
