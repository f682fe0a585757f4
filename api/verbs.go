package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// ErrNotNow reports that a verb makes no sense in a document's state.
var ErrNotNow = errors.New("not possible in this state")

// The verbs of an operator.
const (
	VerbCancel     = "cancel"     // stop the document and undo it
	VerbRetry      = "retry"      // do a failed step, or a failed undo, again
	VerbResolve    = "resolve"    // decide a failed step by hand
	VerbCompensate = "compensate" // give up an incident and undo the document
)

// Verbs returns all verbs.
func Verbs() []string { return []string{VerbCancel, VerbRetry, VerbResolve, VerbCompensate} }

// A Command is what a person wants done about a document.
type Command struct {
	Verb     string
	Document events.DocumentID
	Step     events.StepID   // that waits; empty for the only one
	Outcome  events.Result   // resolve: completed or rejected
	Output   json.RawMessage // resolve: what the step would have put out
	By       events.By
}

// Verbing writes commands into the log.
type Verbing struct {
	Log         Log
	Definitions *catalog.Catalog
}

// Do writes the command's event.
func (v Verbing) Do(ctx context.Context, c Command) (events.Event, error) {
	history, err := v.Log.History(ctx, c.Document)
	if err != nil && !errors.Is(err, events.ErrBadEvent) {
		return events.Event{}, fmt.Errorf("api: %s %s: %w", c.Verb, c.Document, err)
	}
	if len(history) == 0 {
		return events.Event{}, fmt.Errorf("api: document %s: %w", c.Document, events.ErrNotFound)
	}
	first := history[0].Slot
	d, err := v.Definitions.Get(ctx, first.Definition, first.Version)
	if err != nil {
		return events.Event{}, fmt.Errorf("api: %s %s: %w", c.Verb, c.Document, err)
	}
	r, err := projections.Replay(d, history)
	if err != nil {
		return events.Event{}, fmt.Errorf("api: %s %s: %w", c.Verb, c.Document, err)
	}
	e, err := c.event(d, r, history)
	if err != nil {
		return events.Event{}, err
	}
	e.Source, e.Worker, e.Cause = events.SourceOperator, rand.Text()[:16], history[len(history)-1].ID()
	e.Time = time.Now().UTC().Truncate(time.Millisecond)
	data := events.Data{By: &c.By, Output: c.Output, Context: outputs(history)}
	if c.Verb != VerbResolve && c.Verb != VerbRetry {
		data.Output, data.Context = nil, nil
	}
	if c.Verb == VerbResolve && c.Outcome == events.Rejected {
		data.Error = &events.Error{Code: "resolved", Message: c.By.Reason}
	}
	if e.Data, err = data.Marshal(); err != nil {
		return events.Event{}, err
	}
	return v.Log.Write(ctx, e)
}

// outputs returns what the completed steps put out, as context for the next.
func outputs(history []events.Event) map[events.StepID]json.RawMessage {
	var context map[events.StepID]json.RawMessage
	for i := range history {
		e := &history[i]
		if e.Slot.Kind != events.Submitted && (e.Slot.Kind != events.Outcome || e.Result != events.Completed) {
			continue
		}
		if data, err := events.ParseData(e.Data); err == nil {
			context = events.With(context, e.Slot.Step, data.Output)
		}
	}
	return context
}

// event returns the slot and result of the command's event.
func (c Command) event(d *saga.Definition, r *projections.Record, history []events.Event) (events.Event, error) {
	not := func(format string, args ...any) (events.Event, error) {
		return events.Event{}, fmt.Errorf("api: %s %s: %s: %w", c.Verb, c.Document, fmt.Sprintf(format, args...), ErrNotNow)
	}
	if projections.Terminal(r.State) {
		return not("it has ended %s", r.State)
	}
	switch c.Verb {
	case VerbCancel:
		return events.Event{Slot: events.DocumentSlot(d.Name, d.Version, c.Document, events.Cancel)}, nil
	case VerbCompensate:
		if r.State != projections.Incident {
			return not("it is %s, no incident", r.State)
		}
		return events.Event{Slot: events.DocumentSlot(d.Name, d.Version, c.Document, events.Compensate)}, nil
	case VerbRetry, VerbResolve:
	default:
		return not("no such verb")
	}
	step, ok := c.waiting(r)
	if !ok {
		return not("no step of it waits for a person, or more than one does: name the step")
	}
	slot := events.Slot{Definition: d.Name, Version: d.Version, Document: c.Document, Step: step.Step, Visit: step.Visit, Again: 1}
	if step.Status != saga.UndoFailed.String() {
		return c.visit(slot, r)
	}
	if slot.Again = undos(history, slot) + 1; slot.Again > events.MaxAgain {
		return not("its undo was tried %d times", events.MaxAgain)
	}
	if c.Verb == VerbRetry {
		slot.Kind = events.Undo
		return events.Event{Slot: slot}, nil
	}
	slot.Kind = events.Undone
	return events.Event{Slot: slot, Result: events.Completed}, nil
}

// visit is the event that does a step again, or decides it by hand: both are
// the step's next visit.
func (c Command) visit(slot events.Slot, r *projections.Record) (events.Event, error) {
	for _, s := range r.Steps {
		if s.Step == slot.Step {
			slot.Visit = max(slot.Visit, s.Visit)
		}
	}
	slot.Visit++
	if c.Verb == VerbRetry {
		slot.Kind = events.Redo
		return events.Event{Slot: slot}, nil
	}
	if c.Outcome != events.Completed && c.Outcome != events.Rejected {
		return events.Event{}, fmt.Errorf("api: resolve %s: the outcome must be completed or rejected: %w", c.Document, ErrNotNow)
	}
	slot.Kind = events.Outcome
	return events.Event{Slot: slot, Result: c.Outcome}, nil
}

// undos returns the number of the last undo of a visit.
func undos(history []events.Event, visit events.Slot) int {
	last := 0
	for i := range history {
		s := history[i].Slot
		if s.Step == visit.Step && s.Visit == visit.Visit && (s.Kind == events.Undo || s.Kind == events.Undone) {
			last = max(last, s.Again)
		}
	}
	return last
}

// waiting returns the step that waits for a person.
func (c Command) waiting(r *projections.Record) (step projections.Step, ok bool) {
	found := 0
	for _, s := range r.Steps {
		waits := s.Status == saga.Waiting.String() || s.Status == saga.UndoFailed.String()
		if waits && (c.Step == "" || c.Step == s.Step) {
			step = s
			found++
		}
	}
	return step, found == 1
}
