package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga"
)

// maxTasks is how many documents a list of tasks looks at.
const maxTasks = 500

type tasksInput struct {
	Freshness
	Document string `query:"document" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$"`
	Mine     bool   `query:"mine" doc:"only what the key's holder may do, and nobody else has claimed"`
}

type tasksOutput struct {
	Body struct {
		Tasks []tasks.Task `json:"tasks"`
	}
}

type taskInput struct {
	DocumentPath
	Step string `path:"step" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
	Body TaskBody
}

// A TaskBody says what is done about a task.
type TaskBody struct {
	Visit  int             `json:"visit,omitempty" minimum:"1" maximum:"65535" doc:"of the step, if several are open"`
	Output json.RawMessage `json:"output,omitempty" doc:"complete: what the form gives; it must fit the task's schema"`
	Reject string          `json:"reject,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_.-]*$" doc:"complete: the code of a business no"`
	Reason string          `json:"reason,omitempty" maxLength:"1000"`
	Actor  string          `json:"actor,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"on whose behalf, on a server without keys only"`
	Groups []string        `json:"groups,omitempty" maxItems:"100" doc:"the actor's, on a server without keys only"`
}

type taskOutput struct {
	Position string `header:"Saga-Position"`
	Body     struct {
		Task  *tasks.Task   `json:"task,omitempty"`
		Event *events.Event `json:"event,omitempty"`
	}
}

func (s *Server) registerTasks() {
	if s.system.Tasks == nil {
		return
	}
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/tasks", "What waits for people"), func(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
		if err := s.await(ctx, in.Freshness); err != nil {
			return nil, err
		}
		list, err := s.Tasks(ctx, events.DocumentID(in.Document))
		if err != nil {
			return nil, s.asProblem(err)
		}
		if in.Mine {
			who := s.Actor(ctx, "", nil)
			list = slices.DeleteFunc(list, func(t tasks.Task) bool { return !t.May(who) || t.Claim != nil && t.Claim.By != who.Name })
		}
		out := &tasksOutput{}
		out.Body.Tasks = list
		return out, nil
	})
	for verb, summary := range map[string]string{
		"claim": "Keep others from a task", "release": "Give a claimed task back", "complete": "Complete or reject a task",
	} {
		huma.Register(s.api, op(Submitter, http.MethodPost, "/v1/documents/{document}/tasks/{step}/"+verb, summary),
			func(ctx context.Context, in *taskInput) (*taskOutput, error) {
				ref := tasks.Ref{Document: events.DocumentID(in.Document), Step: events.StepID(in.Step), Visit: in.Body.Visit}
				out, err := s.task(ctx, verb, ref, &in.Body)
				if err != nil {
					return nil, s.asProblem(err)
				}
				return out, nil
			})
	}
}

// Actor returns who does a task: the key's holder, or on a server without keys
// whoever is named.
func (s *Server) Actor(ctx context.Context, name string, groups []string) tasks.Actor {
	p := PersonOf(ctx)
	if !s.NeedsKeys() && name != "" {
		return tasks.Actor{Name: name, Groups: groups}
	}
	return tasks.Actor{Name: p.Name, Groups: p.Groups}
}

func (s *Server) task(ctx context.Context, verb string, ref tasks.Ref, body *TaskBody) (*taskOutput, error) {
	who, out := s.Actor(ctx, body.Actor, body.Groups), &taskOutput{}
	switch verb {
	case "claim":
		t, err := s.system.Tasks.Claim(ctx, ref, who)
		out.Body.Task = &t
		return out, err
	case "release":
		return out, s.system.Tasks.Release(ctx, ref, who)
	}
	e, err := s.system.Tasks.Complete(ctx, ref, who, tasks.Form{Output: body.Output, Reject: body.Reject, Reason: body.Reason})
	out.Position, out.Body.Event = e.Position.String(), &e
	return out, err
}

// Tasks returns the open tasks of a document, or of all if it is empty, the
// oldest first.
func (s *Server) Tasks(ctx context.Context, document events.DocumentID) ([]tasks.Task, error) {
	ids := []events.DocumentID{document}
	if document == "" {
		var err error
		if ids, err = s.waitingDocuments(ctx); err != nil {
			return nil, err
		}
	}
	list := []tasks.Task{}
	for _, id := range ids {
		open, err := s.system.Tasks.Open(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, open...)
	}
	slices.SortStableFunc(list, func(a, b tasks.Task) int { return a.Since.Compare(b.Since) })
	return list, nil
}

// waitingDocuments returns the documents that a person may have to do
// something about, by the projections.
func (s *Server) waitingDocuments(ctx context.Context) ([]events.DocumentID, error) {
	refs, err := s.system.Target.Definitions(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[events.DocumentID]bool)
	var ids []events.DocumentID
	for _, ref := range refs {
		d, err := s.system.Definitions.Get(ctx, ref.Name, ref.Version)
		if err != nil || !tasks.NeedsPeople(d) {
			continue // one that cannot be had has no tasks
		}
		for _, f := range peopleIn(d) {
			f.Limit = maxTasks
			page, err := s.system.Status.Documents(ctx, f)
			if err != nil {
				return nil, err
			}
			for i := range page.Documents {
				if id := page.Documents[i].Document; !seen[id] && len(ids) < maxTasks {
					seen[id] = true
					ids = append(ids, id)
				}
			}
		}
	}
	return ids, nil
}

// peopleIn returns filters that select the documents of a definition in which
// a person has something to do.
func peopleIn(d *saga.Definition) []projections.Filter {
	var list []projections.Filter
	undo := false
	for i := range d.Nodes {
		n := &d.Nodes[i]
		undo = undo || n.Undo != nil && n.Undo.Person
		if n.Kind == saga.User {
			for _, state := range []string{projections.Running, projections.Incident} {
				list = append(list, projections.Filter{Definition: d.Name, Version: d.Version, Step: string(n.ID), State: state})
			}
		}
	}
	if undo {
		list = append(list, projections.Filter{Definition: d.Name, Version: d.Version, State: projections.Compensating})
	}
	return list
}

// taskStatus returns the status of an error of the tasks.
func taskStatus(err error) (status int, ok bool) {
	switch {
	case errors.Is(err, tasks.ErrNotAllowed):
		return http.StatusForbidden, true
	case errors.Is(err, tasks.ErrBadForm):
		return http.StatusUnprocessableEntity, true
	case errors.Is(err, tasks.ErrNotOpen):
		return http.StatusConflict, true
	}
	return 0, false
}

// badTask is a problem of a task, with the reason.
func badTask(status int, err error) error { return huma.NewError(status, fmt.Sprint(err)) }
