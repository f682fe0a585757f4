package saga

import (
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
)

// line returns a definition of n steps in a row, each with an undo.
func line(t testing.TB, n int) *Definition {
	t.Helper()
	d := Definition{Name: "line", Version: 1, Nodes: []Node{{ID: "start", Kind: Start}}}
	for i := range n {
		id := events.StepID("s" + string(rune('1'+i)))
		d.Nodes = append(d.Nodes, Node{ID: id, Kind: Service, Service: string(id), Default: -1, Undo: &Undo{Step: "undo-" + id, Service: string(id)}})
		d.Flows = append(d.Flows, Flow{ID: "f", From: i, To: i + 1})
	}
	d.Nodes = append(d.Nodes, Node{ID: "end", Kind: End})
	d.Flows = append(d.Flows, Flow{ID: "f", From: n, To: n + 1})
	c, err := Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func outcome(step events.StepID, seq uint64, r events.Result) *events.Event {
	return &events.Event{
		Slot:     events.Slot{Definition: "line", Version: 1, Document: "d", Step: step, Visit: 1, Kind: events.Outcome, Again: 1},
		Result:   r,
		Position: events.Position{Seq: seq},
	}
}

func submitted() *events.Event {
	return &events.Event{Slot: events.DocumentSlot("line", 1, "d", events.Submitted), Position: events.Position{Seq: 1}}
}

func TestALineCompletes(t *testing.T) {
	d := line(t, 3)
	s := d.Fold(State{}, submitted())
	for i, step := range []events.StepID{"s1", "s2", "s3"} {
		before := s
		if got := d.Decide(&s, time.Time{}); got != nil {
			t.Fatalf("running: decisions %v, want none", got)
		}
		s = d.Fold(s, outcome(step, uint64(i+2), events.Completed))
		if o := Opened(&before, &s); i < 2 && (len(o) != 1 || o[0].Node != i+2 || o[0].Number != 1) {
			t.Fatalf("after %s: opened %v, want the next step", step, o)
		}
	}
	got := d.Decide(&s, time.Time{})
	if len(got) != 1 || got[0].Kind != events.Ended || got[0].Result != events.Completed {
		t.Fatalf("all done: decisions %v, want ended completed", got)
	}
}

func TestARejectionUndoesInReverse(t *testing.T) {
	d := line(t, 3)
	s := d.Fold(State{}, submitted())
	s = d.Fold(s, outcome("s1", 2, events.Completed))
	s = d.Fold(s, outcome("s2", 3, events.Completed))
	s = d.Fold(s, outcome("s3", 4, events.Rejected))
	for i, step := range []events.StepID{"s2", "s1"} {
		x := d.Decide(&s, time.Time{})
		if len(x) != 1 || x[0].Kind != events.Undo || x[0].Step != step {
			t.Fatalf("decisions %v, want undo of %s", x, step)
		}
		for j, kind := range []events.Kind{events.Undo, events.Undone} {
			e := outcome(step, uint64(5+2*i+j), events.Completed)
			e.Slot.Kind = kind
			s = d.Fold(s, e)
		}
	}
	x := d.Decide(&s, time.Time{})
	if len(x) != 1 || x[0].Kind != events.Ended || x[0].Result != events.Rejected {
		t.Fatalf("decisions %v, want ended rejected", x)
	}
}

func BenchmarkFold(b *testing.B) {
	d := line(b, 5)
	list := []*events.Event{submitted()}
	for i, step := range []events.StepID{"s1", "s2", "s3", "s4", "s5"} {
		list = append(list, outcome(step, uint64(i+2), events.Completed))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var s State
		for _, e := range list {
			s = d.Fold(s, e)
		}
		n += len(list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}
