package feel

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var errTemporal = errors.New("not a date, time or duration")

// parseTemporal reads what may stand in @"...": ISO 8601 as XML Schema has it,
// with FEEL's @zone (DMN 1.5 section 10.3.2.3).
func parseTemporal(s string) (Value, error) {
	if strings.HasPrefix(s, "P") || strings.HasPrefix(s, "-P") {
		return parseDuration(s)
	}
	if strings.Contains(s, "T") {
		if v, ok := parseDateTime(s); ok {
			return v, nil
		}
	} else if v, ok := parseDate(s); ok {
		return v, nil
	}
	if v, ok := parseTime(s); ok {
		return v, nil
	}
	return nil, fmt.Errorf("%.60q is %w", s, errTemporal)
}

func parseDate(s string) (Date, bool) {
	body := strings.TrimPrefix(s, "-")
	parts := strings.Split(body, "-")
	if len(parts) != 3 || len(parts[0]) < 4 || len(parts[0]) > 9 || len(parts[0]) > 4 && parts[0][0] == '0' {
		return Date{}, false
	}
	y, yok := digits(parts[0], len(parts[0]))
	m, mok := digits(parts[1], 2)
	day, dok := digits(parts[2], 2)
	if len(body) < len(s) {
		y = -y
	}
	d := Date{y, m, day}
	return d, yok && mok && dok && d.valid()
}

// digits reads a number of exactly n digits.
func digits(s string, n int) (int, bool) {
	if len(s) != n || n == 0 {
		return 0, false
	}
	v := 0
	for i := range n {
		if !isDigit(s[i]) || v > 1<<50 {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, true
}

func parseDateTime(s string) (DateTime, bool) {
	day, clock, ok := strings.Cut(s, "T")
	if !ok {
		d, ok := parseDate(s)
		return DateTime{date: d}, ok
	}
	d, ok := parseDate(day)
	if !ok {
		return DateTime{}, false
	}
	t, ok := parseTime(clock)
	return DateTime{d, t.nanos, t.zone}, ok
}

func parseTime(s string) (Time, bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return Time{}, false
	}
	h, hok := digits(s[:2], 2)
	m, mok := digits(s[3:5], 2)
	sec, sok := digits(s[6:8], 2)
	if !hok || !mok || !sok || h > 23 || m > 59 || sec > 59 {
		return Time{}, false
	}
	rest := s[8:]
	var nanos int64
	if strings.HasPrefix(rest, ".") {
		end := 1
		for end < len(rest) && isDigit(rest[end]) {
			end++
		}
		frac, ok := fraction(rest[1:end])
		if !ok {
			return Time{}, false
		}
		nanos, rest = frac, rest[end:]
	}
	z, ok := parseZone(rest)
	return Time{int64(h*3600+m*60+sec)*secondNanos + nanos, z}, ok
}

// fraction reads the digits after a point as nanoseconds, cutting off the rest.
func fraction(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	n, ok := digits((s + "000000000")[:9], 9)
	return int64(n), ok
}

func parseZone(s string) (zone, bool) {
	switch {
	case s == "":
		return zone{}, true
	case s == "Z" || s == "z":
		return zone{set: true}, true
	case s[0] == '@':
		region, err := loadZone(s[1:])
		return zone{set: true, region: region}, err == nil
	case s[0] == '+' || s[0] == '-':
		return parseOffset(s)
	}
	return zone{}, false
}

func parseOffset(s string) (zone, bool) {
	if len(s) != 6 && len(s) != 9 || s[3] != ':' {
		return zone{}, false
	}
	h, hok := digits(s[1:3], 2)
	m, mok := digits(s[4:6], 2)
	sec, sok := 0, true
	if len(s) == 9 {
		sec, sok = digits(s[7:], 2)
		sok = sok && s[6] == ':'
	}
	offset := h*3600 + m*60 + sec
	if !hok || !mok || !sok || m > 59 || sec > 59 || offset > maxOffset {
		return zone{}, false
	}
	return zone{set: true, offset: pick(s[0] == '-', -offset, offset)}, true
}

// loadZone finds a zone of the tz database.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, errTemporal
	}
	return time.LoadLocation(name)
}

// parseDuration reads P1Y2M or P1DT2H3M4.5S. Years and months do not mix with
// the rest, for no number of days equals a month.
func parseDuration(s string) (Value, error) {
	bad := fmt.Errorf("%.60q is %w", s, errTemporal)
	body, negative := strings.CutPrefix(s, "-")
	body, ok := strings.CutPrefix(body, "P")
	if !ok || body == "" {
		return nil, bad
	}
	day, clock, hasClock := strings.Cut(body, "T")
	if hasClock && clock == "" {
		return nil, bad
	}
	years, rest, yok := component(day, 'Y')
	months, rest, mok := component(rest, 'M')
	days, rest, dok := component(rest, 'D')
	if rest != "" {
		return nil, bad
	}
	if yok || mok {
		if dok || hasClock || years > maxSeconds/12-1 || months > maxSeconds/12 {
			return nil, bad
		}
		n := years*12 + months
		return YearMonthDuration{pick(negative, -n, n)}, nil
	}
	d, ok := parseClock(clock)
	if !ok || days > maxSeconds/86400/2 {
		return nil, bad
	}
	d.sec += days * 86400
	if negative {
		d = d.negated()
	}
	return d, nil
}

func parseClock(s string) (DayTimeDuration, bool) {
	hours, rest, _ := component(s, 'H')
	minutes, rest, _ := component(rest, 'M')
	var nanos int64
	if whole, frac, ok := strings.Cut(rest, "."); ok && strings.HasSuffix(frac, "S") {
		n, ok := fraction(strings.TrimSuffix(frac, "S"))
		if !ok {
			return DayTimeDuration{}, false
		}
		nanos, rest = n, whole+"S"
	}
	sec, rest, _ := component(rest, 'S')
	const most = maxSeconds / 3600 / 4
	if rest != "" || hours > most || minutes > most || sec > most {
		return DayTimeDuration{}, false
	}
	return DayTimeDuration{hours*3600 + minutes*60 + sec, nanos}, true
}

// component reads digits that the mark follows off the front of s.
func component(s string, mark byte) (n int64, rest string, ok bool) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if end == 0 || end == len(s) || s[end] != mark {
		return 0, s, false
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil || n > 1<<56 {
		return 0, s, false
	}
	return n, s[end+1:], true
}

func (d Date) text() string {
	y := d.Year
	sign := ""
	if y < 0 {
		y, sign = -y, "-"
	}
	return fmt.Sprintf("%s%04d-%02d-%02d", sign, y, d.Month, d.Day)
}

func clockText(nanos int64) string {
	s := nanos / secondNanos
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
	return text + fractionText(nanos%secondNanos)
}

func fractionText(nanos int64) string {
	if nanos == 0 {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf(".%09d", nanos), "0")
}

func (z zone) text() string {
	switch {
	case !z.set:
		return ""
	case z.region != nil:
		return "@" + z.region.String()
	case z.offset == 0:
		return "Z"
	}
	offset, sign := z.offset, "+"
	if offset < 0 {
		offset, sign = -offset, "-"
	}
	text := fmt.Sprintf("%s%02d:%02d", sign, offset/3600, offset/60%60)
	if offset%60 != 0 {
		text += fmt.Sprintf(":%02d", offset%60)
	}
	return text
}

func (t Time) text() string { return clockText(t.nanos) + t.zone.text() }

func (d DateTime) text() string { return d.date.text() + "T" + clockText(d.nanos) + d.zone.text() }

func (d DayTimeDuration) text() string {
	if d.sec == 0 && d.nano == 0 {
		return "PT0S"
	}
	var b strings.Builder
	if d.sec < 0 {
		b.WriteByte('-')
		d = d.negated()
	}
	b.WriteByte('P')
	writeUnit(&b, d.sec/86400, "D")
	if d.sec%86400 != 0 || d.nano != 0 {
		b.WriteByte('T')
		writeUnit(&b, d.sec/3600%24, "H")
		writeUnit(&b, d.sec/60%60, "M")
		if d.sec%60 != 0 || d.nano != 0 {
			b.WriteString(strconv.FormatInt(d.sec%60, 10) + fractionText(d.nano) + "S")
		}
	}
	return b.String()
}

func writeUnit(b *strings.Builder, n int64, unit string) {
	if n != 0 {
		b.WriteString(strconv.FormatInt(n, 10) + unit)
	}
}

func (d YearMonthDuration) text() string {
	if d.Months == 0 {
		return "P0M"
	}
	var b strings.Builder
	n := d.Months
	if n < 0 {
		b.WriteByte('-')
		n = -n
	}
	b.WriteByte('P')
	writeUnit(&b, n/12, "Y")
	writeUnit(&b, n%12, "M")
	return b.String()
}

// String returns the date as a FEEL literal.
func (d Date) String() string { return `@"` + d.text() + `"` }

// String returns the time as a FEEL literal.
func (t Time) String() string { return `@"` + t.text() + `"` }

// String returns the date and time as a FEEL literal.
func (d DateTime) String() string { return `@"` + d.text() + `"` }

// String returns the duration as a FEEL literal.
func (d DayTimeDuration) String() string { return `@"` + d.text() + `"` }

// String returns the duration as a FEEL literal.
func (d YearMonthDuration) String() string { return `@"` + d.text() + `"` }
