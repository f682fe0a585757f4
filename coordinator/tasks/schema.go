package tasks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fits checks what a form gave against the task's schema. Schemas that refer to
// others are refused: nothing is fetched.
func fits(t *Task, output json.RawMessage) error {
	if output != nil && !json.Valid(output) {
		return fmt.Errorf("tasks: %s: it is not JSON: %w", t.key(), ErrBadForm)
	}
	if len(t.Schema) == 0 {
		return nil
	}
	drawn, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.Schema))
	if err != nil {
		return fmt.Errorf("tasks: schema of %s: %w", t.Step, err)
	}
	const name = "schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(name, drawn); err != nil {
		return fmt.Errorf("tasks: schema of %s: %w", t.Step, err)
	}
	schema, err := compiler.Compile(name)
	if err != nil {
		return fmt.Errorf("tasks: schema of %s: %w", t.Step, err)
	}
	if output == nil {
		output = json.RawMessage("{}")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(output))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		return fmt.Errorf("tasks: %s: %w: %w", t.key(), err, ErrBadForm)
	}
	return nil
}

type noLoader struct{}

// Load refuses to fetch what a schema refers to.
func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a schema may refer only to itself, not to " + url)
}
