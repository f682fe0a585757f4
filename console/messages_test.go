package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
)

func TestMessagesAndSignalsAreToldInAForm(t *testing.T) {
	s := start(t, api.Config{}, "")
	s.has(s.get("/messages", http.StatusOK), "No document waits for a message or signal", `<a href="/messages" aria-current="page">`)
	s.system.Order("d", hostile[:8]+"<b>7")
	page := s.get("/messages", http.StatusOK)
	s.has(page, "message paid", "&lt;b&gt;7", `href="/documents/d"`)
	s.post("/messages", url.Values{"kind": {"message"}, "name": {""}}, http.StatusUnprocessableEntity)
	s.post("/messages", url.Values{"kind": {"message"}, "name": {"paid"}, "data": {"{"}}, http.StatusUnprocessableEntity)
	page = s.post("/messages", url.Values{"kind": {"message"}, "name": {"<i>nobody"}, "key": {"x"}}, http.StatusOK)
	s.has(page, "Message &lt;i&gt;nobody is told", "kept until")
	s.post("/messages", url.Values{"kind": {"message"}, "name": {"paid"}, "key": {hostile[:8] + "<b>7"}, "data": {`{"amount":1}`}}, http.StatusOK)
	s.system.Until(func() bool { return strings.Contains(s.get("/messages", http.StatusOK), "signal stock-closed") })
	s.post("/messages", url.Values{"kind": {"signal"}, "name": {"stock-closed"}, "key": {"is left out"}}, http.StatusOK)
	s.system.Await("d", "completed")
	twice := url.Values{"id": {"once"}, "kind": {"message"}, "name": {"paid"}}
	s.has(s.post("/messages", twice, http.StatusOK), "told as once")
	s.has(s.post("/messages", twice, http.StatusOK), "told as once")
	s.post("/messages", url.Values{"id": {"once"}, "kind": {"message"}, "name": {"other"}}, http.StatusConflict)
	s.has(s.get("/documents/d?n=2", http.StatusOK), `&#34;amount&#34;: 1`)
}

func TestAViewerMayNotTell(t *testing.T) {
	viewer, secret, err := api.NewKey("eve", api.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, api.Config{Keys: api.Keys{viewer}}, "")
	s.post("/login", url.Values{"key": {secret}}, http.StatusOK)
	if page := s.get("/messages", http.StatusOK); strings.Contains(page, "<h2>Tell</h2>") {
		t.Error("a viewer is shown what it may not do")
	}
	s.post("/messages", url.Values{"kind": {"signal"}, "name": {"x"}}, http.StatusForbidden)
}
