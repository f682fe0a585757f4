package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	validator "github.com/pb33f/libopenapi-validator"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
	"github.com/docsaga/docsaga/events"
)

var (
	fuzzTime = flag.Duration("fuzz-api", 3*time.Second, "how long the API is sent random requests")
	fuzzSeed = flag.Uint64("fuzz-api-seed", 1, "which requests; 0 for others each time")
)

// hostile values are put where the API takes one.
func hostile() []string {
	return []string{
		"", "0", "-1", "99999999999999999999", "x", "a.b", "*", ">", "../..", "%00", "\x00", "\xff", "'", `"`, "%", "_", "\n", "<script>",
		"0-0", "3-1", "18446744073709551615-18446744073709551615", "0-18446744073709551615", "-", "2000-01-01T00:00:00Z", "9999-99-99T99:99:99Z",
		"running", "true", "null", "{}", strings.Repeat("a", 65), strings.Repeat("a", 5000), strings.Repeat("ü", 256), "d", "pdf-validation", "１", "\u202e",
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-292277022399-01-01T00:00:00Z", "1e400", "0x10", "AAAA", strings.Repeat("A", 40),
	}
}

// A shape is as much of a JSON Schema as the API uses.
type shape struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []string
	Format     string
	Minimum    *float64
	Maximum    *float64
	MaxLength  *int
	Required   []string
	Properties map[string]*shape
	Items      *shape
}

type operation struct {
	Parameters []struct {
		Name, In string
		Required bool
		Schema   *shape
	}
	RequestBody *struct {
		Content map[string]struct{ Schema *shape }
	}
}

// A fuzzer makes requests from an OpenAPI document: most of them good in most
// parts, so that they get past the first check.
type fuzzer struct {
	*rand.Rand
	t       *testing.T
	handler http.Handler
	check   validator.Validator
	about   struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]*shape }
	}
	drawn    []byte
	seen     map[string][]string // values that answers had, by member
	statuses map[int]int
	told     map[string]bool // what was found to be not as described
}

func newFuzzer(t *testing.T, system *apitest.System, seed uint64) *fuzzer {
	t.Helper()
	server := api.New(system.System, system.Hub, api.Config{Logger: slog.New(slog.DiscardHandler), Rate: 1e6, MaxUpload: 1 << 20})
	f := &fuzzer{
		Rand: rand.New(rand.NewPCG(seed, 2)), t: t, handler: server.Handler(), drawn: system.Drawn(), statuses: make(map[int]int), told: make(map[string]bool),
		seen: map[string][]string{
			"document": {"d", "e", "f", "approve", "order"}, "step": {"location", "security", "parsing", "approve", "pay"},
			"name": {"pdf-validation", "approval", "payment", "paid", "stock-closed"}, "definition": {"pdf-validation", "approval"}, "key": {"order"},
		},
	}
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, f.request(http.MethodGet, "/openapi.json", nil))
	if err := json.Unmarshal(recorder.Body.Bytes(), &f.about); err != nil || len(f.about.Paths) < 20 {
		t.Fatalf("%d paths, %v", len(f.about.Paths), err)
	}
	f.check = openAPIValidator(t, recorder.Body.Bytes())
	return f
}

// request returns a request as a client on this machine makes it.
func (f *fuzzer) request(method, target string, body []byte) *http.Request {
	r := httptest.NewRequestWithContext(f.t.Context(), method, "http://localhost/", bytes.NewReader(body))
	u, err := url.Parse("http://localhost" + target)
	if err != nil {
		f.t.Fatal(err)
	}
	r.URL, r.RequestURI, r.RemoteAddr = u, u.RequestURI(), "127.0.0.1:1"
	return r
}

func (f *fuzzer) often() bool { return f.IntN(8) > 0 }

func pick[T any](f *fuzzer, list []T) T { return list[f.IntN(len(list))] }

// text returns a value for a name: one that was seen, or a hostile one.
func (f *fuzzer) text(name string) string {
	if known := f.seen[name]; len(known) > 0 && f.often() {
		return pick(f, known)
	}
	return pick(f, hostile())
}

// value returns a value of a shape as JSON, mostly.
func (f *fuzzer) value(name string, s *shape, depth int) any {
	if s != nil && s.Ref != "" {
		s = f.about.Components.Schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]
	}
	if s == nil || depth > 5 || !f.often() {
		return pick(f, []any{nil, true, -1, 1e300, f.text(name), []any{}, map[string]any{}, []any{f.text(name)}, map[string]any{"x": f.text(name)}})
	}
	kind, _ := s.Type.(string)
	if kinds, ok := s.Type.([]any); ok && len(kinds) > 0 {
		kind, _ = pick(f, kinds).(string)
	}
	switch {
	case len(s.Enum) > 0:
		return pick(f, s.Enum)
	case kind == "integer" || kind == "number":
		from, to := 0.0, 1e4
		if s.Minimum != nil {
			from = *s.Minimum
		}
		if s.Maximum != nil {
			to = *s.Maximum
		}
		return pick(f, []any{int(from), int(to), int(from) + f.IntN(1+min(1000, int(to-from)))})
	case kind == "boolean":
		return f.IntN(2) == 0
	case kind == "array":
		list := make([]any, f.IntN(3))
		for i := range list {
			list[i] = f.value(name, s.Items, depth+1)
		}
		return list
	case kind == "object":
		return f.object(s, depth)
	case s.Format == "date-time":
		return time.Now().Add(time.Duration(f.IntN(100)-50) * time.Hour).Format(time.RFC3339)
	case name == "location":
		return "https://example.com/" + url.PathEscape(f.text("document"))
	}
	return f.text(name)
}

func (f *fuzzer) object(s *shape, depth int) any {
	o := make(map[string]any)
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names) // the same seed is the same request
	for _, name := range names {
		if slices.Contains(s.Required, name) && f.often() || f.IntN(3) == 0 {
			o[name] = f.value(name, s.Properties[name], depth+1)
		}
	}
	if o["$schema"] != nil {
		delete(o, "$schema")
	}
	return o
}

// body returns a body and its type.
func (f *fuzzer) body(o *operation) (raw []byte, contentType string) {
	if o.RequestBody == nil {
		return nil, ""
	}
	types := make([]string, 0, len(o.RequestBody.Content))
	for name := range o.RequestBody.Content {
		types = append(types, name)
	}
	slices.Sort(types)
	contentType = pick(f, types)
	switch {
	case strings.HasPrefix(contentType, "multipart/"):
		body, boundary := upload(f.t, f.text("content"), "document", f.text("document"), "definition", f.text("definition"))
		raw, contentType = body.Bytes(), boundary
	case contentType == "application/xml":
		raw = bytes.Clone(f.drawn)
		for range f.IntN(4) {
			raw[f.IntN(len(raw))] = byte(f.IntN(256))
		}
	default:
		raw, _ = json.Marshal(f.value("", o.RequestBody.Content[contentType].Schema, 0))
	}
	if !f.often() && len(raw) > 0 { // cut or spoilt
		raw = raw[:f.IntN(len(raw))]
	}
	if !f.often() {
		contentType = pick(f, []string{"", "application/json", "text/plain", "multipart/form-data", "application/cloudevents+json", "x; y"})
	}
	return raw, contentType
}

// send makes a request for an operation and looks at the answer.
func (f *fuzzer) send(method, path string, o *operation) {
	target, query, header := path, url.Values{}, http.Header{"Prefer": {"wait=0"}}
	for _, p := range o.Parameters {
		v := fmt.Sprint(f.value(p.Name, p.Schema, 0))
		switch {
		case p.In == "path":
			target = strings.ReplaceAll(target, "{"+p.Name+"}", url.PathEscape(v))
		case !p.Required && f.IntN(3) > 0:
		case p.In == "query":
			query.Set(p.Name, v)
		case p.In == "header" && p.Name != "Prefer" && utf8.ValidString(v) && !strings.ContainsAny(v, "\x00\n"):
			header.Set(p.Name, v)
		}
	}
	raw, contentType := f.body(o)
	r := f.request(strings.ToUpper(method), target+"?"+query.Encode(), raw)
	r.Header = header
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if path == "/v1/events" { // does not end by itself
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Millisecond)
		defer cancel()
		r = r.WithContext(ctx)
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	f.statuses[w.Code]++
	said := fmt.Sprintf("%s %s %v %.300q: %d %.300s", method, r.URL, r.Header, raw, w.Code, w.Body.String())
	if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
		f.t.Errorf("an internal error: %s", said)
	}
	if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
		f.t.Errorf("no problem: %s", said)
	}
	f.judge(r, w, said)
	f.learn(w.Body.Bytes())
}

// judge fails the test if an answer is not what the document promises.
func (f *fuzzer) judge(r *http.Request, w *httptest.ResponseRecorder, said string) {
	if r.URL.Path == "/v1/events" || w.Code == http.StatusNotFound && strings.Contains(w.Body.String(), "there is nothing here") || w.Code/100 == 3 {
		return // not JSON, or no operation at all
	}
	if ok, errs := f.check.ValidateHttpResponse(r, w.Result()); !ok {
		for _, err := range errs {
			if err.ValidationType == "path" || f.told[err.Message] { // an id with a slash in it is another path
				continue
			}
			f.told[err.Message] = true
			f.t.Errorf("not as described: %s: %v", said, err)
		}
	}
}

// learn keeps what an answer had, to ask for it later.
func (f *fuzzer) learn(raw []byte) {
	var v map[string]any
	if json.Unmarshal(raw, &v) != nil {
		return
	}
	for name, to := range map[string]string{"nextPageToken": "pageToken", "document": "document", "position": "at", "id": "id"} {
		if text, ok := v[name].(string); ok && len(f.seen[to]) < 100 {
			f.seen[to] = append(f.seen[to], text)
		}
	}
}

func TestNoRequestFromTheSchemaIsAnInternalError(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { noInternalError(t, apitest.Start(t)) })
	t.Run("postgres", func(t *testing.T) { noInternalError(t, apitest.StartOn(t, postgres(t))) })
}

func noInternalError(t *testing.T, system *apitest.System) {
	t.Helper()
	system.Submit("d", "x")
	system.Reject("e", "y")
	system.Approve("approve")
	system.Order("order", "order")
	system.Submit("f", "z")
	system.Step("f", "location", events.Completed, `{}`)
	system.Step("f", "security", events.Rejected, "malware")
	system.Undone("f", "location", 1, events.Failed)
	system.Await("f", "incident")
	seed := *fuzzSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	f := newFuzzer(t, system, seed)
	var paths []string
	for path := range f.about.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	requests, asked := 0, make(map[string]bool)
	for until := time.Now().Add(*fuzzTime); time.Now().Before(until) || requests < 1000; {
		for _, path := range paths {
			for _, method := range []string{"get", "post", "put", "delete", "patch"} {
				if o, ok := f.about.Paths[path][method]; ok {
					f.send(method, path, &o)
					requests++
					asked[method+path] = true
				}
			}
		}
	}
	t.Logf("seed %d: %d requests of %d operations, answers %v", seed, requests, len(asked), f.statuses)
	for _, status := range []int{http.StatusOK, http.StatusAccepted, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity} {
		if f.statuses[status] == 0 {
			t.Errorf("no answer was %d: the requests do not get far enough", status)
		}
	}
}
