package flows

import (
	"context"
	"encoding/json"
	"fmt"
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
	versions   map[int]*saga.Definition // all that it has followed
	opened     []int                    // of each visit: the index of the event that opened it
}

// read reads where a document is. The error wraps events.ErrNotFound if nobody
// knows it.
func (f *Flows) read(ctx context.Context, document events.DocumentID) (*picture, error) {
	return look(ctx, f.log, f.definitions, document)
}

func look(ctx context.Context, histories Histories, definitions Getter, document events.DocumentID) (*picture, error) {
	p, err := where.Is(ctx, histories, definitions, document)
	if err != nil {
		return nil, fmt.Errorf("flows: %w", err)
	}
	return &picture{document: p.Document, definition: p.Definition, history: p.History, state: p.State, versions: p.Versions, opened: p.Opened}, nil
}

// visit returns the index of the visit of a slot.
func (p *picture) visit(slot events.Slot) (int, *saga.Node, bool) {
	node, ok := p.definition.Node(slot.Step)
	if !ok {
		return 0, nil, false
	}
	for i := p.state.Visits() - 1; i >= 0; i-- {
		if v := p.state.Visit(i); v.Node() == node && v.Number() == slot.Visit {
			return i, &p.definition.Nodes[node], true
		}
	}
	return 0, &p.definition.Nodes[node], false
}

func isWaiting(s saga.Status) bool { return s == saga.Open || s == saga.Watching }

// at returns the index of the event in a slot.
func (p *picture) at(slot events.Slot) (int, bool) {
	for i := range p.history {
		if p.history[i].Slot == slot {
			return i, true
		}
	}
	return 0, false
}

// told reports whether the outcome at an index was waited for when it came.
func (p *picture) told(at int) bool {
	var before picture
	ref := events.Began(p.history)
	for i := range at {
		ref = ref.After(&p.history[i])
		before.definition = p.versions[ref.Version]
		before.state = before.definition.Fold(before.state, &p.history[i])
	}
	i, _, ok := before.visit(p.history[at].Slot)
	return ok && isWaiting(before.state.Visit(i).Status())
}

// context returns the outputs of all that was done before, as the outcome of a
// visit carries them.
func (p *picture) context(slot events.Slot) (map[events.StepID]json.RawMessage, error) {
	_, data, err := p.definition.Settle(saga.Decision{
		Step: slot.Step, Visit: slot.Visit, Kind: events.Outcome, Again: 1, Result: events.Completed, Merge: true,
	}, p.history)
	if err != nil {
		return nil, fmt.Errorf("flows: context of %s: %w", slot.ID(), err)
	}
	return data.Context, nil
}

// vars are what the expressions of a visit see.
func (p *picture) vars(slot events.Slot, visit int) (saga.Vars, error) {
	context, err := p.context(slot)
	if err != nil {
		return saga.Vars{}, err
	}
	raw, err := events.Data{Context: context}.Marshal()
	if err != nil {
		return saga.Vars{}, err
	}
	return saga.Vars{Data: raw, Now: p.history[p.opened[visit]].At}, nil
}

// An answer is what a visit's outcome says.
type answer struct {
	result events.Result
	output json.RawMessage
	failed *events.Error
	source string
	worker string
}

// outcome makes the event of a visit's outcome.
func (p *picture) outcome(slot events.Slot, n *saga.Node, a answer) (events.Event, error) {
	e := events.Event{
		Slot: slot, Result: a.result, Source: a.source, Worker: a.worker, Cause: p.definition.Cause(&p.state, p.document),
		Time: time.Now().UTC().Truncate(time.Millisecond),
	}
	e.Trace = events.TraceOf(p.history, e.Cause)
	context, err := p.context(slot)
	if err != nil {
		return e, err
	}
	data := events.Data{Context: context, Output: a.output, Error: a.failed}
	if len(n.Outputs) > 0 && a.result == events.Completed {
		raw, err := data.Marshal()
		if err == nil {
			data.Output, err = saga.Map(n.Outputs, saga.Vars{Step: n.ID, Data: raw, Now: e.Time})
		}
		if err != nil {
			e.Result, data.Output, data.Error = events.Failed, nil, &events.Error{Code: saga.CodeExpression, Message: err.Error()}
		}
	}
	if e.Data, err = data.Marshal(); err != nil {
		return e, fmt.Errorf("flows: %s: %w", slot.ID(), err)
	}
	if len(e.Data) > events.MaxData {
		e.Result = events.Failed
		e.Data = fmt.Appendf(nil, `{"error":{"code":"output","message":"context and output take %d bytes, at most %d"}}`, len(e.Data), events.MaxData)
	}
	return e, nil
}

// variables returns the members of what was submitted and of all outputs, a
// later one in place of an earlier.
func (p *picture) variables() (json.RawMessage, error) {
	all := make(map[string]json.RawMessage)
	for i := range p.history {
		e := &p.history[i]
		if e.Slot.Kind != events.Submitted && (e.Slot.Kind != events.Outcome || e.Result != events.Completed) {
			continue
		}
		data, err := events.ParseData(e.Data)
		if err != nil || len(data.Output) == 0 {
			continue
		}
		// What is no object has no members.
		_ = json.Unmarshal(data.Output, &all)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("flows: variables of %s: %w", p.document, err)
	}
	return raw, nil
}

// text evaluates an expression to a text; false if it is null.
func text(x saga.Expression, vars saga.Vars) (string, bool, error) {
	value, err := x.Eval(vars)
	if err != nil {
		return "", false, fmt.Errorf("flows: %s: %w", x, err)
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		s = string(value)
	}
	return s, string(value) != "null", nil
}

// key evaluates the correlation key of a visit; there is none if it waits for
// any message of the name.
func (p *picture) key(slot events.Slot, visit int, n *saga.Node) (string, error) {
	if n.Key == nil {
		return "", nil
	}
	vars, err := p.vars(slot, visit)
	if err != nil {
		return "", err
	}
	return keyOf(n.Key, vars)
}

// keyOf evaluates a correlation key: a text or a number.
func keyOf(x saga.Expression, vars saga.Vars) (string, error) {
	value, err := x.Eval(vars)
	if err != nil {
		return "", fmt.Errorf("flows: its key %s: %w", x, err)
	}
	var key any
	if err := json.Unmarshal(value, &key); err != nil {
		return "", fmt.Errorf("flows: its key %s: %w", x, err)
	}
	switch k := key.(type) {
	case string:
		return k, nil
	case float64:
		return string(value), nil
	case nil:
		return "", fmt.Errorf("flows: its key %s is null", x)
	}
	return "", fmt.Errorf("flows: its key %s is no text and no number", x)
}
