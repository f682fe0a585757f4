package saga

import (
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// Compile checks the graph, works out its hops and makes the definition ready
// for use. An error wraps [ErrBadDefinition].
func Compile(d Definition) (*Definition, error) {
	if err := events.CheckID(d.Name); err != nil {
		return nil, fmt.Errorf("saga: name of the definition: %w: %w", err, ErrBadDefinition)
	}
	if d.Version < 1 || d.Version > events.MaxVersion {
		return nil, fmt.Errorf("saga: version %d: want 1 to %d: %w", d.Version, events.MaxVersion, ErrBadDefinition)
	}
	if len(d.Nodes) > MaxNodes {
		return nil, fmt.Errorf("saga: %d nodes, at most %d: %w", len(d.Nodes), MaxNodes, ErrBadDefinition)
	}
	c := compiler{d: &d}
	for _, check := range []func() error{c.index, c.connect, c.checkNodes, c.checkGateways, c.checkReach} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	c.hops()
	return &d, nil
}

type compiler struct{ d *Definition }

func (c *compiler) index() error {
	d := c.d
	d.byID = make(map[events.StepID]int, len(d.Nodes))
	d.start = -1
	for i := range d.Nodes {
		n := &d.Nodes[i]
		n.in, n.out, n.recorded = nil, nil, false
		if err := events.CheckID(n.ID); err != nil || n.ID == events.StepDocument {
			return badNode(n, "its id cannot name a step: want 1 to 64 of A-Z a-z 0-9 _ -, and not %q", events.StepDocument)
		}
		if _, twice := d.byID[n.ID]; twice {
			return badNode(n, "another element has the same id")
		}
		d.byID[n.ID] = i
		if n.Kind != Start {
			continue
		}
		if d.start >= 0 {
			return badNode(n, "a second start event, after %s", d.Nodes[d.start].ID)
		}
		d.start = i
	}
	if d.start < 0 {
		return fmt.Errorf("saga: definition %s has no start event: %w", d.Name, ErrBadDefinition)
	}
	return nil
}

func (c *compiler) connect() error {
	d := c.d
	for i, f := range d.Flows {
		if f.From < 0 || f.From >= len(d.Nodes) || f.To < 0 || f.To >= len(d.Nodes) {
			return fmt.Errorf("saga: line %d: flow %s has no source or no target: %w", f.Line, f.ID, ErrBadDefinition)
		}
		d.Nodes[f.From].out = append(d.Nodes[f.From].out, i)
		d.Nodes[f.To].in = append(d.Nodes[f.To].in, i)
	}
	return nil
}

func (c *compiler) checkNodes() error {
	for i := range c.d.Nodes {
		n := &c.d.Nodes[i]
		switch n.Kind {
		case Start:
			if len(n.in) > 0 {
				return badNode(n, "a flow leads into it")
			}
		case End:
			if len(n.out) > 0 {
				return badNode(n, "a flow leads out of it")
			}
			continue
		case Service:
			if err := events.CheckID(n.Service); err != nil {
				return badNode(n, "its service %.80q: %v", n.Service, err)
			}
		case Exclusive, Parallel, Boundary:
		default:
			return badNode(n, "unknown kind %d", n.Kind)
		}
		if len(n.out) == 0 {
			return badNode(n, "no flow leads out of it; end the path with an end event")
		}
		if n.Undo != nil {
			if err := events.CheckID(n.Undo.Service); err != nil {
				return badNode(n, "the service of its compensation handler %s: %.80q: %v", n.Undo.Step, n.Undo.Service, err)
			}
		}
	}
	return nil
}

func (c *compiler) checkGateways() error {
	d := c.d
	for i := range d.Nodes {
		n := &d.Nodes[i]
		for _, f := range n.out {
			if d.Flows[f].Guard != nil && n.Kind != Exclusive {
				return badNode(n, "flow %s has a condition; only an exclusive gateway chooses", d.Flows[f].ID)
			}
		}
		if n.Kind == Parallel && len(n.in) > MaxIncoming {
			return badNode(n, "%d flows meet in it, at most %d", len(n.in), MaxIncoming)
		}
		if n.Kind != Exclusive || len(n.out) < 2 {
			continue
		}
		for _, f := range n.out {
			if d.Flows[f].Guard == nil && f != n.Default {
				return badNode(n, "flow %s has no condition and is not the default", d.Flows[f].ID)
			}
		}
		if n.Default < 0 {
			return badNode(n, "no default flow: a document for which no condition holds would be stuck")
		}
	}
	return nil
}

// checkReach refuses nodes that no token comes to, and loops without a step,
// in which a token would run for ever.
func (c *compiler) checkReach() error {
	d := c.d
	seen := make([]bool, len(d.Nodes))
	queue := []int{d.start}
	seen[d.start] = true
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, next := range c.successors(n) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	for i := range d.Nodes {
		if !seen[i] {
			return badNode(&d.Nodes[i], "cannot be reached from the start event")
		}
	}
	loops := cycles(len(d.Nodes), func(n int) []int {
		if d.Nodes[n].Kind == Service {
			return nil
		}
		return c.successors(n)
	})
	for i, loop := range loops {
		if loop {
			return badNode(&d.Nodes[i], "is in a loop without a step")
		}
	}
	return nil
}

// successors returns the nodes that a token can go to from n, boundary events
// included.
func (c *compiler) successors(n int) []int {
	node := &c.d.Nodes[n]
	next := make([]int, 0, len(node.out)+len(node.Catches))
	for _, f := range node.out {
		next = append(next, c.d.Flows[f].To)
	}
	for _, b := range node.Catches {
		next = append(next, b.Node)
	}
	return next
}

// hops works out, for the start and for every step, which steps a token can
// come to next, and what it takes to know.
func (c *compiler) hops() {
	d := c.d
	c.record()
	unsure := c.unsure()
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Kind != Start && !n.isStep() {
			continue
		}
		from := n.ID
		if n.Kind == Start {
			from = events.StepDocument
		}
		t := tracer{c: c, from: from, unsure: unsure, seen: make(map[int]bool)}
		for _, next := range c.successors(i) {
			t.visit(next, Direct, false)
		}
	}
}

// record marks the joins behind which a choice is made: a guard sees what all
// branches put out, which no single event carries, so the join's completion
// becomes an event with the merged context.
func (c *compiler) record() {
	d := c.d
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Kind == Parallel && len(n.in) > 1 {
			n.recorded = c.choiceBehind(i, make(map[int]bool))
		}
	}
}

func (c *compiler) choiceBehind(n int, seen map[int]bool) bool {
	for _, next := range c.successors(n) {
		node := &c.d.Nodes[next]
		if seen[next] || node.Kind == Service {
			continue
		}
		seen[next] = true
		if node.Kind == Exclusive && len(node.out) > 1 || c.choiceBehind(next, seen) {
			return true
		}
	}
	return false
}

// unsure returns the nodes whose visit is not known to be the first: those in
// a loop, and those behind a place where branches of a split run together
// without a join.
func (c *compiler) unsure() []bool {
	d := c.d
	unsure := cycles(len(d.Nodes), c.successors)
	forked := make([]bool, len(d.Nodes))
	for i := range d.Nodes {
		if n := &d.Nodes[i]; len(n.out) > 1 && n.Kind != Exclusive {
			for _, next := range c.successors(i) {
				c.spread(next, forked)
			}
		}
	}
	for i := range d.Nodes {
		if n := &d.Nodes[i]; len(n.in) > 1 && n.Kind != Parallel && forked[i] {
			c.spread(i, unsure)
		}
	}
	for i := range d.Nodes {
		if unsure[i] {
			c.spread(i, unsure)
		}
	}
	return unsure
}

// spread marks n and all that can be reached from it.
func (c *compiler) spread(n int, marks []bool) {
	queue, seen := []int{n}, map[int]bool{n: true}
	for len(queue) > 0 {
		n, queue = queue[0], queue[1:]
		marks[n] = true
		for _, next := range c.successors(n) {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
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
	if t.seen[i] {
		return
	}
	t.seen[i] = true
	if t.unsure[i] || n.Kind == Parallel && len(n.in) > 1 {
		reach = max(reach, ByHistory)
	}
	if n.recorded {
		reach = Coordinated
	}
	if n.isStep() {
		d.hops = append(d.hops, Hop{From: t.from, To: n.ID, Reach: reach, Guarded: guarded})
		return
	}
	for _, next := range t.c.successors(i) {
		t.visit(next, reach, guarded || n.Kind == Exclusive && len(n.out) > 1)
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
