// Package schema describes the events of the saga log as JSON Schemas, one for
// each type: what a writer in any language must write, and what a reader may
// rely on. They describe an event in the CloudEvents JSON format; the payload
// alone, as it is on the wire, is their member data.
//
// They say what must be there. More may be: a reader ignores what it does not
// know.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/docsaga/docsaga/events"
)

// Names returns the names of all schemas: of an outcome and of a document's
// end one for each result, else one for each kind.
func Names() []string {
	var names []string
	for _, r := range []events.Result{events.Completed, events.Rejected, events.Failed, events.TimedOut, events.Cancelled} {
		names = append(names, "outcome-"+r.String())
		if r != events.TimedOut {
			names = append(names, "ended-"+r.String())
		}
	}
	for _, k := range []events.Kind{events.Submitted, events.Redo, events.Undo, events.Undone, events.Cancel, events.Compensate, events.Forgotten, events.Changed, events.Migrate} {
		names = append(names, k.String())
	}
	names = append(names, "undo-failed")
	slices.Sort(names)
	return names
}

// Of returns the name of an event's schema.
func Of(e *events.Event) string {
	switch e.Slot.Kind { //nolint:exhaustive // the others are named after their kind
	case events.Outcome, events.Ended:
		return e.Slot.Kind.String() + "-" + e.Result.String()
	case events.Undone:
		if e.Result == events.Failed {
			return "undo-failed"
		}
	}
	return e.Slot.Kind.String()
}

// KindOf returns the kind of the events that a schema describes.
func KindOf(name string) string {
	if name == "undo-failed" {
		return events.Undone.String()
	}
	kind, _, _ := strings.Cut(name, "-")
	return kind
}

type object = map[string]any

func text(pattern string) object {
	if pattern == "" {
		return object{"type": "string", "minLength": 1}
	}
	return object{"type": "string", "pattern": pattern}
}

const (
	id     = `^[A-Za-z0-9_-]{1,64}$`
	always = "specversion id source type subject time partitionkey correlationid sagadefinition sagaversion sagastep sagavisit sagaworker"
)

// Event returns the JSON Schema of an event in the CloudEvents JSON format;
// false if there is none of that name.
func Event(name string) (map[string]any, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	kind, word := KindOf(name), name
	if _, result, ok := strings.Cut(name, "-"); ok && name != "undo-failed" {
		word = result
	}
	document, step, visit := text(id), text(id), object{"type": "integer", "minimum": 1}
	required := strings.Fields(always)
	if kind == events.Changed.String() {
		document = object{"const": string(events.DocumentAdmin)}
	}
	if OfDocument(kind) {
		step = object{"const": string(events.StepDocument)}
		if kind != events.Migrate.String() { // there it is the version that the document goes on in
			visit = object{"const": 1}
		}
	}
	if kind != events.Submitted.String() && kind != events.Changed.String() {
		required = append(required, "causationid")
	}
	data, needed := Data(name)
	if needed {
		required = append(required, "data", "datacontenttype")
	}
	return object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "docsaga." + stepOf(kind) + "." + word, "type": "object", "required": required,
		"properties": object{
			"specversion": object{"const": "1.0"}, "id": text(""), "source": text(""), "time": object{"type": "string", "format": "date-time"},
			"type":    text(`^docsaga\.` + typeStep(kind) + `\.` + word + `$`),
			"subject": document, "partitionkey": document, "correlationid": document, "causationid": text(""),
			"datacontenttype": object{"const": "application/json"}, "sagadefinition": text(id), "sagaversion": object{"type": "integer", "minimum": 1},
			"sagastep": step, "sagavisit": visit, "sagaworker": text(""), "traceparent": text(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`),
			"data": data,
		},
	}, true
}

// OfDocument reports whether events of a kind belong to the pseudo-step
// "document".
func OfDocument(kind string) bool {
	for k := events.Submitted; k <= events.Migrate; k++ {
		if k.OfDocument() && k.String() == kind {
			return true
		}
	}
	return false
}

func stepOf(kind string) string {
	if OfDocument(kind) {
		return string(events.StepDocument)
	}
	return "<step>"
}

func typeStep(kind string) string {
	if OfDocument(kind) {
		return string(events.StepDocument)
	}
	return `[A-Za-z0-9_-]{1,64}`
}

// Data returns the JSON Schema of the payload of the events that a schema
// describes, and whether they must have one.
func Data(name string) (schema map[string]any, needed bool) {
	required := []string{}
	switch name {
	case "outcome-rejected", "outcome-failed", "outcome-timed-out", "undo-failed", "ended-rejected", "ended-failed":
		required = []string{"error"}
	case "cancel", "compensate", "forgotten", "changed":
		required = []string{"by"}
	case "migrate":
		required = []string{"by", "state"}
	case "submitted", "outcome-completed":
		needed = true
	}
	return object{
		"type": "object", "required": required,
		"properties": object{
			"output":  object{"description": "what the step made, or what was submitted"},
			"context": object{"type": "object", "propertyNames": text(id), "description": "the outputs of the steps on the way here"},
			"error": object{"type": "object", "required": []string{"code"}, "properties": object{
				"code": text(""), "message": object{"type": "string"},
			}},
			"start": object{"type": "string", "pattern": id, "description": "of document.submitted: the start event, if it is not the plain one"},
			"state": object{"type": "object", "description": "of document.migrate: with what the document goes on"},
			"by": object{"type": "object", "required": []string{"actor"}, "properties": object{
				"actor": text(""), "reason": object{"type": "string"},
			}},
		},
	}, needed || len(required) > 0
}

// Check returns nil if an event is as its schema says.
func Check(e *events.Event) error {
	schemas, err := compiled()
	if err != nil {
		return err
	}
	s := schemas[Of(e)]
	if s == nil {
		return fmt.Errorf("schema: %s: there is no schema %s", e.ID(), Of(e))
	}
	raw, err := e.MarshalJSON()
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		return fmt.Errorf("schema: %s is not as %s: %w", e.ID(), Of(e), err)
	}
	return nil
}

//nolint:gochecknoglobals // never changes once it is there
var compiled = sync.OnceValues(compile)

func compile() (map[string]*jsonschema.Schema, error) {
	all, compiler := make(map[string]*jsonschema.Schema), jsonschema.NewCompiler()
	compiler.AssertFormat()
	for _, name := range Names() {
		schema, _ := Event(name)
		raw, err := json.Marshal(schema)
		if err != nil {
			return nil, fmt.Errorf("schema: %s: %w", name, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = compiler.AddResource(name+".json", v)
		}
		if err == nil {
			all[name], err = compiler.Compile(name + ".json")
		}
		if err != nil {
			return nil, fmt.Errorf("schema: %s: %w", name, err)
		}
	}
	return all, nil
}
