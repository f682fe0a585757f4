package saga

import "github.com/docsaga/docsaga/events"

// open begins the visit that a token has come for.
func (f *folding) open(node int, parent uint16) {
	f.begin(Visit{node: uint16(node), number: f.next(node), parent: parent}) //nolint:gosec // at most MaxNodes
}

// loop begins a visit that stands for all items of a loop.
func (f *folding) loop(v Visit) {
	n := &f.d.Nodes[v.node]
	count, ok := f.items(n.Loop)
	v.bits = uint64(count) //nolint:gosec // at most MaxItems
	i, opened := f.openVisit(v)
	if !opened {
		return
	}
	if !ok {
		f.incident(i, ReasonLoop)
		return
	}
	f.arm(i)
	for item := 1; item <= count && (item == 1 || !n.Loop.Sequential); item++ {
		f.beginItem(i, item)
	}
}

func (f *folding) beginItem(loop, item int) {
	node := f.s.Visit(loop).node
	f.begin(Visit{node: node, number: f.next(int(node)), parent: uint16(loop + 1), item: uint16(item)}) //nolint:gosec // bounded
}

// begin opens a visit with the events that watch it and, in a sub-process,
// those that come first.
func (f *folding) begin(v Visit) {
	if f.d.isLoop(v) {
		f.loop(v)
		return
	}
	i, ok := f.openVisit(v)
	if !ok {
		return
	}
	n := &f.d.Nodes[v.node]
	if v.item == 0 {
		f.arm(i)
	}
	switch {
	case isScope(n):
		f.enter(i)
	case n.Trigger == CompensationTrigger:
		f.recall(n, v.parent)
	}
}

// openVisit adds an open visit, with its deadline.
func (f *folding) openVisit(v Visit) (int, bool) {
	n := &f.d.Nodes[v.node]
	if f.s.Verdict != 0 && (!n.isWorked() || f.d.isLoop(v)) {
		return 0, false // nothing to chase
	}
	v.status = Open
	switch {
	case f.d.isLoop(v):
		v.status = Looping
	case n.Timeout > 0 && n.Kind == Service && !f.e.At.IsZero():
		v.bits = deadline(f.e.At.Add(n.Timeout))
	}
	i, ok := f.add(v)
	if !ok {
		return 0, false
	}
	if n.Trigger == TimerTrigger && v.status == Open {
		f.setTimer(i, 1)
	}
	return i, true
}

// incident makes a visit wait for a person.
func (f *folding) incident(i int, reason string) {
	v := f.s.Visit(i)
	f.rank(&v)
	f.s.turn(i, v, Waiting)
	f.s.StopStep, f.s.Reason = f.d.Nodes[v.node].ID, reason
}

// setTimer gives a visit of a timer its deadline, the n-th since it was
// armed; a timer that does not go off any more is closed.
func (f *folding) setTimer(i, n int) {
	v := f.s.Visit(i)
	at, ok := f.goesOff(f.d.Nodes[v.node].Clock, n)
	switch {
	case !ok:
		f.incident(i, ReasonTimer)
	case at.IsZero():
		f.s.turn(i, v, Closed)
	default:
		v.bits = deadline(at)
		f.s.set(i, v)
	}
}

// arm sets the boundary events of a visit to watch it.
func (f *folding) arm(host int) {
	for _, b := range f.d.Nodes[f.s.Visit(host).node].armed {
		f.watch(b, host, 1)
	}
}

// maxCount is how far the times that a timer went off are counted; a timer
// that repeats more often than that does so for ever.
const maxCount = 1<<16 - 1

func (f *folding) watch(node, host, n int) {
	if f.s.Verdict != 0 {
		return
	}
	i, ok := f.add(Visit{node: uint16(node), number: f.next(node), parent: uint16(host + 1), status: Watching, item: uint16(min(n, maxCount))}) //nolint:gosec // bounded
	if !ok {
		return
	}
	if f.d.Nodes[node].Trigger == TimerTrigger {
		f.setTimer(i, n)
	}
}

// disarm closes what watches a visit.
func (f *folding) disarm(host int) {
	if n := &f.d.Nodes[f.s.Visit(host).node]; len(n.armed) == 0 && !isScope(n) {
		return
	}
	for i := host + 1; i < f.s.Visits(); i++ {
		v := f.s.Visit(i)
		switch {
		case int(v.parent) != host+1:
		case v.status == Watching:
			f.s.turn(i, v, Closed)
		case v.status == Waiting && f.d.Nodes[v.node].watches(): // there is nothing to watch any more
			f.s.turn(i, v, Closed)
			f.calm()
		}
	}
}

// enter begins what is drawn in the sub-process of a visit; -1 is the document.
func (f *folding) enter(i int) {
	at := 0
	if i >= 0 {
		at = int(f.s.Visit(i).node) + 1
	}
	s := &f.d.scopes[at]
	for _, sub := range s.subs {
		if start := f.d.scopes[sub+1].starts[0]; f.d.Nodes[start].Trigger.waits() {
			f.watch(start, i, 1)
		}
	}
	if at > 0 && f.d.Nodes[at-1].Kind == EventSub {
		return // its start event was what opened it
	}
	starts := s.starts
	if i < 0 && len(s.others) > 0 {
		starts = []int{f.begins()}
	}
	for _, start := range starts {
		if f.d.Nodes[start].Kind == Start {
			f.note(start)
			f.leave(start, uint16(i+1)) //nolint:gosec // bounded
		} else {
			f.come(start, uint16(i+1)) //nolint:gosec // bounded
		}
	}
}

// completed moves the token of a visit on.
func (f *folding) completed(i int) {
	v := f.s.Visit(i)
	n := &f.d.Nodes[v.node]
	if f.d.isLoop(v) || isScope(n) {
		f.interruptIn(i)
	}
	f.disarm(i)
	if n.Loop != nil && v.item > 0 {
		f.note(int(v.node))
		f.nextItem(v)
		return
	}
	if v.item > 0 { // behind an event-based gateway
		for j := int(v.item) - 1; j < f.s.Visits(); j++ {
			other := f.s.Visit(j)
			if other.item == v.item && other.parent == v.parent && (other.status == Open || other.status == Waiting) && f.d.Nodes[other.node].Loop == nil {
				f.s.turn(j, other, Closed)
				f.calm()
			}
		}
	}
	f.note(int(v.node))
	f.leave(int(v.node), v.parent)
}

// interrupt takes the tokens of a visit, and of all that lies in it, away.
func (f *folding) interrupt(i int) {
	f.abandon(i)
	f.interruptIn(i)
}

// interruptIn takes the tokens of all that lies in a visit away; -1 is the
// document.
func (f *folding) interruptIn(i int) {
	for j := i + 1; j < f.s.Visits(); j++ {
		if f.s.Visit(j).parent > 0 || i < 0 {
			if f.s.within(j, i) {
				f.abandon(j)
			}
		}
	}
}

// interruptScope does so with a scope, given as the parent of its visits, and
// with the tokens that are on their way in it.
func (f *folding) interruptScope(parent uint16) {
	f.interruptIn(int(parent) - 1)
	f.cut = append(f.cut, parent)
}

// abandon takes the token of one visit away.
func (f *folding) abandon(i int) {
	v := f.s.Visit(i)
	switch v.status {
	case Open:
		if f.d.Nodes[v.node].isWorked() {
			f.s.turn(i, v, Leaving)
		} else {
			f.s.turn(i, v, Closed)
		}
	case Joining, Watching, Looping:
		f.s.turn(i, v, Closed)
	case Waiting:
		f.forsake(i)
	case Done, Refused, Broken, Late, Stopped, Undoing, UndoFailed, Reverted, Closed, Leaving, Recalled:
	}
}

// watched sets an event off that watched a visit or a scope.
func (f *folding) watched(i int, v Visit) {
	n := &f.d.Nodes[v.node]
	switch {
	case f.unkeyed(n) && f.s.Verdict == 0:
		f.s.turn(i, v, Waiting)
		f.s.StopStep, f.s.Reason = n.ID, ReasonKey
		return
	case f.e.Result != events.Completed:
		f.s.turn(i, v, Stopped)
		return
	}
	f.s.turn(i, v, Done)
	host := int(v.parent) - 1
	if n.Kind == Start {
		f.openSub(int(v.node), v.parent)
	} else {
		f.note(int(v.node))
		if !n.Continues {
			f.interrupt(host)
		}
	}
	if n.Continues {
		f.watch(int(v.node), host, int(v.item)+1)
	}
	if n.Kind == Boundary {
		f.leave(int(v.node), f.s.Visit(host).parent)
	}
}

// openSub opens the event sub-process that begins with a start event.
func (f *folding) openSub(start int, parent uint16) {
	if !f.d.Nodes[start].Continues {
		f.interruptScope(parent)
	}
	sub := f.d.Nodes[start].Scope - 1
	i, ok := f.openVisit(Visit{node: uint16(sub), number: f.next(sub), parent: parent}) //nolint:gosec // at most MaxNodes
	if !ok {
		return
	}
	f.enter(i)
	f.note(start)
	f.leave(start, uint16(i+1)) //nolint:gosec // bounded
}

// recall marks what a compensation event undoes: what was completed in its
// scope, or one activity of it.
func (f *folding) recall(n *Node, parent uint16) {
	scope := int(parent) - 1
	if scope >= 0 && f.d.Nodes[f.s.Visit(scope).node].Kind == EventSub {
		scope = int(f.s.Visit(scope).parent) - 1
	}
	for i := range f.s.Visits() {
		v := f.s.Visit(i)
		if v.status == Done && f.s.within(i, scope) && f.d.mustUndo(&f.s, i) && f.named(i, n.Ref) {
			f.s.turn(i, v, Recalled)
		}
	}
}

// named reports whether a visit is of the step, or lies in one of it; of no
// step all are.
func (f *folding) named(i int, step events.StepID) bool {
	for ; i >= 0; i = int(f.s.Visit(i).parent) - 1 {
		if f.d.Nodes[f.s.Visit(i).node].ID == step {
			return true
		}
	}
	return step == ""
}
