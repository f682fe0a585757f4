package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	since      []time.Time // of each visit
}

func (d *Desk) look(ctx context.Context, document events.DocumentID) (*picture, error) {
	p, err := where.Is(ctx, d.log, d.definitions, document)
	if err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	since := make([]time.Time, len(p.Opened))
	for visit, at := range p.Opened {
		since[visit] = p.History[at].At
	}
	return &picture{document: p.Document, definition: p.Definition, history: p.History, state: p.State, since: since}, nil
}

// waits reports whether a visit waits for a person.
func (p *picture) waits(i int) bool {
	v := p.state.Visit(i)
	n := &p.definition.Nodes[v.Node()]
	switch v.Status() {
	case saga.Open:
		return n.Kind == saga.User && p.state.Phase() != saga.Compensating
	case saga.Undoing:
		return n.Undo != nil && n.Undo.Person
	case saga.Joining, saga.Done, saga.Refused, saga.Broken, saga.Late, saga.Stopped, saga.Waiting, saga.UndoFailed,
		saga.Reverted, saga.Closed, saga.Watching, saga.Leaving, saga.Recalled, saga.Looping:
	}
	return false
}

// merged returns the data of an outcome of a visit: the outputs of all that
// was done before.
func (p *picture) merged(step events.StepID, visit int) (events.Data, error) {
	_, data, err := p.definition.Settle(saga.Decision{
		Step: step, Visit: visit, Kind: events.Outcome, Again: 1, Result: events.Completed, Merge: true,
	}, p.history)
	if err != nil {
		return data, fmt.Errorf("tasks: %s of %s: %w", step, p.document, err)
	}
	return data, nil
}

func (p *picture) task(i int) (Task, error) {
	v := p.state.Visit(i)
	n := &p.definition.Nodes[v.Node()]
	t := Task{
		Document: p.document, Definition: p.definition.Name, Version: p.definition.Version,
		Step: n.ID, Visit: v.Number(), Name: n.Name, Undo: v.Status() == saga.Undoing, Since: p.since[i],
	}
	data, err := p.merged(n.ID, v.Number())
	if err != nil {
		return t, err
	}
	raw, err := events.Data{Context: data.Context}.Marshal()
	if err != nil {
		return t, fmt.Errorf("tasks: %s: %w", t.key(), err)
	}
	vars := saga.Vars{Data: raw, Now: p.since[i]}
	if t.Input, err = json.Marshal(data.Context); len(n.Inputs) > 0 {
		t.Input, err = saga.Map(n.Inputs, vars)
	}
	if err != nil {
		return t, fmt.Errorf("tasks: input of %s: %w", t.key(), err)
	}
	if n.Person == nil {
		return t, nil
	}
	t.person(n.Person, vars)
	return t, nil
}

// person says for whom a task is. It is for everybody only if nobody is drawn:
// a path that leads nowhere would otherwise open it to all.
func (t *Task) person(p *saga.Person, vars saga.Vars) {
	t.Form, t.Schema = p.Form, p.Schema
	drawn, named := false, false
	people := func(x saga.Expression) []string {
		list, err := names(x, vars)
		if err != nil {
			t.Problem = err.Error()
		}
		drawn, named = drawn || x != nil, named || len(list) > 0
		return list
	}
	t.Assignee = strings.Join(people(p.Assignee), ",")
	t.Groups, t.Users = people(p.Groups), people(p.Users)
	if drawn && !named && t.Problem == "" {
		t.Problem = "tasks: an assignee, or candidate users or groups, are drawn, and there is none"
	}
	dates, err := names(p.Due, vars)
	if err != nil && !errors.Is(err, errNull) {
		t.Problem = err.Error()
	}
	for _, text := range dates {
		if due, err := time.Parse(time.RFC3339, text); err == nil {
			t.Due = &due
		}
	}
}

var errNull = errors.New("null, not names")

// names evaluates an expression to names: a list of them, or one text with
// commas. The error wraps errNull if it is null: what it leads to is not there.
func names(x saga.Expression, vars saga.Vars) ([]string, error) {
	if x == nil {
		return nil, nil
	}
	value, err := x.Eval(vars)
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", x, err)
	}
	if value = bytes.TrimSpace(value); len(value) == 0 || string(value) == "null" {
		return nil, fmt.Errorf("tasks: %s is %w", x, errNull)
	}
	var list []string
	if json.Unmarshal(value, &list) == nil {
		return slices.DeleteFunc(list, func(name string) bool { return name == "" }), nil
	}
	var text string
	if err := json.Unmarshal(value, &text); err != nil {
		return nil, fmt.Errorf("tasks: %s is %.80s, not names", x, value)
	}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	return list, nil
}

// done makes the event of a task that is done.
func (p *picture) done(t *Task, who Actor, form Form) (events.Event, error) {
	slot := events.Slot{
		Definition: t.Definition, Version: t.Version, Document: t.Document, Step: t.Step, Visit: t.Visit, Kind: events.Outcome, Again: 1,
	}
	node, _ := p.definition.Node(t.Step)
	n := &p.definition.Nodes[node]
	e := events.Event{
		Slot: slot, Result: events.Completed, Source: events.SourceOperator, Time: time.Now().UTC().Truncate(time.Millisecond),
		Cause: p.definition.Cause(&p.state, p.document),
	}
	e.Trace = events.TraceOf(p.history, e.Cause)
	data := events.Data{}
	var err error
	switch {
	case t.Undo:
		e.Slot.Kind = events.Undone
		for _, was := range p.history {
			if was.Slot.Kind == events.Undo && was.Slot.Step == t.Step && was.Slot.Visit == t.Visit {
				e.Slot.Again, e.Cause, e.Trace = was.Slot.Again, was.ID(), was.Trace
			}
		}
	case form.Reject != "":
		e.Result, data.Error = events.Rejected, &events.Error{Code: form.Reject, Message: form.Reason}
		fallthrough
	default:
		failure := data.Error
		if data, err = p.merged(t.Step, t.Visit); err != nil {
			return e, err
		}
		data.Error, data.Output = failure, form.Output
		if data.Output, err = mapped(n, data, e.Time); err != nil {
			return e, err
		}
	}
	data.By = &events.By{Actor: who.Name, Reason: form.Reason}
	if e.Data, err = data.Marshal(); err != nil {
		return e, fmt.Errorf("tasks: %s: %w", t.key(), err)
	}
	return e, nil
}

// mapped returns what the step keeps of a form's data.
func mapped(n *saga.Node, data events.Data, now time.Time) (json.RawMessage, error) {
	if len(n.Outputs) == 0 || data.Error != nil {
		return data.Output, nil
	}
	raw, err := data.Marshal()
	if err == nil {
		raw, err = saga.Map(n.Outputs, saga.Vars{Step: n.ID, Data: raw, Now: now})
	}
	if err != nil {
		return nil, fmt.Errorf("tasks: output of %s: %w: %w", n.ID, err, ErrBadForm)
	}
	return raw, nil
}

// NeedsPeople reports whether a definition has tasks that people do.
func NeedsPeople(d *saga.Definition) bool {
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Kind == saga.User || n.Undo != nil && n.Undo.Person {
			return true
		}
	}
	return false
}
