package saga

import (
	"time"

	"github.com/docsaga/docsaga/events"
)

// Reasons that Fold itself gives; the others come from the services.
const (
	ReasonNoFlow   = "no-flow"  // no condition of a gateway holds, or one cannot be evaluated
	ReasonDeadlock = "deadlock" // a join waits for tokens that cannot come
	ReasonTimeout  = "timed-out"
	ReasonCancel   = "cancelled"
	ReasonTimer    = "timer"           // when a timer goes off cannot be evaluated
	ReasonKey      = "correlation-key" // which message a step waits for, or tells, cannot be evaluated; who evaluates it gives it
	ReasonLoop     = "loop"            // what a loop goes over is no list, or too long
	ReasonTooMany  = "too-many-tokens" // branches split and never join, or a loop never ends
)

// Fold returns the state after e. An event at or before s.Seq changes nothing
// but must not come in another order than the log's. Fold refuses no event:
// one that fits nowhere adds to Anomalies.
func (d *Definition) Fold(s State, e *events.Event) State {
	f := folding{d: d, s: s, e: e}
	f.fold()
	return f.s
}

// Trace folds e as [Definition.Fold] does, and returns besides the numbers of
// the nodes that were completed by it, in order.
func (d *Definition) Trace(s State, e *events.Event) (State, []int) {
	f := folding{d: d, s: s, e: e, tracing: true}
	f.fold()
	return f.s, f.trace
}

// Route folds e as [Definition.Fold] does, and returns besides what the
// expressions came to that were asked. With it in place of its data, e is folded
// in the same way; see [events.Route].
func (d *Definition) Route(s State, e *events.Event) (State, events.Route) {
	f := folding{d: d, s: s, e: e, route: route{noting: true}}
	f.fold()
	return f.s, f.route.came
}

// Before returns a state in which e decides a visit that is open: all that
// must be known to fold e if every hop from it is [Direct].
func (d *Definition) Before(e *events.Event) State {
	if e.Slot.Kind != events.Outcome {
		return State{}
	}
	s := State{submitted: true}
	if n, ok := d.byID[e.Slot.Step]; ok {
		s.add(Visit{node: uint16(n), number: uint16(e.Slot.Visit), status: Open}) //nolint:gosec // both are checked
	}
	return s
}

// An Opening is a visit that an event opened.
type Opening struct {
	Node   int // its number in the definition
	Number int
	Item   int // which item of a loop it is for, from 1; 0 if none
	Visit  int // its index in the state after the event
}

// Opened returns the visits that are open in after but were not in before,
// the state that after was folded from by one event. Loops as a whole are not
// among them, only their items.
func Opened(before, after *State) []Opening {
	var opened []Opening
	for i := range after.Visits() {
		v := after.Visit(i)
		if v.status == Open && (i >= before.Visits() || before.Visit(i).status != Open || before.Visit(i).number != v.number) {
			opened = append(opened, Opening{Node: v.Node(), Number: v.Number(), Item: v.Item(), Visit: i})
		}
	}
	return opened
}

// isLoop reports whether a visit stands for a loop as a whole.
func (d *Definition) isLoop(v Visit) bool { return v.item == 0 && d.Nodes[v.node].Loop != nil }

// folding is one Fold at work.
type folding struct {
	d       *Definition
	s       State
	e       *events.Event
	node    int      // that the event is of
	known   bool     // there is one
	moves   int      // tokens moved; bounded
	cut     []uint16 // scopes, as parents of visits, whose tokens are gone
	route   route
	tracing bool
	trace   []int
}

func (f *folding) fold() {
	if f.e.Position.Seq != 0 && f.e.Position.Seq <= f.s.Seq {
		return
	}
	f.s.Seq = f.e.Position.Seq
	f.node, f.known = f.d.byID[f.e.Slot.Step]
	if f.e.Slot.Kind == events.Migrate {
		f.migrate()
		f.remember()
		f.settle()
		return
	}
	if f.foreign() {
		return
	}
	if f.s.ended {
		if f.e.Slot.Kind != events.Forgotten {
			f.s.Anomalies++
		}
		return
	}
	switch f.e.Slot.Kind {
	case events.Submitted:
		f.submitted()
	case events.Outcome:
		f.outcome()
	case events.Redo:
		f.redo()
	case events.Undo:
		f.undo()
	case events.Undone:
		f.undone()
	case events.Cancel:
		f.stop("", ReasonCancel, events.Cancelled)
	case events.Compensate:
		f.giveUp()
	case events.Ended:
		if f.s.ended, f.s.Verdict = true, f.e.Result; f.e.Result == events.Completed {
			f.s.StopStep, f.s.Reason = "", "" // what watched it may still have waited for a person
		}
	case events.Forgotten: // of a document that goes on
		f.s.Anomalies++
	case events.Changed, events.Migrate: // no document has the one; the other was seen to
	}
	f.remember()
	f.settle()
}

// remember notes the event as the last, in the form that Cause reads.
func (f *folding) remember() {
	node := 0
	if f.known {
		node = f.node + 1
	}
	slot := f.e.Slot
	f.s.last = uint64(node)<<32 | uint64(slot.Visit)<<16 | uint64(slot.Kind)<<8 | uint64(slot.Again) //nolint:gosec // all are small and positive
}

// settle completes inclusive joins, and finds out whether the document is
// stuck: tokens wait in a join that nothing can come to.
func (f *folding) settle() {
	s := &f.s
	s.stuck = s.stuck && s.Verdict == 0
	if s.joining == 0 || s.ended || s.Verdict != 0 {
		return
	}
	f.completeInclusive()
	if s.joining > 0 && s.incidents == 0 && !s.stuck && !f.d.progresses(s) {
		s.stuck, s.StopStep, s.Reason = true, f.waitingJoin(), ReasonDeadlock
	}
}

// waitingJoin returns the oldest join that waits for tokens.
func (f *folding) waitingJoin() events.StepID {
	for i := range f.s.Visits() {
		if v := f.s.Visit(i); v.status == Joining {
			return f.d.Nodes[v.node].ID
		}
	}
	return ""
}

func (f *folding) submitted() {
	if f.s.submitted {
		f.s.Anomalies++
		return
	}
	f.s.submitted = true
	f.enter(-1)
}

// outcome decides a visit and moves its token on.
func (f *folding) outcome() {
	node := f.node
	if !f.known || !f.d.Nodes[node].isStep() {
		f.s.Anomalies++
		return
	}
	i, ok := f.s.find(node, f.e.Slot.Visit)
	if !ok {
		i, ok = f.unexpected(node)
	}
	if !ok {
		return
	}
	v := f.s.Visit(i)
	switch v.status {
	case Open, Looping:
		f.rank(&v)
		f.decide(i, v)
	case Watching:
		f.rank(&v)
		f.watched(i, v)
	case Leaving:
		f.rank(&v)
		f.late(i, v)
	case Closed: // decided while it was being closed
	case Joining, Done, Refused, Broken, Late, Stopped, Waiting, Undoing, UndoFailed, Reverted, Recalled:
		f.s.Anomalies++
	}
}

// maxRanks is how many outcomes the state can tell the order of.
const maxRanks = 1<<16 - 1

// rank gives a visit its place in the order of outcomes. A document with more
// of them than can be told apart is stuck: those that come then share the last
// place.
func (f *folding) rank(v *Visit) {
	if f.s.ranks < maxRanks {
		f.s.ranks++
	} else if f.s.Verdict == 0 {
		f.s.stuck, f.s.StopStep, f.s.Reason = true, f.d.Nodes[v.node].ID, ReasonTooMany
	}
	v.rank = f.s.ranks
	if !f.d.isLoop(*v) {
		v.bits = 0
	}
}

// unkeyed reports whether the event says that it is not known which message a
// node waits for, or tells.
func (f *folding) unkeyed(n *Node) bool {
	return n.Key != nil && f.e.Result == events.Failed && f.code() == ReasonKey
}

// hasUndo reports whether a visit that is not completed may have an effect of
// its own that can be undone. That of a sub-process is what lies in it.
func (d *Definition) hasUndo(v Visit) bool {
	n := &d.Nodes[v.node]
	return n.Undo != nil && !isScope(n) && !d.isLoop(v)
}

func (f *folding) decide(i int, v Visit) {
	n := &f.d.Nodes[v.node]
	switch f.e.Result {
	case events.Completed:
		f.s.turn(i, v, Done)
		f.completed(i)
	case events.Rejected:
		f.s.turn(i, v, Refused)
		f.disarm(i)
		code := f.code()
		if caught, _ := f.raise(ErrorTrigger, code, i, v.parent); !caught {
			f.stop(n.ID, code, events.Rejected)
		}
	case events.Failed:
		f.disarm(i)
		if (n.OnFail == Wait || f.unkeyed(n)) && f.s.Verdict == 0 {
			f.s.turn(i, v, Waiting)
			f.s.StopStep, f.s.Reason = n.ID, f.code()
			return
		}
		f.s.turn(i, v, Broken)
		f.stop(n.ID, f.code(), events.Failed)
	case events.TimedOut:
		f.s.turn(i, v, Late)
		f.stop(n.ID, ReasonTimeout, events.Failed)
	case events.Cancelled:
		f.s.turn(i, v, Stopped)
		f.stop(n.ID, ReasonCancel, events.Cancelled)
	}
}

// late takes the outcome of an interrupted visit. Its token is gone, but it
// may have had an effect.
func (f *folding) late(i int, v Visit) {
	to := Stopped
	switch {
	case f.e.Result == events.Rejected:
		to = Refused
	case f.d.Nodes[v.node].Undo != nil:
		to = Recalled
	}
	f.s.turn(i, v, to)
}

// code returns the reason that the event gives.
func (f *folding) code() string {
	d, err := events.ParseData(f.e.Data)
	if err != nil || d.Error == nil {
		return ""
	}
	return d.Error.Code
}

// stop makes the document compensate, if nothing has stopped it before. What
// nobody is at work on is closed at once.
func (f *folding) stop(step events.StepID, reason string, verdict events.Result) {
	if f.s.Verdict != 0 {
		return
	}
	f.s.Verdict, f.s.StopStep, f.s.Reason = verdict, step, reason
	for i := range f.s.Visits() {
		switch v := f.s.Visit(i); v.status {
		case Open:
			if !f.d.Nodes[v.node].isWorked() {
				f.s.turn(i, v, Closed)
			}
		case Joining, Watching, Looping:
			f.s.turn(i, v, Closed)
		case Waiting: // nobody needs to decide about it any more
			f.s.turn(i, v, Broken)
		case Done, Refused, Broken, Late, Stopped, Undoing, UndoFailed, Reverted, Closed, Leaving, Recalled:
		}
	}
}

// deadline returns a time as bits of a visit, rounded up to milliseconds.
func deadline(at time.Time) uint64 {
	ms := max(at.Add(time.Millisecond-1).UnixMilli(), 0)
	return uint64(ms) | deadlineBit //nolint:gosec // not negative
}
