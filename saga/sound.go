package saga

import (
	"fmt"
	"slices"
	"strings"
)

// How much [Definition.Check] looks at in one scope: arrangements of tokens,
// and their bytes together. In a larger one a deadlock may stay unseen.
const (
	maxMarkings     = 20_000
	maxMarkingBytes = 16 << 20
)

// Check looks for what a compiled definition can run with but should not:
// errors are joins that can wait for ever, and steps from which no end can be
// reached; warnings are gateways that may have nowhere to go, tokens that
// multiply, and steps with an effect that nothing undoes.
func (d *Definition) Check() (errors, warnings []*Fault) {
	c := checker{d: d}
	c.ends()
	c.starts()
	for at := range d.scopes {
		if at == 0 || isScope(&d.Nodes[at-1]) {
			c.play(at)
		}
	}
	for i := range d.Nodes {
		c.node(i)
	}
	return c.errors, c.warnings
}

type checker struct {
	d                *Definition
	errors, warnings []*Fault
}

func fault(n *Node, format string, args ...any) *Fault {
	return &Fault{Element: n.Kind.String(), ID: n.Drawn(), Line: n.Line, Message: fmt.Sprintf(format, args...)}
}

// node warns of what one node lacks.
func (c *checker) node(i int) {
	d, n := c.d, &c.d.Nodes[i]
	switch n.Kind {
	case Exclusive:
		unguarded := 0
		for _, f := range n.out {
			if d.Flows[f].Guard == nil && f != n.Default {
				unguarded++
			}
		}
		if len(n.out) > 1 && n.Default < 0 && unguarded == 0 {
			c.warnings = append(c.warnings, fault(n, "no default flow: a document for which no condition holds waits for a person"))
		}
		if len(n.out) > 1 && unguarded > 0 {
			c.warnings = append(c.warnings, fault(n, "a flow has no condition and is not the default: it is taken if no condition holds"))
		}
	case Inclusive:
		if len(n.out) > 1 && n.Default < 0 && !slices.ContainsFunc(n.out, func(f int) bool { return d.Flows[f].Guard == nil }) {
			c.warnings = append(c.warnings, fault(n, "no default flow: a document for which no condition holds waits for a person"))
		}
	case Service, User, Call:
		if n.Undo == nil && !n.Pure && n.Kind == Service {
			c.warnings = append(c.warnings, fault(n, "nothing undoes it; draw a compensation handler, or say that its effect is none"))
		}
	case Start, End, Parallel, Boundary, EventBased, Task, Script, Catch, Throw, SubProcess, EventSub:
	}
	if len(n.out) == 0 && n.Kind != End && n.Kind != EventSub {
		c.warnings = append(c.warnings, fault(n, "the path stops here without an end event"))
	}
}

// ends finds nodes from which no token can come to an end.
func (c *checker) ends() {
	d := c.d
	can := make([]bool, len(d.Nodes))
	var queue []int
	for i := range d.Nodes {
		if len(d.Nodes[i].out) == 0 {
			can[i] = true
			queue = append(queue, i)
		}
	}
	back := &compiler{d: d}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, before := range back.predecessors(n) {
			if !can[before] {
				can[before] = true
				queue = append(queue, before)
			}
		}
	}
	for i := range d.Nodes {
		if !can[i] {
			c.errors = append(c.errors, fault(&d.Nodes[i], "no end can be reached from it"))
			return // those around it cannot either
		}
	}
}

// starts warns of start events that nothing starts a document at, for another
// stands before them.
func (c *checker) starts() {
	type cause struct {
		trigger Trigger
		event   string
	}
	first := make(map[cause]*Node)
	for _, i := range c.d.Starts() {
		n := &c.d.Nodes[i]
		by := cause{n.Trigger, n.Event}
		before := first[by]
		switch {
		case before == nil:
			first[by] = n
		case n.Trigger == NoTrigger:
			c.warnings = append(c.warnings, fault(n, "%s is a plain start event, too: a document begins here only if its submission says so", before.Drawn()))
		case n.Trigger == MessageTrigger || n.Trigger == SignalTrigger:
			c.warnings = append(c.warnings, fault(n, "%s begins with the same %s: a document begins here only if its submission says so", before.Drawn(), n.Trigger))
		}
	}
}

// A marking says how many tokens are on each flow, at most 2 counted.
type marking []byte

// play moves tokens about in one scope in every way that gateways allow, and
// reports joins that are left with tokens while nothing can move.
func (c *checker) play(at int) {
	g := game{d: c.d, at: at, seen: make(map[string]bool), many: -1}
	g.add(make(marking, len(c.d.Flows)), c.d.scopes[at].starts)
	for _, other := range c.d.scopes[at].others {
		g.add(make(marking, len(c.d.Flows)), []int{other})
	}
	for len(g.queue) > 0 && !g.full() {
		m := g.queue[len(g.queue)-1]
		g.queue = g.queue[:len(g.queue)-1]
		g.move(m)
	}
	for _, join := range g.stuck {
		n := &c.d.Nodes[join]
		c.errors = append(c.errors, fault(n, "deadlock: it can wait for ever for a token on %s", strings.Join(g.missing[join], " and ")))
	}
	if g.many >= 0 {
		n := &c.d.Nodes[c.d.Flows[g.many].To]
		c.warnings = append(c.warnings, fault(n, "tokens of one document can follow each other here, so it may be done more than once"))
	}
}

type game struct {
	d       *Definition
	at      int
	seen    map[string]bool
	queue   []marking
	stuck   []int
	missing map[int][]string
	many    int
	onward  map[int][]bool
}

func (g *game) full() bool {
	return len(g.seen) > maxMarkings || len(g.seen)*len(g.d.Flows) > maxMarkingBytes
}

// add queues the marking in which tokens have come out of nodes, in every way
// they can.
func (g *game) add(m marking, nodes []int) {
	if g.full() {
		return
	}
	if len(nodes) == 0 {
		if key := string(m); !g.seen[key] {
			g.seen[key] = true
			g.queue = append(g.queue, m)
		}
		return
	}
	for _, out := range g.ways(nodes[0]) {
		next := slices.Clone(m)
		for _, f := range out {
			if next[f]++; next[f] > 2 {
				next[f] = 2
			}
			if next[f] == 2 && g.many < 0 && g.d.Nodes[g.d.Flows[f].To].Kind != End {
				g.many = f
			}
		}
		g.add(next, nodes[1:])
	}
}

// ways returns the sets of flows that can get a token when a node is done.
func (g *game) ways(i int) [][]int {
	n := &g.d.Nodes[i]
	var ways [][]int
	switch {
	case n.Kind == Exclusive || n.Kind == EventBased:
		for _, f := range n.out {
			ways = append(ways, []int{f})
		}
	case n.Kind == Inclusive || n.decides:
		for _, f := range n.out {
			ways = append(ways, []int{f})
		}
		ways = append(ways, n.out)
	default:
		ways = append(ways, n.out)
	}
	normal := len(ways)
	var besides []int // what events that do not interrupt add
	for _, list := range [][]int{n.armed, n.catches} {
		for _, b := range list {
			if boundary := &g.d.Nodes[b]; boundary.Continues {
				besides = append(besides, boundary.out...)
			} else {
				ways = append(ways, boundary.out)
			}
		}
	}
	for k := range normal {
		ways[k] = append(slices.Clone(ways[k]), besides...)
	}
	if len(ways) == 0 {
		return [][]int{nil}
	}
	return ways
}

// move takes the first step that a marking allows. Steps do not take each
// other's tokens, so their order does not matter. Where paths meet, tokens wait
// for those that may still come, to see whether two do.
func (g *game) move(m marking) {
	held := -1
	for f, count := range m {
		to := g.d.Flows[f].To
		n := &g.d.Nodes[to]
		switch {
		case count == 0, isJoin(n):
		case len(n.in) > 1 && n.Kind != End:
			g.meet(m, f)
			if held < 0 || g.before(to, g.d.Flows[held].To) {
				held = f
			}
		default:
			g.pass(m, f)
			return
		}
	}
	if held >= 0 {
		g.pass(m, held)
	} else if !g.joins(m) {
		g.dead(m)
	}
}

func isJoin(n *Node) bool { return (n.Kind == Parallel || n.Kind == Inclusive) && len(n.in) > 1 }

// pass moves one token on.
func (g *game) pass(m marking, f int) {
	to := g.d.Flows[f].To
	n := &g.d.Nodes[to]
	if n.Kind == End && (n.Trigger == TerminateTrigger || n.Trigger == ErrorTrigger) {
		return // all tokens are taken away
	}
	next := slices.Clone(m)
	next[f]--
	g.add(next, []int{to})
}

// meet notes whether more than one token is about to come to a node.
func (g *game) meet(m marking, f int) {
	tokens := 0
	for _, in := range g.d.Nodes[g.d.Flows[f].To].in {
		tokens += int(m[in])
	}
	if tokens > 1 && g.many < 0 {
		g.many = f
	}
}

// before reports whether a token can go from one node to another, but not back.
func (g *game) before(a, b int) bool { return g.from(a)[b] && !g.from(b)[a] }

// from returns the nodes that a token can go to from a node.
func (g *game) from(n int) []bool {
	if g.onward == nil {
		g.onward = make(map[int][]bool)
	}
	if g.onward[n] == nil {
		marks := make([]bool, len(g.d.Nodes))
		(&compiler{d: g.d}).spread(n, marks)
		g.onward[n] = marks
	}
	return g.onward[n]
}

// joins lets the first join go that can, the parallel ones first.
func (g *game) joins(m marking) bool {
	for _, kind := range []NodeKind{Parallel, Inclusive} {
		for i := range g.d.Nodes {
			n := &g.d.Nodes[i]
			if n.Kind != kind || len(n.in) < 2 || n.Scope != g.at || !g.enabled(m, i) {
				continue
			}
			next := slices.Clone(m)
			for _, f := range n.in {
				if next[f] > 0 {
					next[f]--
				}
			}
			g.add(next, []int{i})
			return true
		}
	}
	return false
}

func (g *game) enabled(m marking, i int) bool {
	n := &g.d.Nodes[i]
	some, all := false, true
	for _, f := range n.in {
		some, all = some || m[f] > 0, all && m[f] > 0
	}
	if n.Kind == Parallel || !some {
		return all
	}
	for f, count := range m {
		if to := g.d.Flows[f].To; count > 0 && to != i && g.d.reaches[i][to] {
			return false
		}
	}
	return true
}

// dead notes the joins that are left with tokens.
func (g *game) dead(m marking) {
	for f, count := range m {
		to := g.d.Flows[f].To
		if count == 0 || slices.Contains(g.stuck, to) {
			continue
		}
		if g.missing == nil {
			g.missing = make(map[int][]string)
		}
		for _, in := range g.d.Nodes[to].in {
			if m[in] == 0 {
				g.missing[to] = append(g.missing[to], g.d.Flows[in].ID)
			}
		}
		g.stuck = append(g.stuck, to)
	}
}
