package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
)

// A field is one input of a task's form.
type field struct {
	Name     string
	Type     string // text, number, boolean or choice
	Required bool
	Choices  []string
}

type taskRow struct {
	tasks.Task
	Payload string // the input, for people
	Fields  []field
	Raw     bool // the form's data is given as JSON
	Mine    bool // claimed by who looks
}

type taskGroup struct {
	Name  string
	Tasks []taskRow
}

func (c *Console) tasks(w http.ResponseWriter, r *http.Request) error {
	if c.server.System().Tasks == nil {
		return c.nothing(w, r)
	}
	list, next, err := c.server.Tasks(r.Context(), "", api.Paging{Limit: 200, PageToken: r.URL.Query().Get("page")})
	if err != nil {
		return err
	}
	page := struct {
		Frame
		Groups []taskGroup
		Anyone bool // who does it is asked for
		MayDo  bool
		Open   int
		Next   string // address of the next page, or empty
	}{Frame: c.frame(r, "Tasks", "Tasks"), Anyone: !c.server.NeedsKeys(), MayDo: api.PersonOf(r.Context()).Role >= api.Submitter, Open: len(list)}
	if next != "" {
		page.Next = c.conf.Base + "tasks?page=" + url.QueryEscape(next)
	}
	groups := make(map[string][]taskRow)
	for _, t := range list {
		row := taskRow{Task: t, Payload: indent(t.Input), Mine: t.Claim != nil && t.Claim.By == api.PersonOf(r.Context()).Name}
		if row.Fields, row.Raw = fields(t.Schema); t.Undo {
			row.Fields, row.Raw = nil, false
		}
		name := forWhom(&t)
		groups[name] = append(groups[name], row)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		page.Groups = append(page.Groups, taskGroup{name, groups[name]})
	}
	return c.show(w, http.StatusOK, "tasks", page)
}

// forWhom says for whom a task is.
func forWhom(t *tasks.Task) string {
	switch {
	case t.Problem != "":
		return "nobody: " + t.Problem
	case t.Assignee != "":
		return t.Assignee
	case len(t.Groups)+len(t.Users) > 0:
		return strings.Join(slices.Concat(t.Groups, t.Users), ", ")
	}
	return "anybody"
}

// fields returns the inputs of a form by its JSON Schema, or raw if it is not
// a plain object of texts, numbers, booleans and choices.
func fields(schema json.RawMessage) (list []field, raw bool) {
	var s struct {
		Required   []string
		Properties map[string]struct {
			Type string
			Enum []string
		}
	}
	if len(schema) == 0 || json.Unmarshal(schema, &s) != nil || len(s.Properties) == 0 {
		return nil, true
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		f := field{Name: name, Required: slices.Contains(s.Required, name), Choices: p.Enum}
		switch {
		case len(p.Enum) > 0:
			f.Type = "choice"
		case p.Type == "boolean":
			f.Type = "boolean"
		case p.Type == "number" || p.Type == "integer":
			f.Type = "number"
		case p.Type == "string":
			f.Type = "text"
		default:
			return nil, true
		}
		list = append(list, f)
	}
	return list, false
}

// doTask claims, releases or completes a task.
func (c *Console) doTask(w http.ResponseWriter, r *http.Request) error {
	if c.server.System().Tasks == nil {
		return c.nothing(w, r)
	}
	if api.PersonOf(r.Context()).Role < api.Submitter {
		c.problem(w, r, http.StatusForbidden, "Your key may not do tasks.")
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, events.MaxData)
	ref := tasks.Ref{Document: events.DocumentID(r.FormValue("document")), Step: events.StepID(r.FormValue("step")), Visit: atoi(r.FormValue("visit"), 0)}
	var groups []string
	for g := range strings.SplitSeq(r.FormValue("groups"), ",") {
		groups = append(groups, strings.TrimSpace(g))
	}
	who, desk := c.server.Actor(r.Context(), r.FormValue("actor"), groups), c.server.System().Tasks
	switch r.FormValue("verb") {
	case "claim":
		if _, err := desk.Claim(r.Context(), ref, who); err != nil {
			return err
		}
	case "release":
		if err := desk.Release(r.Context(), ref, who); err != nil {
			return err
		}
	default:
		form := tasks.Form{Reason: r.FormValue("reason")}
		if r.FormValue("verb") == "reject" {
			form.Reject = "rejected"
		} else if err := c.filled(r, ref, &form); err != nil {
			return err
		}
		e, err := desk.Complete(r.Context(), ref, who, form)
		if err != nil {
			return err
		}
		c.wait(r, e.Position)
	}
	return c.back(w, r, "tasks")
}

// filled reads what a form gave.
func (c *Console) filled(r *http.Request, ref tasks.Ref, form *tasks.Form) error {
	open, err := c.server.System().Tasks.Open(r.Context(), ref.Document)
	if err != nil {
		return err
	}
	for i := range open {
		if t := &open[i]; t.Step != ref.Step || ref.Visit != 0 && t.Visit != ref.Visit || t.Undo {
			continue
		}
		list, raw := fields(open[i].Schema)
		if raw {
			if text := strings.TrimSpace(r.FormValue("json")); text != "" {
				form.Output = json.RawMessage(text)
			}
			return nil
		}
		form.Output, err = output(list, r.FormValue)
	}
	return err
}

// output makes a form's data of its fields. What was left empty is left out.
func output(list []field, value func(string) string) (json.RawMessage, error) {
	data := make(map[string]any)
	for _, f := range list {
		text := value("field-" + f.Name)
		switch {
		case text == "":
		case f.Type == "boolean":
			data[f.Name] = text == "true"
		case f.Type == "number":
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %.40q is not a number: %w", f.Name, text, tasks.ErrBadForm)
			}
			data[f.Name] = n
		default:
			data[f.Name] = text
		}
	}
	return json.Marshal(data)
}
