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
)

type tasksInput struct {
	Freshness
	Paging
	Document string `query:"document" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$"`
	Mine     bool   `query:"mine" doc:"only what the key's holder may do, and nobody else has claimed"`
}

type tasksOutput struct {
	Body struct {
		Tasks []tasks.Task `json:"tasks"`
		Next  string       `json:"nextPageToken,omitempty" doc:"there are more documents with tasks"`
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
		list, next, err := s.Tasks(ctx, events.DocumentID(in.Document), in.Paging)
		if err != nil {
			return nil, s.asProblem(err)
		}
		if in.Mine {
			who := s.Actor(ctx, "", nil)
			list = slices.DeleteFunc(list, func(t tasks.Task) bool { return !t.May(who) || t.Claim != nil && t.Claim.By != who.Name })
		}
		out := &tasksOutput{}
		out.Body.Tasks, out.Body.Next = list, next
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

// Tasks returns the open tasks of a document, or of a page of all documents if
// it is empty, the oldest first, and where the next page begins.
func (s *Server) Tasks(ctx context.Context, document events.DocumentID, p Paging) (list []tasks.Task, next string, err error) {
	ids := []events.DocumentID{document}
	if document == "" {
		if ids, next, err = s.waiting(ctx, needsPeople, p); err != nil {
			return nil, "", err
		}
	}
	list = []tasks.Task{}
	for _, id := range ids {
		open, err := s.system.Tasks.Open(ctx, id)
		if err != nil {
			return nil, "", err
		}
		list = append(list, open...)
	}
	slices.SortStableFunc(list, func(a, b tasks.Task) int { return a.Since.Compare(b.Since) })
	return list, next, nil
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
