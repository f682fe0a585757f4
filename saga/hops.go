package saga

import (
	"slices"

	"github.com/docsaga/docsaga/events"
)

// successors returns the nodes that a token can go to from n: along its flows,
// into a sub-process, and to the events that catch what happens in n.
func (c *compiler) successors(n int) []int {
	d, node := c.d, &c.d.Nodes[n]
	next := make([]int, 0, len(node.out)+len(node.armed)+len(node.catches))
	for _, f := range node.out {
		next = append(next, d.Flows[f].To)
	}
	next = append(next, node.armed...)
	next = append(next, node.catches...)
	if isScope(node) {
		next = append(next, d.scopes[n+1].starts...)
		next = append(next, d.scopes[n+1].others...)
		next = append(next, d.scopes[n+1].subs...)
	}
	if node.mayRaise() {
		next = append(next, c.raised(n)...)
	}
	return next
}

// mayRaise reports whether an error or escalation may come out of the node
// that the scopes around it can catch.
func (n *Node) mayRaise() bool {
	switch n.Kind {
	case Service, User, Script, Call:
		return true
	case Throw, End:
		return n.Trigger == ErrorTrigger || n.Trigger == EscalationTrigger
	case Start, Exclusive, Parallel, Boundary, Inclusive, EventBased, Task, Catch, SubProcess, EventSub:
	}
	return false
}

// raised returns where a token can go when an error or escalation leaves n.
func (c *compiler) raised(n int) []int {
	d := c.d
	var next []int
	for at := d.Nodes[n].Scope; ; at = d.Nodes[at-1].Scope {
		for _, sub := range d.scopes[at].subs {
			if t := d.Nodes[d.scopes[sub+1].starts[0]].Trigger; t == ErrorTrigger || t == EscalationTrigger {
				next = append(next, sub)
			}
		}
		if at == 0 {
			return next
		}
		next = append(next, d.Nodes[at-1].catches...)
	}
}

// spread marks n and all that can be reached from it.
func (c *compiler) spread(n int, marks []bool) {
	if marks[n] {
		return
	}
	marks[n] = true
	for queue := []int{n}; len(queue) > 0; {
		n, queue = queue[0], queue[1:]
		for _, next := range c.successors(n) {
			if !marks[next] {
				marks[next] = true
				queue = append(queue, next)
			}
		}
	}
}

// hops works out, for the start and for every step, which steps a token can
// come to next, and what it takes to know.
func (c *compiler) hops() {
	d := c.d
	c.record()
	c.reach()
	unsure, cut := c.unsure(), c.cuts()
	t := tracer{c: c, from: events.StepDocument, unsure: unsure, seen: make(map[int]bool)}
	for _, start := range slices.Concat(d.scopes[0].starts, d.scopes[0].others) {
		t.visit(start, Direct, len(d.scopes[0].others) > 0)
	}
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.isStep() {
			t := tracer{c: c, from: n.ID, unsure: unsure, seen: make(map[int]bool)}
			reach := Direct
			if n.Scope != 0 || n.Loop != nil || cut || c.interruptible(n) {
				reach = ByHistory
			}
			if n.Loop != nil {
				t.visit(i, reach, false)
			}
			for _, next := range c.onward(i) {
				t.visit(next, reach, n.decides)
			}
		}
	}
}

// interruptible reports whether a boundary event may take the token of a step
// away, so that its outcome alone does not tell that the next step is due.
func (c *compiler) interruptible(n *Node) bool {
	return slices.ContainsFunc(n.armed, func(b int) bool { return !c.d.Nodes[b].Continues })
}

// cuts reports whether something may take all tokens of the definition away: a
// terminate end event, or an event sub-process that interrupts.
func (c *compiler) cuts() bool {
	d := c.d
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Scope == 0 && n.Kind == End && n.Trigger == TerminateTrigger {
			return true
		}
	}
	return slices.ContainsFunc(d.scopes[0].subs, func(sub int) bool {
		return !d.Nodes[d.scopes[sub+1].starts[0]].Continues
	})
}

// reach notes for each inclusive join from where a token can come to it.
func (c *compiler) reach() {
	d := c.d
	d.reaches = make([][]bool, len(d.Nodes))
	for join := range d.Nodes {
		if n := &d.Nodes[join]; n.Kind != Inclusive || !n.recorded {
			continue
		}
		from := make([]bool, len(d.Nodes))
		for queue := []int{join}; len(queue) > 0; {
			node := queue[0]
			queue = queue[1:]
			for _, before := range c.predecessors(node) {
				if before != join && !from[before] {
					from[before] = true
					queue = append(queue, before)
				}
			}
		}
		d.reaches[join] = from
	}
}

// predecessors returns the nodes of the same scope that a token can come from.
func (c *compiler) predecessors(n int) []int {
	node := &c.d.Nodes[n]
	var before []int
	for _, f := range node.in {
		before = append(before, c.d.Flows[f].From)
	}
	if node.Kind == Boundary {
		before = append(before, node.Host)
	}
	return before
}

// onward returns the nodes that an outcome of step n can send a token to.
func (c *compiler) onward(n int) []int {
	if !isScope(&c.d.Nodes[n]) {
		return c.successors(n)
	}
	var next []int
	for _, f := range c.d.Nodes[n].out {
		next = append(next, c.d.Flows[f].To)
	}
	return next
}

// record marks the joins whose completion is an event with the merged context:
// those behind which a choice is made, for a guard sees what all branches put
// out, which no single event carries; and inclusive ones, which any token that
// goes elsewhere may complete.
func (c *compiler) record() {
	d := c.d
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if len(n.in) < 2 {
			continue
		}
		switch n.Kind {
		case Parallel:
			n.recorded = c.choiceBehind(i, make(map[int]bool))
		case Inclusive:
			n.recorded = true
		case Start, End, Service, Exclusive, Boundary, EventBased, Task, User, Script, Catch, Throw, SubProcess, EventSub, Call:
		}
	}
}

func (c *compiler) choiceBehind(n int, seen map[int]bool) bool {
	for _, next := range c.successors(n) {
		node := &c.d.Nodes[next]
		if seen[next] {
			continue
		}
		seen[next] = true
		if node.chooses() || node.Loop != nil || node.Clock != nil || len(node.armed) > 0 {
			return true
		}
		if (!node.isStep() || isScope(node)) && c.choiceBehind(next, seen) {
			return true
		}
	}
	return false
}

// chooses reports whether guards say where a token goes.
func (n *Node) chooses() bool {
	return len(n.out) > 1 && (n.Kind == Exclusive || n.Kind == Inclusive) || n.decides && !n.isStep()
}

// unsure returns the nodes whose visit is not known to be the first: those in
// a loop, those behind an event that does not interrupt, and those behind a
// place where branches of a split run together without a join.
func (c *compiler) unsure() []bool {
	d := c.d
	unsure := cycles(len(d.Nodes), c.successors)
	forked := make([]bool, len(d.Nodes))
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if len(n.out) > 1 && n.Kind != Exclusive && n.Kind != EventBased {
			for _, f := range n.out {
				c.spread(d.Flows[f].To, forked)
			}
		}
		unsure[i] = unsure[i] || n.Kind == Boundary && n.Continues
	}
	if starts := d.scopes[0].starts; len(starts) > 1 {
		for _, start := range starts {
			c.spread(start, forked)
		}
	}
	marks := make([]bool, len(d.Nodes))
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if unsure[i] || len(n.in) > 1 && n.Kind != Parallel && n.Kind != Inclusive && forked[i] {
			c.spread(i, marks)
		}
	}
	return marks
}

type tracer struct {
	c      *compiler
	from   events.StepID
	unsure []bool
	seen   map[int]bool
}

func (t *tracer) visit(i int, reach Reach, guarded bool) {
	d := t.c.d
	n := &d.Nodes[i]
	if t.seen[i] || len(d.hops) > MaxHops {
		return
	}
	t.seen[i] = true
	if t.unsure[i] || n.Scope != 0 || n.Loop != nil || len(n.in) > 1 && (n.Kind == Parallel || n.Kind == Inclusive) {
		reach = max(reach, ByHistory)
	}
	switch {
	case n.recorded, n.isStep() && n.Kind != Service:
		d.hops = append(d.hops, Hop{From: t.from, To: n.ID, Reach: Coordinated, Guarded: guarded})
	case n.isStep():
		d.hops = append(d.hops, Hop{From: t.from, To: n.ID, Reach: reach, Guarded: guarded})
	}
	if n.isStep() && !isScope(n) {
		return
	}
	next := t.c.successors(i)
	if isScope(n) {
		next = d.scopes[i+1].starts // the way out is the outcome's
	}
	for _, to := range next {
		t.visit(to, reach, guarded || n.chooses())
	}
}

// cycles returns which nodes of a graph lie on a cycle (Tarjan, "Depth-First
// Search and Linear Graph Algorithms", 1972).
func cycles(nodes int, successors func(int) []int) []bool {
	t := tarjan{successors: successors, index: make([]int, nodes), low: make([]int, nodes), on: make([]bool, nodes), cyclic: make([]bool, nodes)}
	for i := range nodes {
		if t.index[i] == 0 {
			t.walk(i)
		}
	}
	return t.cyclic
}

type tarjan struct {
	successors func(int) []int
	index, low []int // index counts from 1; 0 is unseen
	on, cyclic []bool
	stack      []int
	count      int
}

func (t *tarjan) walk(n int) {
	t.count++
	t.index[n], t.low[n], t.on[n] = t.count, t.count, true
	t.stack = append(t.stack, n)
	for _, next := range t.successors(n) {
		if next == n {
			t.cyclic[n] = true
		}
		if t.index[next] == 0 {
			t.walk(next)
			t.low[n] = min(t.low[n], t.low[next])
		} else if t.on[next] {
			t.low[n] = min(t.low[n], t.index[next])
		}
	}
	if t.low[n] != t.index[n] {
		return
	}
	for size := 1; ; size++ {
		top := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.on[top] = false
		t.cyclic[top] = t.cyclic[top] || size > 1 || top != n
		if top == n {
			return
		}
	}
}
