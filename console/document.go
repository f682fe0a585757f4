package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// maxPayload is how much of a payload a page shows, in bytes.
const maxPayload = 64 << 10

// A Moment is a document after one of its events.
type Moment struct {
	N, Of   int
	Record  *projections.Record
	Shown   Shown
	Ended   bool
	Steps   []stepRow
	Undo    []api.Undo
	Event   *events.Event
	Payload string
	Marks   string // JSON: element -> mark
}

type stepRow struct {
	projections.Step
	Took string
}

type timelineRow struct {
	*events.Event
	N      int
	Type   string
	Reason string
	After  string
	Cause  string
}

type documentPage struct {
	Frame
	Moment
	ID       events.DocumentID
	Name     string
	Timeline []timelineRow
	Verbs    []string
	Waiting  []events.StepID
	// Forgotten is when what it held was erased, nil if it was not.
	Forgotten *time.Time
	Files     []api.FileEntry
	Pictures  []string
	Kept      string
}

func (c *Console) document(w http.ResponseWriter, r *http.Request) error {
	page, _, err := c.documentPage(r)
	if err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "document", page)
}

// documentPage returns all about a document, and the definitions that it has
// followed, by version; one that cannot be had is missing.
func (c *Console) documentPage(r *http.Request) (*documentPage, map[int]*saga.Definition, error) {
	id := events.DocumentID(r.PathValue("document"))
	now, history, err := c.server.Past(r.Context(), id, "")
	if err != nil {
		return nil, nil, err
	}
	versions, err := catalog.Versions(r.Context(), c.server.System().Definitions, history)
	if err != nil {
		return nil, nil, err
	}
	n := max(1, min(atoi(r.URL.Query().Get("n"), len(history)), len(history)))
	moment, err := at(versions, history, n)
	if err != nil {
		return nil, nil, err
	}
	page := &documentPage{
		Frame: c.frame(r, "Documents", string(id)), Moment: moment, ID: id, Name: now.Name,
		Timeline: timeline(history), Forgotten: now.ForgottenAt, Verbs: verbs(now, api.PersonOf(r.Context()).Role), Waiting: waiting(now),
	}
	page.Stream = c.streamOf("document", string(id))
	page.Drawing = fmt.Sprintf("%sdefinitions/%s/%d/drawing.bpmn", c.conf.Base, now.Definition, now.Version)
	if now.Name != "" {
		page.Title = now.Name
	}
	if page.Files, err = c.server.Files(r.Context(), id); err != nil {
		return nil, nil, err
	}
	for i := range page.Files {
		f := &page.Files[i]
		f.URL = c.conf.Base + strings.TrimPrefix(f.URL, "/")
		if strings.HasPrefix(f.MediaType, "image/") && len(page.Pictures) < 200 {
			page.Pictures = append(page.Pictures, f.URL+"?inline=true")
		}
	}
	if records := c.server.System().Records; records != nil {
		if raw, err := records.Record(r.Context(), id); err == nil {
			page.Kept = indent(raw)
		}
	}
	return page, versions, nil
}

// at returns a document after the first n events of its history.
func at(versions map[int]*saga.Definition, history []events.Event, n int) (Moment, error) {
	record, err := projections.Replay(versions, history[:n])
	if err != nil {
		return Moment{}, err
	}
	d := versions[record.Version]
	m := Moment{
		N: n, Of: len(history), Record: record, Shown: shown(record.State, record.Definition), Ended: projections.Terminal(record.State),
		Undo: api.UndoOf(d, record), Event: &history[n-1], Payload: indent(history[n-1].Data),
	}
	marks := make(map[string]string)
	for _, s := range record.Steps {
		marks[element(d, s.Step)] = mark(&s)
		row := stepRow{Step: s}
		if s.EndedAt != nil {
			row.Took = duration(s.EndedAt.Sub(s.StartedAt))
		}
		m.Steps = append(m.Steps, row)
	}
	raw, err := json.Marshal(marks)
	m.Marks = string(raw)
	return m, err
}

// element returns the id that a step has in its drawing.
func element(d *saga.Definition, step events.StepID) string {
	if d != nil {
		if n, ok := d.Node(step); ok && d.Nodes[n].Element != "" {
			return d.Nodes[n].Element
		}
	}
	return string(step)
}

// mark returns how a step is drawn.
func mark(s *projections.Step) string {
	switch {
	case s.Undone:
		return "undone"
	case s.Outcome == "":
		return "at"
	case s.Outcome == projections.Completed:
		return "done"
	case s.Outcome == projections.Cancelled:
		return "stopped"
	}
	return "failed"
}

// indent returns JSON for people, cut if it is long.
func indent(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		b.Reset()
		_, _ = b.Write(raw) // never fails
	}
	if b.Len() > maxPayload {
		return strings.ToValidUTF8(b.String()[:maxPayload], "") + fmt.Sprintf("\n... %d bytes more", b.Len()-maxPayload)
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

func timeline(history []events.Event) []timelineRow {
	rows := make([]timelineRow, len(history))
	when := make(map[string]int, len(history))
	for i := range history {
		e := &history[i]
		rows[i] = timelineRow{Event: e, N: i + 1, Type: e.Type(), Cause: strings.TrimPrefix(e.Cause, string(e.Slot.Document)+".")}
		if e.Slot.Visit > 1 {
			rows[i].Type += fmt.Sprintf(" #%d", e.Slot.Visit)
		}
		if cause, ok := when[e.Cause]; ok {
			rows[i].After = duration(e.At.Sub(history[cause].At))
		}
		if data, err := events.ParseData(e.Data); err == nil {
			if data.Error != nil {
				rows[i].Reason = strings.TrimSpace(data.Error.Code + " " + data.Error.Message)
			}
			if data.By != nil {
				rows[i].Reason = strings.TrimSpace(rows[i].Reason + " by " + data.By.Actor + ": " + data.By.Reason)
			}
		}
		when[e.ID()] = i
	}
	return rows
}

// waiting returns the steps that wait for a person.
func waiting(r *projections.Record) []events.StepID {
	var steps []events.StepID
	for i := range r.Steps {
		if s := r.Steps[i].Status; s == saga.Waiting.String() || s == saga.UndoFailed.String() {
			steps = append(steps, r.Steps[i].Step)
		}
	}
	return steps
}

// verbs returns what may be done about a document, by that role.
func verbs(r *projections.Record, role api.Role) []string {
	switch {
	case role >= api.Admin && r.EndedAt != nil && r.ForgottenAt == nil:
		return []string{api.VerbForget}
	case role < api.Operating || projections.Terminal(r.State):
		return nil
	case len(waiting(r)) > 0:
		return api.Verbs()
	case r.State == projections.Incident:
		return []string{api.VerbCancel, api.VerbCompensate}
	}
	return []string{api.VerbCancel}
}
