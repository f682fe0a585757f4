package bpmn

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/saga"
)

// The kinds of timers, by their elements.
const (
	timeDate     = "timeDate"
	timeDuration = "timeDuration"
	timeCycle    = "timeCycle"
)

// A clock is a timer as ISO 8601 says it: a date, a duration or a cycle.
type clock struct {
	kind string
	text saga.Expression
}

// String returns the timer as it was drawn.
func (c clock) String() string { return c.kind + " " + c.text.String() }

// Next returns when the timer goes off for the n-th time after from.
func (c clock) Next(v saga.Vars, from time.Time, n int) (time.Time, error) {
	text, err := c.say(v)
	if err != nil {
		return time.Time{}, err
	}
	return c.next(text, from, n)
}

// say returns what the timer's expression comes to.
func (c clock) say(v saga.Vars) (string, error) {
	raw, err := c.text.Eval(v)
	if err != nil {
		return "", err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("bpmn: %s is %.40s: want a text", c, raw)
	}
	return text, nil
}

func (c clock) next(text string, from time.Time, n int) (time.Time, error) {
	if n > 1 && c.kind != timeCycle {
		return time.Time{}, nil
	}
	switch c.kind {
	case timeDate:
		return parseDate(text)
	case timeDuration:
		d, err := parseDuration(text)
		return d.after(from), err
	}
	cycle, err := parseCycle(text)
	if err != nil || cycle.times > 0 && n > cycle.times {
		return time.Time{}, err
	}
	if n == 1 && !cycle.start.IsZero() {
		return cycle.start, nil
	}
	return cycle.every.after(from), nil
}

// Around returns the last time up to now, but not before set, at which the timer
// goes off that was set then, and the first time after now.
func (c clock) Around(v saga.Vars, set, now time.Time) (last, next time.Time, err error) {
	text, err := c.say(v)
	if err != nil {
		return last, next, err
	}
	var times cycle
	if c.kind == timeCycle {
		if times, err = parseCycle(text); err != nil {
			return last, next, err
		}
		if times.start.IsZero() {
			times.start = times.every.after(set)
		}
	} else {
		times.times = 1
		if times.start, err = c.next(text, set, 1); err != nil {
			return last, next, err
		}
	}
	last, next = times.around(now)
	if last.Before(set) {
		last = time.Time{}
	}
	return last, next, nil
}

// around returns the last time of a cycle up to now and the first after now;
// the zero time if there is none. The cycle must have a start.
func (c cycle) around(now time.Time) (last, next time.Time) {
	if now.Before(c.start) {
		return time.Time{}, c.start
	}
	n := 1 // of the last
	if least := time.Duration(c.every.months)*28*24*time.Hour + c.every.rest; least > 0 {
		most := float64(now.Unix()-c.start.Unix()) / least.Seconds()
		n = sort.Search(int(min(most, maxTimes))+2, func(k int) bool { return c.at(k + 2).After(now) }) + 1
	}
	if c.times > 0 && n >= c.times {
		return c.at(c.times), time.Time{}
	}
	return c.at(n), c.at(n + 1)
}

// maxTimes is how often a cycle is followed.
const maxTimes = 1 << 52

// at returns the n-th time of a cycle that has a start.
func (c cycle) at(n int) time.Time {
	k := int64(n - 1)
	t := c.start.UTC().AddDate(0, c.every.months*int(k), 0)
	return time.Unix(t.Unix()+int64(c.every.rest/time.Second)*k, int64(t.Nanosecond())+int64(c.every.rest%time.Second)*k).UTC()
}

// timer reads a timer event definition.
func (p *parser) timer(e, definition *element) saga.Clock {
	for _, kind := range []string{timeDate, timeDuration, timeCycle} {
		t := definition.child(kind)
		if t == nil || t.text == "" {
			continue
		}
		text := p.value(t, t.text)
		if text == nil {
			return nil
		}
		c := clock{kind: kind, text: text}
		if _, fixed := text.(literal); fixed {
			if _, err := c.next(t.text, time.Unix(0, 0), 1); err != nil {
				p.fault(e, "%v", err)
			}
		}
		return c
	}
	p.fault(e, "its timer has no timeDate, timeDuration or timeCycle")
	return nil
}

// begins reads the timer of a start event of the process. One without a time
// starts nothing; nor does one whose time is not ISO 8601, which is refused when
// it is checked and not when it is read, for it may be deployed since before
// timers started documents.
func (p *parser) begins(e, definition *element) saga.Clock {
	for _, kind := range []string{timeDate, timeDuration, timeCycle} {
		t := definition.child(kind)
		if t == nil || t.text == "" {
			continue
		}
		faults := len(p.faults)
		text := p.value(t, t.text)
		if text == nil {
			p.faults = p.faults[:faults]
			p.refuse(e, "its timer %.80q cannot be read", t.text)
			return nil
		}
		c := clock{kind: kind, text: text}
		if _, _, err := c.Around(saga.Vars{Now: time.Unix(0, 0)}, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			why := ""
			if _, fixed := text.(literal); !fixed {
				why = "; nothing of a document is known when it is set"
			}
			p.refuse(e, "%v%s", err, why)
			return nil
		}
		return c
	}
	p.warn(e, "its timer has no timeDate, timeDuration or timeCycle: only a submission starts a document")
	return nil
}

// parseDate reads an ISO 8601 date and time; without an offset it is UTC.
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("date %.40q: want ISO 8601, such as 2026-01-02T15:04:05Z", text)
}

// A cycle is a repeating interval.
type cycle struct {
	times int // 0 is for ever
	start time.Time
	every duration
}

// parseCycle reads an ISO 8601 repeating interval, such as R3/PT10S or
// R/2026-01-02T00:00:00Z/P1D.
func parseCycle(text string) (cycle, error) {
	var c cycle
	parts := strings.Split(strings.TrimSpace(text), "/")
	bad := fmt.Errorf("cycle %.40q: want ISO 8601, such as R3/PT10S", text)
	times, ok := strings.CutPrefix(parts[0], "R")
	if !ok || len(parts) < 2 || len(parts) > 3 {
		return c, bad
	}
	if times != "" && times != "-1" {
		n, err := strconv.Atoi(times)
		if err != nil || n < 1 {
			return c, bad
		}
		c.times = n
	}
	var err error
	if len(parts) == 3 {
		if c.start, err = parseDate(parts[1]); err != nil {
			return c, bad
		}
	}
	c.every, err = parseDuration(parts[len(parts)-1])
	if err != nil || c.every == (duration{}) {
		return c, bad
	}
	return c, nil
}
