package tasks

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/docsaga/docsaga/saga/forms"
)

// fits checks what a form gave against the task's schema.
func fits(t *Task, output json.RawMessage) error {
	if output != nil && !json.Valid(output) {
		return fmt.Errorf("tasks: %s: it is not JSON: %w", t.key(), ErrBadForm)
	}
	if len(t.Schema) == 0 {
		return nil
	}
	schema, err := forms.Compile(t.Schema)
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
