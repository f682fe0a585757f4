package bpmn

import (
	"encoding/json"
	"fmt"
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
	raw, err := c.text.Eval(v)
	if err != nil {
		return time.Time{}, err
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return time.Time{}, fmt.Errorf("bpmn: %s is %.40s: want a text", c, raw)
	}
	return c.next(text, from, n)
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
