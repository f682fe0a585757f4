package saga

import "slices"

// raise looks for what catches an error or escalation: the boundary events of
// the visit it comes from, if any, then scope by scope outwards the event
// sub-processes in it and the boundary events on it.
func (f *folding) raise(t Trigger, code string, from int, parent uint16) (caught, interrupted bool) {
	if from >= 0 {
		if caught, interrupted = f.catchOn(t, code, from); caught {
			return caught, interrupted
		}
	}
	inner := -1 // the event sub-process that it comes out of: it does not catch its own
	for at := int(parent) - 1; ; {
		if start, ok := f.subFor(t, code, at, inner); ok {
			f.openSub(start, uint16(at+1)) //nolint:gosec // bounded
			return true, !f.d.Nodes[start].Continues
		}
		if at < 0 {
			return false, false
		}
		if caught, interrupted = f.catchOn(t, code, at); caught {
			return caught, interrupted
		}
		v := f.s.Visit(at)
		inner, at = int(v.node), int(v.parent)-1
	}
}

// subFor returns the start of an event sub-process that catches in a scope.
func (f *folding) subFor(t Trigger, code string, at, inner int) (int, bool) {
	scope := 0
	if at >= 0 {
		v := f.s.Visit(at)
		if f.d.isLoop(v) {
			return 0, false
		}
		scope = int(v.node) + 1
	}
	subs := f.d.scopes[scope].subs
	k := slices.IndexFunc(subs, func(sub int) bool {
		return sub != inner && f.d.Nodes[f.d.scopes[sub+1].starts[0]].catch(t, code)
	})
	if k < 0 {
		return 0, false
	}
	return f.d.scopes[subs[k]+1].starts[0], true
}

func (f *folding) catchOn(t Trigger, code string, i int) (caught, interrupted bool) {
	v := f.s.Visit(i)
	n := &f.d.Nodes[v.node]
	if n.Loop != nil && v.item > 0 {
		return false, false // the boundary events are those of the loop as a whole
	}
	for _, b := range n.catches {
		boundary := &f.d.Nodes[b]
		if !boundary.catch(t, code) {
			continue
		}
		if !boundary.Continues {
			f.interrupt(i)
		}
		f.note(b)
		f.leave(b, v.parent)
		return true, !boundary.Continues
	}
	return false, false
}

// catch reports whether a boundary or start event catches what is raised.
func (n *Node) catch(t Trigger, code string) bool {
	return n.Trigger == t && (n.Code == "" || n.Code == code)
}
