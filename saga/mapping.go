package saga

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Map evaluates a step's inputs or outputs and returns them as one JSON
// object. A target with dots, such as invoice.total, makes objects in it.
func Map(inputs []Input, v Vars) (json.RawMessage, error) {
	object := make(map[string]any, len(inputs))
	for _, in := range inputs {
		value, err := in.Source.Eval(v)
		if err != nil {
			return nil, fmt.Errorf("saga: %s: %w", in.Target, err)
		}
		put(object, in.Target, value)
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("saga: mapping: %w", err)
	}
	return raw, nil
}

func put(object map[string]any, target string, value json.RawMessage) {
	first, rest, nested := strings.Cut(target, ".")
	if !nested {
		object[first] = value
		return
	}
	inner, ok := object[first].(map[string]any)
	if !ok {
		inner = make(map[string]any)
		object[first] = inner
	}
	put(inner, rest, value)
}
