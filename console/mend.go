package console

import (
	"net/http"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// maxMended is how many documents of a group are mended at once, and shown.
const maxMended = 200

type troubleGroup struct {
	sqlstore.TroubleGroup
	Troubles []projections.Trouble
}

type incidentsPage struct {
	Frame
	Groups     []troubleGroup
	MayOperate bool
	Results    []api.BulkResult
}

func (c *Console) incidents(w http.ResponseWriter, r *http.Request) error {
	return c.showIncidents(w, r, nil)
}

func (c *Console) showIncidents(w http.ResponseWriter, r *http.Request, results []api.BulkResult) error {
	status := c.server.System().Status
	groups, err := status.TroubleGroups(r.Context())
	if err != nil {
		return err
	}
	page := incidentsPage{Frame: c.frame(r, "Incidents", "Incidents"), MayOperate: api.PersonOf(r.Context()).Role >= api.Operating, Results: results}
	for _, g := range groups {
		troubles, err := status.Troubles(r.Context(), g.Step, g.Reason, maxMended)
		if err != nil {
			return err
		}
		page.Groups = append(page.Groups, troubleGroup{g, troubles})
	}
	return c.show(w, http.StatusOK, "incidents", page)
}

// mend does a verb for all documents of a group.
func (c *Console) mend(w http.ResponseWriter, r *http.Request) error {
	step := events.StepID(plain(r.FormValue("step")))
	troubles, err := c.server.System().Status.Troubles(r.Context(), step, plain(r.FormValue("why")), maxMended)
	if err != nil {
		return err
	}
	results := []api.BulkResult{}
	var last *events.Event
	for _, t := range troubles {
		e, err := c.command(w, r, t.Document)
		if err == nil && e == nil {
			return nil
		}
		result := api.BulkResult{Document: t.Document, OK: err == nil}
		if err != nil {
			_, result.Error = c.server.Problem(err)
		} else {
			result.Position, last = e.Position.String(), e
		}
		results = append(results, result)
	}
	if last != nil {
		c.wait(r, last.Position)
	}
	return c.showIncidents(w, r, results)
}
