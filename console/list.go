package console

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// patience is how long a page waits to show what its reader has just done.
const patience = 2 * time.Second

type countShown struct {
	Shown
	N int64
}

type documentRow struct {
	projections.Document
	Shown Shown
	Where string
	Took  string
}

func (c *Console) documents(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f := projections.Filter{
		State: q.Get("state"), Step: plain(q.Get("step")), Definition: plain(q.Get("definition")), Reason: plain(q.Get("reason")),
		Text: plain(q.Get("text")), Page: q.Get("page"),
	}
	page, err := c.server.System().Status.Documents(r.Context(), f)
	if err != nil {
		return err
	}
	states, err := c.server.System().Status.States(r.Context())
	if err != nil {
		return err
	}
	data := struct {
		Frame
		Filter    projections.Filter
		Filtered  bool
		Counts    []countShown
		Total     int64
		Documents []documentRow
		NextPage  string
		MaySubmit bool
	}{Frame: c.frame(r, "Documents", "Documents"), Filter: f, MaySubmit: api.PersonOf(r.Context()).Role >= api.Submitter}
	data.Filtered = f.State+f.Step+f.Definition+f.Reason+f.Text+f.Page != ""
	if r.URL.RawQuery != "" {
		data.Self += "?" + r.URL.RawQuery
	}
	for _, state := range projections.States() {
		data.Counts = append(data.Counts, countShown{shown(state, ""), states[state]})
		data.Total += states[state]
	}
	for i := range page.Documents {
		data.Documents = append(data.Documents, row(&page.Documents[i]))
	}
	if page.Next != "" {
		q.Set("page", page.Next)
		data.NextPage = c.conf.Base + "?" + q.Encode()
	}
	return c.show(w, http.StatusOK, "documents", data)
}

// plain takes out what a database may refuse.
func plain(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "") }

func row(d *projections.Document) documentRow {
	r := documentRow{Document: *d, Shown: shown(d.State, d.Definition)}
	at := d.At()
	if d.Stop != nil && d.Stop.Step != "" {
		at = []events.StepID{d.Stop.Step}
	}
	names := make([]string, len(at))
	for i, step := range at {
		names[i] = string(step)
	}
	r.Where = strings.Join(names, ", ")
	if d.EndedAt != nil {
		r.Took = duration(d.EndedAt.Sub(d.SubmittedAt))
	}
	return r
}

// duration returns a duration with about three digits.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func (c *Console) submit(w http.ResponseWriter, r *http.Request) error {
	if api.PersonOf(r.Context()).Role < api.Submitter {
		c.problem(w, r, http.StatusForbidden, "Your key may not submit documents.")
		return nil
	}
	a, err := c.server.SubmitFile(w, r)
	if err != nil {
		return err
	}
	c.wait(r, a.Position)
	return c.back(w, r, "documents/"+string(a.Document))
}

// wait gives the projections time to show what was just done; the page follows
// the log anyway.
func (c *Console) wait(r *http.Request, p events.Position) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	_ = c.server.System().Positions.Wait(ctx, p) // then the page is late, and says so by itself
}

func (c *Console) operate(w http.ResponseWriter, r *http.Request) error {
	id := events.DocumentID(r.PathValue("document"))
	e, err := c.command(w, r, id)
	if err != nil || e == nil {
		return err
	}
	c.wait(r, e.Position)
	return c.back(w, r, "documents/"+string(id))
}

// command does what a form says; it returns nil if it has answered itself.
func (c *Console) command(w http.ResponseWriter, r *http.Request, id events.DocumentID) (*events.Event, error) {
	if api.PersonOf(r.Context()).Role < api.Operating {
		c.problem(w, r, http.StatusForbidden, "Your key may not operate documents.")
		return nil, nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	reason := strings.TrimSpace(r.FormValue("reason"))
	if reason == "" || len(reason) > 4000 {
		c.problem(w, r, http.StatusUnprocessableEntity, "Say why, in at most 4000 characters: it stays in the log.")
		return nil, nil
	}
	command := api.Command{Verb: r.FormValue("verb"), Document: id, By: events.By{Actor: api.PersonOf(r.Context()).Name, Reason: reason}}
	if command.Verb == api.VerbRetry || command.Verb == api.VerbResolve {
		command.Step = events.StepID(r.FormValue("step"))
	}
	e, err := c.server.System().Operator.Do(r.Context(), command)
	if err != nil {
		return nil, err
	}
	return &e, nil
}

func (c *Console) stream(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = q.Get("since")
	}
	c.server.Stream(w, r, api.Watch{Document: events.DocumentID(q.Get("document")), Definition: q.Get("definition"), Since: since})
	return nil
}

// streamOf returns what is followed live on a page.
func (c *Console) streamOf(names ...string) string {
	q := url.Values{}
	for i := 0; i < len(names); i += 2 {
		if names[i+1] != "" {
			q.Set(names[i], names[i+1])
		}
	}
	return c.conf.Base + "stream?" + q.Encode()
}

func atoi(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}
