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
	if output, context, ok := cutData(e.Data, e.Slot.Step); ok && json.Valid(e.Data) {
		return splice(context, e.Slot.Step, output), nil
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

// splice returns the object context with one more member.
func splice(context []byte, name StepID, value []byte) json.RawMessage {
	if len(context) == 0 {
		context = []byte("{}")
	}
	if len(value) == 0 {
		return context
	}
	b := make([]byte, 0, len(context)+len(name)+len(value)+4)
	b = append(b, context[:len(context)-1]...)
	return append(appendMember(b, string(name), value), '}')
}

// appendMember appends a member to an object that is not closed. The name must
// need no escaping; no value, no member.
func appendMember(b []byte, name string, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	if b[len(b)-1] != '{' {
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
func cutData(data []byte, step StepID) (output, context []byte, ok bool) {
	ok = members(data, func(name, value []byte) bool {
		switch {
		case string(name) == "output" && output == nil:
			output = value
		case string(name) == "context" && context == nil && value[0] == '{':
			context = value
		case string(name) != "error" && string(name) != "by":
			return false
		}
		return true
	})
	if !ok || context == nil {
		return output, nil, ok
	}
	ok = members(context, func(name, _ []byte) bool { return string(name) != string(step) })
	return output, context, ok
}

// members calls yield for each member of an object without spaces between its
// members. It returns false if yield did, or if it cannot tell the members.
func members(object []byte, yield func(name, value []byte) bool) bool {
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
		if size == 0 || !yield(name, after[:size]) {
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
