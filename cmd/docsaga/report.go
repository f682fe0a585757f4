package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A report is what became of one document: what run and status print.
type report struct {
	File       string            `json:"file,omitempty"`
	Document   events.DocumentID `json:"document"`
	Definition string            `json:"definition"`
	Version    int               `json:"version"`
	State      string            `json:"state"`
	Stop       *stopReport       `json:"stop"`
	Facts      facts             `json:"facts"`
	Record     json.RawMessage   `json:"record"`
	Steps      []stepReport      `json:"steps"`
	Position   events.Position   `json:"position"`
}

type stopReport struct {
	Step    events.StepID `json:"step"`
	Reason  string        `json:"reason"`
	Message string        `json:"message,omitempty"`
}

type stepReport struct {
	Step      events.StepID `json:"step"`
	Visit     int           `json:"visit"`
	Outcome   string        `json:"outcome"`
	Undone    bool          `json:"undone"`
	StartedAt time.Time     `json:"startedAt"`
	EndedAt   *time.Time    `json:"endedAt"`
}

// visitKey is a node's number and which visit of it.
type visitKey struct{ node, number int }

// newReport tells a document's history.
func newReport(versions map[int]*saga.Definition, history []events.Event) (report, error) {
	if len(history) == 0 {
		return report{}, events.ErrNotFound
	}
	ref := events.Began(history)
	r := report{Document: history[0].Slot.Document, Definition: ref.Name, Steps: []stepReport{}}
	var d *saga.Definition
	var s saga.State
	opened := make(map[visitKey]time.Time)
	outputs := make(map[events.StepID]json.RawMessage)
	for i := range history {
		e := &history[i]
		before := s
		ref = ref.After(e)
		if d = versions[ref.Version]; d == nil {
			return r, fmt.Errorf("definition %s version %d: %w", ref.Name, ref.Version, events.ErrNotFound)
		}
		r.Version = ref.Version
		s = d.Fold(s, e)
		for _, o := range saga.Opened(&before, &s) {
			opened[visitKey{o.Node, o.Number}] = e.At
		}
		r.Position = e.Position
		if err := r.add(d, e, opened, outputs); err != nil {
			return r, err
		}
	}
	for i := range s.Visits() {
		if v := s.Visit(i); v.Status() == saga.Open {
			r.Steps = append(r.Steps, stepReport{Step: d.Nodes[v.Node()].ID, Visit: v.Number(), Outcome: "open", StartedAt: opened[visitKey{v.Node(), v.Number()}]})
		}
	}
	r.State = s.Phase().String()
	if s.Phase() == saga.Ended {
		r.State = s.Verdict.String()
	}
	if s.StopStep != "" || s.Reason != "" {
		r.Stop = &stopReport{Step: s.StopStep, Reason: s.Reason, Message: stopMessage(history, s.StopStep)}
	}
	r.Facts = collectFacts(outputs)
	return r, nil
}

// add takes one event into the report.
func (r *report) add(d *saga.Definition, e *events.Event, opened map[visitKey]time.Time, outputs map[events.StepID]json.RawMessage) error {
	switch e.Slot.Kind {
	case events.Outcome:
		step := stepReport{Step: e.Slot.Step, Visit: e.Slot.Visit, Outcome: e.Result.String(), EndedAt: &e.At}
		if n, ok := d.Node(e.Slot.Step); ok {
			step.StartedAt = opened[visitKey{n, e.Slot.Visit}]
		}
		r.Steps = append(r.Steps, step)
		data, err := events.ParseData(e.Data)
		if err != nil {
			return fmt.Errorf("report: %s: %w", e.ID(), err)
		}
		outputs[e.Slot.Step] = data.Output
	case events.Undone:
		for i := range r.Steps {
			if r.Steps[i].Step == e.Slot.Step && r.Steps[i].Visit == e.Slot.Visit {
				r.Steps[i].Undone = e.Result == events.Completed
			}
		}
	case events.Redo, events.Undo, events.Submitted, events.Cancel, events.Compensate, events.Ended, events.Forgotten, events.Changed, events.Migrate:
	}
	return nil
}

// stopMessage returns what the step that stopped the document said.
func stopMessage(history []events.Event, step events.StepID) string {
	for i := range history {
		e := &history[i]
		if e.Slot.Step != step || e.Slot.Kind != events.Outcome || e.Result == events.Completed {
			continue
		}
		if data, err := events.ParseData(e.Data); err == nil && data.Error != nil {
			return data.Error.Message
		}
	}
	return ""
}

// stopText returns why a document stopped, for a table.
func (r *report) stopText() string {
	if r.Stop == nil {
		return "-"
	}
	return fmt.Sprintf("%s: %s", r.Stop.Step, r.Stop.Reason)
}
