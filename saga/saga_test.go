package saga

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
)

// line returns a definition of n steps in a row, each with an undo.
func line(tb testing.TB, n int) *Definition {
	tb.Helper()
	d := Definition{Name: "line", Version: 1, Nodes: []Node{{ID: "start", Kind: Start}}}
	for i := range n {
		id := events.StepID("s" + strconv.Itoa(i+1))
		d.Nodes = append(d.Nodes, Node{ID: id, Kind: Service, Service: string(id), Default: -1, Undo: &Undo{Step: "undo-" + id, Service: string(id)}})
		d.Flows = append(d.Flows, Flow{ID: "f", From: i, To: i + 1})
	}
	d.Nodes = append(d.Nodes, Node{ID: "end", Kind: End})
	d.Flows = append(d.Flows, Flow{ID: "f", From: n, To: n + 1})
	return compile(tb, d)
}

func compile(tb testing.TB, d Definition) *Definition {
	tb.Helper()
	c, err := Compile(d)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// completed is the outcome of a step's first visit.
func completed(step events.StepID, seq uint64) *events.Event {
	return &events.Event{
		Slot:     events.Slot{Definition: "line", Version: 1, Document: "d", Step: step, Visit: 1, Kind: events.Outcome, Again: 1},
		Result:   events.Completed,
		Position: events.Position{Seq: seq},
	}
}

func submitted() *events.Event {
	return &events.Event{Slot: events.DocumentSlot("line", 1, "d", events.Submitted), Position: events.Position{Seq: 1}}
}

// lineEvents are the events of a line of five that completes.
func lineEvents() []*events.Event {
	list := []*events.Event{submitted()}
	for i, step := range []events.StepID{"s1", "s2", "s3", "s4", "s5"} {
		list = append(list, completed(step, uint64(i+2)))
	}
	return list
}

func TestALineCompletes(t *testing.T) {
	d := line(t, 3)
	s := d.Fold(State{}, submitted())
	for i, step := range []events.StepID{"s1", "s2", "s3"} {
		before := s
		if got := d.Decide(&s, time.Time{}); got != nil {
			t.Fatalf("running: decisions %v, want none", got)
		}
		s = d.Fold(s, completed(step, uint64(i+2)))
		if o := Opened(&before, &s); i < 2 && (len(o) != 1 || o[0].Node != i+2 || o[0].Number != 1) {
			t.Fatalf("after %s: opened %v, want the next step", step, o)
		}
		if got, want := d.Cause(&s, "d"), "d."+string(step)+".1.outcome"; got != want {
			t.Errorf("cause %s, want %s", got, want)
		}
	}
	got := d.Decide(&s, time.Time{})
	if len(got) != 1 || got[0].Kind != events.Ended || got[0].Result != events.Completed {
		t.Fatalf("all done: decisions %v, want ended completed", got)
	}
}

func TestFoldingALineAllocatesNothing(t *testing.T) {
	d, list := line(t, 5), lineEvents()
	allocs := testing.AllocsPerRun(100, func() {
		var s State
		for _, e := range list {
			s = d.Fold(s, e)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func TestCuesFollowFromTheDefinition(t *testing.T) {
	d := line(t, 2)
	cues, commands := d.Cues("s2")
	if len(cues) != 1 || cues[0].Step != "s1" || cues[0].Kind != events.Outcome {
		t.Errorf("cues of s2: %v, want the outcome of s1", cues)
	}
	if len(commands) != 1+events.MaxAgain || commands[0].Kind != events.Redo {
		t.Errorf("commands of s2: %v, want redo and every undo", commands)
	}
	if cues, _ = d.Cues("s1"); len(cues) != 1 || cues[0].Kind != events.Submitted {
		t.Errorf("cues of s1: %v, want the submission", cues)
	}
	if cues, commands = d.Cues("nobody"); cues != nil || commands != nil {
		t.Errorf("a stranger has cues %v and commands %v", cues, commands)
	}
	if diff := cmp.Diff([]string{"s1", "s2"}, d.Services()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestADeadlineIsTheEarliest(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := compile(t, Definition{
		Name: "line", Version: 1,
		Nodes: []Node{
			{ID: "start", Kind: Start},
			{ID: "a", Kind: Service, Service: "a", Timeout: time.Hour, Default: -1},
			{ID: "b", Kind: Service, Service: "b", Timeout: time.Minute, Default: -1},
		},
		Flows: []Flow{{From: 0, To: 1}, {From: 0, To: 2}},
	})
	e := submitted()
	e.At = start
	s := d.Fold(State{}, e)
	if at, ok := s.Deadline(); !ok || !at.Equal(start.Add(time.Minute)) {
		t.Errorf("deadline %v, %v, want a minute after %v", at, ok, start)
	}
	if got := d.Decide(&s, start.Add(time.Minute-1)); got != nil {
		t.Errorf("too early: %v", got)
	}
	got := d.Decide(&s, start.Add(time.Minute))
	if len(got) != 1 || got[0].Step != "b" || got[0].Result != events.TimedOut {
		t.Errorf("decisions %v, want b timed-out", got)
	}
}

func TestWhatCannotRunIsRefused(t *testing.T) {
	service := func(id string) Node { return Node{ID: events.StepID(id), Kind: Service, Service: "s", Default: -1} }
	start, end := Node{ID: "start", Kind: Start}, Node{ID: "end", Kind: End}
	tests := []struct {
		name string
		d    Definition
		want string
	}{
		{"no name", Definition{Version: 1}, "name of the definition"},
		{"no version", Definition{Name: "d"}, "version 0"},
		{"empty", Definition{Name: "d", Version: 1}, "no start event"},
		{"too large", Definition{Name: "d", Version: 1, Nodes: make([]Node, MaxNodes+1)}, "4097 nodes"},
		{"bad id", Definition{Name: "d", Version: 1, Nodes: []Node{{ID: "a.b", Kind: Start}}}, "cannot name a step"},
		{"pseudo-step", Definition{Name: "d", Version: 1, Nodes: []Node{{ID: "document", Kind: Start}}}, "cannot name a step"},
		{"twice", Definition{Name: "d", Version: 1, Nodes: []Node{start, start}}, "same id"},
		{"flow to nowhere", Definition{Name: "d", Version: 1, Nodes: []Node{start}, Flows: []Flow{{From: 0, To: 7}}}, "no source or no target"},
		{"into a start", Definition{Name: "d", Version: 1, Nodes: []Node{start, service("a")}, Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 0}}}, "a flow leads into it"},
		{"out of an end", Definition{Name: "d", Version: 1, Nodes: []Node{start, end}, Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 1}}}, "a flow leads out of it"},
		{"unreachable", Definition{Name: "d", Version: 1, Nodes: []Node{start, service("a")}}, "cannot be reached"},
		{"no service", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "a", Kind: Service}}, Flows: []Flow{{From: 0, To: 1}}}, "its service"},
		{"bad undo", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "a", Kind: Service, Service: "s", Undo: &Undo{Service: "a b"}}}, Flows: []Flow{{From: 0, To: 1}}}, "compensation handler"},
		{"unknown kind", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "a"}}, Flows: []Flow{{From: 0, To: 1}}}, "unknown kind"},
		{"loop without a step", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "x", Kind: Exclusive, Default: -1}}, Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 1}}}, "loop without a step"},
		{"guard that counts for nothing", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "p", Kind: Parallel}, end}, Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 2, Guard: pick{}}}}, "does not choose"},
		{"boundary without host", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "b", Kind: Boundary, Trigger: ErrorTrigger}}}, "sits on no activity"},
		{"timer without time", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "t", Kind: Catch, Trigger: TimerTrigger}}, Flows: []Flow{{From: 0, To: 1}}}, "no date, duration or cycle"},
		{"out of a sub-process", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "p", Kind: SubProcess}, {ID: "in", Kind: Start, Scope: 2}, end}, Flows: []Flow{{From: 0, To: 1}, {From: 2, To: 3}}}, "into or out of a sub-process"},
		{"in no sub-process", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "a", Kind: Task, Scope: 1}}}, "lies in no sub-process"},
		{"script without text", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "a", Kind: Script}}, Flows: []Flow{{From: 0, To: 1}}}, "no script"},
		{"gateway without events", Definition{Name: "d", Version: 1, Nodes: []Node{start, {ID: "g", Kind: EventBased}}, Flows: []Flow{{From: 0, To: 1}}}, "no event stands behind it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Compile(test.d)
			if !errors.Is(err, ErrBadDefinition) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want ErrBadDefinition with %q", err, test.want)
			}
		})
	}
}

func TestAllThatIsWrongIsReportedAtOnce(t *testing.T) {
	_, err := Compile(Definition{Name: "d", Version: 1, Nodes: []Node{
		{ID: "start", Kind: Start}, {ID: "a", Kind: Service, Line: 7}, {ID: "b", Kind: Service, Line: 9},
	}, Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 2}}})
	for _, want := range []string{"line 7: serviceTask a", "line 9: serviceTask b"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestCheckFindsWhatDeadlocks(t *testing.T) {
	step := func(id string) Node {
		return Node{ID: events.StepID(id), Kind: Service, Service: "s", Default: -1, Pure: true}
	}
	split := func(kind, join NodeKind) *Definition {
		return compile(t, Definition{
			Name: "d", Version: 1,
			Nodes: []Node{
				{ID: "start", Kind: Start},
				{ID: "split", Kind: kind, Default: 1},
				step("a"),
				step("b"),
				{ID: "join", Kind: join, Default: -1},
				{ID: "end", Kind: End},
			},
			Flows: []Flow{{ID: "1", From: 0, To: 1}, {ID: "2", From: 1, To: 2}, {ID: "3", From: 1, To: 3}, {ID: "4", From: 2, To: 4}, {ID: "5", From: 3, To: 4}, {ID: "6", From: 4, To: 5}},
		})
	}
	tests := []struct {
		split, join NodeKind
		wrong       bool
	}{
		{Exclusive, Parallel, true},
		{Exclusive, Exclusive, false},
		{Parallel, Parallel, false},
		{Parallel, Inclusive, false},
		{Exclusive, Inclusive, false},
	}
	for _, test := range tests {
		wrong, _ := split(test.split, test.join).Check()
		if (len(wrong) > 0) != test.wrong {
			t.Errorf("%s, then %s: %v", test.split, test.join, wrong)
		}
	}
	_, warnings := split(Parallel, Exclusive).Check()
	if !slices.ContainsFunc(warnings, func(f *Fault) bool { return strings.Contains(f.Message, "more than once") }) {
		t.Errorf("no warning of a lost synchronisation: %v", warnings)
	}
}

func TestCheckFindsWhatNeverEnds(t *testing.T) {
	d := compile(t, Definition{
		Name: "d", Version: 1,
		Nodes: []Node{{ID: "start", Kind: Start}, {ID: "a", Kind: Service, Service: "s", Default: -1}, {ID: "b", Kind: Service, Service: "s", Default: -1}},
		Flows: []Flow{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 1}},
	})
	if wrong, _ := d.Check(); len(wrong) != 1 || !strings.Contains(wrong[0].Message, "no end can be reached") {
		t.Errorf("got %v, want that no end can be reached", wrong)
	}
}

func TestBytesThatAreNoStateAreRefused(t *testing.T) {
	var s State
	for _, e := range lineEvents() {
		s = line(t, 5).Fold(s, e)
	}
	good, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if err := new(State).UnmarshalBinary(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a state", n, len(good))
		}
	}
	good[0]++
	if err := new(State).UnmarshalBinary(good); err == nil {
		t.Error("another format is taken for a state")
	}
}

func FuzzStateRoundTrip(f *testing.F) {
	var s State
	for _, e := range lineEvents() {
		s = line(f, 5).Fold(s, e)
		raw, err := s.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s, again State
		if s.UnmarshalBinary(raw) != nil {
			return
		}
		back, err := s.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalBinary(back); err != nil || again != s {
			t.Errorf("read %x, wrote %x, which is another: %v", raw, back, err)
		}
	})
}

// round returns a definition of steps that are done over and over.
func round(tb testing.TB, steps int, undo *Undo) *Definition {
	tb.Helper()
	d := Definition{Name: "line", Version: 1, Nodes: []Node{{ID: "start", Kind: Start}}}
	for i := range steps {
		d.Nodes = append(d.Nodes, Node{ID: events.StepID("s" + strconv.Itoa(i)), Kind: Service, Service: "s", Default: -1, Undo: undo})
		d.Flows = append(d.Flows, Flow{From: i, To: i + 1})
	}
	d.Flows = append(d.Flows, Flow{From: steps, To: 1})
	return compile(tb, d)
}

func TestADocumentThatGoesRoundDoesNotGrow(t *testing.T) {
	d := round(t, 3, nil)
	s := d.Fold(State{}, submitted())
	for i := range 3000 {
		e := completed(events.StepID("s"+strconv.Itoa(i%3)), uint64(i+2)) //nolint:gosec // small
		e.Slot.Visit = i/3 + 1
		before := s
		s = d.Fold(s, e)
		if o := Opened(&before, &s); len(o) != 1 || o[0].Number != (i+1)/3+1 {
			t.Fatalf("after %s: opened %v, want visit %d of the next step", e.ID(), o, (i+1)/3+1)
		}
	}
	if s.Visits() > inline || s.Anomalies > 0 {
		t.Errorf("%d visits and %d anomalies, want at most %d and none", s.Visits(), s.Anomalies, inline)
	}
}

func TestADocumentThatGoesRoundTooOftenWaitsForAPerson(t *testing.T) {
	d := round(t, 1, nil)
	s := d.Fold(State{}, submitted())
	for i := range events.MaxVisit {
		e := completed("s0", uint64(i+2)) //nolint:gosec // small
		e.Slot.Visit = i + 1
		s = d.Fold(s, e)
	}
	if s.Phase() != Incident || s.Reason != ReasonTooMany || s.Anomalies > 0 {
		t.Errorf("phase %s, reason %s, %d anomalies, want an incident because of too many visits", s.Phase(), s.Reason, s.Anomalies)
	}
}

func TestADocumentThatHoldsTooMuchWaitsForAPerson(t *testing.T) {
	d := round(t, 1, &Undo{Step: "undo", Service: "s"})
	past := Visit{node: 1, number: 1, rank: 1, status: Done}
	s := State{submitted: true, open: 1, count: events.MaxVisit}
	for i := range s.first {
		s.first[i] = past
	}
	open := Visit{node: 1, number: events.MaxVisit, status: Open}
	s.more = strings.Repeat(string(appendVisit(nil, past)), events.MaxVisit-inline-1) + string(appendVisit(nil, open))
	e := completed("s0", 2)
	e.Slot.Visit = events.MaxVisit
	s = d.Fold(s, e)
	if s.Phase() != Incident || s.Reason != ReasonTooMany {
		t.Errorf("phase %s, reason %s, want an incident because of too many visits", s.Phase(), s.Reason)
	}
	if x := d.Decide(&s, time.Time{}); x != nil {
		t.Errorf("decisions %v, want none", x)
	}
}

func BenchmarkFold(b *testing.B) {
	for _, steps := range []int{5, 10, 40} {
		b.Run("steps="+strconv.Itoa(steps), func(b *testing.B) {
			d := line(b, steps)
			list := []*events.Event{submitted()}
			for i := range steps {
				list = append(list, completed(d.Nodes[i+1].ID, uint64(i+2))) //nolint:gosec // small
			}
			b.ReportAllocs()
			n := 0
			var s State
			for b.Loop() {
				s = State{}
				for _, e := range list {
					s = d.Fold(s, e)
				}
				n += len(list)
			}
			raw, err := s.AppendBinary(nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
			b.ReportMetric(float64(len(raw)), "bytes/state")
		})
	}
}
