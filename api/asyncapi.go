package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/schema"
)

// asyncAPI answers with the events of the log, described as AsyncAPI 3.0.
func (s *Server) asyncAPI(w http.ResponseWriter, r *http.Request) { described(w, r, AsyncAPI()) }

// schemas answers with the names of the JSON Schemas of all events.
func (s *Server) schemas(w http.ResponseWriter, r *http.Request) {
	described(w, r, map[string]any{"schemas": schema.Names()})
}

// schema answers with the JSON Schema of one type of events.
func (s *Server) schema(w http.ResponseWriter, r *http.Request) {
	name, _ := strings.CutSuffix(r.PathValue("name"), ".json")
	found, ok := schema.Event(name)
	if !ok {
		problem(w, r, http.StatusNotFound)
		return
	}
	described(w, r, found)
}

func described(w http.ResponseWriter, _ *http.Request, what map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // the client has gone
}

type object = map[string]any

func ref(to string) object { return object{"$ref": "#/components/" + to} }

// AsyncAPI returns the description of the log's events as AsyncAPI 3.0: a
// channel for each kind of slot, a message for each type of event. A payload
// is that on the wire; /schemas has the events in the CloudEvents JSON format.
func AsyncAPI() map[string]any {
	channels, messages, operations, schemas := object{}, object{}, object{}, object{"headers": headersSchema()}
	for _, name := range schema.Names() {
		kind := schema.KindOf(name)
		channel, known := channels[kind].(object)
		if !known {
			channel = channelOf(kind)
			channels[kind] = channel
			operations["read-"+kind] = object{"action": "receive", "channel": object{"$ref": "#/channels/" + kind}}
		}
		channel["messages"].(object)[name] = ref("messages/" + name)
		data, _ := schema.Data(name)
		schemas[name] = data
		messages[name] = object{
			"name": name, "contentType": "application/json", "headers": ref("schemas/headers"), "payload": ref("schemas/" + name),
			"description": "In the CloudEvents JSON format it is as /schemas/" + name + ".json says.",
		}
	}
	return object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "docsaga", "version": "1",
			"description": "The slots of the saga log: each subject takes one message ever. Events are CloudEvents 1.0 in NATS binary mode.",
		},
		"defaultContentType": "application/json", "channels": channels, "operations": operations,
		"components": object{"messages": messages, "schemas": schemas},
	}
}

func channelOf(kind string) object {
	parameter := func(description string) object { return object{"description": description} }
	parameters := object{
		"partition": parameter("FNV-1a of the document modulo 64, two digits"), "definition": parameter("its name"),
		"version": parameter("of the definition"), "document": parameter("its id"),
	}
	step, visit := "{step}", "{visit}"
	if schema.OfDocument(kind) {
		step, visit = string(events.StepDocument), "1"
		if kind == events.Migrate.String() {
			visit, parameters["visit"] = "{visit}", parameter("the version that the document goes on in")
		}
	} else {
		parameters["step"], parameters["visit"] = parameter("of the definition"), parameter("from 1")
	}
	return object{
		"address":    events.SubjectRoot + ".{partition}.{definition}.{version}.{document}." + step + "." + visit + "." + kind,
		"parameters": parameters, "messages": object{},
	}
}

func headersSchema() object {
	properties, text := object{}, object{"type": "string"}
	for _, name := range []string{"ce-id", "ce-source", "ce-type", "ce-subject", "ce-time", "ce-causationid", "ce-sagaworker", "traceparent"} {
		properties[name] = text
	}
	properties["ce-specversion"] = object{"const": "1.0"}
	properties["ce-datacontenttype"] = object{"const": "application/json"}
	return object{"type": "object", "required": []string{"ce-specversion", "ce-id", "ce-source", "ce-type"}, "properties": properties}
}
