package console

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
)

type definitionRow struct {
	events.DefinitionRef
	Open, All int64
}

func (c *Console) definitions(w http.ResponseWriter, r *http.Request) error {
	refs, err := c.server.System().Target.Definitions(r.Context())
	if err != nil {
		return err
	}
	counts, err := c.server.System().Status.Counts(r.Context())
	if err != nil {
		return err
	}
	page := struct {
		Frame
		Definitions []definitionRow
		MayDeploy   bool
	}{Frame: c.frame(r, "Definitions", "Definitions"), MayDeploy: api.PersonOf(r.Context()).Role >= api.Admin}
	for _, ref := range refs {
		row := definitionRow{DefinitionRef: ref}
		for _, n := range counts {
			if n.Definition != ref.Name || n.Version != ref.Version {
				continue
			}
			row.All += n.Documents
			if !projections.Terminal(n.State) {
				row.Open += n.Documents
			}
		}
		page.Definitions = append(page.Definitions, row)
	}
	return c.show(w, http.StatusOK, "definitions", page)
}

func (c *Console) deploy(w http.ResponseWriter, r *http.Request) error {
	if api.PersonOf(r.Context()).Role < api.Admin {
		c.problem(w, r, http.StatusForbidden, "Your key may not deploy definitions.")
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
	file, _, err := r.FormFile("file")
	if err != nil {
		c.problem(w, r, http.StatusUnprocessableEntity, "No file was sent, or one that is too large.")
		return nil
	}
	defer file.Close() //nolint:errcheck // only read
	drawn, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	d, err := c.server.Deploy(r.Context(), drawn, r.FormValue("reason"))
	if err != nil {
		return err
	}
	return c.back(w, r, fmt.Sprintf("definitions/%s/%d", d.Name, d.Version))
}

type stepStatRow struct {
	api.StepView
	Open, Ended   int64
	Outcomes      string
	P50, P95, P99 string
}

type definitionPage struct {
	Frame
	View     api.DefinitionView
	Versions []int
	Steps    []stepStatRow
	Counts   string
	Before   int
	Changes  []string
}

func (c *Console) definition(w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("name"), atoi(r.PathValue("version"), 0)
	system := c.server.System()
	d, err := system.Definitions.Get(r.Context(), name, version)
	if err != nil {
		return err
	}
	stats, err := system.Status.StepStats(r.Context(), name, time.Time{})
	if err != nil {
		return err
	}
	refs, err := system.Target.Definitions(r.Context())
	if err != nil {
		return err
	}
	page := definitionPage{Frame: c.frame(r, "Definitions", name), View: api.View(d)}
	page.Drawing = fmt.Sprintf("%sdefinitions/%s/%d/drawing.bpmn", c.conf.Base, name, version)
	page.Stream = c.streamOf("definition", name)
	for _, ref := range refs {
		if ref.Name == name {
			page.Versions = append(page.Versions, ref.Version)
		}
	}
	if err := page.count(d, stats); err != nil {
		return err
	}
	if slices.Contains(page.Versions, version-1) {
		before, err := system.Definitions.Get(r.Context(), name, version-1)
		if err != nil {
			return err
		}
		page.Before, page.Changes = version-1, changes(api.View(before), page.View)
	}
	return c.show(w, http.StatusOK, "definition", page)
}

// count puts the statistics beside the steps.
func (p *definitionPage) count(d *saga.Definition, stats []sqlstore.StepStat) error {
	here := make(map[string]int64)
	for _, step := range p.View.Steps {
		row := stepStatRow{StepView: step, P50: "–", P95: "–", P99: "–"}
		for _, s := range stats {
			if s.Step != step.Step || s.Version != p.View.Version {
				continue
			}
			row.Open, row.Ended = s.Open, s.Ended
			var outcomes []string
			for _, outcome := range slices.Sorted(maps.Keys(s.Outcomes)) {
				outcomes = append(outcomes, fmt.Sprintf("%s %d", outcome, s.Outcomes[outcome]))
			}
			row.Outcomes = strings.Join(outcomes, ", ")
			if s.Ended > 0 {
				row.P50, row.P95, row.P99 = seconds(s.P50), seconds(s.P95), seconds(s.P99)
			}
			if s.Open > 0 {
				here[element(d, s.Step)] = s.Open
			}
		}
		p.Steps = append(p.Steps, row)
	}
	raw, err := json.Marshal(here)
	p.Counts = string(raw)
	return err
}

func seconds(s float64) string { return duration(time.Duration(s * float64(time.Second))) }

// changes says in what two versions differ.
func changes(before, after api.DefinitionView) []string {
	lines := func(v api.DefinitionView) map[string]bool {
		set := make(map[string]bool)
		for _, s := range v.Steps {
			set[fmt.Sprintf("step %s (%s) by %s, undone by %s", s.Step, s.Name, s.Service, orNobody(s.Undo))] = true
		}
		for _, h := range v.Hops {
			set[fmt.Sprintf("hop %s → %s, %s", h.From, h.To, h.Reach)] = true
		}
		return set
	}
	old, now := lines(before), lines(after)
	var list []string
	for _, line := range slices.Sorted(maps.Keys(old)) {
		if !now[line] {
			list = append(list, "no longer: "+line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(now)) {
		if !old[line] {
			list = append(list, "new: "+line)
		}
	}
	return list
}

func orNobody(service string) string {
	if service == "" {
		return "nobody"
	}
	return service
}

func (c *Console) drawing(w http.ResponseWriter, r *http.Request) error {
	drawn, err := c.server.System().Target.Definition(r.Context(), r.PathValue("name"), atoi(r.PathValue("version"), 0))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(drawn) // the client has gone
	return nil
}
