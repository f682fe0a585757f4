package saga

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// maxMoves is how many tokens one event may move.
const maxMoves = 1 << 14

// note adds a node to the trace.
func (f *folding) note(node int) {
	if f.tracing {
		f.trace = append(f.trace, node)
	}
}

// vars are what an expression sees while the event is folded.
func (f *folding) vars(names json.RawMessage) Vars {
	return Vars{Step: f.e.Slot.Step, Data: f.e.Data, Names: names, Now: f.e.At}
}

// gone reports whether the tokens of a scope were taken away by this event.
func (f *folding) gone(parent uint16) bool {
	if slices.Contains(f.cut, parent) {
		return true
	}
	if parent == 0 {
		return false
	}
	status := f.s.Visit(int(parent) - 1).status
	return status != Open && status != Looping
}

// leave sends a token along the flows out of a node. The parent is that of
// the visits that it comes to.
func (f *folding) leave(node int, parent uint16) {
	n := &f.d.Nodes[node]
	switch {
	case n.Kind == Exclusive && len(n.out) > 1:
		if flow, ok := f.choose(n); ok {
			f.arrive(flow, parent)
		} else {
			f.noFlow(n)
		}
	case n.Kind == Inclusive && len(n.out) > 1 || n.decides:
		f.leaveMany(n, parent)
	default:
		for _, flow := range n.out {
			f.arrive(flow, parent)
		}
	}
}

func (f *folding) noFlow(n *Node) {
	if f.s.Verdict == 0 {
		f.s.stuck, f.s.StopStep, f.s.Reason = true, n.ID, ReasonNoFlow
	}
}

// leaveMany sends a token along each flow whose guard holds or that has none,
// or else along the default.
func (f *folding) leaveMany(n *Node, parent uint16) {
	vars := f.vars(nil)
	var chosen uint64
	for i, flow := range n.out {
		if flow == n.Default || i >= 64 {
			continue
		}
		if guard := f.d.Flows[flow].Guard; guard != nil {
			holds, ok := f.holds(guard, vars)
			if !ok {
				f.noFlow(n)
				return
			}
			if !holds {
				continue
			}
		}
		chosen |= 1 << i
	}
	if chosen == 0 && n.Default < 0 {
		f.noFlow(n)
		return
	}
	if chosen == 0 {
		f.arrive(n.Default, parent)
		return
	}
	for i, flow := range n.out {
		if i < 64 && chosen&(1<<i) != 0 {
			f.arrive(flow, parent)
		}
	}
}

func isTrue(value json.RawMessage) bool { return bytes.Equal(value, []byte("true")) }

// choose returns the first flow whose guard holds, or the default, or the
// first without a guard.
func (f *folding) choose(n *Node) (flow int, ok bool) {
	vars := f.vars(nil)
	other := n.Default
	for _, flow := range n.out {
		guard := f.d.Flows[flow].Guard
		if guard == nil && other < 0 {
			other = flow
		}
		if guard == nil || flow == n.Default {
			continue
		}
		holds, ok := f.holds(guard, vars)
		if !ok {
			return 0, false
		}
		if holds {
			return flow, true
		}
	}
	return other, other >= 0
}

// arrive brings a token to the end of a flow.
func (f *folding) arrive(flow int, parent uint16) {
	if f.moves++; f.moves > maxMoves {
		f.s.stuck, f.s.Reason = true, ReasonTooMany
		return
	}
	if f.gone(parent) {
		return
	}
	node := f.d.Flows[flow].To
	n := &f.d.Nodes[node]
	if n.Kind != Parallel && n.Kind != Inclusive {
		f.come(node, parent)
	} else if len(n.in) < 2 || f.join(node, flow, parent) {
		f.note(node)
		f.leave(node, parent)
	}
}

// come brings a token to a node that is no join.
func (f *folding) come(node int, parent uint16) {
	n := &f.d.Nodes[node]
	if n.isStep() {
		f.open(node, parent)
		return
	}
	f.note(node)
	if n.Kind == End || n.Kind == Throw {
		f.throw(n, node, parent)
		return
	}
	if n.Kind == EventBased {
		f.await(n, parent)
		return
	}
	f.leave(node, parent)
}

// throw does what an event does that needs nobody else.
func (f *folding) throw(n *Node, node int, parent uint16) {
	switch n.Trigger {
	case TerminateTrigger:
		f.interruptScope(parent)
	case ErrorTrigger:
		if caught, _ := f.raise(ErrorTrigger, n.Code, -1, parent); !caught {
			f.stop(n.ID, n.Code, events.Rejected)
		}
	case EscalationTrigger:
		if _, interrupted := f.raise(EscalationTrigger, n.Code, -1, parent); !interrupted && n.Kind == Throw {
			f.leave(node, parent)
		}
	case NoTrigger, TimerTrigger, MessageTrigger, SignalTrigger, CompensationTrigger:
		if n.Kind == Throw {
			f.leave(node, parent)
		}
	}
}

// await opens a visit of each event behind an event-based gateway; all know
// the first of them.
func (f *folding) await(n *Node, parent uint16) {
	group := uint16(f.s.Visits() + 1) //nolint:gosec // bounded by MaxVisit
	for _, flow := range n.out {
		to := f.d.Flows[flow].To
		f.openVisit(Visit{node: uint16(to), number: f.next(to), parent: parent, item: group}) //nolint:gosec // at most MaxNodes
	}
}

// join notes a token and reports whether it was the last that the join waited
// for. A recorded join becomes an open visit instead.
func (f *folding) join(node, flow int, parent uint16) bool {
	n := &f.d.Nodes[node]
	bit := uint64(1) << slices.Index(n.in, flow)
	i, ok := f.joining(node, parent, bit)
	if !ok {
		if i, ok = f.add(Visit{node: uint16(node), number: f.next(node), status: Joining, parent: parent}); !ok { //nolint:gosec // bounded
			return false
		}
	}
	v := f.s.Visit(i)
	v.bits |= bit
	if n.Kind == Inclusive || v.bits != ^uint64(0)>>(64-len(n.in)) {
		f.s.set(i, v)
		return false
	}
	v.bits = 0
	if n.recorded {
		f.s.turn(i, v, Open)
		return false
	}
	f.s.turn(i, v, Closed)
	return true
}

// joining returns the oldest visit of a join that still waits for the flow; a
// second token on a flow belongs to the visit after.
func (f *folding) joining(node int, parent uint16, bit uint64) (int, bool) {
	if f.s.joining == 0 {
		return 0, false
	}
	for i := range f.s.Visits() {
		v := f.s.Visit(i)
		if int(v.node) == node && v.parent == parent && v.status == Joining && v.bits&bit == 0 {
			return i, true
		}
	}
	return 0, false
}

// completeInclusive opens the inclusive joins that no further token can come to.
func (f *folding) completeInclusive() {
	for i := range f.s.Visits() {
		v := f.s.Visit(i)
		if v.status == Joining && f.d.Nodes[v.node].Kind == Inclusive && !f.comes(v) {
			v.bits = 0
			f.s.turn(i, v, Open)
		}
	}
}

// comes reports whether a token elsewhere in the scope can come to a join.
func (f *folding) comes(join Visit) bool {
	for i := range f.s.Visits() {
		v := f.s.Visit(i)
		if v.parent != join.parent || v.node == join.node {
			continue
		}
		switch v.status {
		case Open, Joining, Waiting, Looping:
			if f.d.reaches[join.node][v.node] {
				return true
			}
		case Done, Refused, Broken, Late, Stopped, Undoing, UndoFailed, Reverted, Closed, Watching, Leaving, Recalled:
		}
	}
	return false
}

// add adds a visit and returns its index. If the state can hold no more, the
// document is stuck. A document that goes round and round does not grow: a
// visit about which nothing more will ever happen leaves its place to the next
// one of its node.
func (f *folding) add(v Visit) (int, bool) {
	numbered := v.number > 0 // else the visit before was the last that has a number
	if f.s.count >= inline && v.item == 0 && numbered {
		if i, ok := f.s.latest(int(v.node)); ok && f.spent(i, v.parent) {
			f.s.turn(i, v, v.status)
			return i, true
		}
	}
	if numbered && f.s.add(v) {
		return f.s.Visits() - 1, true
	}
	if f.s.Verdict == 0 {
		f.s.stuck, f.s.StopStep, f.s.Reason = true, f.d.Nodes[v.node].ID, ReasonTooMany
	}
	return 0, false
}

// spent reports whether nothing more will happen about a visit, and nothing
// refers to it.
func (f *folding) spent(i int, parent uint16) bool {
	v := f.s.Visit(i)
	n := &f.d.Nodes[v.node]
	if v.parent != parent || v.item != 0 || n.Undo != nil || n.Loop != nil || len(n.armed) > 0 || isScope(n) {
		return false
	}
	switch v.status {
	case Done, Refused, Broken, Late, Stopped, Closed:
		return true
	case Open, Joining, Waiting, Undoing, UndoFailed, Reverted, Watching, Leaving, Recalled, Looping:
	}
	return false
}

// next returns the number that the next visit of a node has.
func (f *folding) next(node int) uint16 { return uint16(f.s.Next(node)) } //nolint:gosec // at most MaxVisit, for there are no more visits
