package saga

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// migrate takes a document.migrate event: the state begins anew with what it
// carries, if it leads to this version, and is over if it leads away.
func (f *folding) migrate() {
	to, ok := f.e.Target()
	switch {
	case ok && to == f.d.Version:
		seq := f.s.Seq
		next, err := f.d.adopt(f.e)
		if err != nil {
			next = State{submitted: true, moved: true, stuck: true, Reason: ReasonMigrated}
		}
		f.s, f.s.Seq = next, seq
		f.rearm()
	case ok && f.e.Slot.Version == f.d.Version && !f.s.ended:
		f.s.ended, f.s.Verdict, f.s.Reason = true, events.Cancelled, ReasonMigrated
	default: // another stood before it
		f.s.Anomalies++
	}
}

// Brought returns the visit that a redo command is about, if it is open in a
// document that brought it along from another version.
func (d *Definition) Brought(s *State, redo events.Slot) []Opening {
	node, ok := d.byID[redo.Step]
	if !ok || !s.moved {
		return nil
	}
	i, ok := s.find(node, redo.Visit)
	if !ok || s.Visit(i).status != Open {
		return nil
	}
	return []Opening{{Node: node, Number: redo.Visit, Item: s.Visit(i).Item(), Visit: i}}
}

// foreign reports whether an event is of a version that the document has left.
// A command about the document as a whole counts wherever it was given.
func (f *folding) foreign() bool {
	kind := f.e.Slot.Kind
	return f.s.moved && f.e.Slot.Version != f.d.Version && kind != events.Cancel && kind != events.Compensate
}

// adopt reads the state that an event carries.
func (d *Definition) adopt(e *events.Event) (State, error) {
	data, err := events.ParseData(e.Data)
	if err != nil {
		return State{}, err
	}
	var in moved
	if err := json.Unmarshal(data.State, &in); err != nil {
		return State{}, fmt.Errorf("saga: %s: %w: %w", e.ID(), err, events.ErrBadEvent)
	}
	s := State{
		submitted: true, moved: true, ranks: in.Ranks, Anomalies: in.Anomalies, stuck: in.Stuck, StopStep: in.StopStep, Reason: in.Reason,
	}
	for i := range in.Visits {
		v, ok := d.adoptVisit(&in.Visits[i], i)
		if !ok || !d.sits(&s, v) || !s.add(v) {
			return State{}, fmt.Errorf("saga: %s: visit %d cannot be: %w", e.ID(), i, events.ErrBadEvent)
		}
	}
	return s, nil
}

// sits reports whether what a visit watches is there, and a join is one.
func (d *Definition) sits(s *State, v Visit) bool {
	n, host := &d.Nodes[v.node], int(v.parent)-1
	switch {
	case v.status == Joining:
		return isJoin(n)
	case v.status != Watching:
		return true
	case n.Kind == Boundary:
		return host >= 0 && int(s.Visit(host).node) == n.Host
	case n.Kind != Start || n.Scope == 0:
		return false
	}
	around := d.Nodes[n.Scope-1].Scope // what the event sub-process lies in
	return around == 0 && host < 0 || host >= 0 && int(s.Visit(host).node) == around-1
}

func (d *Definition) adoptVisit(w *movedVisit, place int) (Visit, bool) {
	v := Visit{number: w.Visit, rank: w.Rank, again: w.Again, parent: w.In, item: w.Item, node: uint16(d.scopes[0].starts[0])} //nolint:gosec // at most MaxNodes
	for v.status = Open; v.status <= Looping && v.status.String() != w.Status; {
		v.status++
	}
	node, known := d.byID[w.Step]
	gone := w.Step == "" && v.status == Closed
	if v.status > Looping || int(w.In) > place || known != (w.Visit > 0) || known == gone {
		return v, false
	}
	if known {
		v.node = uint16(node) //nolint:gosec // at most MaxNodes
	}
	n := &d.Nodes[v.node]
	switch {
	case d.isLoop(v):
		v.bits = min(w.Items, MaxItems)
	case v.status == Looping:
		return v, false
	case w.Due != nil:
		v.bits = deadline(*w.Due)
	}
	for _, id := range w.Tokens {
		at := slices.IndexFunc(n.in, func(f int) bool { return d.Flows[f].ID == id })
		if at < 0 || at >= 64 || v.status != Joining {
			return v, false
		}
		v.bits |= 1 << at
	}
	return v, true
}

// rearm sets what the version watches for and the one before did not, and the
// deadlines of services, which begin anew.
func (f *folding) rearm() {
	f.rearmSubs(-1)
	for i := range f.s.Visits() { // of those that were carried; what is armed comes behind
		v := f.s.Visit(i)
		if v.status != Open && v.status != Looping {
			continue
		}
		n := &f.d.Nodes[v.node]
		if v.status == Open && n.Kind == Service && n.Timeout > 0 && !f.e.At.IsZero() {
			v.bits = deadline(f.e.At.Add(n.Timeout))
			f.s.set(i, v)
		}
		for _, b := range n.armed {
			if v.item == 0 && !f.watches(b, i) {
				f.watch(b, i, 1)
			}
		}
		if isScope(n) && !f.d.isLoop(v) {
			f.rearmSubs(i)
		}
	}
}

func (f *folding) rearmSubs(scope int) {
	at := 0
	if scope >= 0 {
		at = int(f.s.Visit(scope).node) + 1
	}
	for _, sub := range f.d.scopes[at].subs {
		start := f.d.scopes[sub+1].starts[0]
		if f.d.Nodes[start].Trigger.waits() && !f.watches(start, scope) {
			f.watch(start, scope, 1)
		}
	}
}

// watches reports whether an event watches, or has watched, a visit.
func (f *folding) watches(node, host int) bool {
	for i := range f.s.Visits() {
		if v := f.s.Visit(i); int(v.node) == node && int(v.parent) == host+1 {
			return true
		}
	}
	return false
}
