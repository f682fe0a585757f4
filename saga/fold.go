package saga

import (
	"bytes"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Reasons that Fold itself gives; the others come from the services.
const (
	ReasonNoFlow   = "no-flow"  // no condition of a gateway holds, or one cannot be evaluated
	ReasonDeadlock = "deadlock" // a join waits for tokens that cannot come
	ReasonTimeout  = "timed-out"
	ReasonCancel   = "cancelled"
)

// Fold returns the state after e. An event at or before s.Seq changes nothing
// but must not come in another order than the log's. Fold refuses no event:
// one that fits nowhere adds to Anomalies.
func (d *Definition) Fold(s State, e *events.Event) State {
	if e.Position.Seq != 0 && e.Position.Seq <= s.Seq {
		return s
	}
	f := folding{d: d, s: s, e: e}
	f.s.Seq = e.Position.Seq
	f.fold()
	return f.s
}

// Before returns a state in which e decides a visit that is open: all that
// must be known to fold e if every hop from it is [Direct].
func (d *Definition) Before(e *events.Event) State {
	if e.Slot.Kind != events.Outcome {
		return State{}
	}
	s := State{submitted: true, open: 1}
	if n, ok := d.byID[e.Slot.Step]; ok {
		s.add(Visit{node: uint16(n), number: uint16(e.Slot.Visit), status: Open}) //nolint:gosec // both are checked
	}
	return s
}

// An Opening is a visit that an event opened.
type Opening struct {
	Node   int // its number in the definition
	Number int
}

// Opened returns the visits that are open in after but were not in before,
// the state that after was folded from by one event.
func Opened(before, after *State) []Opening {
	var opened []Opening
	for i := range after.Visits() {
		v := after.Visit(i)
		if v.status == Open && (i >= before.Visits() || before.Visit(i).status != Open) {
			opened = append(opened, Opening{Node: v.Node(), Number: v.Number()})
		}
	}
	return opened
}

// folding is one Fold at work.
type folding struct {
	d     *Definition
	s     State
	e     *events.Event
	moves int // tokens moved; bounded, though Compile refuses loops without a step
}

func (f *folding) fold() {
	slot := f.e.Slot
	if f.s.ended {
		f.s.Anomalies++
		return
	}
	switch slot.Kind {
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
		f.giveUp()
	case events.Compensate:
		f.giveUp()
	case events.Ended:
		f.s.ended, f.s.Verdict = true, f.e.Result
	}
	f.remember()
	f.settle()
}

// remember notes the event as the last, in the order that lastID reads.
func (f *folding) remember() {
	node := 0
	if n, ok := f.d.byID[f.e.Slot.Step]; ok {
		node = n + 1
	}
	slot := f.e.Slot
	f.s.last = uint64(node)<<32 | uint64(slot.Visit)<<16 | uint64(slot.Kind)<<8 | uint64(slot.Again) //nolint:gosec // all are small and positive
}

// settle finds out whether the document is stuck: nothing is open, and tokens
// wait in a join that nothing can come to.
func (f *folding) settle() {
	s := &f.s
	s.stuck = s.stuck && s.Verdict == 0
	if s.submitted && !s.ended && s.Verdict == 0 && s.open == 0 && s.incidents == 0 && s.joining > 0 && !s.stuck {
		s.stuck, s.Reason = true, ReasonDeadlock
	}
}

func (f *folding) submitted() {
	if f.s.submitted {
		f.s.Anomalies++
		return
	}
	f.s.submitted = true
	f.leave(f.d.start)
}

// outcome decides a visit and moves its token on.
func (f *folding) outcome() {
	node, ok := f.d.byID[f.e.Slot.Step]
	if !ok || !f.d.Nodes[node].isStep() {
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
	if v.status != Open {
		f.s.Anomalies++
		return
	}
	f.s.open--
	f.s.ranks++
	v.rank, v.bits = f.s.ranks, 0
	f.decide(i, v)
}

// unexpected deals with the outcome of a visit that was never opened. A visit
// after one that waits for a person is how that person resolves it. Anything
// else is an anomaly; what it did is kept, so that it can be undone.
func (f *folding) unexpected(node int) (int, bool) {
	visit := Visit{node: uint16(node), number: uint16(f.e.Slot.Visit), status: Open} //nolint:gosec // both are checked
	last, ok := f.s.latest(node)
	if ok && f.s.Visit(last).status == Waiting && f.e.Slot.Visit == f.s.Visit(last).Number()+1 {
		f.resolve(last)
		i := f.s.Visits()
		if !f.s.add(visit) {
			return 0, false
		}
		f.s.open++
		return i, true
	}
	f.s.Anomalies++
	if f.e.Result != events.Completed || !f.s.submitted {
		return 0, false
	}
	f.s.ranks++
	visit.status, visit.rank = Done, f.s.ranks
	f.s.add(visit)
	return 0, false
}

// resolve closes a visit that waited for a person; a failed one may have had
// an effect, so it stays to be undone.
func (f *folding) resolve(i int) {
	v := f.s.Visit(i)
	v.status = Broken
	f.s.set(i, v)
	f.s.incidents--
}

func (f *folding) decide(i int, v Visit) {
	n := &f.d.Nodes[v.node]
	switch f.e.Result {
	case events.Completed:
		v.status = Done
		f.s.set(i, v)
		f.leave(int(v.node))
	case events.Rejected:
		v.status = Refused
		f.s.set(i, v)
		code := f.code()
		if b, ok := catching(n, code); ok {
			f.leave(b)
			return
		}
		f.stop(n.ID, code, events.Rejected)
	case events.Failed:
		if n.OnFail == Wait && f.s.Verdict == 0 {
			v.status = Waiting
			f.s.set(i, v)
			f.s.incidents++
			f.s.StopStep, f.s.Reason = n.ID, f.code()
			return
		}
		v.status = Broken
		f.s.set(i, v)
		f.stop(n.ID, f.code(), events.Failed)
	case events.TimedOut:
		v.status = Late
		f.s.set(i, v)
		f.stop(n.ID, ReasonTimeout, events.Failed)
	case events.Cancelled:
		v.status = Stopped
		f.s.set(i, v)
		f.stop(n.ID, ReasonCancel, events.Cancelled)
	}
}

func catching(n *Node, code string) (int, bool) {
	for _, c := range n.Catches {
		if c.Code == "" || c.Code == code {
			return c.Node, true
		}
	}
	return 0, false
}

// code returns the reason that the event gives.
func (f *folding) code() string {
	d, err := events.ParseData(f.e.Data)
	if err != nil || d.Error == nil {
		return ""
	}
	return d.Error.Code
}

// stop makes the document compensate, if nothing has stopped it before.
func (f *folding) stop(step events.StepID, reason string, verdict events.Result) {
	if f.s.Verdict == 0 {
		f.s.Verdict, f.s.StopStep, f.s.Reason = verdict, step, reason
	}
}

// giveUp turns the incidents of steps into failures.
func (f *folding) giveUp() {
	for i := range f.s.Visits() {
		if f.s.Visit(i).status == Waiting {
			f.resolve(i)
			f.stop(f.s.StopStep, f.s.Reason, events.Failed)
		}
	}
	if f.s.stuck {
		f.stop(f.s.StopStep, f.s.Reason, events.Failed)
	}
}

func (f *folding) redo() {
	node, ok := f.d.byID[f.e.Slot.Step]
	if !ok {
		f.s.Anomalies++
		return
	}
	if last, ok := f.s.latest(node); ok && f.s.Visit(last).status == Waiting {
		f.resolve(last)
	}
	if _, ok := f.s.find(node, f.e.Slot.Visit); ok || f.s.Verdict != 0 {
		f.s.Anomalies++
		return
	}
	f.openVisit(node, f.e.Slot.Visit)
}

func (f *folding) undo() {
	i, v, ok := f.visit()
	if !ok {
		return
	}
	if v.status == UndoFailed {
		f.s.incidents--
	}
	v.status, v.again = Undoing, uint8(f.e.Slot.Again) //nolint:gosec // at most MaxAgain
	f.s.set(i, v)
}

func (f *folding) undone() {
	i, v, ok := f.visit()
	if !ok {
		return
	}
	if v.status == UndoFailed {
		f.s.incidents--
	}
	v.status, v.again = Reverted, uint8(f.e.Slot.Again) //nolint:gosec // at most MaxAgain
	if f.e.Result != events.Completed {
		v.status = UndoFailed
		f.s.incidents++
	}
	f.s.set(i, v)
}

// visit returns the visit that the event is about, if it has an outcome.
func (f *folding) visit() (int, Visit, bool) {
	node, ok := f.d.byID[f.e.Slot.Step]
	if ok {
		if i, found := f.s.find(node, f.e.Slot.Visit); found && f.s.Visit(i).rank > 0 {
			return i, f.s.Visit(i), true
		}
	}
	f.s.Anomalies++
	return 0, Visit{}, false
}

// leave sends a token along the flows out of a node.
func (f *folding) leave(node int) {
	n := &f.d.Nodes[node]
	if n.Kind == Exclusive {
		if flow, ok := f.choose(n); ok {
			f.arrive(flow)
		} else {
			f.s.stuck, f.s.StopStep, f.s.Reason = true, n.ID, ReasonNoFlow
		}
		return
	}
	for _, flow := range n.out {
		f.arrive(flow)
	}
}

// choose returns the first flow whose guard holds, or the default.
func (f *folding) choose(n *Node) (flow int, ok bool) {
	if len(n.out) == 1 {
		return n.out[0], true
	}
	vars := Vars{Step: f.e.Slot.Step, Data: f.e.Data}
	for _, flow := range n.out {
		guard := f.d.Flows[flow].Guard
		if guard == nil || flow == n.Default {
			continue
		}
		value, err := guard.Eval(vars)
		if err != nil {
			return 0, false
		}
		if bytes.Equal(value, []byte("true")) {
			return flow, true
		}
	}
	return n.Default, n.Default >= 0
}

// arrive brings a token to the end of a flow.
func (f *folding) arrive(flow int) {
	node := f.d.Flows[flow].To
	n := &f.d.Nodes[node]
	if f.moves++; f.moves > len(f.d.Flows)+1 {
		f.s.Anomalies++
		return
	}
	switch n.Kind {
	case Service:
		f.openVisit(node, f.next(node))
	case Parallel:
		if len(n.in) < 2 || f.join(node, flow) {
			f.leave(node)
		}
	case Exclusive, Boundary:
		f.leave(node)
	case Start, End:
	}
}

// join notes a token and reports whether it was the last that the join waited
// for. A recorded join becomes an open visit instead.
func (f *folding) join(node, flow int) bool {
	n := &f.d.Nodes[node]
	i, ok := f.s.latest(node)
	if !ok || f.s.Visit(i).status != Joining {
		i = int(f.s.count)
		if !f.s.add(Visit{node: uint16(node), number: uint16(f.next(node)), status: Joining}) { //nolint:gosec // both are bounded
			f.s.Anomalies++
			return false
		}
		f.s.joining++
	}
	v := f.s.Visit(i)
	for bit, in := range n.in {
		if in == flow && v.bits&(1<<bit) != 0 {
			f.s.Anomalies++
		}
		if in == flow {
			v.bits |= 1 << bit
		}
	}
	complete := v.bits == 1<<len(n.in)-1
	if complete {
		v.bits, v.status = 0, Closed
		f.s.joining--
		if n.recorded {
			v.status = Open
			f.s.open++
		}
	}
	f.s.set(i, v)
	return complete && !n.recorded
}

// next returns the number that the next visit of a node has.
func (f *folding) next(node int) int {
	if i, ok := f.s.latest(node); ok {
		return f.s.Visit(i).Number() + 1
	}
	return 1
}

func (f *folding) openVisit(node, number int) {
	v := Visit{node: uint16(node), number: uint16(number), status: Open} //nolint:gosec // both are bounded
	if timeout := f.d.Nodes[node].Timeout; timeout > 0 && !f.e.At.IsZero() {
		v.bits = uint64(f.e.At.Add(timeout + time.Millisecond - 1).UnixMilli()) //nolint:gosec // a time after 1970
	}
	if number > events.MaxVisit || !f.s.add(v) {
		f.s.Anomalies++
		return
	}
	f.s.open++
}
