package saga

import (
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Decision is an event that a coordinator should write.
type Decision struct {
	Step   events.StepID
	Visit  int
	Kind   events.Kind
	Again  int
	Result events.Result // for an outcome and for ended
	Reason string
	// Merge says that the event's context is what all completed steps of the
	// document put out.
	Merge bool
	// Make is evaluated over that context; its value is the event's output. If
	// that fails, the result is failed. It is nil if there is no output.
	Make Expression
	// Loop is the node of a loop that is over: the event's output has the list
	// of what its Collect keeps of each item's visit, in order of the items.
	Loop *Node
}

// Slot returns where the decision is to be written for a document.
func (x Decision) Slot(d *Definition, document events.DocumentID) events.Slot {
	return events.Slot{
		Definition: d.Name, Version: d.Version, Document: document,
		Step: x.Step, Visit: x.Visit, Kind: x.Kind, Again: x.Again,
	}
}

// Decide returns what to write next, given the time by the log's clock. The
// same state and time give the same decisions, so two coordinators may both
// write them.
func (d *Definition) Decide(s *State, now time.Time) []Decision {
	switch {
	case !s.submitted || s.ended:
		return nil
	case s.Verdict == 0:
		return d.running(s, now)
	case s.open > 0:
		return d.chase(s)
	case s.incidents > 0:
		return nil
	}
	if due := d.undoNext(s, d.mustUndo); due != nil || d.undoing(s) {
		return due
	}
	return []Decision{{Step: events.StepDocument, Visit: 1, Kind: events.Ended, Again: 1, Result: s.Verdict, Reason: s.Reason}}
}

// running returns what is due in a document that nothing has stopped.
func (d *Definition) running(s *State, now time.Time) []Decision {
	if s.open == 0 && s.recalls == 0 {
		if s.stuck || s.incidents > 0 && !d.onlyWatch(s) {
			return nil
		}
		return []Decision{{Step: events.StepDocument, Visit: 1, Kind: events.Ended, Again: 1, Result: events.Completed}}
	}
	var due []Decision
	for i := range s.Visits() {
		v := s.Visit(i)
		if v.status != Open && v.status != Watching && v.status != Leaving && v.status != Looping {
			continue
		}
		if x, ok := d.outcome(s, i, now); ok {
			due = append(due, x)
		}
	}
	if s.recalls > 0 {
		due = append(due, d.undoNext(s, isRecalled)...)
	}
	return due
}

// onlyWatch reports whether all that waits for a person are events that watch
// the document, which is done without them.
func (d *Definition) onlyWatch(s *State) bool {
	for i := range s.Visits() {
		switch v := s.Visit(i); {
		case v.status == UndoFailed, v.status == Waiting && (v.parent > 0 || !d.Nodes[v.node].watches()):
			return false
		}
	}
	return true
}

// outcome returns the outcome that is due for a visit.
func (d *Definition) outcome(s *State, i int, now time.Time) (Decision, bool) {
	v := s.Visit(i)
	n := &d.Nodes[v.node]
	x := Decision{Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1, Result: events.Completed, Merge: true}
	deadline, timed := v.Deadline()
	timed = timed && !now.Before(deadline)
	switch {
	case v.status == Leaving:
		x.Result, x.Reason, x.Merge = events.Cancelled, ReasonCancel, false
		return x, true
	case d.isLoop(v):
		x.Loop = n
		return x, !d.busy(s, i)
	case isScope(n):
		return x, !d.busy(s, i)
	case n.Trigger == TimerTrigger:
		return x, timed
	case timed:
		x.Result, x.Reason, x.Merge = events.TimedOut, ReasonTimeout, false
		return x, true
	case n.Kind == Script:
		x.Make = n.Makes
		return x, true
	case n.Trigger == CompensationTrigger && n.Kind != Boundary:
		return x, s.recalls == 0 && s.incidents == 0
	}
	return x, n.recorded || n.Kind == Task || n.Kind == Throw || n.Kind == End
}

// busy reports whether a token is in a sub-process, or an item of a loop is
// not done.
func (d *Definition) busy(s *State, scope int) bool {
	for i := scope + 1; i < s.Visits(); i++ {
		if v := s.Visit(i); int(v.parent) == scope+1 && isLive(v.status) {
			return true
		}
	}
	return false
}

func isLive(s Status) bool { return s == Open || s == Joining || s == Waiting || s == Looping }

// progresses reports whether something is under way or waited for that may
// move a token.
func (d *Definition) progresses(s *State) bool {
	for i := range s.Visits() {
		switch v := s.Visit(i); v.status {
		case Open, Looping:
			if !isScope(&d.Nodes[v.node]) && v.status == Open || !d.busy(s, i) {
				return true
			}
		case Watching, Leaving, Undoing, Recalled:
			return true
		case Joining, Done, Refused, Broken, Late, Stopped, Waiting, UndoFailed, Reverted, Closed:
		}
	}
	return false
}

// chase cancels what is open in a document that was stopped.
func (d *Definition) chase(s *State) []Decision {
	var due []Decision
	for i := range s.Visits() {
		if v := s.Visit(i); v.status == Open || v.status == Leaving {
			due = append(due, Decision{
				Step: d.Nodes[v.node].ID, Visit: v.Number(), Kind: events.Outcome, Again: 1,
				Result: events.Cancelled, Reason: ReasonCancel,
			})
		}
	}
	return due
}

// undoing reports whether an undo is under way.
func (d *Definition) undoing(s *State) bool {
	if s.recalls == 0 {
		return false
	}
	for i := range s.Visits() {
		if s.Visit(i).status == Undoing {
			return true
		}
	}
	return false
}

// undoNext returns the undo of the visit that was done last among those that
// must be undone, once the one before is done with. An undo that nobody has to
// do is done at once.
func (d *Definition) undoNext(s *State, must func(*State, int) bool) []Decision {
	next := -1
	for i := range s.Visits() {
		v := s.Visit(i)
		if v.status == Undoing {
			if undo := d.Nodes[v.node].Undo; undo != nil && undo.Service == "" && !undo.Person && !undo.Child {
				return []Decision{{Step: d.Nodes[v.node].ID, Visit: v.Number(), Kind: events.Undone, Again: int(v.again), Result: events.Completed}}
			}
			return nil
		}
		if must(s, i) && (next < 0 || v.rank >= s.Visit(next).rank) { // those of the last rank: the one that was opened last
			next = i
		}
	}
	if next < 0 {
		return nil
	}
	v := s.Visit(next)
	return []Decision{{Step: d.Nodes[v.node].ID, Visit: v.Number(), Kind: events.Undo, Again: 1}}
}

func isRecalled(s *State, i int) bool { return s.Visit(i).status == Recalled }

// mustUndo reports whether a visit may have had an effect that is still there.
// A rejected one says itself that it has none. What lies in a completed
// sub-process with a compensation handler is undone by that.
func (d *Definition) mustUndo(s *State, i int) bool {
	v := s.Visit(i)
	if d.Nodes[v.node].Undo == nil || d.isLoop(v) {
		return false
	}
	switch v.status {
	case Recalled: // it is none of what a sub-process completed
		return true
	case Done, Broken, Late, Stopped:
	case Open, Joining, Refused, Waiting, Undoing, UndoFailed, Reverted, Closed, Watching, Leaving, Looping:
		return false
	}
	for at := int(v.parent) - 1; at >= 0; at = int(s.Visit(at).parent) - 1 {
		if outer := s.Visit(at); wasDone(outer.status) && d.Nodes[outer.node].Undo != nil && !d.isLoop(outer) {
			return false
		}
	}
	return true
}

// wasDone reports whether a visit was completed, whatever became of it since.
func wasDone(s Status) bool {
	return s == Done || s == Recalled || s == Undoing || s == UndoFailed || s == Reverted
}

// ToUndo returns the visits that would be undone if the document stopped now,
// in the order of their undoing.
func (d *Definition) ToUndo(s *State) []Visit {
	var visits []Visit
	for i := range s.Visits() {
		if d.mustUndo(s, i) {
			visits = append(visits, s.Visit(i))
		}
	}
	slices.Reverse(visits)
	slices.SortStableFunc(visits, func(a, b Visit) int { return int(b.rank) - int(a.rank) })
	return visits
}

// Cause returns the id of the event that s was folded from last.
func (d *Definition) Cause(s *State, document events.DocumentID) string {
	step := events.StepDocument
	if node := int(s.last >> 32); node > 0 { //nolint:gosec // a node's number
		step = d.Nodes[node-1].ID
	}
	return events.Slot{
		Document: document, Step: step, Visit: int(s.last >> 16 & 0xffff), //nolint:gosec // 16 bits
		Kind: events.Kind(s.last >> 8), Again: int(s.last & 0xff), //nolint:gosec // 8 bits each
	}.ID()
}
