package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

func TestAMessageReachesTheOneThatWaitsForItsKeyOnce(t *testing.T) {
	c := start(t, api.Config{})
	c.system.Order("a", "order-a")
	c.system.Order("b", "order-b")
	list := c.want(c.get("/v1/messages"), http.StatusOK)
	for _, want := range []string{`"document":"a"`, `"name":"paid"`, `"key":"order-b"`, `"step":"pay"`, `"signal":false`} {
		if !strings.Contains(string(list.body), want) {
			t.Errorf("what waits has no %s: %s", want, list.body)
		}
	}
	body := `{"name":"paid","key":"order-a","id":"payment-1","data":{"amount": 12}}`
	told := c.want(c.post("/v1/messages", body), http.StatusAccepted)
	if told.member(t, "id") != "payment-1" || told.member(t, "sequence") != 1.0 || told.member(t, "expires") == nil {
		t.Errorf("told %s", told.body)
	}
	c.system.Until(func() bool { return strings.Contains(string(c.get("/v1/documents/a/events").body), `"amount":12`) })
	again := c.want(c.post("/v1/messages", strings.Replace(body, ": 12", ":12", 1)), http.StatusAccepted)
	if again.member(t, "sequence") != 1.0 {
		t.Errorf("the same again is another: %s", again.body)
	}
	c.want(c.post("/v1/messages", strings.Replace(body, "12", "13", 1)), http.StatusConflict)
	c.want(c.post("/v1/signals", `{"name":"paid","id":"payment-1"}`), http.StatusConflict)
	if d := c.want(c.get("/v1/documents/b"), http.StatusOK); !strings.Contains(string(d.body), `"step":"pay"`) {
		t.Errorf("the document of another key moved: %s", d.body)
	}
	one := c.want(c.get("/v1/messages?document=a"), http.StatusOK)
	if !strings.Contains(string(one.body), `"name":"stock-closed"`) || strings.Contains(string(one.body), `"paid"`) {
		t.Errorf("a waits for %s", one.body)
	}
	if none := c.want(c.get("/v1/messages?name=nobody"), http.StatusOK); string(none.body) != `{"waits":[]}`+"\n" {
		t.Errorf("waits for a name that nobody waits for: %s", none.body)
	}
	c.want(c.get("/v1/messages?document=nobody"), http.StatusNotFound)
}

func TestASignalReachesAllThatWaitForIt(t *testing.T) {
	c := start(t, api.Config{})
	for _, id := range []events.DocumentID{"a", "b"} {
		c.system.Order(id, string(id))
		c.want(c.post("/v1/messages", fmt.Sprintf(`{"name":"paid","key":%q}`, id)), http.StatusAccepted)
		c.system.Until(func() bool {
			return strings.Contains(string(c.get("/v1/messages?document="+string(id)).body), "stock-closed")
		})
	}
	c.want(c.post("/v1/signals", `{"name":"stock-closed","data":{"until":"monday"}}`, "Idempotency-Key", "k"), http.StatusAccepted)
	c.want(c.post("/v1/signals", `{"name":"stock-closed","data":{"until":"tuesday"}}`, "Idempotency-Key", "k"), http.StatusConflict)
	for _, id := range []events.DocumentID{"a", "b"} {
		c.system.Await(id, "completed")
	}
	if list := c.want(c.get("/v1/messages"), http.StatusOK); string(list.body) != `{"waits":[]}`+"\n" {
		t.Errorf("after the end, still %s", list.body)
	}
}

func TestAMessageOfNobodyOrOfNonsenseIsRefused(t *testing.T) {
	viewer, secret, err := api.NewKey("eve", api.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, api.Config{Keys: api.Keys{viewer}})
	c.want(c.post("/v1/messages", `{"name":"paid"}`), http.StatusUnauthorized)
	c.key = secret
	c.want(c.post("/v1/messages", `{"name":"paid"}`), http.StatusForbidden)
	c.want(c.post("/v1/signals", `{"name":"paid"}`), http.StatusForbidden)
	c.want(c.get("/v1/messages"), http.StatusOK)

	c = start(t, api.Config{})
	for name, body := range map[string]string{
		"no name": `{}`, "empty name": `{"name":""}`, "id": `{"name":"paid","id":"a.b"}`, "ttl": `{"name":"paid","ttlSeconds":-1}`,
		"long ttl": `{"name":"paid","ttlSeconds":99999999}`, "member": `{"name":"paid","more":1}`, "name of many bytes": `{"name":"` + strings.Repeat("ü", 200) + `"}`,
	} {
		t.Run(name, func(t *testing.T) { c.want(c.post("/v1/messages", body), http.StatusUnprocessableEntity) })
	}
	c.want(c.post("/v1/messages", `{"name":`), http.StatusBadRequest)
	big := `{"name":"paid","data":"` + strings.Repeat("x", events.MaxData) + `"}`
	c.want(c.post("/v1/messages", big), http.StatusRequestEntityTooLarge)
}

func TestWhatWaitsIsListedPageByPage(t *testing.T) {
	c := start(t, api.Config{})
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("d-%d", i)
		want = append(want, id)
		c.system.Order(events.DocumentID(id), id)
		c.system.Approve(events.DocumentID("t" + id))
	}
	for path, prefix := range map[string]string{"/v1/messages": "", "/v1/tasks": "t"} {
		var got []string
		token := ""
		for {
			page := c.want(c.get(path+"?limit=3&pageToken="+token), http.StatusOK)
			list, _ := page.member(t, map[string]string{"/v1/messages": "waits", "/v1/tasks": "tasks"}[path]).([]any)
			if len(list) > 3 {
				t.Fatalf("%s: a page of %d", path, len(list))
			}
			for _, w := range list {
				got = append(got, strings.TrimPrefix(w.(map[string]any)["document"].(string), prefix))
			}
			next, more := page.member(t, "nextPageToken").(string)
			if !more {
				break
			}
			token = next
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", path, got, want)
		}
		c.want(c.get(path+"?pageToken=forged"), http.StatusBadRequest)
		c.want(c.get(path+"?pageToken="+token[:len(token)-2]+"AA"), http.StatusBadRequest)
	}
}
