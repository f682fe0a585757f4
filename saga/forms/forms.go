// Package forms reads the JSON Schema that says what a form gives. A schema may
// refer only to itself: nothing is fetched.
package forms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// name is what a schema is called, for itself.
const name = "schema.json"

// Compile reads a schema. The error says where it is none.
func Compile(drawn json.RawMessage) (*jsonschema.Schema, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(drawn))
	if err != nil {
		return nil, fmt.Errorf("forms: it is not JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(name, value); err != nil {
		return nil, fmt.Errorf("forms: %w", err)
	}
	schema, err := compiler.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("forms: %w", err)
	}
	return schema, nil
}

type noLoader struct{}

// Load refuses to fetch what a schema refers to.
func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("a schema may refer only to itself, not to " + url)
}
