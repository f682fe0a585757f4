package feel

import "github.com/cockroachdb/apd/v3"

func numberBuiltin(name string) *builtin {
	switch name {
	case "decimal":
		return define(name, with("n:n, scale:n", rounding(apd.RoundHalfEven)))
	case "floor":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundFloor)))
	case "ceiling":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundCeiling)))
	case "round up":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundUp)))
	case "round down":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundDown)))
	case "round half up":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundHalfUp)))
	case "round half down":
		return define(name, with("n:n, scale?:n", rounding(apd.RoundHalfDown)))
	case "abs":
		return define(name, with("n|number:n", abs), with("n:D", abs), with("n:Y", abs))
	case "modulo":
		return define(name, with("dividend:n, divisor:n", modulo))
	case "sqrt":
		return define(name, with("number:n", unaryMath((*apd.Context).Sqrt)))
	case "log":
		return define(name, with("number:n", unaryMath((*apd.Context).Ln)))
	case "exp":
		return define(name, with("number:n", exp))
	case "odd":
		return define(name, with("number:n", parity(1)))
	case "even":
		return define(name, with("number:n", parity(0)))
	}
	return nil
}

// rounding rounds to a scale, which is 0 if none is given.
func rounding(how apd.Rounder) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value {
		scale := int64(0)
		if a[1] != nil {
			var ok bool
			if scale, ok = wholeNumber(a[1]); !ok {
				return ev.warn(pos, "scale is out of range")
			}
		}
		if n, ok := scaleTo(a[0].(Number), scale, how); ok {
			return n
		}
		return ev.warn(pos, "scale is out of range")
	}
}

func abs(_ *evaluator, _ int, a []Value) Value {
	switch x := a[0].(type) {
	case Number:
		return Number{new(apd.Decimal).Abs(x.dec())}
	case DayTimeDuration:
		return pick(x.sec < 0, x.negated(), x)
	case YearMonthDuration:
		return YearMonthDuration{max(x.Months, -x.Months)}
	}
	return Null{}
}

// modulo has the sign of the divisor.
func modulo(ev *evaluator, pos int, a []Value) Value {
	x, y := a[0].(Number), a[1].(Number)
	if y.dec().IsZero() {
		return ev.warn(pos, "division by zero")
	}
	if !ev.spend(workOf(x, y)) {
		return Null{}
	}
	r, ok := calc((*apd.Context).Rem, x, y)
	if ok && !r.dec().IsZero() && r.dec().Negative != y.dec().Negative {
		r, ok = add(r, y)
	}
	if !ok {
		return ev.warn(pos, "modulo: the quotient is out of range")
	}
	return r
}

func unaryMath(f func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error)) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value {
		if !ev.spend(200) {
			return Null{}
		}
		var d apd.Decimal
		cond, err := f(&decimal128, &d, a[0].(Number).dec())
		if n, ok := finite(&d, cond); ok && err == nil {
			return n
		}
		return ev.warn(pos, "the result is no number in range")
	}
}

func exp(ev *evaluator, pos int, a []Value) Value {
	if !ev.spend(100) {
		return Null{}
	}
	if n, ok := exponential(a[0].(Number).dec()); ok {
		return n
	}
	return ev.warn(pos, "the result is no number in range")
}

func parity(remainder int64) builtinFunc {
	return func(ev *evaluator, pos int, a []Value) Value {
		n := a[0].(Number)
		if !n.isInt() {
			return ev.warn(pos, "%v is not a whole number", n)
		}
		if !ev.spend(workOf(n, Number{})) {
			return Null{}
		}
		r, ok := calc((*apd.Context).Rem, n, Int(2))
		if !ok {
			return Bool(remainder == 0) // too large for its last digit to count
		}
		r.dec().Negative = false
		return Bool(r.Cmp(Int(remainder)) == 0)
	}
}
