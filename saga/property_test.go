package saga

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
)

// pick is a guard: it holds if the number that the event's output is leaves
// that rest.
type pick struct{ rest, of int }

func (p pick) String() string { return fmt.Sprintf("n %% %d = %d", p.of, p.rest) }

func (p pick) Eval(v Vars) (json.RawMessage, error) {
	d, err := events.ParseData(v.Data)
	if err != nil {
		return nil, err
	}
	n := 0
	if len(d.Output) > 0 {
		if err := json.Unmarshal(d.Output, &n); err != nil {
			return nil, err
		}
	}
	return json.Marshal(n%p.of == p.rest)
}

// list is an expression whose value is a list of that length.
type list int

func (l list) String() string { return "list" }

func (l list) Eval(Vars) (json.RawMessage, error) { return json.Marshal(make([]int, l)) }

// after is a timer.
type after time.Duration

func (a after) String() string { return time.Duration(a).String() }

func (a after) Next(_ Vars, from time.Time, n int) (time.Time, error) {
	if n > 2 {
		return time.Time{}, nil
	}
	return from.Add(time.Duration(a)), nil
}

// builder draws random sound definitions: blocks within blocks.
type builder struct {
	t     *rapid.T
	d     Definition
	depth int
	rich  bool // with what only a coordinator can decide
}

func (b *builder) node(n Node) int {
	n.ID = events.StepID(fmt.Sprintf("%s%d", n.Kind, len(b.d.Nodes)))
	n.Default = -1
	b.d.Nodes = append(b.d.Nodes, n)
	return len(b.d.Nodes) - 1
}

func (b *builder) flow(from, to int, guard Expression) {
	b.d.Flows = append(b.d.Flows, Flow{ID: fmt.Sprintf("f%d", len(b.d.Flows)), From: from, To: to, Guard: guard})
}

// block draws a piece with one way in and one way out.
func (b *builder) block(scope int) (in, out int) {
	kinds := []string{"step", "sequence", "exclusive", "parallel", "error"}
	if b.rich {
		kinds = append(kinds, "loop", "sub", "items", "timer", "inclusive", "deadline", "task")
	}
	if b.depth++; b.depth > 4 {
		kinds = kinds[:1]
	}
	defer func() { b.depth-- }()
	switch rapid.SampledFrom(kinds).Draw(b.t, "block") {
	case "sequence":
		in1, out1 := b.block(scope)
		in2, out2 := b.block(scope)
		b.flow(out1, in2, nil)
		return in1, out2
	case "exclusive":
		return b.split(scope, Exclusive)
	case "parallel":
		return b.split(scope, Parallel)
	case "inclusive":
		return b.split(scope, Inclusive)
	case "error":
		return b.caught(scope, ErrorTrigger)
	case "deadline":
		return b.caught(scope, TimerTrigger)
	case "loop":
		return b.repeat(scope)
	case "sub":
		n := b.sub(scope)
		return n, n
	case "items":
		n := b.step(scope)
		b.d.Nodes[n].Loop = &Loop{Sequential: rapid.Bool().Draw(b.t, "sequential"), Items: list(rapid.IntRange(0, 3).Draw(b.t, "items"))}
		return n, n
	case "timer":
		n := b.node(Node{Kind: Catch, Trigger: TimerTrigger, Clock: after(time.Hour), Scope: scope})
		return n, n
	case "task":
		n := b.node(Node{Kind: Task, Scope: scope})
		return n, n
	}
	n := b.step(scope)
	return n, n
}

func (b *builder) step(scope int) int {
	n := b.node(Node{Kind: Service, Service: "s", Scope: scope})
	if rapid.Bool().Draw(b.t, "undo") {
		b.d.Nodes[n].Undo = &Undo{Step: "undo", Service: "s"}
	}
	return n
}

func (b *builder) split(scope int, kind NodeKind) (in, out int) {
	in, out = b.node(Node{Kind: kind, Scope: scope}), b.node(Node{Kind: kind, Scope: scope})
	branches := rapid.IntRange(2, 3).Draw(b.t, "branches")
	for i := range branches {
		first, last := b.block(scope)
		var guard Expression
		if kind != Parallel && i > 0 {
			guard = pick{rest: i, of: branches}
		}
		b.flow(in, first, guard)
		if i == 0 && kind != Parallel {
			b.d.Nodes[in].Default = len(b.d.Flows) - 1
		}
		b.flow(last, out, nil)
	}
	return in, out
}

// caught draws a step with a boundary event whose path meets the other again.
func (b *builder) caught(scope int, trigger Trigger) (in, out int) {
	in, out = b.step(scope), b.node(Node{Kind: Exclusive, Scope: scope})
	event := b.node(Node{Kind: Boundary, Trigger: trigger, Host: in, Scope: scope, Clock: after(time.Minute)})
	b.flow(in, out, nil)
	first, last := b.block(scope)
	b.flow(event, first, nil)
	b.flow(last, out, nil)
	return in, out
}

// repeat draws a loop that is left sooner or later.
func (b *builder) repeat(scope int) (in, out int) {
	in, out = b.node(Node{Kind: Exclusive, Scope: scope}), b.node(Node{Kind: Exclusive, Scope: scope})
	step := b.step(scope)
	b.flow(in, step, nil)
	b.flow(step, out, nil)
	b.flow(out, in, pick{rest: 1, of: 3})
	after := b.node(Node{Kind: Task, Scope: scope})
	b.flow(out, after, nil)
	b.d.Nodes[out].Default = len(b.d.Flows) - 1
	return in, after
}

func (b *builder) sub(scope int) int {
	n := b.node(Node{Kind: SubProcess, Scope: scope})
	start := b.node(Node{Kind: Start, Scope: n + 1})
	first, last := b.block(n + 1)
	end := b.node(Node{Kind: End, Scope: n + 1})
	b.flow(start, first, nil)
	b.flow(last, end, nil)
	return n
}

func randomDefinition(t *rapid.T, rich bool) *Definition {
	b := &builder{t: t, rich: rich, d: Definition{Name: "line", Version: 1}}
	start := b.node(Node{Kind: Start})
	last := start
	for range rapid.IntRange(1, 4).Draw(t, "blocks") {
		in, out := b.block(0)
		b.flow(last, in, nil)
		last = out
	}
	b.flow(last, b.node(Node{Kind: End}), nil)
	d, err := Compile(b.d)
	if err != nil {
		t.Fatalf("a sound definition is refused: %v", err)
	}
	return d
}

// world plays services and a coordinator in any order, and keeps a plain
// record of what was done.
type world struct {
	t       *rapid.T
	d       *Definition
	s       State
	history []events.Event
	now     time.Time
	effects []string // done and not undone, in order
}

func (w *world) put(slot events.Slot, r events.Result, data events.Data) {
	raw, err := data.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	e := events.Event{Slot: slot, Result: r, Data: raw, At: w.now, Position: events.Position{Seq: uint64(len(w.history) + 1)}}
	w.history = append(w.history, e)
	before := w.s
	w.s = w.d.Fold(w.s, &e)
	if again := w.d.Fold(w.s, &e); again != w.s {
		w.t.Fatalf("event %s folded twice changes the state", e.ID())
	}
	w.count()
	w.direct(&e, &before)
	w.effect(&e, &before)
}

// count compares the state's counters with its visits.
func (w *world) count() {
	plain := w.s
	plain.open, plain.joining, plain.incidents, plain.recalls = 0, 0, 0, 0
	for i := range plain.Visits() {
		if n := plain.Visit(i).status.counted(&plain); n != nil {
			*n++
		}
	}
	if plain != w.s {
		w.t.Fatalf("counters are open %d joining %d incidents %d recalls %d, want %d %d %d %d", w.s.open, w.s.joining, w.s.incidents, w.s.recalls,
			plain.open, plain.joining, plain.incidents, plain.recalls)
	}
	raw, err := w.s.AppendBinary(nil)
	var back State
	if err == nil {
		err = back.UnmarshalBinary(raw)
	}
	if err != nil || back != w.s {
		w.t.Fatalf("the state does not survive its encoding: %v", err)
	}
}

// direct checks that a service that looks at the event alone, where that is
// said to be enough, sees the same steps opened as one that knows all.
func (w *world) direct(e *events.Event, before *State) {
	if e.Slot.Kind != events.Outcome && e.Slot.Kind != events.Submitted {
		return
	}
	reach, any := Direct, false
	for _, h := range w.d.Hops() {
		if n, _ := w.d.Node(h.To); h.From == e.Slot.Step && w.d.Nodes[n].Kind == Service {
			reach, any = max(reach, h.Reach), true
		}
	}
	opened := w.services(Opened(before, &w.s))
	if !any && len(opened) > 0 {
		w.t.Fatalf("%s opens %v, but there is no hop", e.ID(), opened)
	}
	if reach != Direct {
		return
	}
	alone := w.d.Before(e)
	after := w.d.Fold(alone, e)
	if got := w.services(Opened(&alone, &after)); !slices.Equal(got, opened) {
		w.t.Fatalf("%s alone opens %v, with history %v", e.ID(), got, opened)
	}
}

func (w *world) services(list []Opening) []string {
	var names []string
	for _, o := range list {
		if n := &w.d.Nodes[o.Node]; n.Kind == Service {
			names = append(names, fmt.Sprintf("%s.%d", n.ID, o.Number))
		}
	}
	return names
}

// effect keeps the plain record.
func (w *world) effect(e *events.Event, before *State) {
	name := fmt.Sprintf("%s.%d", e.Slot.Step, e.Slot.Visit)
	n, ok := w.d.Node(e.Slot.Step)
	if !ok || w.d.Nodes[n].Undo == nil || w.d.Nodes[n].Loop != nil && w.loopVisit(n, e.Slot.Visit) {
		return
	}
	switch e.Slot.Kind {
	case events.Outcome:
		if e.Result != events.Rejected {
			w.effects = append(w.effects, name)
		}
	case events.Undo:
		if before.Verdict != 0 && (len(w.effects) == 0 || w.effects[len(w.effects)-1] != name) {
			w.t.Fatalf("undo of %s, want the last of %v", name, w.effects)
		}
		if !slices.Contains(w.effects, name) {
			w.t.Fatalf("undo of %s, which was not done: %v", name, w.effects)
		}
	case events.Undone:
		w.effects = slices.DeleteFunc(w.effects, func(s string) bool { return s == name })
	case events.Redo, events.Submitted, events.Cancel, events.Compensate, events.Ended:
	}
}

func (w *world) loopVisit(node, number int) bool {
	i, ok := w.s.find(node, number)
	return ok && w.d.isLoop(w.s.Visit(i))
}

// moves returns what could happen next.
func (w *world) moves(bad bool) []func() {
	var moves []func()
	for _, x := range w.d.Decide(&w.s, w.now) {
		moves = append(moves, func() {
			r, data, err := w.d.Settle(x, w.history)
			if err != nil {
				w.t.Fatal(err)
			}
			data.Output, data.Context = json.RawMessage("0"), nil
			w.put(x.Slot(w.d, "d"), r, data)
		})
	}
	for i := range w.s.Visits() {
		v := w.s.Visit(i)
		n := &w.d.Nodes[v.node]
		slot := events.Slot{Definition: "line", Version: 1, Document: "d", Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1}
		switch {
		case v.status == Undoing:
			slot.Kind = events.Undone
			moves = append(moves, func() { w.put(slot, events.Completed, events.Data{}) })
		case (v.status == Open || v.status == Leaving) && n.Kind == Service:
			moves = append(moves, func() {
				w.put(slot, w.result(bad), events.Data{Output: json.RawMessage(fmt.Sprint(rapid.IntRange(0, 5).Draw(w.t, "n")))})
			})
		}
	}
	if at, ok := w.s.Deadline(); ok && at.After(w.now) {
		moves = append(moves, func() { w.now = at })
	}
	return moves
}

func (w *world) result(bad bool) events.Result {
	if bad && rapid.IntRange(0, 9).Draw(w.t, "luck") == 0 {
		return rapid.SampledFrom([]events.Result{events.Rejected, events.Failed, events.TimedOut}).Draw(w.t, "result")
	}
	return events.Completed
}

// run plays until the document has ended.
func (w *world) run(bad bool) {
	w.now = time.Unix(1_700_000_000, 0)
	w.put(events.DocumentSlot("line", 1, "d", events.Submitted), 0, events.Data{})
	cancelAt := -1
	if bad {
		cancelAt = rapid.IntRange(-20, 20).Draw(w.t, "cancel")
	}
	for step := 0; w.s.Phase() != Ended; step++ {
		if step == cancelAt {
			w.put(events.DocumentSlot("line", 1, "d", events.Cancel), 0, events.Data{})
			continue
		}
		moves := w.moves(bad)
		if len(moves) == 0 || step > 3000 {
			w.t.Fatalf("stuck in phase %s (%s) after %d events", w.s.Phase(), w.s.Reason, len(w.history))
		}
		moves[rapid.IntRange(0, len(moves)-1).Draw(w.t, "move")]()
	}
}

func TestSoundDefinitionsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := randomDefinition(t, rapid.Bool().Draw(t, "rich"))
		if wrong, _ := d.Check(); len(wrong) > 0 {
			t.Fatalf("a sound definition is said to be wrong: %v", wrong[0])
		}
		w := &world{t: t, d: d}
		w.run(false)
		if w.s.Verdict != events.Completed || w.s.Anomalies != 0 {
			t.Fatalf("ended %s with %d anomalies, want completed with none", w.s.Verdict, w.s.Anomalies)
		}
	})
}

func TestWhateverHappensADocumentEndsAndIsUndoneInReverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, rapid.Bool().Draw(t, "rich"))}
		w.run(true)
		if w.s.Verdict != events.Completed && len(w.effects) > 0 {
			t.Fatalf("ended %s, but %v was not undone", w.s.Verdict, w.effects)
		}
		if w.s.Anomalies != 0 {
			t.Fatalf("%d anomalies", w.s.Anomalies)
		}
	})
}

func TestFoldIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, true), now: time.Unix(1_700_000_000, 0)}
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			n := &w.d.Nodes[rapid.IntRange(0, len(w.d.Nodes)-1).Draw(t, "node")]
			kind := events.Kind(rapid.IntRange(int(events.Outcome), int(events.Compensate)).Draw(t, "kind"))
			slot := events.Slot{Definition: "line", Version: 1, Document: "d", Step: n.ID, Visit: rapid.IntRange(1, 3).Draw(t, "visit"), Kind: kind, Again: 1}
			if kind.OfDocument() {
				slot.Step, slot.Visit = events.StepDocument, 1
			}
			e := events.Event{
				Slot: slot, Result: events.Result(rapid.IntRange(0, 5).Draw(t, "result")), At: w.now, //nolint:gosec // small
				Position: events.Position{Seq: uint64(len(w.history) + 1)},
			}
			w.history = append(w.history, e)
			w.s = w.d.Fold(w.s, &e)
			w.count()
			w.d.Decide(&w.s, w.now)
			w.d.ToUndo(&w.s)
		}
	})
}
