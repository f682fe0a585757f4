package api_test

import (
	"net/http"
	"testing"

	"github.com/docsaga/docsaga/api"
)

func TestASubmissionKeepsTheTraceThatItBelongsTo(t *testing.T) {
	c := start(t, api.Config{})
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for id, trace := range map[string]string{
		"good": good, "none": "", "short": "00-0af7-b7ad-01", "upper": "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
		"markup": "00-0af7651916cd43dd8448eb211c80319c-<b>d6b7169203331-01", "longer": good + "-02",
	} {
		c.want(c.post("/v1/documents", `{"document":"`+id+`","location":"https://example.com/"}`, "Traceparent", trace), http.StatusAccepted)
		list := c.want(c.get("/v1/documents/"+id+"/events"), http.StatusOK).member(t, "events").([]any)
		if kept, _ := list[0].(map[string]any)["traceparent"].(string); kept != map[string]string{"good": good}[id] {
			t.Errorf("%s: trace %q", id, kept)
		}
	}
}
