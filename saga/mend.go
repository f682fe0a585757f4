package saga

import "github.com/docsaga/docsaga/events"

// unexpected deals with the outcome of a visit that was never opened. The next
// visit of a step that waits for a person is how that person resolves it: the
// oldest of its visits that wait. Anything else is an anomaly. It is kept, for
// its slot is taken, so that the step's next visit must be another one; and
// what it did may have to be undone.
func (f *folding) unexpected(node int) (int, bool) {
	visit := Visit{node: uint16(node), number: uint16(f.e.Slot.Visit), status: Open} //nolint:gosec // both are checked
	if i, ok := f.s.waiting(node); ok && f.e.Slot.Visit == f.s.Next(node) {
		visit.parent, visit.item = f.s.Visit(i).parent, f.s.Visit(i).item
		if f.d.Nodes[node].watches() {
			visit.status = Watching
		}
		f.resolve(i)
		return f.s.Visits(), f.s.add(visit)
	}
	f.s.Anomalies++
	f.rank(&visit)
	switch {
	case f.e.Result == events.Completed:
		visit.status = Done
	case f.e.Result == events.Rejected:
		visit.status = Refused
	case f.d.hasUndo(visit):
		visit.status = Recalled
	default:
		visit.status = Broken
	}
	f.s.add(visit)
	return 0, false
}

// resolve goes on from a visit that waited for a person.
func (f *folding) resolve(i int) {
	f.forsake(i)
	f.calm()
}

// calm forgets why the document waited for a person, if it does no more.
func (f *folding) calm() {
	if f.s.incidents == 0 && f.s.Verdict == 0 && !f.s.stuck {
		f.s.StopStep, f.s.Reason = "", ""
	}
}

// forsake ends the waiting of a visit that failed. The document goes on without
// it, so what it may have done all the same must be undone.
func (f *folding) forsake(i int) {
	v := f.s.Visit(i)
	if f.d.hasUndo(v) {
		f.s.turn(i, v, Recalled)
	} else {
		f.s.turn(i, v, Broken)
	}
}

// giveUp turns what waits for a person into a failure.
func (f *folding) giveUp() {
	if f.s.stuck || f.s.incidents > 0 {
		f.stop(f.s.StopStep, f.s.Reason, events.Failed)
	}
}

// redo opens the next visit of a step that waits for a person. A command that
// came too late, for the step waits no more, opens nothing: nobody is to do it.
func (f *folding) redo() {
	node := f.node
	i, waits := 0, false
	if f.known {
		if at, found := f.s.find(node, f.e.Slot.Visit); found && f.s.moved && f.s.Visit(at).status == Open {
			return // it is how a service learns of what the document has brought along
		}
		i, waits = f.s.waiting(node)
	}
	if !waits || f.s.Verdict != 0 || f.e.Slot.Visit != f.s.Next(node) {
		f.s.Anomalies++
		return
	}
	again := f.s.Visit(i)
	f.resolve(i)
	if f.d.Nodes[node].watches() {
		f.watch(node, int(again.parent)-1, int(again.item))
		return
	}
	f.begin(Visit{node: again.node, number: uint16(f.e.Slot.Visit), parent: again.parent, item: again.item}) //nolint:gosec // checked
}

// undo begins an undo. A command whose answer stands already came too late: a
// person had resolved what another retried.
func (f *folding) undo() {
	i, v, ok := f.visit()
	if !ok {
		return
	}
	if (v.status == Reverted || v.status == UndoFailed) && f.e.Slot.Again <= int(v.again) {
		f.s.Anomalies++
		return
	}
	v.again = uint8(f.e.Slot.Again) //nolint:gosec // at most MaxAgain
	f.s.turn(i, v, Undoing)
}

func (f *folding) undone() {
	i, v, ok := f.visit()
	if !ok {
		return
	}
	v.again = uint8(f.e.Slot.Again) //nolint:gosec // at most MaxAgain
	if f.e.Result == events.Completed {
		f.s.turn(i, v, Reverted)
	} else {
		f.s.turn(i, v, UndoFailed)
	}
}

// visit returns the visit that the event is about, if it has an outcome.
func (f *folding) visit() (int, Visit, bool) {
	if f.known {
		if i, found := f.s.find(f.node, f.e.Slot.Visit); found && f.s.Visit(i).rank > 0 {
			return i, f.s.Visit(i), true
		}
	}
	f.s.Anomalies++
	return 0, Visit{}, false
}
