// Package refold folds what was recorded under another definition, and tells
// where a document would have gone another way.
package refold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A Divergence is the first point at which two definitions part on the same
// events. What comes after it in the history says nothing about the other
// definition, for it would not have happened like that.
type Divergence struct {
	Document events.DocumentID `json:"document"`
	Version  int               `json:"version"`  // that the document follows
	Position events.Position   `json:"position"` // of the event
	After    string            `json:"after"`    // its id
	What     string            `json:"what"`
}

// A Track is one document under both definitions. The zero Track is that of a
// document without events.
type Track struct {
	was, is saga.State
	parted  bool
}

// Fold takes the document's next event, and returns where the definitions part
// if they do so here for the first time.
func (t *Track) Fold(was, is *saga.Definition, e *events.Event) (Divergence, bool) {
	if t.parted {
		return Divergence{}, false
	}
	what := late(was, is, t, e)
	before := *t
	t.was, t.is = was.Fold(t.was, e), is.Fold(t.is, e)
	if what == "" {
		what = difference(was, is, &before, t, e.At)
	}
	if what == "" {
		return Divergence{}, false
	}
	t.parted = true
	return Divergence{Document: e.Slot.Document, Version: was.Version, Position: e.Position, After: e.ID(), What: what}, true
}

// late says that a deadline had passed when the event came, under the other
// definition only.
func late(was, is *saga.Definition, t *Track, e *events.Event) string {
	step, at, ok := passed(is, &t.is, e.At)
	if _, _, already := passed(was, &t.was, e.At); !ok || already {
		return ""
	}
	return fmt.Sprintf("%s would have come to its deadline on %s, before this event", step, at.Format(time.RFC3339))
}

// passed returns an open visit whose deadline was before a time.
func passed(d *saga.Definition, s *saga.State, now time.Time) (events.StepID, time.Time, bool) {
	for i := range s.Visits() {
		v := s.Visit(i)
		if at, ok := v.Deadline(); ok && at.Before(now) {
			return d.Nodes[v.Node()].ID, at, true
		}
	}
	return "", time.Time{}, false
}

// difference says how the states after an event differ in what happens next.
func difference(was, is *saga.Definition, before, after *Track, now time.Time) string {
	if n, m := after.is.Anomalies-before.is.Anomalies, after.was.Anomalies-before.was.Anomalies; n > m {
		return "the event fits nowhere in the new definition"
	}
	for _, c := range []struct{ name, was, is string }{
		{"document", state(&after.was), state(&after.is)},
		{"cued", opened(was, &before.was, &after.was), opened(is, &before.is, &after.is)},
		{"decided", decided(was, &after.was, now), decided(is, &after.is, now)},
	} {
		if c.was != c.is {
			return fmt.Sprintf("%s: %s, was %s", c.name, orNothing(c.is), orNothing(c.was))
		}
	}
	return ""
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func state(s *saga.State) string {
	text := s.Phase().String()
	if s.Verdict != 0 {
		text += " " + s.Verdict.String()
	}
	if s.StopStep != "" || s.Reason != "" {
		text += fmt.Sprintf(" (%s: %s)", s.StopStep, s.Reason)
	}
	return text
}

// opened returns the steps that the event cued.
func opened(d *saga.Definition, before, after *saga.State) string {
	var steps []string
	for _, o := range saga.Opened(before, after) {
		steps = append(steps, fmt.Sprintf("%s.%d", d.Nodes[o.Node].ID, o.Number))
	}
	slices.Sort(steps)
	return strings.Join(steps, " ")
}

// decided returns what a coordinator would write.
func decided(d *saga.Definition, s *saga.State, now time.Time) string {
	var list []string
	for _, x := range d.Decide(s, now) {
		text := fmt.Sprintf("%s.%d.%s", x.Step, x.Visit, x.Kind)
		if x.Result != 0 {
			text += " " + x.Result.String()
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// A Summary is a state in words that stay when the code changes, to be
// recorded beside a history.
type Summary struct {
	Document  events.DocumentID `json:"document"`
	State     string            `json:"state"`
	Anomalies int               `json:"anomalies"`
	Visits    []string          `json:"visits"` // <step>.<visit> <status>
}

// Summarize tells the state of a document.
func Summarize(d *saga.Definition, document events.DocumentID, s *saga.State) Summary {
	sum := Summary{Document: document, State: state(s), Anomalies: int(s.Anomalies), Visits: []string{}}
	for i := range s.Visits() {
		v := s.Visit(i)
		sum.Visits = append(sum.Visits, fmt.Sprintf("%s.%d %s", d.Nodes[v.Node()].ID, v.Number(), v.Status()))
	}
	return sum
}
