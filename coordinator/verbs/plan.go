package verbs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docsaga/docsaga/coordinator/where"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A picture is what is known of a document.
type picture struct {
	document   events.DocumentID
	definition *saga.Definition
	history    []events.Event
	state      saga.State
}

// look reads where the document is.
func (o *Operator) look(ctx context.Context, document events.DocumentID) (*picture, error) {
	p, err := where.Is(ctx, o.log, o.definitions, document)
	if err != nil {
		return nil, fmt.Errorf("verbs: %w", err)
	}
	return &picture{document: p.Document, definition: p.Definition, history: p.History, state: p.State}, nil
}

// plan returns what a command would write.
func (p *picture) plan(c *Command) (Done, error) {
	done := Done{Document: p.document}
	if standing, ok := p.asked(c); ok {
		done.Event, done.Already = *standing, true
		return done, nil
	}
	var err error
	switch c.Verb {
	case Cancel:
		done.Event, err = p.cancel(c)
	case Compensate:
		done.Event, err = p.compensate(c)
	case Retry, Resolve:
		done.Event, err = p.mend(c)
	}
	return done, err
}

// asked returns the event of an earlier command of the same kind, if there is
// nothing left that this one could be about.
func (p *picture) asked(c *Command) (*events.Event, bool) {
	if (c.Verb == Retry || c.Verb == Resolve) && len(p.incidents(c.Step)) > 0 {
		return nil, false
	}
	for i := range slices.Backward(p.history) {
		e := &p.history[i]
		if e.Source != events.SourceOperator || c.Step != "" && e.Slot.Step != c.Step {
			continue
		}
		kind := e.Slot.Kind
		switch c.Verb {
		case Cancel:
			if kind == events.Cancel {
				return e, true
			}
		case Compensate:
			if kind == events.Compensate {
				return e, true
			}
		case Retry:
			if kind == events.Redo || kind == events.Undo {
				return e, true
			}
		case Resolve:
			if kind == events.Undone && c.Result == 0 || kind == events.Outcome && e.Result == c.result() {
				return e, true
			}
		}
	}
	return nil, false
}

func (c *Command) result() events.Result {
	if c.Result == 0 {
		return events.Completed
	}
	return c.Result
}

func (p *picture) cancel(c *Command) (events.Event, error) {
	switch {
	case p.state.Phase() == saga.Ended || p.state.Phase() == saga.Unknown:
		return events.Event{}, p.unfit(c, "")
	case p.state.Verdict != 0 && len(p.incidents("")) > 0:
		return events.Event{}, p.unfit(c, "retry or resolve its incident")
	case p.state.Verdict != 0:
		return events.Event{}, p.unfit(c, "it ends by itself")
	}
	return p.ofDocument(c, events.Cancel)
}

func (p *picture) compensate(c *Command) (events.Event, error) {
	failed := 0
	for _, i := range p.incidents("") {
		if p.state.Visit(i).Status() == saga.Waiting {
			failed++
		}
	}
	switch phase := p.state.Phase(); {
	case phase == saga.Running:
		return events.Event{}, p.unfit(c, "cancel it")
	case phase != saga.Incident:
		return events.Event{}, p.unfit(c, "")
	case failed == 0 && len(p.incidents("")) > 0:
		return events.Event{}, p.unfit(c, "what failed is an undo: retry or resolve it")
	}
	return p.ofDocument(c, events.Compensate)
}

func (p *picture) ofDocument(c *Command, kind events.Kind) (events.Event, error) {
	slot := events.DocumentSlot(p.definition.Name, p.definition.Version, p.document, kind)
	return p.event(c, slot, p.definition.Cause(&p.state, p.document), events.Data{})
}

// mend plans the retrying or resolving of an incident.
func (p *picture) mend(c *Command) (events.Event, error) {
	found := p.incidents(c.Step)
	switch {
	case len(found) == 0 && p.state.Phase() == saga.Incident && c.Step == "":
		return events.Event{}, p.unfit(c, "no step failed: cancel or compensate it")
	case len(found) == 0:
		return events.Event{}, p.unfit(c, "")
	case len(found) > 1:
		return events.Event{}, p.unfit(c, "say which step: "+p.names(found))
	}
	v := p.state.Visit(found[0])
	slot := events.Slot{
		Definition: p.definition.Name, Version: p.definition.Version, Document: p.document,
		Step: p.definition.Nodes[v.Node()].ID, Visit: v.Number(), Again: 1,
	}
	if v.Status() == saga.UndoFailed {
		return p.mendUndo(c, slot)
	}
	if p.state.Verdict != 0 {
		return events.Event{}, p.unfit(c, "it is being stopped: compensate it")
	}
	return p.mendStep(c, slot, p.state.Next(v.Node()))
}

// mendStep plans another visit of the step whose visit failed.
func (p *picture) mendStep(c *Command, slot events.Slot, next int) (events.Event, error) {
	cause, failed := p.definition.Cause(&p.state, p.document), slot.Of(events.Outcome)
	context, known := p.merged(), false
	if e, ok := p.find(failed); ok {
		cause = e.ID()
		data, err := events.ParseData(e.Data)
		if known = err == nil && data.Context != nil; known {
			context = data.Context
		}
	}
	if slot.Visit = next; slot.Visit > events.MaxVisit {
		return events.Event{}, p.unfit(c, "it has been tried too often")
	}
	data := events.Data{Context: context}
	if c.Verb == Retry {
		slot.Kind = events.Redo
		return p.event(c, slot, cause, data)
	}
	slot.Kind, data.Output, data.Error = events.Outcome, c.Output, c.Error
	return p.event(c, slot, cause, data)
}

func (p *picture) mendUndo(c *Command, slot events.Slot) (events.Event, error) {
	if c.Result == events.Rejected || c.Output != nil {
		return events.Event{}, p.unfit(c, "what failed is an undo, which has no outcome but undone")
	}
	last := slot.Of(events.Undo)
	var command *events.Event
	for {
		e, ok := p.find(last)
		if !ok {
			break
		}
		command = e
		last.Again++
	}
	if command == nil {
		return events.Event{}, p.unfit(c, "its undo was never commanded")
	}
	// The last number is kept for resolving.
	if c.Verb == Retry && last.Again >= events.MaxAgain || last.Again > events.MaxAgain {
		return events.Event{}, p.unfit(c, fmt.Sprintf("it was undone %d times in vain: undo it by hand and resolve it", last.Again-1))
	}
	cause := command.ID()
	failed := command.Slot
	failed.Kind = events.Undone
	if e, ok := p.find(failed); ok {
		cause = e.ID()
	}
	if c.Verb == Resolve {
		last.Kind = events.Undone
		return p.event(c, last, cause, events.Data{})
	}
	data, err := events.ParseData(command.Data)
	if err != nil {
		return events.Event{}, fmt.Errorf("verbs: %s: %w", command.ID(), err)
	}
	return p.event(c, last, cause, events.Data{Output: data.Output, Context: data.Context})
}

// event makes the command's event; its data says who asked.
func (p *picture) event(c *Command, slot events.Slot, cause string, data events.Data) (events.Event, error) {
	data.By = &c.By
	raw, err := data.Marshal()
	if err != nil {
		return events.Event{}, err
	}
	e := events.Event{Slot: slot, Source: events.SourceOperator, Cause: cause, Trace: events.TraceOf(p.history, cause), Data: raw}
	switch slot.Kind {
	case events.Outcome:
		e.Result = c.result()
	case events.Undone:
		e.Result = events.Completed
	case events.Redo, events.Undo, events.Submitted, events.Cancel, events.Compensate, events.Ended, events.Forgotten, events.Changed, events.Migrate:
	}
	if err := e.Check(); err != nil {
		return e, fmt.Errorf("verbs: %s %s: %w", c.Verb, p.document, err)
	}
	return e, nil
}

func (p *picture) find(slot events.Slot) (*events.Event, bool) {
	for i := range p.history {
		if p.history[i].Slot == slot {
			return &p.history[i], true
		}
	}
	return nil, false
}

// merged returns what all completed steps put out.
func (p *picture) merged() map[events.StepID]json.RawMessage {
	var context map[events.StepID]json.RawMessage
	for i := range p.history {
		e := &p.history[i]
		if e.Slot.Kind != events.Submitted && (e.Slot.Kind != events.Outcome || e.Result != events.Completed) {
			continue
		}
		if data, err := events.ParseData(e.Data); err == nil {
			context = events.With(context, e.Slot.Step, data.Output)
		}
	}
	return context
}

// incidents returns the visits that wait for a person, of one step or of all.
func (p *picture) incidents(step events.StepID) []int {
	var found []int
	for i := range p.state.Visits() {
		v := p.state.Visit(i)
		if s := v.Status(); s != saga.Waiting && s != saga.UndoFailed {
			continue
		}
		if step == "" || p.definition.Nodes[v.Node()].ID == step {
			found = append(found, i)
		}
	}
	return found
}

func (p *picture) names(visits []int) string {
	var names []string
	for _, i := range visits {
		names = append(names, string(p.definition.Nodes[p.state.Visit(i).Node()].ID))
	}
	return strings.Join(names, ", ")
}

// unfit says where the document is, and what to do instead.
func (p *picture) unfit(c *Command, advice string) error {
	where := p.state.Phase().String()
	if p.state.Phase() == saga.Ended {
		where = "ended " + p.state.Verdict.String()
	}
	if p.state.Phase() == saga.Incident || p.state.Phase() == saga.Compensating {
		where = strings.TrimSuffix(fmt.Sprintf("%s (%s: %s)", where, p.state.StopStep, p.state.Reason), " (: )")
	}
	if advice != "" {
		advice = "; " + advice
	}
	return fmt.Errorf("verbs: %s %s: it is %s%s: %w", c.Verb, p.document, where, advice, ErrUnfit)
}
