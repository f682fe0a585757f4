// Package deploy_test holds what operators are given to what the program does.
package deploy_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
	"github.com/docsaga/docsaga/events"
)

type seven struct{}

func (seven) Waiting(context.Context) (map[string]uint64, error) {
	return map[string]uint64{"parsing": 7}, nil
}

// printed returns what /metrics prints when there is something of everything:
// the labels of each metric, with the values that each has.
func printed(t *testing.T) map[string]map[string]map[string]bool {
	t.Helper()
	system := apitest.Start(t)
	system.Queues = seven{}
	system.Submit("good", "x")
	system.Verify("good")
	system.Submit("stuck", "x")
	system.Step("stuck", "location", events.Completed, `{}`)
	system.Step("stuck", "security", events.Rejected, "malware")
	system.Undone("stuck", "location", 1, events.Failed)
	system.Await("stuck", "incident")
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil)
	r.RemoteAddr = "127.0.0.1:1"
	api.New(system.System, system.Hub, api.Config{Logger: slog.New(slog.DiscardHandler)}).Handler().ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %s, %v", w.Code, raw, err)
	}
	all := make(map[string]map[string]map[string]bool)
	label := regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
	for line := range strings.Lines(string(raw)) {
		name := regexp.MustCompile(`^[a-z_]+`).FindString(line)
		if name == "" {
			continue
		}
		if all[name] == nil {
			all[name] = make(map[string]map[string]bool)
		}
		for _, m := range label.FindAllStringSubmatch(line, -1) {
			if all[name][m[1]] == nil {
				all[name][m[1]] = make(map[string]bool)
			}
			all[name][m[1]][m[2]] = true
		}
	}
	return all
}

// An expression is what is asked of Prometheus, and where.
type expression struct{ where, text string }

// dashboard returns what the panels of the dashboard ask.
func dashboard(t *testing.T) (list []expression) {
	t.Helper()
	raw, err := os.ReadFile("grafana/docsaga.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	ids := make(map[int]bool)
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q: its id is taken, it asks nothing, or it is too wide", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			list = append(list, expression{p.Title, target.Expr})
		}
	}
	return list
}

// alerts returns what the alerts ask.
func alerts(t *testing.T) (list []expression) {
	t.Helper()
	raw, err := os.ReadFile("prometheus/docsaga.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalWithOptions(raw, &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("alert %q lacks a name, a severity or a summary", r.Alert)
			}
			list = append(list, expression{r.Alert, r.Expr})
		}
	}
	return list
}

func TestDashboardAndAlertsAskForWhatThereIs(t *testing.T) {
	metrics := printed(t)
	list := append(dashboard(t), alerts(t)...)
	if len(list) < 20 {
		t.Fatalf("%d expressions were found", len(list))
	}
	metric := regexp.MustCompile(`\b(docsaga_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher := regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	asked := make(map[string]bool)
	for _, e := range list {
		labels := make(map[string]bool)
		for _, m := range metric.FindAllStringSubmatch(e.text, -1) {
			asked[m[1]] = true
			if metrics[m[1]] == nil {
				t.Errorf("%s asks for %s, which /metrics does not print", e.where, m[1])
			}
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				if metrics[m[1]][l[1]] == nil {
					t.Errorf("%s asks for label %s of %s, which has none", e.where, l[1], m[1])
				}
				if l[1] == "quantile" && !metrics[m[1]][l[1]][l[3]] {
					t.Errorf("%s asks for quantile %s of %s", e.where, l[3], m[1])
				}
			}
			for name := range metrics[m[1]] {
				labels[name] = true
			}
		}
		for _, group := range by.FindAllStringSubmatch(e.text, -1) {
			for name := range strings.SplitSeq(group[1], ", ") {
				if !labels[name] {
					t.Errorf("%s groups by %s, which no metric of it has", e.where, name)
				}
			}
		}
		if strings.Count(e.text, "(") != strings.Count(e.text, ")") || strings.Count(e.text, "{") != strings.Count(e.text, "}") {
			t.Errorf("%s: brackets of %s", e.where, e.text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if !asked[name] {
			t.Errorf("%s is printed, and neither dashboard nor alert looks at it", name)
		}
	}
}
