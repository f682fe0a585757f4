package api_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

const forgetBody = `{"reason":"request 17"}`

// located submits a file and brings it past its first step. It returns the
// file's digest.
func (c *client) located(id, content string) (digest string) {
	c.t.Helper()
	digest = fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	c.want(c.upload(content, "document", id), http.StatusAccepted)
	c.system.Step(events.DocumentID(id), "location", events.Completed,
		fmt.Sprintf(`{"file":{"ref":"sha256:%s","size":%d,"mediaType":"application/pdf"}}`, digest, len(content)))
	c.system.Await(events.DocumentID(id), "running")
	c.want(c.get("/v1/documents/"+id+"/files/"+digest), http.StatusOK)
	return digest
}

// rejected is located, and the next step rejects it.
func (c *client) rejected(id, content string) (digest string) {
	c.t.Helper()
	digest = c.located(id, content)
	c.system.Step(events.DocumentID(id), "security", events.Rejected, "malware")
	c.system.Undone(events.DocumentID(id), "location", 1, events.Completed)
	c.system.Await(events.DocumentID(id), "rejected")
	return digest
}

func TestOnlyAnAdministratorMayForget(t *testing.T) {
	var keys api.Keys
	secrets := make(map[api.Role]string)
	for role := api.Viewer; role <= api.Admin; role++ {
		k, secret, err := api.NewKey("k-"+role.String(), role)
		if err != nil {
			t.Fatal(err)
		}
		keys, secrets[role] = append(keys, k), secret
	}
	c := start(t, api.Config{Keys: keys})
	c.key = secrets[api.Submitter]
	digest := c.rejected("d", "%PDF-1.7 of Anna")
	for role := api.Viewer; role < api.Admin; role++ {
		c.key = secrets[role]
		c.want(c.post("/v1/documents/d/forget", forgetBody), http.StatusForbidden)
	}
	c.key = ""
	c.want(c.post("/v1/documents/d/forget", forgetBody), http.StatusUnauthorized)
	c.key = secrets[api.Admin]
	c.want(c.get("/v1/documents/d/files/"+digest), http.StatusOK)
	r := c.want(c.post("/v1/documents/d/forget", `{"reason":"request 17","actor":"somebody else"}`), http.StatusUnprocessableEntity)
	if strings.Contains(string(r.body), "forgotten") {
		t.Errorf("an unknown member was taken: %s", r.body)
	}
	c.want(c.get("/v1/documents/d/files/"+digest), http.StatusOK)
	r = c.want(c.post("/v1/documents/d/forget", forgetBody), http.StatusOK)
	if !strings.Contains(string(r.body), `"actor":"k-admin"`) || !strings.Contains(string(r.body), `"reason":"request 17"`) || r.header.Get("Saga-Position") == "" {
		t.Errorf("it does not say who and why, and where: %v %s", r.header, r.body)
	}
}

func TestWhatCannotBeForgottenIsLeftAsItIs(t *testing.T) {
	c := start(t, api.Config{})
	digest := c.located("d", "%PDF-1.7 of Anna")
	before := c.want(c.get("/v1/documents/d/events"), http.StatusOK)
	if r := c.want(c.post("/v1/documents/d/forget", forgetBody), http.StatusConflict); !strings.Contains(string(r.body), "cancel it first") {
		t.Errorf("an open document: %s; want what to do", r.body)
	}
	c.want(c.post("/v1/documents/nobody/forget", forgetBody), http.StatusNotFound)
	c.want(c.post("/v1/documents/d/forget", `{}`), http.StatusUnprocessableEntity)
	c.want(c.post("/v1/documents/d/forget", `{"reason":""}`), http.StatusUnprocessableEntity)
	for _, dry := range []string{"true", "false"} { // many at once are not forgotten by a filter, nor is it planned
		c.want(c.post("/v1/operations", `{"verb":"forget","reason":"why","filter":{},"dryRun":`+dry+`}`), http.StatusUnprocessableEntity)
	}
	if after := c.want(c.get("/v1/documents/d/events"), http.StatusOK); string(after.body) != string(before.body) {
		t.Errorf("events %s, before %s", after.body, before.body)
	}
	c.want(c.get("/v1/documents/d/files/"+digest), http.StatusOK)
}

func TestWhatIsForgottenKeepsItsWayAndNoFiles(t *testing.T) {
	c := start(t, api.Config{})
	digest, other := c.rejected("d", "%PDF-1.7 of Anna"), c.rejected("e", "%PDF-1.7 of Ben")
	first := c.want(c.post("/v1/documents/d/forget", forgetBody), http.StatusOK)
	again := c.want(c.post("/v1/documents/d/forget", `{"reason":"another"}`), http.StatusOK)
	if again.header.Get("Saga-Position") != first.header.Get("Saga-Position") || !strings.Contains(string(again.body), "request 17") {
		t.Errorf("forgotten twice: %s, then %s", first.body, again.body)
	}
	at := []string{"Saga-Min-Position", first.header.Get("Saga-Position"), "Prefer", "wait=10"}
	d := c.want(c.get("/v1/documents/d", at...), http.StatusOK)
	if d.member(t, "state") != "rejected" || d.member(t, "forgottenAt") == nil || strings.Contains(string(d.body), "bill") {
		t.Errorf("document %s; want its state, since when it is forgotten, and not its name", d.body)
	}
	c.want(c.get("/v1/documents/d/files/"+digest), http.StatusNotFound)
	c.want(c.get("/v1/documents/e/files/"+other), http.StatusOK)
	if steps := c.want(c.get("/v1/documents/d/steps"), http.StatusOK); !strings.Contains(string(steps.body), `"malware"`) {
		t.Errorf("steps %s, want why it was rejected", steps.body)
	}
	list := c.want(c.get("/v1/documents/d/events"), http.StatusOK).member(t, "events").([]any)
	var types []string
	for _, e := range list {
		types = append(types, e.(map[string]any)["type"].(string))
	}
	want := "docsaga.document.submitted docsaga.location.completed docsaga.security.rejected docsaga.location.undo docsaga.location.undone docsaga.document.rejected docsaga.document.forgotten"
	if strings.Join(types, " ") != want {
		t.Errorf("events %v, want %s", types, want)
	}
}
