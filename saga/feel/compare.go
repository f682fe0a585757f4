package feel

import "strings"

// equal compares as FEEL's = does, DMN 1.5 table 42: null equals null only, and
// values of different kinds have no answer (ok is false).
func equal(x, y Value) (eq, ok bool) {
	x, y = orNull(x), orNull(y)
	if x.Kind() == KindNull || y.Kind() == KindNull {
		return x.Kind() == y.Kind(), true
	}
	if x.Kind() != y.Kind() {
		return false, false
	}
	switch x := x.(type) {
	case Bool:
		return x == y.(Bool), true
	case String:
		return x == y.(String), true
	case List:
		return equalLists(x, y.(List))
	case Context:
		return equalContexts(x, y.(Context))
	case Range:
		return equalRanges(x, y.(Range)), true
	case Function:
		return x.f == y.(Function).f, true
	case Time:
		y := y.(Time)
		return x.zone.set == y.zone.set && x.compare(y) == 0, true
	case DateTime:
		y := y.(DateTime)
		return x.zone.set == y.zone.set && x.compare(y) == 0, true
	}
	c, ok := order(x, y)
	return ok && c == 0, true
}

// same is equal where no answer means no.
func same(x, y Value) bool {
	eq, ok := equal(x, y)
	return eq && ok
}

func equalLists(x, y List) (eq, ok bool) {
	if len(x) != len(y) {
		return false, true
	}
	for i := range x {
		if !same(x[i], y[i]) {
			return false, true
		}
	}
	return true, true
}

func equalContexts(x, y Context) (eq, ok bool) {
	a := x.Entries()
	if len(a) != y.Len() {
		return false, true
	}
	for _, entry := range a {
		other, found := y.Lookup(entry.Key)
		if !found || !same(entry.Value, other) {
			return false, true
		}
	}
	return true, true
}

func equalRanges(x, y Range) bool {
	return same(x.Low, y.Low) && same(x.High, y.High) &&
		(x.LowOpen == y.LowOpen || isNull(x.Low)) && (x.HighOpen == y.HighOpen || isNull(x.High))
}

// order compares two values of one ordered kind, DMN 1.5 table 43. ok is false
// where there is no order.
func order(x, y Value) (c int, ok bool) {
	switch x := x.(type) {
	case Number:
		if y, is := y.(Number); is {
			return x.Cmp(y), true
		}
	case String:
		if y, is := y.(String); is {
			return strings.Compare(string(x), string(y)), true
		}
	case Date:
		if y, is := y.(Date); is {
			return x.compare(y), true
		}
	case Time:
		if y, is := y.(Time); is {
			return x.compare(y), true
		}
	case DateTime:
		if y, is := y.(DateTime); is {
			return x.compare(y), true
		}
	case DayTimeDuration:
		if y, is := y.(DayTimeDuration); is {
			return x.compare(y), true
		}
	case YearMonthDuration:
		if y, is := y.(YearMonthDuration); is {
			return x.compare(y), true
		}
	}
	return 0, false
}

// compare evaluates =, !=, <, <=, >, >=.
func (ev *evaluator) compare(pos int, op operator, x, y Value) Value {
	if !ev.spendOn(x) {
		return Null{}
	}
	if op == opEq || op == opNe {
		eq, ok := equal(x, y)
		if !ok {
			return ev.warnKinds(pos, op, x, y)
		}
		return Bool(eq == (op == opEq))
	}
	c, ok := order(x, y)
	if !ok {
		return ev.warnKinds(pos, op, x, y)
	}
	return Bool(op.holds(c))
}

// holds says whether the operator is true of an order of -1, 0 or 1.
func (op operator) holds(c int) bool {
	switch op { //nolint:exhaustive // only comparisons come here
	case opEq:
		return c == 0
	case opNe:
		return c != 0
	case opLt:
		return c < 0
	case opLe:
		return c <= 0
	case opGt:
		return c > 0
	case opGe:
		return c >= 0
	}
	return false
}

// warnKinds is apart so that a comparison that holds does not pay for boxing.
func (ev *evaluator) warnKinds(pos int, op operator, x, y Value) Value {
	return ev.warn(pos, "%v %v %v has no meaning", x.Kind(), op, y.Kind())
}

// spendOn counts the work that looking at all of v takes. Values share parts, so
// that a small one can be large when walked; this stops at the limit.
func (ev *evaluator) spendOn(v Value) bool {
	switch v := v.(type) {
	case String:
		return ev.spend(len(v) / 32)
	case List:
		for _, item := range v {
			if !ev.spend(1) || !ev.spendOn(item) {
				return false
			}
		}
	case Context:
		for _, entry := range v.Entries() {
			if !ev.spend(1) || !ev.spendOn(entry.Value) {
				return false
			}
		}
	}
	return ev.err == nil
}

// contains says whether v lies in the range; ok is false where that has no
// answer.
func (r Range) contains(v Value) (in, ok bool) {
	if !isNull(r.Low) {
		c, ok := order(v, r.Low)
		if !ok {
			return false, false
		}
		if c < 0 || c == 0 && r.LowOpen {
			return false, true
		}
	}
	if !isNull(r.High) {
		c, ok := order(v, r.High)
		if !ok {
			return false, false
		}
		if c > 0 || c == 0 && r.HighOpen {
			return false, true
		}
	}
	return true, true
}

func (ev *evaluator) between(n *betweenNode, e *env) Value {
	x, low, high := ev.eval(n.x, e), ev.eval(n.low, e), ev.eval(n.high, e)
	return and(ev.compare(n.pos, opGe, x, low), ev.compare(n.pos, opLe, x, high))
}

// testsOf says whether the input passes any of the tests, or none if negated.
func (ev *evaluator) testsOf(n *testsNode, e *env, input Value) Value {
	if len(n.tests) == 0 {
		return Bool(true)
	}
	inner := e.bind("?", input)
	var result Value = Bool(false)
	for _, t := range n.tests {
		result = or(result, ev.test(t, inner, input))
		if IsTrue(result) || ev.err != nil {
			break
		}
	}
	if n.not {
		return not(result)
	}
	return result
}

func (ev *evaluator) test(t node, e *env, input Value) Value {
	v := ev.eval(t, e)
	switch t := t.(type) {
	case *compareTest:
		return v
	case *litNode, *listNode, *contextNode, *rangeNode:
	default:
		// An expression on ? gives the answer itself.
		if _, is := v.(Bool); is && (usesInput(t) || input.Kind() != KindBool) {
			return v
		}
	}
	return ev.inValue(input, v)
}

// inValue says whether the input equals v, or is in it.
func (ev *evaluator) inValue(input, v Value) Value {
	switch v := v.(type) {
	case Range:
		in, ok := v.contains(input)
		if !ok {
			if same(input, v) {
				return Bool(true)
			}
			return Null{}
		}
		return Bool(in)
	case List:
		if !ev.spendOn(v) || same(input, v) {
			return Bool(ev.err == nil)
		}
		for _, item := range v {
			if !ev.spendOn(input) {
				return Null{}
			}
			if r, ok := item.(Range); ok {
				if in, _ := r.contains(input); in {
					return Bool(true)
				}
			}
			if same(input, item) {
				return Bool(true)
			}
			if inner, ok := item.(List); ok && IsTrue(ev.inValue(input, inner)) {
				return Bool(true)
			}
		}
		return Bool(false)
	}
	eq, ok := equal(input, v)
	if !ok {
		return Null{}
	}
	return Bool(eq)
}
