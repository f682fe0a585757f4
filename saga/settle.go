package saga

import (
	"encoding/json"
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// CodeExpression is the code of an outcome that is failed because the
// expression that makes its output cannot be evaluated.
const CodeExpression = "expression"

// Settle returns the result and the data of a decision's event, given the
// document's events so far: the merged context if the decision asks for it,
// and the output that its expression makes. An event whose data cannot be read
// has put nothing out; what would be completed with it is failed.
func (d *Definition) Settle(x Decision, history []events.Event) (events.Result, events.Data, error) {
	var data events.Data
	if x.Reason != "" {
		data.Error = &events.Error{Code: x.Reason}
	}
	if x.Kind != events.Undo && !x.Merge {
		return x.Result, data, nil
	}
	m := merging{d: d, x: x, data: &data, loop: d.inLoop(x.Step)}
	for i := range history {
		m.take(&history[i])
	}
	if m.unread != nil && x.Kind == events.Outcome && x.Result == events.Completed {
		data.Error = &events.Error{Code: events.CodeMalformed, Message: m.unread.Error()}
		return events.Failed, data, nil
	}
	if x.Merge && m.loop {
		m.loops()
	}
	var err error
	switch {
	case x.Loop != nil:
		data.Output, err = m.collected()
	case x.Make != nil:
		data.Output, err = x.Make.Eval(m.vars())
	}
	if err != nil {
		data.Error = &events.Error{Code: CodeExpression, Message: err.Error()}
		return events.Failed, data, nil //nolint:nilerr // the failure is the outcome
	}
	return x.Result, data, nil
}

// merging gathers what a decision's event carries.
type merging struct {
	d      *Definition
	x      Decision
	data   *events.Data
	loop   bool // the step is in a loop: the state is needed
	state  State
	items  []item
	unread error // why an event's data cannot be read
}

type item struct {
	number int
	data   events.Data
}

func (m *merging) take(e *events.Event) {
	if m.loop {
		m.state = m.d.Fold(m.state, e)
	}
	if e.Slot.Kind != events.Submitted && (e.Slot.Kind != events.Outcome || e.Result != events.Completed) {
		return
	}
	d, err := events.ParseData(e.Data)
	if err != nil {
		m.unread = fmt.Errorf("%s: %w", e.ID(), err)
		return
	}
	own := e.Slot.Step == m.x.Step
	if own && m.x.Loop != nil && e.Slot.Visit > m.x.Visit {
		m.items = append(m.items, item{number: e.Slot.Visit, data: d})
	}
	if own && e.Slot.Visit == m.x.Visit {
		m.data.Output = d.Output
		return
	}
	m.data.Context = events.With(m.data.Context, e.Slot.Step, d.Output)
}

// vars are what an expression sees of the merged context.
func (m *merging) vars() Vars {
	raw, err := events.Data{Context: m.data.Context}.Marshal()
	if err != nil {
		return Vars{}
	}
	return Vars{Data: raw}
}

// loops adds the items of the loops that the decided visit lies in.
func (m *merging) loops() {
	if node, ok := m.d.byID[m.x.Step]; ok {
		if i, ok := m.state.find(node, m.x.Visit); ok {
			for step, names := range m.d.Items(&m.state, i, m.vars()) {
				m.data.Context = events.With(m.data.Context, step, names)
			}
		}
	}
}

// collected returns the output of a loop as a whole.
func (m *merging) collected() (json.RawMessage, error) {
	loop := m.x.Loop.Loop
	if loop.Collect == nil || loop.Output == "" {
		return nil, nil
	}
	list := []json.RawMessage{}
	node := m.d.byID[m.x.Step]
	whole, ok := m.state.find(node, m.x.Visit)
	for _, it := range m.items {
		i, found := m.state.find(node, it.number)
		if !ok || !found || int(m.state.Visit(i).parent) != whole+1 {
			continue
		}
		raw, err := it.data.Marshal()
		if err != nil {
			return nil, err
		}
		names := m.d.Items(&m.state, i, m.vars())[m.x.Step]
		value, err := loop.Collect.Eval(Vars{Step: m.x.Step, Data: raw, Names: names})
		if err != nil {
			return nil, err
		}
		at := m.state.Visit(i).Item()
		for len(list) < at {
			list = append(list, json.RawMessage("null"))
		}
		list[at-1] = value
	}
	return json.Marshal(map[string][]json.RawMessage{loop.Output: list})
}

// inLoop reports whether a step, or what it lies in, is done once an item.
func (d *Definition) inLoop(step events.StepID) bool {
	node, ok := d.byID[step]
	for at := node + 1; ok && at > 0; at = d.Nodes[at-1].Scope {
		if d.Nodes[at-1].Loop != nil {
			return true
		}
	}
	return false
}

// Items returns what a visit in loops sees of them: for each loop that it lies
// in, under the id of the looping step, an object of the item, by the name
// that the loop gives it, and of loopCounter, from 1. It goes into the context
// of what is done in the visit. It is nil for a visit in no loop.
func (d *Definition) Items(s *State, visit int, v Vars) map[events.StepID]json.RawMessage {
	var found map[events.StepID]json.RawMessage
	for i := visit; i >= 0; i = int(s.Visit(i).parent) - 1 {
		at := s.Visit(i)
		n := &d.Nodes[at.node]
		if n.Loop == nil || at.item == 0 {
			continue
		}
		names := map[string]any{"loopCounter": at.Item()}
		if n.Loop.Items != nil && n.Loop.Item != "" {
			if list, ok := evalList(n.Loop.Items, v); ok && at.Item() <= len(list) {
				names[n.Loop.Item] = list[at.Item()-1]
			}
		}
		raw, err := json.Marshal(names)
		if err != nil {
			continue
		}
		if found == nil {
			found = make(map[events.StepID]json.RawMessage)
		}
		found[n.ID] = raw
	}
	return found
}
