package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/schema"
)

// openAPIValidator checks the OpenAPI document, and answers by it.
func openAPIValidator(t testing.TB, document []byte) validator.Validator {
	t.Helper()
	read, err := libopenapi.NewDocument(document)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(read)
	for _, err := range errs {
		t.Fatal(err)
	}
	return v
}

func TestTheOpenAPIDocumentIsValid(t *testing.T) {
	c := start(t, api.Config{})
	document := c.want(c.get("/openapi.json"), http.StatusOK).body
	if ok, errs := openAPIValidator(t, document).ValidateDocument(); !ok {
		for _, err := range errs {
			t.Error(err)
		}
	}
	broken := bytes.Replace(document, []byte(`"in":"path"`), []byte(`"in":"nowhere"`), 1)
	if ok, _ := openAPIValidator(t, broken).ValidateDocument(); ok {
		t.Error("a parameter that is nowhere is valid, too")
	}
}

// asyncAPISchema returns the schema that the AsyncAPI Initiative publishes.
func asyncAPISchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open("testdata/asyncapi-3.0.0.schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, unzipped)
}

func compiled(t *testing.T, source io.Reader) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(source)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mem:schema.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("mem:schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheAsyncAPIDocumentIsValid(t *testing.T) {
	c := start(t, api.Config{})
	published := asyncAPISchema(t)
	raw := c.want(c.get("/asyncapi.json"), http.StatusOK).body
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := published.Validate(document); err != nil {
		t.Error(err)
	}
	broken, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(raw, []byte(`"action":"receive"`), []byte(`"action":"think"`), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if published.Validate(broken) == nil {
		t.Error("an operation that thinks is valid, too")
	}
	// The published schema does not follow references.
	for _, name := range references(document) {
		path := strings.Split(strings.TrimPrefix(name, "#/"), "/")
		at := document
		for _, member := range path {
			m, _ := at.(map[string]any)
			at = m[member]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", name)
		}
	}
	address := member(document, "channels", "submitted", "address")
	if address != "docsaga.{partition}.{definition}.{version}.{document}.document.1.submitted" {
		t.Errorf("submissions are at %s", address)
	}
}

func member(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// references returns all $ref in a document.
func references(v any) []string {
	var list []string
	switch v := v.(type) {
	case map[string]any:
		for name, of := range v {
			if text, ok := of.(string); ok && name == "$ref" {
				list = append(list, text)
			}
			list = append(list, references(of)...)
		}
	case []any:
		for _, of := range v {
			list = append(list, references(of)...)
		}
	}
	return list
}

func TestEachEventThatIsServedIsAsItsSchemaSays(t *testing.T) {
	c := start(t, api.Config{})
	var listed struct{ Schemas []string }
	if err := json.Unmarshal(c.want(c.get("/schemas"), http.StatusOK).body, &listed); err != nil || len(listed.Schemas) < 10 {
		t.Fatalf("schemas %v, %v", listed, err)
	}
	schemas := make(map[string]*jsonschema.Schema)
	for _, name := range listed.Schemas {
		schemas[name] = compiled(t, bytes.NewReader(c.want(c.get("/schemas/"+name+".json"), http.StatusOK).body))
	}
	c.want(c.get("/schemas/nobody.json"), http.StatusNotFound)
	c.want(c.get("/schemas/..%2fdocs"), http.StatusNotFound)
	c.system.Reject("d", "x")
	c.system.Submit("e", "x")
	c.want(c.post("/v1/documents/e/cancel", `{"reason":"why"}`), http.StatusOK)
	checked := 0
	for _, id := range []string{"d", "e"} {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.want(c.get("/v1/documents/"+id+"/events"), http.StatusOK).body))
		if err != nil {
			t.Fatal(err)
		}
		list, _ := member(v, "events").([]any)
		for _, e := range list {
			raw, _ := json.Marshal(e)
			var event events.Event
			if err := json.Unmarshal(raw, &event); err != nil {
				t.Fatal(err)
			}
			if err := schemas[schema.Of(&event)].Validate(e); err != nil {
				t.Errorf("%s: %v", event.ID(), err)
			}
			delete(e.(map[string]any), "subject")
			if err := schemas[schema.Of(&event)].Validate(e); err == nil {
				t.Errorf("%s without a subject is as its schema says", event.ID())
			}
			checked++
		}
	}
	if checked < 8 {
		t.Errorf("%d events were checked, want more", checked)
	}
}

func TestThePageForPeopleNeedsNothingFromElsewhere(t *testing.T) {
	c := start(t, api.Config{})
	docs := string(c.want(c.get("/docs"), http.StatusOK).body)
	for _, want := range []string{"/v1/documents/{document}/retry", "Saga-Min-Position", "multipart/form-data", "/v1/messages"} {
		if !strings.Contains(docs, want) {
			t.Errorf("the page for people does not have %s", want)
		}
	}
	for _, outside := range []string{"src=", "<script", "@import", `href="http`} {
		if strings.Contains(docs, outside) {
			t.Errorf("the page for people has %s", outside)
		}
	}
}
