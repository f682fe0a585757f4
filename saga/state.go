package saga

import (
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Phase says what is happening to a document.
type Phase uint8

// The phases. The zero Phase is that of a document that was not submitted.
const (
	Unknown Phase = iota
	Running
	Compensating // stopped: open visits are cancelled, then what was done is undone
	Incident     // a person is needed
	Ended
)

// String returns the phase's word.
func (p Phase) String() string {
	switch p {
	case Unknown:
		return "unknown"
	case Running:
		return "running"
	case Compensating:
		return "compensating"
	case Incident:
		return "incident"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// A Status says where a visit is.
type Status uint8

// The statuses of visits. The zero Status is none of them.
const (
	Open       Status = iota + 1 // cued, no outcome yet
	Joining                      // a parallel join that waits for more tokens
	Done                         // completed
	Refused                      // rejected
	Broken                       // failed
	Late                         // timed-out
	Stopped                      // cancelled
	Waiting                      // failed, and waits for a person
	Undoing                      // its undo was commanded
	UndoFailed                   // its undo failed, and waits for a person
	Reverted                     // undone
	Closed                       // nothing more to do about it
	Watching                     // an event that may set something off, while what it sits on goes on
	Leaving                      // interrupted: its slot must be cancelled
	Recalled                     // must be undone though the document goes on
	Looping                      // a loop as a whole, while items of it are not done
)

// String returns the status's word.
func (s Status) String() string {
	words := [...]string{
		"", "open", "joining", "completed", "rejected", "failed", "timed-out", "cancelled",
		"incident", "undoing", "undo-failed", "undone", "closed", "watching", "leaving", "recalled", "looping",
	}
	if int(s) < len(words) {
		return words[s]
	}
	return ""
}

// counted says which of a State's counters a status belongs to.
func (s Status) counted(st *State) *uint16 {
	switch s {
	case Open, Leaving, Looping:
		return &st.open
	case Joining:
		return &st.joining
	case Waiting, UndoFailed:
		return &st.incidents
	case Undoing, Recalled:
		return &st.recalls
	case Done, Refused, Broken, Late, Stopped, Reverted, Closed, Watching:
	}
	return nil
}

// A Visit is one time that a document comes to a node, in 20 bytes.
type Visit struct {
	node   uint16
	number uint16
	rank   uint16 // order of completion, from 1; 0 before
	status Status
	again  uint8  // number of the last undo command
	parent uint16 // index of the visit that it lies in or sits on, plus 1; 0 is the document
	item   uint16 // of one item of a loop: which, from 1; behind an event-based gateway: index of the first of the group, plus 1; of what watches: for which time
	bits   uint64 // deadline in Unix milliseconds; for a join, the flows on which a token waits; for a loop, how many items
}

// Node returns the number of the visited node in its definition.
func (v Visit) Node() int { return int(v.node) }

// Number returns which visit of the node it is, from 1.
func (v Visit) Number() int { return int(v.number) }

// Status returns where the visit is.
func (v Visit) Status() Status { return v.status }

// Parent returns the index of the visit that this one lies in, a sub-process
// or loop, or sits on, as a boundary event; false if that is the document.
func (v Visit) Parent() (int, bool) { return int(v.parent) - 1, v.parent > 0 }

// Item returns which item of a loop the visit is for, from 1; 0 if none.
func (v Visit) Item() int { return int(v.item) }

// Rank returns the visit's place in the order of outcomes, from 1; 0 if it has
// none yet.
func (v Visit) Rank() int { return int(v.rank) }

// deadlineBit marks bits that hold a deadline.
const deadlineBit = 1 << 63

// Deadline returns when the visit is timed-out, or when its timer goes off.
func (v Visit) Deadline() (at time.Time, ok bool) {
	if v.status != Open && v.status != Watching || v.bits&deadlineBit == 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(v.bits &^ deadlineBit)).UTC(), true //nolint:gosec // written from an int64
}

// inline is how many visits a State holds in itself; the rest lies in a string.
const inline = 8

// visitSize is the length of a visit in that string, in bytes.
const visitSize = 20

// A State is all that must be known of a document to fold its next event. It
// holds no slice, map or pointer to anything that changes: copies are
// independent, and == compares. The zero State is that of a document that was
// not submitted.
type State struct {
	Seq       uint64        // of the last event folded
	Verdict   events.Result // what it ends as, once that is known
	StopStep  events.StepID // the step that stopped it, or empty
	Reason    string        // why it was stopped
	Anomalies uint16        // events that fit nowhere

	ended     bool
	submitted bool
	ranks     uint16 // visits that have an outcome
	open      uint16 // visits that are open
	joining   uint16
	incidents uint16
	recalls   uint16 // visits that are being undone, or must be
	stuck     bool   // no token can move and none has ended
	moved     bool   // it came from another version
	last      uint64 // the last event: node+1, visit, kind, again
	count     uint16
	first     [inline]Visit
	more      string
}

// Phase returns what is happening to the document.
func (s *State) Phase() Phase {
	switch {
	case s.ended:
		return Ended
	case !s.submitted:
		return Unknown
	case s.incidents > 0 || s.stuck:
		return Incident
	case s.Verdict != 0:
		return Compensating
	}
	return Running
}

// Submitted reports whether the document was submitted: events may be read of
// one that was not.
func (s *State) Submitted() bool { return s.submitted }

// Moved reports whether the document came from another version of its
// definition.
func (s *State) Moved() bool { return s.moved }

// Visits returns how many visits the state holds.
func (s *State) Visits() int { return int(s.count) }

// Visit returns a visit, in order of opening.
func (s *State) Visit(i int) Visit {
	if uint(i) < inline {
		return s.first[i]
	}
	return s.beyond(i)
}

// beyond returns a visit that is not in the State itself. It is apart so that
// Visit is inlined where it is called.
//
//go:noinline
func (s *State) beyond(i int) Visit { return decodeVisit(s.more[(i-inline)*visitSize:]) }

// Deadline returns the earliest deadline of the open visits.
func (s *State) Deadline() (at time.Time, ok bool) {
	for i := range s.Visits() {
		v := s.Visit(i)
		if d, has := v.Deadline(); has && (!ok || d.Before(at)) {
			at, ok = d, true
		}
	}
	return at, ok
}

func (s *State) set(i int, v Visit) {
	if uint(i) < inline {
		s.first[i] = v
		return
	}
	s.setBeyond(i, v)
}

//go:noinline
func (s *State) setBeyond(i int, v Visit) {
	at := (i - inline) * visitSize
	s.more = spliced(s.more[:at], v, s.more[at+visitSize:])
}

// spliced returns a visit between what is before and after it.
func spliced(before string, v Visit, after string) string {
	var b strings.Builder
	b.Grow(len(before) + visitSize + len(after))
	b.WriteString(before)
	b.Write(appendVisit(make([]byte, 0, visitSize), v))
	b.WriteString(after)
	return b.String()
}

// add appends a visit; it reports false if the state can hold no more.
func (s *State) add(v Visit) bool {
	if s.count >= events.MaxVisit {
		return false
	}
	if n := v.status.counted(s); n != nil {
		*n++
	}
	s.append(v)
	return true
}

// turn gives a visit another status, and counts it there.
func (s *State) turn(i int, v Visit, to Status) {
	if from := s.Visit(i).status; from != to {
		if n := from.counted(s); n != nil {
			*n--
		}
		if n := to.counted(s); n != nil {
			*n++
		}
	}
	v.status = to
	s.set(i, v)
}

func (s *State) append(v Visit) {
	if s.count < inline {
		s.first[s.count] = v
	} else {
		s.more = spliced(s.more, v, "")
	}
	s.count++
}

// find returns the index of a visit, the newest first.
func (s *State) find(node, number int) (int, bool) {
	i := int(s.count) - 1
	for ; i >= inline; i-- {
		if v := s.beyond(i); int(v.node) == node && int(v.number) == number {
			return i, true
		}
	}
	for ; i >= 0; i-- {
		if v := &s.first[i]; int(v.node) == node && int(v.number) == number {
			return i, true
		}
	}
	return 0, false
}

// latest returns the index of the newest visit of a node.
func (s *State) latest(node int) (int, bool) {
	i := int(s.count) - 1
	for ; i >= inline; i-- {
		if int(s.beyond(i).node) == node {
			return i, true
		}
	}
	for ; i >= 0; i-- {
		if int(s.first[i].node) == node {
			return i, true
		}
	}
	return 0, false
}

// Next returns the number that the next visit of a node has: the one by which
// a person does again, or resolves, a step that waits.
func (s *State) Next(node int) int {
	if s.moved { // their order is not that of their numbers any more
		last := 0
		for i := range s.Visits() {
			if v := s.Visit(i); int(v.node) == node {
				last = max(last, v.Number())
			}
		}
		return last + 1
	}
	if i, ok := s.latest(node); ok {
		return s.Visit(i).Number() + 1
	}
	return 1
}

// waiting returns the index of the oldest visit of a node that waits for a
// person.
func (s *State) waiting(node int) (int, bool) {
	if s.incidents == 0 {
		return 0, false
	}
	for i := range s.Visits() {
		if v := s.Visit(i); int(v.node) == node && v.status == Waiting {
			return i, true
		}
	}
	return 0, false
}

// within reports whether visit i lies in, or is, the visit with that index; -1
// is the document, in which all lie.
func (s *State) within(i, ancestor int) bool {
	for ; i >= 0; i = int(s.Visit(i).parent) - 1 {
		if i == ancestor {
			return true
		}
	}
	return ancestor < 0
}
