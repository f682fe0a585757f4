package bpmn

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/feel"
)

// value reads an attribute that is either FEEL behind an equals sign, JUEL in
// ${}, or a text that stands for itself. It returns nil after a fault.
func (p *parser) value(e *element, text string) saga.Expression {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "=") || strings.Contains(text, "${") || strings.Contains(text, "#{") {
		return p.expression(e, text)
	}
	raw, err := json.Marshal(text)
	if err != nil {
		p.fault(e, "text %.80q: %v", text, err)
		return nil
	}
	return literal{text: text, json: raw}
}

// expression reads FEEL, with or without its equals sign, or JUEL.
func (p *parser) expression(e *element, text string) saga.Expression {
	text = strings.TrimSpace(text)
	source := strings.TrimPrefix(text, "=")
	if strings.Contains(text, "${") || strings.Contains(text, "#{") {
		translated, err := fromJUEL(text)
		if err != nil {
			p.fault(e, "expression %.80q: %v", text, err)
			return nil
		}
		source = translated
	}
	var known []string
	for _, name := range p.names[:min(len(p.names), saga.MaxNodes)] {
		if strings.ContainsAny(source, "-.") && strings.Contains(source, name) {
			known = append(known, name)
		}
	}
	parsed, err := feel.ParseNames(source, known)
	if err != nil {
		p.fault(e, "expression %.80q: %v", text, err)
		return nil
	}
	return &expression{text: text, parsed: parsed, steps: p.steps}
}

// fromJUEL translates one JUEL expression, or a text with several in it, whose
// values it strings together.
func fromJUEL(text string) (string, error) {
	at := strings.IndexAny(text, "$#")
	end := strings.IndexByte(text, '}')
	if at == 0 && end == len(text)-1 || end < 0 {
		return feel.FromJUEL(text)
	}
	var parts []string
	for text != "" {
		at = min(indexOr(text, "${"), indexOr(text, "#{"))
		if at > 0 {
			parts = append(parts, strconv.Quote(text[:at]))
		}
		if text = text[at:]; text == "" {
			break
		}
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return "", errors.New("a JUEL expression does not end")
		}
		part, err := feel.FromJUEL(text[:end+1])
		if err != nil {
			return "", err
		}
		parts, text = append(parts, "string("+part+")"), text[end+1:]
	}
	return strings.Join(parts, " + "), nil
}

func indexOr(text, sub string) int {
	if i := strings.Index(text, sub); i >= 0 {
		return i
	}
	return len(text)
}

// condition reads the condition of a flow.
func (p *parser) condition(e *element) saga.Expression {
	switch language := strings.ToLower(e.attr("language")); {
	case language == "", strings.Contains(language, "feel"), language == "juel", strings.Contains(language, "xpath"):
	default:
		p.fault(e, "conditions in %.40s are not supported; write FEEL", e.attr("language"))
		return nil
	}
	if e.text == "" {
		return nil
	}
	return p.expression(e, e.text)
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

// An expression is FEEL over what an event carries.
type expression struct {
	text   string
	parsed *feel.Expr
	steps  *[]events.StepID // all of the definition, the last drawn first
}

// String returns the expression as it was drawn.
func (x *expression) String() string { return x.text }

// Eval returns the value as JSON.
func (x *expression) Eval(v saga.Vars) (json.RawMessage, error) {
	value, err := x.parsed.Eval(newScope(v, *x.steps), feel.Limits{Now: v.Now})
	if err != nil {
		return nil, fmt.Errorf("bpmn: %s: %w", x.text, err)
	}
	raw, err := feel.ToJSON(value)
	if err != nil {
		return nil, fmt.Errorf("bpmn: %s: %w", x.text, err)
	}
	return raw, nil
}

// A scope looks names up as the package comment says.
type scope struct {
	own     events.StepID
	names   feel.Context
	output  feel.Value // of the event's own step, or nil
	context feel.Context
	steps   []events.StepID
}

func newScope(v saga.Vars, steps []events.StepID) *scope {
	s := &scope{own: v.Step, steps: steps}
	if len(v.Names) > 0 {
		s.names = feel.JSONScope(v.Names)
	}
	data := feel.JSONScope(v.Data)
	if output, ok := data.Lookup("output"); ok {
		s.output = output
	}
	if context, ok := data.Lookup("context"); ok {
		if c, ok := context.(feel.Context); ok {
			s.context = c
		}
	}
	return s
}

// Lookup returns what a name stands for.
func (s *scope) Lookup(name string) (feel.Value, bool) {
	if v, ok := s.names.Lookup(name); ok {
		return v, true
	}
	if events.StepID(name) == s.own && s.output != nil {
		return s.output, true
	}
	if v, ok := s.context.Lookup(name); ok {
		return v, true
	}
	if v, ok := member(s.output, name); ok && s.own != events.StepDocument {
		return v, true
	}
	for _, step := range s.steps {
		if v, ok := s.of(step, name); ok {
			return v, true
		}
	}
	if v, ok := s.of(events.StepDocument, name); ok {
		return v, true
	}
	return member(s.output, name)
}

// of returns a member of a step's output.
func (s *scope) of(step events.StepID, name string) (feel.Value, bool) {
	output, ok := s.context.Lookup(string(step))
	if !ok {
		return nil, false
	}
	return member(output, name)
}

func member(v feel.Value, name string) (feel.Value, bool) {
	if c, ok := v.(feel.Context); ok {
		return c.Lookup(name)
	}
	return nil, false
}
