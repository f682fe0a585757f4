package console_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
	"github.com/docsaga/docsaga/console"
	"github.com/docsaga/docsaga/events"
)

// A site is a console that is served.
type site struct {
	t      testing.TB
	system *apitest.System
	url    string
	client *http.Client
}

func start(t testing.TB, conf api.Config, base string) *site {
	t.Helper()
	system := apitest.Start(t)
	conf.Logger, conf.Rate = slog.New(slog.DiscardHandler), 1e6
	c, err := console.New(api.New(system.System, system.Hub, conf), console.Config{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.Handler())
	t.Cleanup(func() {
		server.CloseClientConnections() // watchers would stay
		server.Close()
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &site{t: t, system: system, url: server.URL, client: &http.Client{Jar: jar}}
}

// get returns a page, after redirects.
func (s *site) get(path string, status int) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(r, status)
}

func (s *site) send(r *http.Request, status int) string {
	s.t.Helper()
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if response.StatusCode != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", r.Method, r.URL, response.StatusCode, status, body)
	}
	policy := response.Header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
		s.t.Errorf("%s: policy %q", r.URL, policy)
	}
	return string(body)
}

func (s *site) post(path string, form url.Values, status int) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(r, status)
}

func (s *site) sendFile(path string, content []byte, status int) string {
	s.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "file.pdf")
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, &body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	return s.send(r, status)
}

func (s *site) has(page string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			s.t.Errorf("the page does not have %q:\n%s", text, page)
		}
	}
}

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}`

func TestHostileNamesAndPayloadsAreText(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.system.Submit("d", hostile)
	raw, err := json.Marshal(map[string]string{"title": hostile + "</pre></textarea>"})
	if err != nil {
		t.Fatal(err)
	}
	s.system.Step("d", "location", events.Completed, string(raw))
	s.system.Step("d", "security", events.Rejected, hostile)
	s.system.Undone("d", "location", 1, events.Failed)
	s.system.Await("d", "incident")
	for _, path := range []string{"/", "/documents/d", "/documents/d?n=2", "/incidents", "/documents/d/export", "/?text=" + url.QueryEscape(hostile), "/log?type=" + url.QueryEscape(hostile)} {
		page := s.get(path, http.StatusOK)
		if strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
			t.Errorf("%s has markup from outside", path)
		}
	}
}

func TestADocumentIsShownAsItWas(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.system.Reject("d", "bill.pdf")
	page := s.get("/documents/d", http.StatusOK)
	s.has(page, "rejected", "invoice-rules", `&#34;location&#34;:&#34;undone&#34;`, `&#34;validation&#34;:&#34;failed&#34;`, "docsaga.location.undone")
	before := s.get("/documents/d?n=3", http.StatusOK)
	s.has(before, "running", "these would be undone", "Fetch the file", `&#34;location&#34;:&#34;done&#34;`)
	s.get("/documents/nobody", http.StatusNotFound)
	s.get("/documents/a.b", http.StatusUnprocessableEntity)
	s.get("/documents/d?n=-9", http.StatusOK)
	s.get("/nothing", http.StatusNotFound)
}

func TestAFormSubmitsDeploysAndMends(t *testing.T) {
	s := start(t, api.Config{}, "/saga/")
	page := s.sendFile("/saga/documents", []byte("%PDF-1.7"), http.StatusOK)
	s.has(page, "<h1>file.pdf</h1>", "running", "docsaga.document.submitted", `href="/saga/assets/console.css"`)
	drawn := bytes.Replace(s.system.Drawn(), []byte("Fetch the file"), []byte("Get the file"), 1)
	page = s.sendFile("/saga/definitions", drawn, http.StatusOK)
	s.has(page, "version 2", "no longer: step location (Fetch the file)", "new: step location (Get the file)")
	s.sendFile("/saga/definitions", []byte("<nonsense/>"), http.StatusUnprocessableEntity)

	s.system.Submit("d", "x")
	s.system.Step("d", "location", events.Completed, `{}`)
	s.system.Step("d", "security", events.Rejected, "malware")
	s.system.Undone("d", "location", 1, events.Failed)
	s.system.Await("d", "incident")
	s.has(s.get("/saga/incidents", http.StatusOK), "no-answer", "undo-failed")
	s.post("/saga/incidents", url.Values{"step": {"location"}, "why": {"no-answer"}, "verb": {"retry"}}, http.StatusUnprocessableEntity)
	page = s.post("/saga/incidents", url.Values{"step": {"location"}, "why": {"no-answer"}, "verb": {"retry"}, "reason": {"up again"}}, http.StatusOK)
	s.has(page, "done, at ", "Nothing waits for a person")
	s.system.Undone("d", "location", 2, events.Completed)
	s.system.Await("d", "rejected")
	s.post("/saga/documents/d/operate", url.Values{"verb": {"cancel"}, "reason": {"late"}}, http.StatusConflict)
	s.has(s.get("/saga/system", http.StatusOK), "Projections")
}

func TestAConsoleWithKeysAsksForOne(t *testing.T) {
	viewer, secret, err := api.NewKey("eve", api.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, api.Config{Keys: api.Keys{viewer}}, "")
	s.system.Submit("d", "x")
	s.system.Await("d", "running")
	s.has(s.get("/documents/d", http.StatusOK), "<h1>Log in</h1>")
	s.has(s.post("/login", url.Values{"key": {"wrong"}}, http.StatusUnauthorized), "not a key")
	s.has(s.post("/login", url.Values{"key": {secret}}, http.StatusOK), "<h1>Documents</h1>", "Log out eve")
	page := s.get("/documents/d", http.StatusOK)
	if strings.Contains(page, "<h2>Operate</h2>") {
		t.Error("a viewer is shown what it may not do")
	}
	s.post("/documents/d/operate", url.Values{"verb": {"cancel"}, "reason": {"no"}}, http.StatusForbidden)
	s.sendFile("/documents", []byte("x"), http.StatusForbidden)
	s.sendFile("/definitions", []byte("x"), http.StatusForbidden)
	s.has(s.post("/logout", nil, http.StatusOK), "<h1>Log in</h1>")
	s.has(s.get("/", http.StatusOK), "<h1>Log in</h1>")
}

func TestTheListIsFilteredByItsAddress(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.has(s.get("/", http.StatusOK), "No document yet")
	s.system.Submit("done", "good.pdf")
	s.system.Verify("done")
	s.system.Reject("bad", "wrong.pdf")
	page := s.get("/?state=completed", http.StatusOK)
	s.has(page, "good.pdf", "verified")
	if strings.Contains(page, "wrong.pdf") {
		t.Error("a rejected document is listed as completed")
	}
	s.has(s.get("/?reason=invoice-rules", http.StatusOK), "wrong.pdf")
	s.has(s.get("/?text=nobody", http.StatusOK), "No document is like that")
	s.get("/?page=forged", http.StatusBadRequest)
}

func TestAnExportedPageNeedsNothingElse(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.system.Submit("d", "x.pdf")
	f, err := s.system.Files.Put(t.Context(), "d", "location", "image/png", strings.NewReader("not really"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"picture": f})
	if err != nil {
		t.Fatal(err)
	}
	s.system.Step("d", "location", events.Completed, string(raw))
	page := s.get("/documents/d/export", http.StatusOK)
	s.has(page, "script-src &#39;sha256-", "data:image/png;base64,", "docsaga.location.completed", "bpmn:serviceTask")
	for _, outside := range []string{` src="http`, ` src="/`, ` href="/`, "@import"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

func TestATaskIsDoneInAForm(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.has(s.get("/tasks", http.StatusOK), "Nothing waits for people")
	s.system.Approve("d")
	s.has(s.get("/tasks", http.StatusOK), "For accounting", "Approve the invoice", `name="field-approved"`, `type="number"`)
	form := func(pairs ...string) url.Values {
		v := url.Values{"document": {"d"}, "step": {"approve"}, "visit": {"1"}, "actor": {"ann"}, "groups": {"sales, accounting"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	s.has(s.post("/tasks", form("verb", "claim"), http.StatusOK), "claimed by ann", "Give back")
	s.post("/tasks", form("verb", "complete", "actor", "ben", "field-approved", "true"), http.StatusConflict)
	s.post("/tasks", form("verb", "complete", "groups", "", "field-approved", "true"), http.StatusForbidden)
	s.post("/tasks", form("verb", "complete"), http.StatusUnprocessableEntity)
	s.post("/tasks", form("verb", "complete", "field-approved", "true", "field-amount", "x"), http.StatusUnprocessableEntity)
	s.has(s.post("/tasks", form("verb", "complete", "field-approved", "true", "field-amount", "12.5"), http.StatusOK), "Nothing waits for people")
	s.system.Await("d", "completed")
	s.has(s.get("/documents/d?n=2", http.StatusOK), `&#34;amount&#34;: 12.5`)
}

func TestADefinitionShowsItsStepsWithCountsAndLatencies(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.system.Submit("done", "x")
	s.system.Verify("done")
	s.system.Submit("here", "x")
	s.system.Await("here", "running")
	s.has(s.get("/definitions/pdf-validation/1", http.StatusOK), "completed 1", `data-counts="{&#34;location&#34;:1}"`, "direct", "Fetch the file")
	s.has(s.get("/definitions/pdf-validation/1/drawing.bpmn", http.StatusOK), "bpmn:process")
	s.get("/definitions/pdf-validation/9", http.StatusNotFound)
	s.get("/definitions/nobody/1", http.StatusNotFound)
	s.get("/definitions/pdf-validation/x", http.StatusUnprocessableEntity)
}

func TestABaseMustBeAPath(t *testing.T) {
	for _, base := range []string{"saga", "/saga", "saga/"} {
		if _, err := console.New(api.New(api.System{}, api.NewHub(nil), api.Config{}), console.Config{Base: base}); err == nil {
			t.Errorf("base %q is accepted", base)
		}
	}
}

func TestAnAssetIsNotSentTwice(t *testing.T) {
	s := start(t, api.Config{}, "")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/assets/console.css", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // only the header matters
	if response.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("type %q", response.Header.Get("Content-Type"))
	}
	r.Header.Set("If-None-Match", response.Header.Get("ETag"))
	s.send(r, http.StatusNotModified)
	s.get("/assets/nothing.js", http.StatusNotFound)
	s.get("/assets/..%2fpages%2flayout.html", http.StatusNotFound)
}
