package feel

import "github.com/cockroachdb/apd/v3"

// temporal evaluates arithmetic with dates, times and durations, DMN 1.5 tables
// 46 to 48.
func temporal(op operator, x, y Value) (Value, bool) {
	switch op { //nolint:exhaustive // ** has no temporal meaning
	case opAdd:
		if v, ok := plus(x, y); ok {
			return v, true
		}
		switch x.(type) {
		case DayTimeDuration, YearMonthDuration:
			return plus(y, x)
		}
	case opSub:
		return minus(x, y)
	case opMul:
		if n, ok := x.(Number); ok {
			return times(y, n)
		}
		if n, ok := y.(Number); ok {
			return times(x, n)
		}
	case opDiv:
		return over(x, y)
	}
	return nil, false
}

// plus adds the duration y to x.
func plus(x, y Value) (Value, bool) {
	switch y := y.(type) {
	case DayTimeDuration:
		switch x := x.(type) {
		case DayTimeDuration:
			sum := seconds(x.sec+y.sec, x.nano+y.nano)
			return sum, -maxSeconds <= sum.sec && sum.sec <= maxSeconds
		case DateTime:
			v, ok := x.plus(y)
			return v, ok
		case Date:
			v, ok := x.midnight().plus(y)
			return v.date, ok
		case Time:
			return x.plus(y), true
		}
	case YearMonthDuration:
		switch x := x.(type) {
		case YearMonthDuration:
			sum := x.Months + y.Months
			return YearMonthDuration{sum}, -maxSeconds <= sum && sum <= maxSeconds
		case DateTime:
			d, ok := x.date.plusMonths(y.Months)
			return DateTime{d, x.nanos, x.zone}, ok
		case Date:
			d, ok := x.plusMonths(y.Months)
			return d, ok
		}
	}
	return nil, false
}

// plus goes round at midnight.
func (t Time) plus(d DayTimeDuration) Time {
	day := d.sec % 86400
	n := (t.nanos + day*secondNanos + d.nano) % dayNanos
	t.nanos = (n + dayNanos) % dayNanos
	return t
}

func minus(x, y Value) (Value, bool) {
	switch y := y.(type) {
	case DayTimeDuration:
		return plus(x, y.negated())
	case YearMonthDuration:
		return plus(x, YearMonthDuration{-y.Months})
	case Time:
		if x, ok := x.(Time); ok {
			return seconds(0, x.sinceMidnight()-y.sinceMidnight()), x.zone.set == y.zone.set
		}
	case Date:
		switch x := x.(type) {
		case Date:
			return seconds((x.dayNumber()-y.dayNumber())*86400, 0), true
		case DateTime:
			return between(x, y.midnight())
		}
	case DateTime:
		switch x := x.(type) {
		case Date:
			return between(x.midnight(), y)
		case DateTime:
			return between(x, y)
		}
	}
	return nil, false
}

func between(x, y DateTime) (Value, bool) {
	a, b := x.epoch(), y.epoch()
	return seconds(a.sec-b.sec, a.nano-b.nano), x.zone.set == y.zone.set
}

// total returns the seconds, or the months, of a duration.
func total(v Value) (Number, bool) {
	switch v := v.(type) {
	case DayTimeDuration:
		whole, _ := mul(Int(v.sec), Int(secondNanos))
		nanos, _ := add(whole, Int(v.nano))
		return quo(nanos, Int(secondNanos))
	case YearMonthDuration:
		return Int(v.Months), true
	}
	return Number{}, false
}

// times multiplies a duration, rounding to nanoseconds or down to whole months.
func times(x Value, n Number) (Value, bool) {
	t, ok := total(x)
	if !ok {
		return nil, false
	}
	p, ok := mul(t, n)
	return scaled(x, p, ok)
}

// scaled returns the duration of x's kind with this total.
func scaled(x Value, t Number, ok bool) (Value, bool) {
	if !ok {
		return nil, false
	}
	if _, is := x.(YearMonthDuration); is {
		whole, _ := scaleTo(t, 0, apd.RoundDown)
		m, ok := whole.Int64()
		return YearMonthDuration{m}, ok && -maxSeconds <= m && m <= maxSeconds
	}
	sec, ok := floorOf(t).Int64()
	if !ok || sec > maxSeconds || sec < -maxSeconds {
		return nil, false
	}
	frac, _ := sub(t, Int(sec))
	nanos, _ := mul(frac, Int(secondNanos))
	rounded, _ := scaleTo(nanos, 0, apd.RoundHalfEven)
	n, ok := rounded.Int64()
	return seconds(sec, n), ok
}

// over divides a duration by a number, or by a duration of its kind.
func over(x, y Value) (Value, bool) {
	t, ok := total(x)
	if !ok {
		return nil, false
	}
	if n, is := y.(Number); is {
		q, ok := quo(t, n)
		return scaled(x, q, ok)
	}
	if x.Kind() != y.Kind() {
		return nil, false
	}
	u, _ := total(y)
	q, ok := quo(t, u)
	return q, ok
}

// temporalProperty returns a component, DMN 1.5 table 65, or nil.
func temporalProperty(v Value, name string) Value {
	switch v := v.(type) {
	case Date:
		return dateProperty(v, name)
	case Time:
		return timeProperty(v.nanos, v.zone, name, Date{2000, 1, 1})
	case DateTime:
		if p := dateProperty(v.date, name); p != nil {
			return p
		}
		return timeProperty(v.nanos, v.zone, name, v.date)
	case DayTimeDuration:
		abs, sign := v, int64(1)
		if v.sec < 0 {
			abs, sign = v.negated(), -1
		}
		return durationProperty(abs, sign, name)
	case YearMonthDuration:
		switch name {
		case "years":
			return Int(v.Months / 12)
		case "months":
			return Int(v.Months % 12)
		}
	}
	return nil
}

func durationProperty(abs DayTimeDuration, sign int64, name string) Value {
	switch name {
	case "days":
		return Int(sign * (abs.sec / 86400))
	case "hours":
		return Int(sign * (abs.sec / 3600 % 24))
	case "minutes":
		return Int(sign * (abs.sec / 60 % 60))
	case "seconds":
		n, _ := total(DayTimeDuration{abs.sec % 60, abs.nano})
		n, _ = mul(n, Int(sign))
		return n
	}
	return nil
}

func dateProperty(d Date, name string) Value {
	switch name {
	case "year":
		return Int(int64(d.Year))
	case "month":
		return Int(int64(d.Month))
	case "day":
		return Int(int64(d.Day))
	case "weekday":
		return Int(d.weekday())
	}
	return nil
}

func timeProperty(nanos int64, z zone, name string, at Date) Value {
	switch name {
	case "hour":
		return Int(nanos / (3600 * secondNanos))
	case "minute":
		return Int(nanos / (60 * secondNanos) % 60)
	case "second":
		n, _ := total(seconds(0, nanos%(60*secondNanos)))
		return n
	case "time offset":
		if !z.set {
			return Null{}
		}
		return seconds(z.offsetAt(at, nanos), 0)
	case "timezone":
		if z.region == nil {
			return Null{}
		}
		return String(z.region.String())
	}
	return nil
}
