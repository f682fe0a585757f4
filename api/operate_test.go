package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

func TestEachRoleMayWhatItMay(t *testing.T) {
	var keys api.Keys
	secrets := make(map[api.Role]string)
	for role := api.Viewer; role <= api.Admin; role++ {
		k, secret, err := api.NewKey("k-"+role.String(), role)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(k.Hash, secret) {
			t.Fatal("the key is kept")
		}
		keys, secrets[role] = append(keys, k), secret
	}
	c := start(t, api.Config{Keys: keys})
	c.system.Submit("d", "x")
	c.system.Await("d", "running")
	c.want(c.get("/v1/documents"), http.StatusUnauthorized)
	c.key = "docsaga_wrong"
	c.want(c.get("/v1/documents"), http.StatusUnauthorized)
	for role := api.Viewer; role <= api.Admin; role++ {
		c.key = secrets[role]
		for need, request := range map[api.Role]func() reply{
			api.Viewer:    func() reply { return c.get("/v1/documents") },
			api.Submitter: func() reply { return c.post("/v1/documents", `{"location":"https://example.com/"}`) },
			api.Operating: func() reply { return c.post("/v1/documents/nobody/cancel", `{"reason":"why"}`) },
			api.Admin:     func() reply { return c.post("/v1/definitions", "no xml", "Content-Type", "application/xml") },
		} {
			if got := request().status; (got == http.StatusForbidden) != (role < need) {
				t.Errorf("%s does what needs %s: %d", role, need, got)
			}
		}
	}
	c.key = secrets[api.Operating]
	r := c.want(c.post("/v1/documents/d/cancel", `{"reason":"not mine"}`), http.StatusOK)
	if !strings.Contains(string(r.body), `"actor":"k-operator"`) || !strings.Contains(string(r.body), `"reason":"not mine"`) {
		t.Errorf("cancel does not say who and why: %s", r.body)
	}
}

func TestAServerWithoutKeysServesThisMachineOnly(t *testing.T) {
	c := start(t, api.Config{})
	c.want(c.get("/v1/documents", "Host", "evil.example"), http.StatusMisdirectedRequest)
	c.want(c.post("/v1/documents", `{"location":"https://example.com/"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
	for addr, ok := range map[string]bool{
		"127.0.0.1:80": true, "localhost:80": true, "[::1]:80": true, "0.0.0.0:80": false, ":80": false, "10.0.0.1:80": false, "x": false,
	} {
		if err := api.CheckListen(addr, false); (err == nil) != ok {
			t.Errorf("listen on %s without keys: %v", addr, err)
		}
	}
	if err := api.CheckListen("0.0.0.0:80", true); err != nil {
		t.Errorf("listen with keys: %v", err)
	}
}

func TestAKeyMayNotAskWithoutEnd(t *testing.T) {
	c := start(t, api.Config{Rate: 1})
	refused := 0
	for range 20 {
		if r := c.get("/v1/positions"); r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") != "" {
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("%d of 20 requests at once were refused at one a second, want about 10", refused)
	}
}

// stuck brings a document to an undo that failed.
func stuck(c *client, id events.DocumentID) {
	c.t.Helper()
	c.system.Submit(id, "x.pdf")
	c.system.Step(id, "location", events.Completed, `{"file":1}`)
	c.system.Step(id, "security", events.Rejected, "malware")
	c.system.Undone(id, "location", 1, events.Failed)
	c.system.Await(id, "incident")
}

func TestAnIncidentIsRetriedAndResolved(t *testing.T) {
	c := start(t, api.Config{})
	stuck(c, "d")
	list := c.want(c.get("/v1/incidents"), http.StatusOK)
	if !strings.Contains(string(list.body), `"kind":"undo-failed","step":"location"`) || !strings.Contains(string(list.body), `"reason":"no-answer"`) {
		t.Errorf("incidents %s", list.body)
	}
	c.want(c.post("/v1/documents/d/retry", `{}`), http.StatusUnprocessableEntity)
	c.want(c.post("/v1/documents/d/retry", `{"reason":"now it is up","step":"security"}`), http.StatusConflict)
	c.want(c.post("/v1/documents/d/retry", `{"reason":"now it is up"}`), http.StatusOK)
	c.system.Undone("d", "location", 2, events.Failed)
	c.system.Await("d", "incident")
	r := c.want(c.post("/v1/documents/d/resolve", `{"reason":"removed by hand"}`), http.StatusOK)
	c.system.Await("d", "rejected")
	if r.member(t, "type") != "docsaga.location.undone" {
		t.Errorf("resolve wrote %s", r.body)
	}
	c.want(c.post("/v1/documents/d/cancel", `{"reason":"too late"}`), http.StatusConflict)
	c.want(c.post("/v1/documents/nobody/cancel", `{"reason":"who"}`), http.StatusNotFound)
}

func TestManyDocumentsAreOperatedByAFilter(t *testing.T) {
	c := start(t, api.Config{})
	for i := range 5 {
		stuck(c, events.DocumentID(fmt.Sprintf("d%d", i)))
	}
	body := `{"verb":"retry","reason":"again","filter":{"state":"incident","step":"security"},%s}`
	c.want(c.post("/v1/operations", fmt.Sprintf(body, `"expectedCount":4`)), http.StatusConflict)
	dry := c.want(c.post("/v1/operations", fmt.Sprintf(body, `"dryRun":true`)), http.StatusOK)
	if dry.member(t, "count") != 5.0 || strings.Contains(string(dry.body), `"position"`) || strings.Count(string(dry.body), `"ok":true`) != 5 {
		t.Errorf("dry run: %s", dry.body)
	}
	unfit := c.want(c.post("/v1/operations", strings.Replace(fmt.Sprintf(body, `"dryRun":true`), "retry", "compensate", 1)), http.StatusOK)
	if strings.Contains(string(unfit.body), `"ok":true`) {
		t.Errorf("dry run of what cannot be done: %s", unfit.body)
	}
	done := c.want(c.post("/v1/operations", fmt.Sprintf(body, `"expectedCount":5`)), http.StatusOK)
	if strings.Count(string(done.body), `"ok":true`) != 5 {
		t.Errorf("retried: %s", done.body)
	}
	for i := range 5 {
		c.system.Undone(events.DocumentID(fmt.Sprintf("d%d", i)), "location", 2, events.Completed)
	}
	c.system.Await("d4", "rejected")
	wrong := c.want(c.post("/v1/operations", `{"verb":"retry","reason":"again","filter":{"state":"completed"}}`), http.StatusUnprocessableEntity)
	if wrong.status != http.StatusUnprocessableEntity {
		t.Errorf("terminal documents: %s", wrong.body)
	}
}

func TestDefinitionsAreDeployedByVersion(t *testing.T) {
	c := start(t, api.Config{})
	drawn := string(c.system.Drawn())
	same := c.want(c.post("/v1/definitions", drawn, "Content-Type", "application/xml"), http.StatusOK)
	if same.member(t, "version") != 1.0 {
		t.Errorf("the same drawing: %s", same.body)
	}
	next := c.want(c.post("/v1/definitions", strings.Replace(drawn, "Fetch the file", "Get the file", 1), "Content-Type", "application/xml"), http.StatusOK)
	if next.member(t, "version") != 2.0 {
		t.Errorf("another drawing: %s", next.body)
	}
	diagram := c.want(c.get("/v1/definitions/pdf-validation/versions/1/diagram"), http.StatusOK)
	if string(diagram.body) != drawn {
		t.Error("the diagram is not what was deployed")
	}
	c.want(c.get("/v1/definitions/pdf-validation/versions/9"), http.StatusNotFound)
	c.want(c.post("/v1/definitions", "<x/>", "Content-Type", "application/xml"), http.StatusUnprocessableEntity)
	c.system.Submit("d", "x")
	c.system.Verify("d")
	stats := c.want(c.get("/v1/definitions/pdf-validation/stats"), http.StatusOK)
	if !strings.Contains(string(stats.body), `"outcomes":{"completed":1}`) {
		t.Errorf("stats %s", stats.body)
	}
	counts := c.want(c.get("/v1/counts"), http.StatusOK)
	if !strings.Contains(string(counts.body), `"completed":1`) {
		t.Errorf("counts %s", counts.body)
	}
}

// sse reads server-sent events.
func (c *client) sse(path, last string) (next func() (id string, e events.Event)) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return func() (id string, e events.Event) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &e); err != nil {
					c.t.Fatal(err)
				}
				return id, e
			}
		}
		c.t.Fatal("the stream has ended")
		return
	}
}

func TestTheLogIsFollowedLiveAndGoneOnWith(t *testing.T) {
	c := start(t, api.Config{})
	before := c.system.Submit("before", "x")
	c.system.Until(func() bool { return c.system.Hub.Positions()[before.Shard] >= before.Seq })
	next := c.sse("/v1/events", "")
	c.system.Submit("d1", "x")
	id, e := next()
	if e.Slot.Document != "d1" || e.Slot.Kind != events.Submitted {
		t.Fatalf("first event is %s, want the submission of d1", e.ID())
	}
	c.system.Submit("d2", "x")
	c.system.Submit("d3", "x")
	c.system.Await("d3", "running")
	c.system.Await("d2", "running")
	next = c.sse("/v1/events", id)
	got := make(map[events.DocumentID]bool)
	for range 2 {
		_, e := next()
		got[e.Slot.Document] = true
	}
	if !got["d2"] || !got["d3"] {
		t.Errorf("after %s came %v, want d2 and d3", id, got)
	}
	one := c.sse("/v1/events?document=d2", "")
	c.system.Step("d3", "location", events.Completed, `{}`)
	c.system.Step("d2", "location", events.Completed, `{}`)
	if _, e := one(); e.Slot.Document != "d2" {
		t.Errorf("the stream of d2 has an event of %s", e.Slot.Document)
	}
	c.want(c.get("/v1/events", "Last-Event-ID", "nonsense"), http.StatusBadRequest)
}

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	var file []byte
	var want api.Keys
	for _, name := range []string{"a", "b"} {
		k, _, err := api.NewKey(name, api.Operating)
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		want, file = append(want, k), append(append(file, line...), '\n')
	}
	got, err := api.ReadKeys(file)
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("keys %+v, %v; want %+v", got, err, want)
	}
	for name, wrong := range map[string]string{
		"nothing":      ``,
		"twice":        string(file) + string(file),
		"no role":      `{"name":"a","sha256":"` + want[0].Hash + `"}`,
		"the key":      `{"name":"a","role":"admin","sha256":"docsaga_x"}`,
		"unknown":      `{"name":"a","role":"admin","sha256":"` + want[0].Hash + `","more":1}`,
		"unknown role": `{"name":"a","role":"root","sha256":"` + want[0].Hash + `"}`,
	} {
		if _, err := api.ReadKeys([]byte(wrong)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
