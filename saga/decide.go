package saga

import (
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
	// document put out, for a join with a choice behind it.
	Merge bool
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
	if !s.submitted || s.ended {
		return nil
	}
	if s.Verdict != 0 && s.open == 0 {
		if s.incidents > 0 {
			return nil
		}
		return d.compensate(s)
	}
	if s.open == 0 {
		if s.incidents > 0 || s.stuck {
			return nil
		}
		return []Decision{{Step: events.StepDocument, Visit: 1, Kind: events.Ended, Again: 1, Result: events.Completed}}
	}
	return d.openVisits(s, now)
}

// openVisits returns the outcomes that are due for open visits.
func (d *Definition) openVisits(s *State, now time.Time) []Decision {
	var due []Decision
	for i := range s.Visits() {
		v := s.Visit(i)
		if v.status != Open {
			continue
		}
		n := &d.Nodes[v.node]
		x := Decision{Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1}
		deadline, timed := v.Deadline()
		switch {
		case s.Verdict != 0:
			x.Result, x.Reason = events.Cancelled, ReasonCancel
		case n.recorded:
			x.Result, x.Merge = events.Completed, true
		case timed && !now.Before(deadline):
			x.Result, x.Reason = events.TimedOut, ReasonTimeout
		default:
			continue
		}
		due = append(due, x)
	}
	return due
}

// compensate returns the next undo, or the end if all is undone.
func (d *Definition) compensate(s *State) []Decision {
	next := -1
	for i := range s.Visits() {
		v := s.Visit(i)
		if v.status == Undoing {
			return nil
		}
		if d.mustUndo(v) && (next < 0 || v.rank > s.Visit(next).rank) {
			next = i
		}
	}
	if next < 0 {
		return []Decision{{Step: events.StepDocument, Visit: 1, Kind: events.Ended, Again: 1, Result: s.Verdict, Reason: s.Reason}}
	}
	v := s.Visit(next)
	return []Decision{{Step: d.Nodes[v.node].ID, Visit: v.Number(), Kind: events.Undo, Again: 1}}
}

// mustUndo reports whether a visit may have had an effect that is still there.
// A rejected one says itself that it has none.
func (d *Definition) mustUndo(v Visit) bool {
	if d.Nodes[v.node].Undo == nil {
		return false
	}
	switch v.status {
	case Done, Broken, Late, Stopped:
		return true
	case Open, Joining, Refused, Waiting, Undoing, UndoFailed, Reverted, Closed:
		return false
	}
	return false
}

// ToUndo returns the visits that would be undone if the document stopped now,
// in the order of their undoing.
func (d *Definition) ToUndo(s *State) []Visit {
	var visits []Visit
	for rank := s.ranks; rank > 0; rank-- {
		for i := range s.Visits() {
			if v := s.Visit(i); v.rank == rank && d.mustUndo(v) {
				visits = append(visits, v)
			}
		}
	}
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
