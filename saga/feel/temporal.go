package feel

import (
	"cmp"
	"time"
	_ "time/tzdata" // so that @Europe/Paris does not depend on the host having a database
)

// Date is a day of the proleptic Gregorian calendar, with a year from
// -999999999 to 999999999. It has no time zone.
type Date struct {
	Year, Month, Day int
}

// Time is a time of day, local or with an offset or a time zone.
type Time struct {
	nanos int64 // since midnight
	zone  zone
}

// DateTime is a date and time, local or with an offset or a time zone.
type DateTime struct {
	date  Date
	nanos int64 // since midnight, by the clock on the wall
	zone  zone
}

// DayTimeDuration is a span of days, hours, minutes and seconds, to the
// nanosecond.
type DayTimeDuration struct {
	sec  int64
	nano int64 // from 0 up to a second, also where sec is negative
}

// YearMonthDuration is a span of years and months.
type YearMonthDuration struct {
	Months int64
}

const (
	secondNanos = int64(time.Second)
	dayNanos    = 24 * int64(time.Hour)
	maxYear     = 999_999_999
	maxOffset   = 14 * 3600 // seconds from UTC, as XML Schema has it
	maxSeconds  = 1 << 56   // of a duration, and its months; two added stay far from overflow
)

// zone is nothing (a local time), an offset, or a region whose offset depends
// on the time.
type zone struct {
	set    bool
	offset int            // seconds east of UTC, if there is no region
	region *time.Location // or nil
}

// Kind returns KindDate.
func (Date) Kind() Kind { return KindDate }

// Kind returns KindTime.
func (Time) Kind() Kind { return KindTime }

// Kind returns KindDateTime.
func (DateTime) Kind() Kind { return KindDateTime }

// Kind returns KindDayTimeDuration.
func (DayTimeDuration) Kind() Kind { return KindDayTimeDuration }

// Kind returns KindYearMonthDuration.
func (YearMonthDuration) Kind() Kind { return KindYearMonthDuration }

// Instant returns t as a FEEL date and time: with the offset that it has, or the
// time zone if that has a name.
func Instant(t time.Time) DateTime {
	y, m, d := t.Date()
	nanos := int64(t.Hour())*int64(time.Hour) + int64(t.Minute())*int64(time.Minute) +
		int64(t.Second())*secondNanos + int64(t.Nanosecond())
	z := zone{set: true}
	_, z.offset = t.Zone()
	if name := t.Location().String(); name != "UTC" && name != "Local" && name != "" {
		if region, err := loadZone(name); err == nil {
			z = zone{set: true, region: region}
		}
	}
	return DateTime{Date{y, int(m), d}, nanos, z}
}

// Time returns the moment, and whether d has an offset or zone. Without one it
// is taken to be UTC.
func (d DateTime) Time() (time.Time, bool) {
	loc := time.UTC
	switch {
	case d.zone.region != nil:
		loc = d.zone.region
	case d.zone.set && d.zone.offset != 0:
		loc = time.FixedZone("", d.zone.offset)
	}
	return time.Date(d.date.Year, time.Month(d.date.Month), d.date.Day, 0, 0, int(d.nanos/secondNanos), int(d.nanos%secondNanos), loc), d.zone.set
}

// Duration returns d, if it is at most 292 years.
func (d DayTimeDuration) Duration() (time.Duration, bool) {
	const most = int64(1<<63-1)/secondNanos - 1
	if d.sec > most || d.sec < -most {
		return 0, false
	}
	return time.Duration(d.sec*secondNanos + d.nano), true
}

// DurationOf returns d as a FEEL duration.
func DurationOf(d time.Duration) DayTimeDuration {
	return seconds(0, int64(d))
}

// seconds makes a duration of seconds and any number of nanoseconds.
func seconds(sec, nano int64) DayTimeDuration {
	sec += nano / secondNanos
	if nano %= secondNanos; nano < 0 {
		sec, nano = sec-1, nano+secondNanos
	}
	return DayTimeDuration{sec, nano}
}

func (d DayTimeDuration) negated() DayTimeDuration { return seconds(-d.sec, -d.nano) }

func (d DayTimeDuration) compare(o DayTimeDuration) int {
	return cmp.Or(cmp.Compare(d.sec, o.sec), cmp.Compare(d.nano, o.nano))
}

func (d YearMonthDuration) compare(o YearMonthDuration) int { return cmp.Compare(d.Months, o.Months) }

func (d Date) compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

func (d Date) midnight() DateTime { return DateTime{date: d, zone: zone{set: true}} }

// dayNumber counts days from 1970-01-01. The year is taken to begin in March, so
// that the leap day is its last.
func (d Date) dayNumber() int64 {
	y, m := int64(d.Year), int64(d.Month)
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	dayOfYear := (153*(m-3)+2)/5 + int64(d.Day) - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// dateOfDay is the inverse of dayNumber.
func dateOfDay(n int64) Date {
	n += 719468
	era := floorDiv(n, 146097)
	day := n - era*146097
	yearOfEra := (day - day/1460 + day/36524 - day/146096) / 365
	dayOfYear := day - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	d := Date{int(yearOfEra + era*400), int(m + 3), int(dayOfYear - (153*m+2)/5 + 1)}
	if d.Month > 12 {
		d.Month -= 12
		d.Year++
	}
	return d
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func (d Date) valid() bool {
	return -maxYear <= d.Year && d.Year <= maxYear && 1 <= d.Month && d.Month <= 12 &&
		1 <= d.Day && d.Day <= daysIn(d.Year, d.Month)
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// weekday is 1 on Monday and 7 on Sunday.
func (d Date) weekday() int64 {
	n := d.dayNumber() + 3
	return n - 7*floorDiv(n, 7) + 1
}

// offsetAt returns the seconds east of UTC at a time by the clock on the wall.
func (z zone) offsetAt(d Date, nanos int64) int64 {
	if z.region == nil {
		return int64(z.offset)
	}
	_, offset := time.Date(d.Year, time.Month(d.Month), d.Day, 0, 0, int(nanos/secondNanos), 0, z.region).Zone()
	return int64(offset)
}

// epoch returns the time since 1970-01-01T00:00:00Z, taking a local time as UTC.
func (d DateTime) epoch() DayTimeDuration {
	return seconds(d.date.dayNumber()*86400-d.zone.offsetAt(d.date, d.nanos), d.nanos)
}

// compare orders moments. A local one takes the offset of the other, as DMN 1.5
// table 54 says.
func (d DateTime) compare(o DateTime) int {
	if d.zone.set != o.zone.set {
		return cmp.Or(d.date.compare(o.date), cmp.Compare(d.nanos, o.nanos))
	}
	return d.epoch().compare(o.epoch())
}

// sinceMidnight returns the time since midnight UTC. A region has its offset of
// 2000-01-01, for a time of day has no date to know it by.
func (t Time) sinceMidnight() int64 {
	return t.nanos - t.zone.offsetAt(Date{2000, 1, 1}, t.nanos)*secondNanos
}

func (t Time) compare(o Time) int {
	if t.zone.set != o.zone.set {
		return cmp.Compare(t.nanos, o.nanos)
	}
	return cmp.Compare(t.sinceMidnight(), o.sinceMidnight())
}

// plus adds a duration: on the clock on the wall, or for a region through UTC.
func (d DateTime) plus(p DayTimeDuration) (DateTime, bool) {
	if d.zone.region != nil {
		utc := DateTime{date: Date{1970, 1, 1}, zone: zone{set: true}}
		at := d.epoch()
		moved, ok := utc.plus(seconds(at.sec+p.sec, at.nano+p.nano))
		if !ok {
			return DateTime{}, false
		}
		t, _ := moved.Time()
		local := Instant(t.In(d.zone.region))
		local.zone = d.zone
		return local, local.date.valid()
	}
	if p.sec > maxYear*366*86400*2 || p.sec < -maxYear*366*86400*2 {
		return DateTime{}, false
	}
	at := seconds(d.nanos/secondNanos+p.sec, d.nanos%secondNanos+p.nano)
	days := floorDiv(at.sec, 86400)
	d.date = dateOfDay(d.date.dayNumber() + days)
	d.nanos = (at.sec-days*86400)*secondNanos + at.nano
	return d, d.date.valid()
}

// plusMonths keeps the day, or takes the last one of a shorter month.
func (d Date) plusMonths(months int64) (Date, bool) {
	if months > maxYear*24 || months < -maxYear*24 {
		return Date{}, false
	}
	n := int64(d.Year)*12 + int64(d.Month) - 1 + months
	y := floorDiv(n, 12)
	moved := Date{int(y), int(n-y*12) + 1, d.Day}
	moved.Day = min(d.Day, daysIn(moved.Year, moved.Month))
	return moved, moved.valid()
}
