package feel

// and is the conjunction of DMN 1.5 table 50: what is no boolean counts as
// unknown.
func and(x, y Value) Value {
	a, aok := x.(Bool)
	b, bok := y.(Bool)
	switch {
	case aok && !bool(a), bok && !bool(b):
		return Bool(false)
	case aok && bok:
		return Bool(true)
	}
	return Null{}
}

// or is the disjunction of DMN 1.5 table 50.
func or(x, y Value) Value {
	a, aok := x.(Bool)
	b, bok := y.(Bool)
	switch {
	case aok && bool(a), bok && bool(b):
		return Bool(true)
	case aok && bok:
		return Bool(false)
	}
	return Null{}
}

func not(x Value) Value {
	if b, ok := x.(Bool); ok {
		return !b
	}
	return Null{}
}

func (ev *evaluator) binary(n *binaryNode, e *env) Value {
	x := ev.eval(n.x, e)
	switch n.op {
	case opAnd:
		if b, ok := x.(Bool); ok && !bool(b) {
			return b
		}
		return and(x, ev.eval(n.y, e))
	case opOr:
		if IsTrue(x) {
			return x
		}
		return or(x, ev.eval(n.y, e))
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return ev.compare(n.pos, n.op, x, ev.eval(n.y, e))
	case opAdd, opSub, opMul, opDiv, opPow:
	}
	return ev.arithmetic(n.pos, n.op, x, ev.eval(n.y, e))
}

// arithmetic evaluates + - * / ** by the kinds of the operands, DMN 1.5 tables
// 46 to 48.
func (ev *evaluator) arithmetic(pos int, op operator, x, y Value) Value {
	var v Value
	var ok bool
	switch x := x.(type) {
	case Number:
		if y, is := y.(Number); is {
			if op == opPow && !ev.spend(pick(y.isInt(), 10, 200)) {
				return Null{}
			}
			v, ok = numeric(op, x, y)
			if !ok && op == opDiv && y.dec().IsZero() {
				return ev.warn(pos, "division by zero")
			}
			if !ok {
				return ev.warn(pos, "result of %v is no number in range", op)
			}
			break
		}
		v, ok = temporal(op, x, y)
	case String:
		if y, is := y.(String); is && op == opAdd {
			if !ev.fitsString(len(x) + len(y)) {
				return Null{}
			}
			return x + y
		}
	default:
		v, ok = temporal(op, x, y)
	}
	if !ok || ev.err != nil {
		return ev.warnKinds(pos, op, x, y)
	}
	return v
}

func numeric(op operator, x, y Number) (Value, bool) {
	var n Number
	var ok bool
	switch op { //nolint:exhaustive // only arithmetic comes here
	case opAdd:
		n, ok = add(x, y)
	case opSub:
		n, ok = sub(x, y)
	case opMul:
		n, ok = mul(x, y)
	case opDiv:
		n, ok = quo(x, y)
	case opPow:
		n, ok = pow(x, y)
	}
	return n, ok
}

func (ev *evaluator) negate(pos int, x Value) Value {
	switch x := x.(type) {
	case Number:
		return neg(x)
	case DayTimeDuration:
		return x.negated()
	case YearMonthDuration:
		return YearMonthDuration{-x.Months}
	}
	return ev.warn(pos, "- %v has no meaning", orNull(x).Kind())
}
