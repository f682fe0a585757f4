package api

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
)

//go:embed docs.html
var docsPage string

//go:embed docs.css
var docsCSS string

type docsOperation struct {
	Method string
	*huma.Operation
}

// docs answers with the API described for people.
func (s *Server) docs(w http.ResponseWriter, _ *http.Request) {
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		s.conf.Logger.Error("page of the API", "error", err)
		http.Error(w, "see the server's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := t.Execute(w, map[string]any{"Title": s.api.OpenAPI().Info.Title, "Operations": s.operations()}); err != nil {
		s.conf.Logger.Warn("page of the API", "error", err)
	}
}

func docsStyle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write([]byte(docsCSS)) // the client has gone
}

func (s *Server) operations() []docsOperation {
	paths := s.api.OpenAPI().Paths
	names := make([]string, 0, len(paths))
	for name := range paths {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []docsOperation
	for _, name := range names {
		for method, o := range map[string]*huma.Operation{"GET": paths[name].Get} {
			if o != nil {
				list = append(list, docsOperation{Method: method, Operation: o})
			}
		}
		if o := paths[name].Post; o != nil {
			list = append(list, docsOperation{Method: "POST", Operation: o})
		}
	}
	return list
}

// asyncAPI answers with the events of the log, described as AsyncAPI 3.0.
func (s *Server) asyncAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(AsyncAPI()) // the client has gone
}

// AsyncAPI returns the description of the log's events as AsyncAPI 3.0.
func AsyncAPI() map[string]any {
	kinds := []events.Kind{
		events.Submitted, events.Outcome, events.Redo, events.Undo, events.Undone, events.Cancel, events.Compensate, events.Ended, events.Forgotten, events.Changed,
	}
	channels, messages, operations := map[string]any{}, map[string]any{}, map[string]any{}
	for _, k := range kinds {
		step := "{step}"
		parameters := map[string]any{"partition": parameter("FNV-1a of the document modulo 64, two digits"), "definition": parameter("its name"), "version": parameter("of the definition"), "document": parameter("its id")}
		if k.OfDocument() {
			step = string(events.StepDocument)
		} else {
			parameters["step"], parameters["visit"] = parameter("of the definition"), parameter("from 1")
		}
		visit := "{visit}"
		if k.OfDocument() {
			visit = "1"
		}
		name := k.String()
		channels[name] = map[string]any{
			"address":    events.SubjectRoot + ".{partition}.{definition}.{version}.{document}." + step + "." + visit + "." + name,
			"parameters": parameters,
			"messages":   map[string]any{name: map[string]any{"$ref": "#/components/messages/" + name}},
		}
		messages[name] = map[string]any{
			"name": name, "contentType": "application/json",
			"headers": map[string]any{"$ref": "#/components/schemas/headers"}, "payload": map[string]any{"$ref": "#/components/schemas/data"},
		}
		operations["read-"+name] = map[string]any{"action": "receive", "channel": map[string]any{"$ref": "#/channels/" + name}}
	}
	return map[string]any{
		"asyncapi":   "3.0.0",
		"info":       map[string]any{"title": "docsaga", "version": "1", "description": "The slots of the saga log: each subject takes one message ever. Events are CloudEvents 1.0 in NATS binary mode."},
		"channels":   channels,
		"operations": operations,
		"components": map[string]any{"messages": messages, "schemas": map[string]any{"headers": headersSchema(), "data": DataSchema()}},
	}
}

func parameter(description string) map[string]any { return map[string]any{"description": description} }

func headersSchema() map[string]any {
	properties, text := map[string]any{}, map[string]any{"type": "string"}
	for _, name := range []string{"ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-causationid", "ce-sagaworker", "traceparent"} {
		properties[name] = text
	}
	properties["ce-specversion"] = map[string]any{"const": "1.0"}
	properties["ce-datacontenttype"] = map[string]any{"const": "application/json"}
	return map[string]any{"type": "object", "required": []string{"ce-specversion", "ce-id", "ce-source", "ce-type"}, "properties": properties}
}

// DataSchema returns the JSON Schema of an event's data.
func DataSchema() map[string]any {
	text := map[string]any{"type": "string"}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
		"properties": map[string]any{
			"output":  map[string]any{},
			"context": map[string]any{"type": "object", "propertyNames": map[string]any{"pattern": "^[A-Za-z0-9_-]{1,64}$"}},
			"error":   map[string]any{"type": "object", "required": []string{"code"}, "properties": map[string]any{"code": text, "message": text}},
			"by":      map[string]any{"type": "object", "required": []string{"actor"}, "properties": map[string]any{"actor": text, "reason": text}},
		},
	}
}
