package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
)

func TestACloudEventSaysWhoseKeySentItAndTakesNobodysName(t *testing.T) {
	var keys api.Keys
	var secrets []string
	for _, name := range []string{"scanner", "eve"} {
		key, secret, err := api.NewKey(name, api.Submitter)
		if err != nil {
			t.Fatal(err)
		}
		keys, secrets = append(keys, key), append(secrets, secret)
	}
	c := start(t, api.Config{Keys: keys})
	const event = `{"specversion":"1.0","id":"1","source":"/erp","type":"t","data":{"location":"https://example.com/a.pdf"}}`
	seen := make(map[any]bool)
	for i, key := range keys {
		c.key = secrets[i]
		r := c.want(c.post("/v1/documents", event, "Content-Type", "application/cloudevents+json"), http.StatusAccepted)
		id, _ := r.member(t, "document").(string)
		if r.member(t, "new") != true || seen[id] {
			t.Errorf("what %s sends is the document of another: %s", key.Name, r.body)
		}
		seen[id] = true
		again := c.want(c.post("/v1/documents", event, "Content-Type", "application/cloudevents+json"), http.StatusAccepted)
		if again.member(t, "new") != false || again.member(t, "document") != id {
			t.Errorf("the same again is another: %s", again.body)
		}
		if told := c.want(c.get("/v1/documents/"+id+"/events"), http.StatusOK); !strings.Contains(string(told.body), `"actor":"`+key.Name+`"`) {
			t.Errorf("nothing says that %s sent %s", key.Name, told.body)
		}
	}
}
