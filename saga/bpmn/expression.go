package bpmn

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// expression reads the value of an attribute or condition: FEEL behind an
// equals sign, or else a text.
func (p *parser) expression(e *element, text string) saga.Expression {
	source, ok := strings.CutPrefix(strings.TrimSpace(text), "=")
	if !ok {
		raw, err := json.Marshal(text)
		if err != nil {
			p.fault(e, "text %.80q: %v", text, err)
			return nil
		}
		return literal{text: text, json: raw}
	}
	x := path{text: text, names: strings.Split(strings.TrimSpace(source), ".")}
	for _, name := range x.names {
		if events.CheckID(name) != nil {
			p.fault(e, "expression %.80q is not supported", text)
			return nil
		}
	}
	return x
}

// A literal is a text that stands for itself.
type literal struct {
	text string
	json json.RawMessage
}

// Eval returns the text.
func (l literal) Eval(saga.Vars) (json.RawMessage, error) { return l.json, nil }

// String returns the text.
func (l literal) String() string { return l.text }

// A path leads to a member of a step's output.
type path struct {
	text  string
	names []string
}

// String returns the path as it was drawn.
func (x path) String() string { return x.text }

// Eval returns the member, or null if it is not there.
func (x path) Eval(v saga.Vars) (json.RawMessage, error) {
	data, err := events.ParseData(v.Data)
	if err != nil {
		return nil, err
	}
	value := data.Context[events.StepID(x.names[0])]
	if v.Step == events.StepID(x.names[0]) && len(data.Output) > 0 {
		value = data.Output
	}
	for _, name := range x.names[1:] {
		var members map[string]json.RawMessage
		if len(value) == 0 || value[0] != '{' {
			return json.RawMessage("null"), nil
		}
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, fmt.Errorf("bpmn: %s: %w", x.text, err)
		}
		value = members[name]
	}
	if len(value) == 0 {
		return json.RawMessage("null"), nil
	}
	return value, nil
}
