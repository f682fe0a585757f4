package saga

import (
	"encoding/json"
	"fmt"
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

func (a after) Around(Vars, time.Time, time.Time) (last, next time.Time, err error) {
	return last, next, nil // no start event has one
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
		kinds = append(kinds, "loop", "sub", "items", "timer", "inclusive", "deadline", "task", "recall", "terminate", "escalation", "race", "aside")
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
	case "recall":
		n := b.node(Node{Kind: Throw, Trigger: CompensationTrigger, Scope: scope})
		return n, n
	case "terminate":
		return b.terminated(scope)
	case "escalation":
		return b.escalated(scope)
	case "race":
		return b.race(scope)
	case "aside":
		return b.aside(scope)
	case "task":
		n := b.node(Node{Kind: Task, Scope: scope})
		return n, n
	}
	n := b.step(scope)
	return n, n
}

func (b *builder) step(scope int) int {
	n := b.node(Node{Kind: Service, Service: "s", Scope: scope})
	if b.rich && rapid.Bool().Draw(b.t, "wait") {
		b.d.Nodes[n].OnFail = Wait
	}
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
	if rapid.Bool().Draw(b.t, "undo") {
		b.d.Nodes[n].Undo = &Undo{Step: "undo", Service: "s"}
	}
	start := b.node(Node{Kind: Start, Scope: n + 1})
	first, last := b.block(n + 1)
	end := b.node(Node{Kind: End, Scope: n + 1})
	b.flow(start, first, nil)
	b.flow(last, end, nil)
	return n
}

// terminated draws a sub-process whose branches race for a terminate event.
func (b *builder) terminated(scope int) (in, out int) {
	n := b.node(Node{Kind: SubProcess, Scope: scope})
	start, fork := b.node(Node{Kind: Start, Scope: n + 1}), b.node(Node{Kind: Parallel, Scope: n + 1})
	b.flow(start, fork, nil)
	for _, trigger := range []Trigger{NoTrigger, TerminateTrigger} {
		first, last := b.block(n + 1)
		b.flow(fork, first, nil)
		b.flow(last, b.node(Node{Kind: End, Trigger: trigger, Scope: n + 1}), nil)
	}
	return n, n
}

// escalated draws a sub-process out of which something is raised, with or
// without an end to it.
func (b *builder) escalated(scope int) (in, out int) {
	in = b.node(Node{Kind: SubProcess, Scope: scope})
	start, raise := b.node(Node{Kind: Start, Scope: in + 1}), b.node(Node{Kind: Throw, Trigger: EscalationTrigger, Code: "x", Scope: in + 1})
	b.flow(start, raise, nil)
	first, last := b.block(in + 1)
	b.flow(raise, first, nil)
	b.flow(last, b.node(Node{Kind: End, Scope: in + 1}), nil)
	goesOn := rapid.Bool().Draw(b.t, "goes on")
	event := b.node(Node{Kind: Boundary, Trigger: EscalationTrigger, Host: in, Scope: scope, Continues: goesOn})
	first, last = b.block(scope)
	b.flow(event, first, nil)
	if goesOn {
		b.flow(last, b.node(Node{Kind: End, Scope: scope}), nil)
		return in, in
	}
	out = b.node(Node{Kind: Exclusive, Scope: scope})
	b.flow(in, out, nil)
	b.flow(last, out, nil)
	return in, out
}

// race draws an event-based gateway.
func (b *builder) race(scope int) (in, out int) {
	in, out = b.node(Node{Kind: EventBased, Scope: scope}), b.node(Node{Kind: Exclusive, Scope: scope})
	for i := range 2 {
		event := b.node(Node{Kind: Catch, Trigger: TimerTrigger, Clock: after(time.Duration(i+1) * time.Hour), Scope: scope})
		first, last := b.block(scope)
		b.flow(in, event, nil)
		b.flow(event, first, nil)
		b.flow(last, out, nil)
	}
	return in, out
}

// aside draws a sub-process with an event sub-process in it.
func (b *builder) aside(scope int) (in, out int) {
	in = b.sub(scope)
	sub := b.node(Node{Kind: EventSub, Scope: in + 1})
	start := b.node(Node{
		Kind: Start, Trigger: rapid.SampledFrom([]Trigger{TimerTrigger, ErrorTrigger}).Draw(b.t, "trigger"), Clock: after(time.Minute),
		Continues: rapid.Bool().Draw(b.t, "goes on"), Scope: sub + 1,
	})
	if b.d.Nodes[start].Trigger == ErrorTrigger {
		b.d.Nodes[start].Continues = false
	}
	first, last := b.block(sub + 1)
	b.flow(start, first, nil)
	b.flow(last, b.node(Node{Kind: End, Scope: sub + 1}), nil)
	return in, in
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
