package feel

// path evaluates x.name: an entry of a context, a property of a temporal value
// or range, or that of each element of a list.
func (ev *evaluator) path(n *pathNode, e *env) Value {
	return ev.property(n, ev.eval(n.x, e))
}

func (ev *evaluator) property(n *pathNode, x Value) Value {
	switch x := x.(type) {
	case Context:
		if v, ok := x.Lookup(n.name); ok {
			return orNull(v)
		}
		if !ev.keep {
			return Null{}
		}
		return ev.warn(n.pos, "the context has no %q", n.name)
	case List:
		if !ev.fits(len(x)) {
			return Null{}
		}
		list := make(List, len(x))
		for i, item := range x {
			list[i] = ev.property(n, orNull(item))
		}
		return list
	case Range:
		switch n.name {
		case "start":
			return orNull(x.Low)
		case "end":
			return orNull(x.High)
		case "start included":
			return Bool(!x.LowOpen)
		case "end included":
			return Bool(!x.HighOpen)
		}
	case Date, Time, DateTime, DayTimeDuration, YearMonthDuration:
		if v := temporalProperty(x, n.name); v != nil {
			return v
		}
	}
	return ev.warn(n.pos, "%v has no %q", orNull(x).Kind(), n.name)
}

// filter evaluates x[filter], DMN 1.5 table 54: the element at a number, or
// those for which a condition holds.
func (ev *evaluator) filter(n *filterNode, e *env) Value {
	x := ev.eval(n.x, e)
	list, ok := x.(List)
	if !ok {
		if isNull(x) {
			return ev.warn(n.pos, "null is filtered")
		}
		list = List{x}
	}
	if lit, ok := n.filter.(*litNode); ok {
		if i, ok := lit.v.(Number); ok {
			return ev.element(n.pos, list, i)
		}
	}
	result := List{}
	for i, item := range list {
		v := ev.eval(n.filter, itemEnv(e, item))
		if ev.err != nil {
			return Null{}
		}
		if _, isIndex := v.(Number); isIndex && i == 0 {
			if at, ok := ev.eval(n.filter, e).(Number); ok {
				return ev.element(n.pos, list, at)
			}
		}
		if IsTrue(v) {
			result = append(result, item)
		}
	}
	if len(list) == 0 {
		if _, isIndex := ev.eval(n.filter, e).(Number); isIndex {
			return ev.warn(n.pos, "the list is empty")
		}
	}
	return result
}

// itemEnv is where a filter is evaluated: the element's own keys come first, and
// item is the element, unless it has a key of that name.
func itemEnv(e *env, item Value) *env {
	inner := e.bind("item", orNull(item))
	if c, ok := item.(Context); ok {
		return inner.open(c)
	}
	return inner
}

// element returns the element at a position from 1, or from the end if negative.
func (ev *evaluator) element(pos int, list List, at Number) Value {
	i, ok := at.Int64()
	switch {
	case ok && 1 <= i && i <= int64(len(list)):
		return orNull(list[i-1])
	case ok && -int64(len(list)) <= i && i <= -1:
		return orNull(list[int64(len(list))+i])
	}
	return ev.warn(pos, "a list of %d has no element %v", len(list), at)
}
