package saga

import (
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// Compile checks the graph, works out its hops and makes the definition ready
// for use. An error joins a [Fault] for each element that is wrong.
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
	for _, check := range []func(){c.index, c.connect, c.enclose, c.attach, c.checkNodes, c.checkFlows, c.checkReach} {
		if check(); len(c.faults) > 0 {
			return nil, errors.Join(c.faults...)
		}
	}
	c.hops()
	if len(d.hops) > MaxHops {
		return nil, fmt.Errorf("saga: definition %s has more than %d hops between steps: %w", d.Name, MaxHops, ErrBadDefinition)
	}
	return &d, nil
}

type compiler struct {
	d      *Definition
	faults []error
}

func (c *compiler) fault(n *Node, format string, args ...any) {
	c.faults = append(c.faults, &Fault{
		Element: n.Kind.String(), ID: string(n.ID), Line: n.Line, Message: fmt.Sprintf(format, args...),
	})
}

func (c *compiler) index() {
	d := c.d
	d.byID = make(map[events.StepID]int, len(d.Nodes))
	for i := range d.Nodes {
		n := &d.Nodes[i]
		n.in, n.out, n.armed, n.catches, n.recorded, n.decides = nil, nil, nil, nil, false, false
		if err := events.CheckID(n.ID); err != nil || n.ID == events.StepDocument {
			c.fault(n, "its id cannot name a step: want 1 to 64 of A-Z a-z 0-9 _ -, and not %q", events.StepDocument)
		}
		if _, twice := d.byID[n.ID]; twice {
			c.fault(n, "another element has the same id")
		}
		d.byID[n.ID] = i
	}
}

func (c *compiler) connect() {
	d := c.d
	for i, f := range d.Flows {
		if f.From < 0 || f.From >= len(d.Nodes) || f.To < 0 || f.To >= len(d.Nodes) {
			c.faults = append(c.faults, &Fault{Element: "sequenceFlow", ID: f.ID, Line: f.Line, Message: "no source or no target"})
			continue
		}
		from, to := &d.Nodes[f.From], &d.Nodes[f.To]
		if from.Scope != to.Scope {
			c.fault(from, "flow %s leads into or out of a sub-process", f.ID)
		}
		from.out = append(from.out, i)
		to.in = append(to.in, i)
	}
}

// enclose works out where each scope begins.
func (c *compiler) enclose() {
	d := c.d
	d.scopes = make([]scope, len(d.Nodes)+1)
	d.scopes[0].node = -1
	for i := range d.Nodes {
		n := &d.Nodes[i]
		d.scopes[i+1].node = i
		if n.Scope < 0 || n.Scope > len(d.Nodes) || n.Scope > 0 && !isScope(&d.Nodes[n.Scope-1]) || n.Scope == i+1 {
			c.fault(n, "lies in no sub-process")
			return
		}
		s := &d.scopes[n.Scope]
		if n.Kind == EventSub {
			s.subs = append(s.subs, i)
		}
		if n.Kind == Start {
			s.starts = append(s.starts, i)
		}
	}
	for at := range d.scopes {
		if at == 0 || isScope(&d.Nodes[at-1]) {
			c.begin(at)
		}
	}
}

func isScope(n *Node) bool { return n.Kind == SubProcess || n.Kind == EventSub }

// begin chooses the start of a scope: its plain start event, else its first
// one, else every node that no flow leads to. At another start event of the
// definition a document begins whose submission says so.
func (c *compiler) begin(at int) {
	d, s := c.d, &c.d.scopes[at]
	if len(s.starts) > 1 {
		best := 0
		for i, n := range s.starts {
			if d.Nodes[n].Trigger == NoTrigger && d.Nodes[s.starts[best]].Trigger != NoTrigger {
				best = i
			}
		}
		s.others = append(append(s.others, s.starts[:best]...), s.starts[best+1:]...)
		s.starts = []int{s.starts[best]}
	}
	if len(s.starts) == 0 {
		for i := range d.Nodes {
			if n := &d.Nodes[i]; n.Scope == at && len(n.in) == 0 && n.Kind != Boundary && n.Kind != EventSub {
				s.starts = append(s.starts, i)
			}
		}
	}
	switch {
	case len(s.starts) == 0 && at > 0 && d.Nodes[at-1].Kind == SubProcess: // empty: it is done at once
	case len(s.starts) > 0 && (at == 0 || d.Nodes[at-1].Kind != EventSub || d.Nodes[s.starts[0]].Kind == Start):
	case at == 0:
		c.faults = append(c.faults, fmt.Errorf("saga: definition %s has no start event: %w", d.Name, ErrBadDefinition))
	default:
		c.fault(&d.Nodes[at-1], "has no start event")
	}
}

// attach connects boundary events with what they sit on.
func (c *compiler) attach() {
	d := c.d
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Kind != Boundary {
			continue
		}
		if n.Host < 0 || n.Host >= len(d.Nodes) || !d.Nodes[n.Host].isActivity() || d.Nodes[n.Host].Scope != n.Scope {
			c.fault(n, "sits on no activity")
			continue
		}
		host := &d.Nodes[n.Host]
		if n.Trigger.waits() {
			host.armed = append(host.armed, i)
		} else {
			host.catches = append(host.catches, i)
		}
	}
}

func (c *compiler) checkNodes() {
	for i := range c.d.Nodes {
		n := &c.d.Nodes[i]
		switch n.Kind {
		case Start, Boundary:
			if len(n.in) > 0 {
				c.fault(n, "a flow leads into it")
			}
		case End:
			if len(n.out) > 0 {
				c.fault(n, "a flow leads out of it")
			}
		case EventSub:
			if len(n.in)+len(n.out) > 0 {
				c.fault(n, "a flow leads into it or out of it")
			}
		case Service:
			if err := events.CheckID(n.Service); err != nil {
				c.fault(n, "its service %.80q: %v", n.Service, err)
			}
		case Script:
			if n.Makes == nil {
				c.fault(n, "has no script")
			}
		case Exclusive, Parallel, Inclusive, EventBased, Task, User, Catch, Throw, SubProcess, Call:
		default:
			c.fault(n, "unknown kind %d", n.Kind)
		}
		c.checkNode(n)
	}
}

func (c *compiler) checkNode(n *Node) {
	if n.Kind == Call && n.Undo == nil {
		n.Undo = &Undo{Step: n.ID, Child: true}
	}
	if n.Undo != nil && n.Undo.Service != "" {
		if err := events.CheckID(n.Undo.Service); err != nil {
			c.fault(n, "the service of its compensation handler %s: %.80q: %v", n.Undo.Step, n.Undo.Service, err)
		}
	}
	if n.Trigger == TimerTrigger && n.Clock == nil && (n.Kind != Start || n.Scope != 0) {
		c.fault(n, "has no date, duration or cycle")
	}
	if (n.Kind == Parallel || n.Kind == Inclusive) && len(n.in) > MaxIncoming {
		c.fault(n, "%d flows meet in it, at most %d", len(n.in), MaxIncoming)
	}
	if n.Kind != EventBased {
		return
	}
	if len(n.out) == 0 {
		c.fault(n, "no event stands behind it")
	}
	for _, f := range n.out {
		to := &c.d.Nodes[c.d.Flows[f].To]
		if to.Kind != Catch || !to.Trigger.waits() {
			c.fault(n, "%s %s stands behind it; want catch events and receive tasks", to.Kind, to.ID)
		}
	}
}

func (c *compiler) checkFlows() {
	d := c.d
	for i := range d.Nodes {
		n := &d.Nodes[i]
		for _, f := range n.out {
			if d.Flows[f].Guard == nil || n.Kind == Exclusive || n.Kind == Inclusive {
				continue
			}
			if n.decides = n.Kind != Parallel && n.Kind != EventBased; !n.decides {
				c.fault(n, "flow %s has a condition; this gateway does not choose", d.Flows[f].ID)
			}
		}
	}
}

// checkReach refuses nodes that no token comes to, and loops without a step,
// in which a token would run for ever.
func (c *compiler) checkReach() {
	d := c.d
	seen := make([]bool, len(d.Nodes))
	for _, roots := range [][]int{d.scopes[0].starts, d.scopes[0].others, d.scopes[0].subs} {
		for _, n := range roots {
			c.spread(n, seen)
		}
	}
	for i := range d.Nodes {
		if !seen[i] {
			c.fault(&d.Nodes[i], "cannot be reached from the start event")
		}
	}
	loops := cycles(len(d.Nodes), func(n int) []int {
		if d.Nodes[n].isStep() {
			return nil
		}
		return c.successors(n)
	})
	for i, loop := range loops {
		if loop {
			c.fault(&d.Nodes[i], "is in a loop without a step")
		}
	}
}
