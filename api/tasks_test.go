package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
)

func TestATaskIsClaimedAndCompletedByWhoMay(t *testing.T) {
	var keys api.Keys
	secrets := make(map[string]string)
	for name, groups := range map[string][]string{"ann": {"accounting"}, "ben": {"accounting"}, "carl": {"sales"}} {
		k, secret, err := api.NewKey(name, api.Submitter)
		if err != nil {
			t.Fatal(err)
		}
		k.Groups = groups
		keys, secrets[name] = append(keys, k), secret
	}
	c := start(t, api.Config{Keys: keys})
	c.system.Approve("d")
	as := func(name string) *client {
		c.key = secrets[name]
		return c
	}
	list := c.want(as("carl").get("/v1/tasks"), http.StatusOK)
	if !strings.Contains(string(list.body), `"step":"approve"`) || !strings.Contains(string(list.body), `"candidateGroups":["accounting"]`) {
		t.Errorf("tasks %s", list.body)
	}
	if mine := c.want(as("carl").get("/v1/tasks?mine=true"), http.StatusOK); string(mine.body) != `{"tasks":[]}`+"\n" {
		t.Errorf("tasks of one who may do none: %s", mine.body)
	}
	task := "/v1/documents/d/tasks/approve/"
	c.want(as("carl").post(task+"claim", `{}`), http.StatusForbidden)
	c.want(as("carl").post(task+"complete", `{"output":{"approved":true},"actor":"ann","groups":["accounting"]}`), http.StatusForbidden)
	c.want(as("ann").post(task+"claim", `{}`), http.StatusOK)
	c.want(as("ben").post(task+"complete", `{"output":{"approved":true}}`), http.StatusConflict)
	c.want(as("ann").post(task+"complete", `{"output":{"approved":"yes"}}`), http.StatusUnprocessableEntity)
	c.want(as("ann").post("/v1/documents/d/tasks/other/complete", `{}`), http.StatusConflict)
	done := c.want(as("ann").post(task+"complete", `{"output":{"approved":true},"reason":"looks right"}`), http.StatusOK)
	if !strings.Contains(string(done.body), `"actor":"ann"`) {
		t.Errorf("completed: %s", done.body)
	}
	c.system.Await("d", "completed")
	c.want(as("ann").post(task+"complete", `{"output":{"approved":true}}`), http.StatusConflict)
	if list := c.want(c.get("/v1/tasks"), http.StatusOK); strings.Contains(string(list.body), "approve") {
		t.Errorf("a task that is done is still listed: %s", list.body)
	}
}
