package bpmn

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxDuration is the longest duration, in years, that a model may name.
const maxDuration = 250

// parseDuration reads an ISO 8601 duration, such as P1DT12H, P2W or PT0.5S. A
// leading minus is refused: no timer goes back.
func parseDuration(text string) (duration, error) {
	var d duration
	bad := func() (duration, error) {
		return duration{}, fmt.Errorf("duration %.40q: want ISO 8601, such as PT30S or P1DT12H", text)
	}
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" || strings.HasSuffix(rest, "T") {
		return bad()
	}
	units, inTime := "YMWD", false
	for rest != "" {
		if rest[0] == 'T' {
			if inTime {
				return bad()
			}
			units, inTime, rest = "HMS", true, rest[1:]
			continue
		}
		i := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != ',' })
		if i <= 0 {
			return bad()
		}
		at := strings.IndexByte(units, rest[i])
		if at < 0 || !d.add(strings.Replace(rest[:i], ",", ".", 1), rest[i], inTime) {
			return bad()
		}
		units, rest = units[at+1:], rest[i+1:]
	}
	return d, nil
}

// add adds a number of units and reports whether that makes sense.
func (d *duration) add(number string, unit byte, inTime bool) bool {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 {
		return false
	}
	whole := n == float64(int64(n))
	switch {
	case unit == 'Y' && whole && n <= maxDuration:
		d.months += 12 * int(n)
	case unit == 'M' && !inTime && whole && n <= 12*maxDuration:
		d.months += int(n)
	case unit == 'W':
		return d.addTime(n, 7*24*time.Hour)
	case unit == 'D':
		return d.addTime(n, 24*time.Hour)
	case unit == 'H':
		return d.addTime(n, time.Hour)
	case unit == 'M' && inTime:
		return d.addTime(n, time.Minute)
	case unit == 'S':
		return d.addTime(n, time.Second)
	default:
		return false
	}
	return true
}

func (d *duration) addTime(n float64, unit time.Duration) bool {
	const limit = maxDuration * 365 * 24 * time.Hour
	if n*float64(unit) > float64(limit) {
		return false
	}
	d.rest += time.Duration(n * float64(unit))
	return d.rest <= limit
}
