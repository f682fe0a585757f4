package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
)

func TestMetricsSayWhatTheLogHolds(t *testing.T) {
	c := start(t, api.Config{})
	c.system.Submit("good", "x")
	c.system.Verify("good")
	c.system.Reject("bad", "x")
	c.system.Submit("stuck", "x")
	c.system.Step("stuck", "location", events.Completed, `{}`)
	c.system.Step("stuck", "security", events.Rejected, "malware\n\"quoted\"")
	c.system.Undone("stuck", "location", 1, events.Failed)
	c.system.Await("stuck", "incident")
	r := c.want(c.get("/metrics"), http.StatusOK)
	if !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("type %s", r.header.Get("Content-Type"))
	}
	text := string(r.body)
	for _, want := range []string{
		`docsaga_submissions_total{definition="pdf-validation"} 3`,
		`docsaga_documents{definition="pdf-validation",state="incident"} 1`,
		`docsaga_outcomes_total{definition="pdf-validation",step="location",outcome="completed",reason=""} 3`,
		`docsaga_outcomes_total{definition="pdf-validation",step="validation",outcome="rejected",reason="invoice-rules"} 1`,
		`reason="malware\"quoted\""} 1`,
		`docsaga_step_seconds{definition="pdf-validation",version="1",step="records",quantile="0.99"}`,
		`docsaga_incidents{definition="pdf-validation",kind="undo-failed"} 1`,
		`docsaga_projection_lag_events{shard="0"} 0`,
		`docsaga_watchers 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.e+-]+)$`)
	for l := range strings.Lines(text) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("not in Prometheus' format: %q", l)
		}
	}
}

func TestMetricsHaveABoundedNumberOfReasons(t *testing.T) {
	c := start(t, api.Config{})
	for i := range 30 {
		id := events.DocumentID(fmt.Sprintf("d-%d", i))
		c.system.Submit(id, "x")
		c.system.Step(id, "location", events.Rejected, fmt.Sprintf("reason-%d", i))
		c.system.Await(id, "rejected")
	}
	text := string(c.want(c.get("/metrics"), http.StatusOK).body)
	if n := strings.Count(text, `step="location",outcome="rejected"`); n != 21 {
		t.Errorf("%d series of rejections, want 20 and the others", n)
	}
	if !strings.Contains(text, `outcome="rejected",reason="other"} 10`) {
		t.Errorf("the others are not summed up:\n%s", text)
	}
}

func TestWhoHasNoKeySeesNoMetricsButWhetherTheServerLives(t *testing.T) {
	viewer, secret, err := api.NewKey("prometheus", api.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, api.Config{Keys: api.Keys{viewer}})
	c.want(c.get("/metrics"), http.StatusUnauthorized)
	for path, word := range map[string]string{"/healthz": "alive", "/readyz": "ready"} {
		if r := c.want(c.get(path), http.StatusOK); string(r.body) != `{"status":"`+word+`"}`+"\n" {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	c.key = secret
	c.want(c.get("/metrics"), http.StatusOK)
	if err := c.system.Status.Close(); err != nil {
		t.Fatal(err)
	}
	if r := c.get("/readyz"); r.status != http.StatusServiceUnavailable || r.member(t, "status") != "not ready" {
		t.Errorf("without a database: %d %s", r.status, r.body)
	}
	c.want(c.get("/healthz"), http.StatusOK)
}
