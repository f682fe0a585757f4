package feel

import "time"

func temporalBuiltin(name string) *builtin {
	switch name {
	case "date":
		return define(name, with("from:s", fromText(func(s string) (Value, bool) { return parseDate(s) })),
			with("from:d", first), with("from:dt", dateOf), with("year:n, month:n, day:n", dateOfParts))
	case "time":
		return define(name, with("from:s", fromText(func(s string) (Value, bool) { return parseTime(s) })),
			with("from:t", first), with("from:dt", timeOf), with("hour:n, minute:n, second:n, offset?:*", timeOfParts))
	case "date and time":
		return define(name, with("from:s", fromText(func(s string) (Value, bool) { return parseDateTime(s) })),
			with("from:dt", first), with("date:d, time:t", joinDateTime), with("date:dt, time:t", joinDateTime),
			with("date:dt, timezone:s", atZone), with("from:dt, timezone:s", atZone),
			with("year:n, month:n, day:n, hour:n, minute:n, second:n, offset?:*", dateTimeOfParts))
	case "years and months duration":
		return define(name, with("from:d, to:d", monthsBetween), with("from:dt, to:dt", monthsBetween))
	case "now":
		return define(name, with("", now))
	case "today":
		return define(name, with("", today))
	case "day of year":
		return overDate(name, func(d Date) Value { return Int(d.dayNumber() - Date{d.Year, 1, 1}.dayNumber() + 1) })
	case "day of week":
		return overDate(name, func(d Date) Value { return String(time.Weekday(d.weekday() % 7).String()) })
	case "month of year":
		return overDate(name, func(d Date) Value { return String(time.Month(d.Month).String()) })
	case "week of year":
		return overDate(name, func(d Date) Value { return Int(d.week()) })
	case "last day of month":
		return overDate(name, func(d Date) Value { return Date{d.Year, d.Month, daysIn(d.Year, d.Month)} })
	}
	return nil
}

func overDate(name string, f func(d Date) Value) *builtin {
	return define(name,
		with("date:d", func(_ *evaluator, _ int, a []Value) Value { return f(a[0].(Date)) }),
		with("date:dt", func(_ *evaluator, _ int, a []Value) Value { return f(a[0].(DateTime).date) }))
}

// week is the week of ISO 8601: the first has the year's first Thursday.
func (d Date) week() int64 {
	thursday := dateOfDay(d.dayNumber() + 4 - d.weekday())
	return (thursday.dayNumber()-Date{thursday.Year, 1, 1}.dayNumber())/7 + 1
}

func dateOf(_ *evaluator, _ int, a []Value) Value { return a[0].(DateTime).date }

func timeOf(_ *evaluator, _ int, a []Value) Value {
	d := a[0].(DateTime)
	return Time{d.nanos, d.zone}
}

func dateOfParts(ev *evaluator, pos int, a []Value) Value {
	var parts [3]int
	for i := range parts {
		n, ok := a[i].(Number).Int64()
		if !ok || n > maxYear || n < -maxYear {
			return ev.warn(pos, "there is no such date")
		}
		parts[i] = int(n)
	}
	d := Date{parts[0], parts[1], parts[2]}
	if !d.valid() {
		return ev.warn(pos, "there is no such date")
	}
	return d
}

// timeOfParts takes seconds with a fraction, and an offset that may be null.
func timeOfParts(ev *evaluator, pos int, a []Value) Value {
	h, hok := a[0].(Number).Int64()
	m, mok := a[1].(Number).Int64()
	sec := a[2].(Number)
	v, sok := scaled(DayTimeDuration{}, sec, true)
	if !hok || !mok || !sok || h < 0 || h > 23 || m < 0 || m > 59 {
		return ev.warn(pos, "there is no such time")
	}
	s := v.(DayTimeDuration)
	if s.sec < 0 || s.sec > 59 {
		return ev.warn(pos, "there is no such time")
	}
	z, ok := zoneOf(a[3])
	if !ok {
		return ev.warn(pos, "there is no such offset")
	}
	return Time{(h*3600+m*60+s.sec)*secondNanos + s.nano, z}
}

// zoneOf makes a zone of an offset, the name of a zone, or null.
func zoneOf(v Value) (zone, bool) {
	switch v := orNull(v).(type) {
	case Null:
		return zone{}, true
	case DayTimeDuration:
		return zone{set: true, offset: int(v.sec)}, v.nano == 0 && -maxOffset <= v.sec && v.sec <= maxOffset
	case String:
		if z, ok := parseZone(string(v)); ok && z.set {
			return z, true
		}
		return parseZone("@" + string(v))
	}
	return zone{}, false
}

func joinDateTime(_ *evaluator, _ int, a []Value) Value {
	t := a[1].(Time)
	if d, ok := a[0].(DateTime); ok {
		return DateTime{d.date, t.nanos, t.zone}
	}
	return DateTime{a[0].(Date), t.nanos, t.zone}
}

func dateTimeOfParts(ev *evaluator, pos int, a []Value) Value {
	d, ok := dateOfParts(ev, pos, a[:3]).(Date)
	t, ok2 := timeOfParts(ev, pos, a[3:]).(Time)
	if !ok || !ok2 {
		return Null{}
	}
	return DateTime{d, t.nanos, t.zone}
}

// atZone returns the same moment by the clocks of another zone.
func atZone(ev *evaluator, pos int, a []Value) Value {
	d := a[0].(DateTime)
	z, ok := zoneOf(a[1])
	if !ok || !ev.spend(100) {
		return ev.warn(pos, "there is no zone %v", a[1])
	}
	if !d.zone.set {
		d.zone = z
		return d
	}
	at := d.epoch()
	if z.region == nil {
		at.sec += int64(z.offset)
		moved, _ := DateTime{date: Date{1970, 1, 1}}.plus(at)
		moved.zone = z
		return moved
	}
	moved, _ := DateTime{date: Date{1970, 1, 1}, zone: z}.plus(seconds(at.sec+z.offsetAt(Date{1970, 1, 1}, 0), at.nano))
	return moved
}

// monthsBetween counts whole months, negative if to is before from.
func monthsBetween(_ *evaluator, _ int, a []Value) Value {
	from, to := a[0], a[1]
	sign := int64(1)
	if c, ok := order(from, to); ok && c > 0 {
		from, to, sign = to, from, -1
	}
	f, fNanos := dateAndNanos(from)
	t, tNanos := dateAndNanos(to)
	n := int64(t.Year-f.Year)*12 + int64(t.Month-f.Month)
	if t.Day < f.Day || t.Day == f.Day && tNanos < fNanos {
		n--
	}
	return YearMonthDuration{sign * n}
}

func dateAndNanos(v Value) (Date, int64) {
	if d, ok := v.(DateTime); ok {
		return d.date, d.nanos
	}
	d, _ := v.(Date)
	return d, 0
}

func now(ev *evaluator, pos int, _ []Value) Value {
	if ev.lim.Now.IsZero() {
		return ev.warn(pos, "now() has no value here: no time was given")
	}
	return Instant(ev.lim.Now)
}

func today(ev *evaluator, pos int, _ []Value) Value {
	if ev.lim.Now.IsZero() {
		return ev.warn(pos, "today() has no value here: no time was given")
	}
	return Instant(ev.lim.Now).date
}
