package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
	"github.com/docsaga/docsaga/events"
)

// A client talks to a server.
type client struct {
	t      testing.TB
	system *apitest.System
	url    string
	key    string
}

func start(t testing.TB, conf api.Config) *client {
	t.Helper()
	return startOn(t, apitest.Start(t), conf)
}

func startOn(t testing.TB, system *apitest.System, conf api.Config) *client {
	t.Helper()
	conf.Logger = slog.New(slog.DiscardHandler)
	if conf.Rate == 0 {
		conf.Rate = 1e6
	}
	server := httptest.NewServer(api.New(system.System, system.Hub, conf).Handler())
	t.Cleanup(func() {
		server.CloseClientConnections() // watchers would stay
		server.Close()
	})
	return &client{t: t, system: system, url: server.URL}
}

// A reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) member(t testing.TB, names ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	for _, name := range names {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// do makes a request; header holds names and values in turn.
func (c *client) do(method, path string, body io.Reader, header ...string) reply {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, raw}
}

func (c *client) get(path string, header ...string) reply {
	c.t.Helper()
	return c.do(http.MethodGet, path, nil, header...)
}

func (c *client) post(path, body string, header ...string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, header...)...)
}

func (c *client) want(r reply, status int) reply {
	c.t.Helper()
	if r.status != status {
		c.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if status >= 400 && r.header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("status %d has type %s, want a problem", status, r.header.Get("Content-Type"))
	}
	return r
}

// upload makes a multipart body.
func upload(t testing.TB, content string, fields ...string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", `C:\in\<b>bill</b>.pdf`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func (c *client) upload(content string, fields ...string) reply {
	c.t.Helper()
	body, contentType := upload(c.t, content, fields...)
	return c.do(http.MethodPost, "/v1/documents", body, "Content-Type", contentType)
}

func TestASubmissionCanBeReadByItsPositionAtOnce(t *testing.T) {
	c := start(t, api.Config{})
	for i := range 20 {
		id := fmt.Sprintf("order-%d", i)
		r := c.want(c.post("/v1/documents", `{"document":"`+id+`","location":"https://example.com/a.pdf","name":"a.pdf"}`), http.StatusAccepted)
		if r.header.Get("Location") != "/v1/documents/"+id {
			t.Fatalf("location %q", r.header.Get("Location"))
		}
		d := c.want(c.get(r.header.Get("Location"), "Saga-Min-Position", r.header.Get("Saga-Position"), "Prefer", "wait=10"), http.StatusOK)
		if d.member(t, "state") != "running" || d.member(t, "name") != "a.pdf" || d.header.Get("Saga-Position") != r.header.Get("Saga-Position") {
			t.Fatalf("document %s", d.body)
		}
		again := c.want(c.get(r.header.Get("Location"), "If-None-Match", d.header.Get("ETag")), http.StatusNotModified)
		if len(again.body) != 0 {
			t.Errorf("not modified, yet %q", again.body)
		}
	}
}

func TestAReadOfThePositionThatIsNotThereIsRefusedInTime(t *testing.T) {
	c := start(t, api.Config{})
	p := c.system.Submit("d", "x")
	p.Seq += 100
	began := time.Now()
	r := c.want(c.get("/v1/documents/d", "Saga-Min-Position", p.String(), "Prefer", "wait=0"), http.StatusServiceUnavailable)
	if r.header.Get("Retry-After") == "" || time.Since(began) > 5*time.Second {
		t.Errorf("retry after %q, took %v", r.header.Get("Retry-After"), time.Since(began))
	}
	c.want(c.get("/v1/documents/d", "Saga-Min-Position", "99-1"), http.StatusBadRequest)
	c.want(c.get("/v1/documents/d", "Saga-Min-Position", "x"), http.StatusBadRequest)
}

func TestTheSameSubmissionIsOneDocument(t *testing.T) {
	c := start(t, api.Config{})
	content := "%PDF-1.7 and more"
	var wg sync.WaitGroup
	replies := make([]reply, 20)
	for i := range replies {
		wg.Go(func() { replies[i] = c.upload(content, "document", "order-1") })
	}
	wg.Wait()
	isNew := 0
	for _, r := range replies {
		c.want(r, http.StatusAccepted)
		if r.member(t, "new") == true {
			isNew++
		}
	}
	if isNew != 1 {
		t.Errorf("%d of the same submissions were new, want 1", isNew)
	}
	c.want(c.upload("%PDF-1.7 else", "document", "order-1"), http.StatusConflict)
	files := c.want(c.get("/v1/documents/order-1/events"), http.StatusOK)
	if !strings.Contains(string(files.body), "upload:sha256:") {
		t.Errorf("events %s", files.body)
	}
	a := c.want(c.post("/v1/documents", `{"location":"https://example.com/1.pdf"}`, "Idempotency-Key", "k 1"), http.StatusAccepted)
	b := c.want(c.post("/v1/documents", `{"location":"https://example.com/1.pdf"}`, "Idempotency-Key", "k 1"), http.StatusAccepted)
	if a.member(t, "document") != b.member(t, "document") || b.member(t, "new") != false {
		t.Errorf("one key made %s and %s", a.body, b.body)
	}
	c.want(c.post("/v1/documents", `{"location":"https://example.com/2.pdf"}`, "Idempotency-Key", "k 1"), http.StatusConflict)
}

func TestCloudEventsSubmitInAllThreeForms(t *testing.T) {
	c := start(t, api.Config{})
	structured := `{"specversion":"1.0","id":"7","source":"/shop","type":"shop.billed","data":{"location":"https://example.com/7.pdf"}}`
	a := c.want(c.do(http.MethodPost, "/v1/documents", strings.NewReader(structured), "Content-Type", "application/cloudevents+json"), http.StatusAccepted)
	b := c.want(c.post("/v1/documents", `{"location":"https://example.com/7.pdf"}`,
		"Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Source", "/shop", "Ce-Type", "shop.billed"), http.StatusAccepted)
	if a.member(t, "document") != b.member(t, "document") || b.member(t, "new") != false {
		t.Errorf("the same event in two forms made %s and %s", a.body, b.body)
	}
	batch := `[` + structured + `,` + strings.Replace(structured, `"id":"7"`, `"id":"8","subject":"named-8"`, 1) + `,` +
		strings.Replace(structured, "https://example.com/7.pdf", "no url", 1) + `]`
	r := c.want(c.do(http.MethodPost, "/v1/documents", strings.NewReader(batch), "Content-Type", "application/cloudevents-batch+json"), http.StatusMultiStatus)
	var results []struct{ Document, Error string }
	if err := json.Unmarshal(r.body, &results); err != nil || len(results) != 3 {
		t.Fatalf("%v: %s", err, r.body)
	}
	if results[0].Document != a.member(t, "document") || results[1].Document != "named-8" || results[2].Error == "" {
		t.Errorf("results %+v", results)
	}
}

func TestSourcesOfDocsagaItselfAreRefusedInAllThreeForms(t *testing.T) {
	c := start(t, api.Config{})
	const own = "/docsaga/calls/1/docsaga.00.order.1.one.approve.1.outcome"
	structured := `{"specversion":"1.0","id":"7","source":"` + own + `","type":"shop.billed","subject":"forged","data":{"location":"https://example.com/7.pdf"}}`
	a := c.want(c.do(http.MethodPost, "/v1/documents", strings.NewReader(structured), "Content-Type", "application/cloudevents+json"), http.StatusUnprocessableEntity)
	b := c.want(c.post("/v1/documents", `{"location":"https://example.com/7.pdf"}`,
		"Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Source", url.PathEscape(own), "Ce-Type", "shop.billed", "Ce-Subject", "forged"), http.StatusUnprocessableEntity)
	r := c.want(c.do(http.MethodPost, "/v1/documents", strings.NewReader("["+structured+"]"), "Content-Type", "application/cloudevents-batch+json"), http.StatusMultiStatus)
	for form, answer := range map[string][]byte{"structured": a.body, "binary": b.body, "batch": r.body} {
		if !bytes.Contains(answer, []byte("source: what begins with /docsaga/")) {
			t.Errorf("%s: %s, want that the source is named", form, answer)
		}
	}
	c.want(c.get("/v1/documents/forged/events"), http.StatusNotFound)
}

func TestBadSubmissionsAreRefusedAndLeaveNothing(t *testing.T) {
	c := start(t, api.Config{MaxUpload: 1000})
	for name, body := range map[string]string{
		"no location":        `{}`,
		"no url":             `{"location":"../../etc/passwd"}`,
		"stolen upload":      `{"location":"upload:sha256:` + strings.Repeat("a", 64) + `"}`,
		"id with a dot":      `{"document":"a.b","location":"https://example.com/"}`,
		"id with a wildcard": `{"document":">","location":"https://example.com/"}`,
		"id with a newline":  `{"document":"a\n","location":"https://example.com/"}`,
		"definition":         `{"definition":"*","location":"https://example.com/"}`,
		"digest":             `{"sha256":"ABC","location":"https://example.com/"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c.want(c.post("/v1/documents", body), http.StatusUnprocessableEntity)
		})
	}
	c.want(c.post("/v1/documents", `{"location":`), http.StatusBadRequest)
	c.want(c.post("/v1/documents", `{"definition":"nobody","location":"https://example.com/"}`), http.StatusNotFound)
	c.want(c.post("/v1/documents", "x", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	c.want(c.upload(strings.Repeat("x", 1001)), http.StatusRequestEntityTooLarge)
	c.want(c.upload(strings.Repeat("x", 3<<20)), http.StatusRequestEntityTooLarge)
	c.want(c.upload(""), http.StatusUnprocessableEntity)
	c.want(c.upload("x", "document", "a.b"), http.StatusUnprocessableEntity)
	c.want(c.upload("x", "sha256", strings.Repeat("0", 64)), http.StatusUnprocessableEntity)
	c.want(c.upload("x", "colour", "red"), http.StatusUnprocessableEntity)
	for shard := range c.system.Log.Shards() {
		if last, _ := c.system.Log.Last(t.Context(), shard); last != 0 {
			t.Errorf("shard %d has %d events, want none", shard, last)
		}
	}
}

func TestThePastIsTheFoldUpToThere(t *testing.T) {
	c := start(t, api.Config{})
	at := c.system.Submit("d", "x.pdf")
	c.system.Step("d", "location", events.Completed, `{}`)
	c.system.Step("d", "security", events.Rejected, "malware")
	c.system.Undone("d", "location", 1, events.Completed)
	c.system.Await("d", "rejected")
	now := c.want(c.get("/v1/documents/d"), http.StatusOK)
	if now.member(t, "state") != "rejected" || now.member(t, "stop", "reason") != "malware" || now.member(t, "endedAt") == nil {
		t.Errorf("now %s", now.body)
	}
	var steps struct {
		Steps []struct {
			Step, Outcome, Reason string
			Undone                bool
		}
	}
	if err := json.Unmarshal(now.body, &steps); err != nil || len(steps.Steps) != 2 || !steps.Steps[0].Undone || steps.Steps[1].Outcome != "rejected" {
		t.Errorf("steps %+v, %v", steps, err)
	}
	then := c.want(c.get("/v1/documents/d?at="+at.String()), http.StatusOK)
	if then.member(t, "state") != "running" || then.member(t, "stop") != nil {
		t.Errorf("then %s", then.body)
	}
	undo := c.want(c.get(fmt.Sprintf("/v1/documents/d/undo?at=%d-%d", at.Shard, at.Seq+1)), http.StatusOK)
	if !strings.Contains(string(undo.body), `"step":"location"`) {
		t.Errorf("what an undo would do after location: %s", undo.body)
	}
	c.want(c.get("/v1/documents/d?at=2000-01-01T00:00:00Z"), http.StatusNotFound)
	c.want(c.get("/v1/documents/d?at=yesterday"), http.StatusUnprocessableEntity)
	c.want(c.get("/v1/documents/d?at=9-9"), http.StatusUnprocessableEntity)
	c.want(c.get("/v1/documents/nobody"), http.StatusNotFound)
}

func TestAFileIsOpenedThroughItsDocumentOnly(t *testing.T) {
	c := start(t, api.Config{})
	c.system.Submit("mine", "x")
	c.system.Submit("other", "x")
	html := "<script>alert(1)</script>"
	f, err := c.system.Files.Put(t.Context(), "mine", "parsing", "text/html", strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(map[string]any{"attachments": []any{map[string]any{"name": "a", "file": f}}})
	c.system.Step("mine", "location", events.Completed, string(raw))
	list := c.want(c.get("/v1/documents/mine/files"), http.StatusOK)
	if !strings.Contains(string(list.body), `"member":"attachments[0].file"`) {
		t.Errorf("files %s", list.body)
	}
	path := "/files/" + strings.TrimPrefix(f.Ref, "sha256:")
	r := c.want(c.get("/v1/documents/mine"+path+"?inline=true"), http.StatusOK)
	if string(r.body) != html || r.header.Get("Content-Type") != "application/octet-stream" ||
		!strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment") || !strings.Contains(r.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%v: %s", r.header, r.body)
	}
	c.want(c.get("/v1/documents/other"+path), http.StatusNotFound)
	c.want(c.get("/v1/documents/mine/files/"+strings.Repeat("0", 64)), http.StatusNotFound)
}

// endless is a body that does not end.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func TestAnEndlessBodyCostsABoundedAmount(t *testing.T) {
	c := start(t, api.Config{MaxUpload: 1 << 20})
	for path, contentType := range map[string]string{
		"/v1/documents": "application/json", "/v1/documents ": "multipart/form-data; boundary=x", "/v1/documents/d/cancel": "application/json",
	} {
		body := &endless{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+strings.TrimSpace(path), io.NopCloser(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = response.Body.Close() // what matters is what was read
			if response.StatusCode < 400 {
				t.Errorf("%s: status %d for a body that does not end", path, response.StatusCode)
			}
		}
		if read := body.read.Load(); read > 16<<20 {
			t.Errorf("%s: %d bytes of the body were read", path, read)
		}
	}
}
