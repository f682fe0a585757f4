package events

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A RawData is a [Data] whose context stays as it came: a JSON object, or nil.
// Most of what a hop carries on it need not understand.
type RawData struct {
	Output  json.RawMessage
	Context json.RawMessage
	Error   *Error
}

// Marshal returns the payload as JSON. It does not check output and context.
func (d RawData) Marshal() ([]byte, error) {
	b := make([]byte, 0, len(d.Output)+len(d.Context)+64)
	b = append(b, '{')
	b = appendMember(b, "output", d.Output)
	if len(d.Context) > len("{}") {
		b = appendMember(b, "context", d.Context)
	}
	if d.Error != nil {
		raw, err := json.Marshal(d.Error)
		if err != nil {
			return nil, fmt.Errorf("events: data: %w", err)
		}
		b = appendMember(b, "error", raw)
	}
	return append(b, '}'), nil
}

// Onward returns the context of what follows from the event: its own context
// and, under the name of its step, its output. Equal events give equal bytes.
// The error wraps [ErrBadEvent] if the data is no [Data].
func (e *Event) Onward() (json.RawMessage, error) {
	if len(e.Data) == 0 {
		return json.RawMessage("{}"), nil
	}
	if c, ok := cutData(e.Data, e.Slot.Step); ok && json.Valid(e.Data) {
		return c.splice(e.Slot.Step), nil
	}
	d, err := ParseData(e.Data)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(With(d.Context, e.Slot.Step, d.Output))
	if err != nil {
		return nil, fmt.Errorf("events: data: %w", err)
	}
	return raw, nil
}

// A cut is where things stand in an event's data.
type cut struct {
	output, context []byte
	place           int // in context, where the step's output belongs: names are in order
}

// splice returns the context with one more member.
func (c cut) splice(name StepID) json.RawMessage {
	if len(c.output) == 0 {
		return append(make([]byte, 0, len(c.context)), c.context...)
	}
	b := make([]byte, 0, len(c.context)+len(name)+len(c.output)+4)
	b = appendMember(append(b, c.context[:c.place]...), string(name), c.output)
	if rest := c.context[c.place:]; rest[0] == '"' {
		b = append(append(b, ','), rest...)
	} else {
		b = append(b, rest...)
	}
	return b
}

// appendMember appends a member to an object that is not closed. The name must
// need no escaping; no value, no member.
func appendMember(b []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	if last := b[len(b)-1]; last != '{' && last != ',' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return append(b, value...)
}

// cutData finds the output and the context in an event's data, as the bytes
// that stand there. It is not ok if that takes more than a look: spaces where
// docsaga writes none, escapes in names, a member twice or of another kind, or
// a context that has the step already. It need not notice what is no JSON.
func cutData(data []byte, step StepID) (c cut, ok bool) {
	ok = members(data, func(_ int, name, value []byte) bool {
		switch {
		case string(name) == "output" && c.output == nil:
			c.output = value
		case string(name) == "context" && c.context == nil && value[0] == '{':
			c.context = value
		case string(name) != "error" && string(name) != "by":
			return false
		}
		return true
	})
	if c.context == nil {
		c.context = []byte("{}")
	}
	c.place = len(c.context) - 1
	return c, ok && members(c.context, func(at int, name, _ []byte) bool {
		if string(name) > string(step) {
			c.place = min(c.place, at)
		}
		return string(name) != string(step)
	})
}

// members calls yield for each member of an object without spaces between its
// members, with the place where it begins. It returns false if yield did, or if
// it cannot tell the members.
func members(object []byte, yield func(at int, name, value []byte) bool) bool {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return false
	}
	rest := object[1 : len(object)-1]
	for len(rest) > 0 {
		if rest[0] != '"' {
			return false
		}
		end := bytes.IndexByte(rest[1:], '"') + 1
		if end < 1 || bytes.IndexByte(rest[:end], '\\') >= 0 || len(rest) < end+3 || rest[end+1] != ':' {
			return false
		}
		name, after := rest[1:end], rest[end+2:]
		size := valueSize(after)
		if size == 0 || !yield(len(object)-1-len(rest), name, after[:size]) {
			return false
		}
		if rest = after[size:]; len(rest) > 0 {
			if rest[0] != ',' || len(rest) == 1 {
				return false
			}
			rest = rest[1:]
		}
	}
	return true
}

// valueSize returns the length of the value that b begins with: up to a comma
// outside of it, or the end; 0 if there is none.
func valueSize(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			return i
		}
	}
	if depth != 0 || quoted || len(b) == 0 || b[0] <= ' ' {
		return 0
	}
	return len(b)
}
