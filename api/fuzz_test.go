package api_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/docsaga/docsaga/api"
)

// hostile values are put where the API takes one.
func hostile() []string {
	return []string{
		"", "0", "-1", "99999999999999999999", "x", "a.b", "*", ">", "../..", "%00", "\x00", "\xff", "'", `"`, "%", "_", "\n", "<script>",
		"0-0", "3-1", "18446744073709551615-18446744073709551615", "0-18446744073709551615", "-", "2000-01-01T00:00:00Z", "9999-99-99T99:99:99Z",
		"running", "true", "null", "{}", strings.Repeat("a", 65), strings.Repeat("a", 5000), "d", "pdf-validation", "１", "\u202e",
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-292277022399-01-01T00:00:00Z",
	}
}

type openAPI struct {
	Openapi string
	Paths   map[string]map[string]struct {
		Parameters []struct{ Name, In string }
	}
}

func TestNoRequestFromTheSchemaIsAnInternalError(t *testing.T) {
	c := start(t, api.Config{})
	c.system.Submit("d", "x")
	c.system.Await("d", "running")
	var about openAPI
	if err := json.Unmarshal(c.want(c.get("/openapi.json"), http.StatusOK).body, &about); err != nil || !strings.HasPrefix(about.Openapi, "3.1") {
		t.Fatalf("openapi %q, %v", about.Openapi, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func() string { return hostile()[random.IntN(len(hostile()))] }
	requests := 0
	for path, operations := range about.Paths {
		for method, o := range operations {
			for range 150 {
				target, query, header := path, url.Values{}, []string{}
				for _, p := range o.Parameters {
					switch v := pick(); {
					case p.In == "path":
						target = strings.ReplaceAll(target, "{"+p.Name+"}", url.PathEscape(v))
					case random.IntN(3) == 0 && p.In == "query":
						query.Set(p.Name, v)
					case random.IntN(3) == 0 && p.In == "header" && !strings.ContainsAny(v, "\x00\n"):
						header = append(header, p.Name, v)
					}
				}
				if target == "/v1/events" {
					continue // does not end
				}
				if strings.Contains(strings.Join(header, " "), "Prefer") {
					header = append(header, "Prefer", "wait=0")
				}
				body := fmt.Sprintf(`{"reason":%q,"verb":%q,"location":%q,"document":%q,"step":%q,"filter":{"text":%q}}`, pick(), pick(), pick(), pick(), pick(), pick())
				r := c.do(strings.ToUpper(method), target+"?"+query.Encode(), strings.NewReader(body),
					append([]string{"Content-Type", []string{"application/json", "multipart/form-data; boundary=x", "application/cloudevents+json", "", "application/xml"}[random.IntN(5)], "Prefer", "wait=0"}, header...)...)
				if r.status >= 500 && r.status != http.StatusServiceUnavailable {
					t.Errorf("%s %s?%s %v: %d %s", method, target, query.Encode(), header, r.status, r.body)
				}
				requests++
			}
		}
	}
	t.Logf("%d requests", requests)
}

func TestTheDescriptionsAreWhatTheySayTheyAre(t *testing.T) {
	c := start(t, api.Config{})
	docs := c.want(c.get("/docs"), http.StatusOK)
	for _, want := range []string{"/v1/documents/{document}/retry", "Saga-Min-Position", "multipart/form-data"} {
		if !strings.Contains(string(docs.body), want) {
			t.Errorf("the page for people does not have %s", want)
		}
	}
	if strings.Contains(string(docs.body), "http://") && strings.Contains(string(docs.body), "src=") || strings.Contains(string(docs.body), "<script") {
		t.Error("the page for people loads something from elsewhere")
	}
	var async struct {
		Asyncapi   string
		Channels   map[string]struct{ Address string }
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(c.want(c.get("/asyncapi.json"), http.StatusOK).body, &async); err != nil || async.Asyncapi != "3.0.0" {
		t.Fatalf("asyncapi %q, %v", async.Asyncapi, err)
	}
	if a := async.Channels["submitted"].Address; a != "docsaga.{partition}.{definition}.{version}.{document}.document.1.submitted" {
		t.Errorf("submissions are at %s", a)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("data.json", async.Components.Schemas["data"]); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("data.json")
	if err != nil {
		t.Fatal(err)
	}
	// What the system writes is what the schema says, and nonsense is not.
	c.system.Reject("d", "x")
	history, err := c.system.Log.History(t.Context(), "d")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history {
		var data any
		if len(e.Data) == 0 {
			continue
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(data); err != nil {
			t.Errorf("%s: %v", e.ID(), err)
		}
	}
	if err := schema.Validate(map[string]any{"error": "no object"}); err == nil {
		t.Error("the schema accepts an error that is no object")
	}
}
