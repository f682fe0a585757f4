package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// A CommandBody says how a verb is meant.
type CommandBody struct {
	Reason  string          `json:"reason" minLength:"1" maxLength:"1000" doc:"why; it stays in the log"`
	Step    string          `json:"step,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"that waits, if more than one does"`
	Outcome string          `json:"outcome,omitempty" enum:"completed,rejected" doc:"resolve: what the step shall have been"`
	Output  json.RawMessage `json:"output,omitempty" doc:"resolve: what the step shall have put out"`
}

func (b *CommandBody) command(ctx context.Context, verb string, id events.DocumentID) Command {
	c := Command{Verb: verb, Document: id, By: events.By{Actor: PersonOf(ctx).Name, Reason: b.Reason}}
	switch verb {
	case VerbRetry:
		c.Step = events.StepID(b.Step)
	case VerbResolve:
		c.Step, c.Output = events.StepID(b.Step), b.Output
		if b.Outcome == events.Rejected.String() {
			c.Outcome = events.Rejected
		}
	}
	return c
}

type verbInput struct {
	DocumentPath
	Body CommandBody
}

type verbOutput struct {
	Position string `header:"Saga-Position"`
	Body     events.Event
}

// bulkBody is one verb for all documents that a filter selects.
type bulkBody struct {
	CommandBody
	Verb     string     `json:"verb" enum:"cancel,retry,resolve,compensate"`
	Filter   bulkFilter `json:"filter"`
	DryRun   bool       `json:"dryRun,omitempty" doc:"say what would be done, and do nothing"`
	Expected *int       `json:"expectedCount,omitempty" minimum:"0" doc:"do nothing unless so many documents are selected"`
}

type bulkFilter struct {
	State      string `json:"state,omitempty" enum:"running,compensating,incident"`
	Step       string `json:"step,omitempty" maxLength:"64"`
	Definition string `json:"definition,omitempty" maxLength:"64"`
	Version    int    `json:"version,omitempty" minimum:"0"`
	Reason     string `json:"reason,omitempty" maxLength:"64"`
	Text       string `json:"text,omitempty" maxLength:"200"`
}

// A BulkResult is what became of one document.
type BulkResult struct {
	Document events.DocumentID `json:"document"`
	OK       bool              `json:"ok" doc:"done; in a dry run: would be done"`
	Position string            `json:"position,omitempty"`
	Error    string            `json:"error,omitempty"`
}

type bulkOutput struct {
	Body struct {
		Count   int          `json:"count" doc:"how many documents are selected"`
		DryRun  bool         `json:"dryRun"`
		Results []BulkResult `json:"results"`
	}
}

// maxBulk is how many documents one bulk operation may touch.
const maxBulk = 10_000

func (s *Server) registerVerbs() {
	summaries := map[string]string{
		VerbCancel:     "Stop a document and undo what was done",
		VerbRetry:      "Do the step, or the undo, that waits for a person again",
		VerbResolve:    "Decide the step that waits for a person by hand",
		VerbCompensate: "Give up an incident and undo what was done",
	}
	for _, verb := range Verbs() {
		s.registerVerb(Operating, verb, summaries[verb])
	}
	s.registerVerb(Admin, VerbForget, "Erase what an ended document held, for ever")
	huma.Register(s.api, op(Operating, http.MethodPost, "/v1/operations", "Do a verb for all documents that a filter selects"), s.bulk)
}

func (s *Server) registerVerb(role Role, verb, summary string) {
	huma.Register(s.api, op(role, http.MethodPost, "/v1/documents/{document}/"+verb, summary),
		func(ctx context.Context, in *verbInput) (*verbOutput, error) {
			e, err := s.system.Operator.Do(ctx, in.Body.command(ctx, verb, events.DocumentID(in.Document)))
			if err != nil {
				return nil, s.asProblem(err)
			}
			return &verbOutput{Position: e.Position.String(), Body: e}, nil
		})
}

func (s *Server) bulk(ctx context.Context, in *struct{ Body bulkBody }) (*bulkOutput, error) {
	b := &in.Body
	f := projections.Filter{
		State: b.Filter.State, Step: plain(b.Filter.Step), Definition: plain(b.Filter.Definition), Version: b.Filter.Version,
		Reason: plain(b.Filter.Reason), Text: plain(b.Filter.Text), Limit: projections.MaxLimit,
	}
	ids, err := s.selected(ctx, f)
	if err != nil {
		return nil, s.asProblem(err)
	}
	if b.Expected != nil && *b.Expected != len(ids) {
		return nil, statusError(http.StatusConflict, fmt.Sprintf("the filter selects %d documents, not %d; nothing was done", len(ids), *b.Expected))
	}
	out := &bulkOutput{}
	out.Body.Count, out.Body.DryRun = len(ids), b.DryRun
	out.Body.Results = make([]BulkResult, len(ids))
	for i, id := range ids {
		out.Body.Results[i] = BulkResult{Document: id}
		if c := b.command(ctx, b.Verb, id); b.DryRun {
			out.Body.Results[i] = s.planned(ctx, c)
		} else {
			out.Body.Results[i] = s.one(ctx, c)
		}
	}
	return out, nil
}

// one does a command of many.
func (s *Server) one(ctx context.Context, c Command) BulkResult {
	e, err := s.system.Operator.Do(ctx, c)
	if err != nil {
		return BulkResult{Document: c.Document, Error: s.asProblem(err).Error()}
	}
	return BulkResult{Document: c.Document, OK: true, Position: e.Position.String()}
}

// planned says whether a command would be done.
func (s *Server) planned(ctx context.Context, c Command) BulkResult {
	planner, ok := s.system.Operator.(Planner)
	if !ok {
		return BulkResult{Document: c.Document, OK: true}
	}
	if err := planner.Plan(ctx, c); err != nil {
		return BulkResult{Document: c.Document, Error: s.asProblem(err).Error()}
	}
	return BulkResult{Document: c.Document, OK: true}
}

// selected returns all documents of a filter that have not ended.
func (s *Server) selected(ctx context.Context, f projections.Filter) ([]events.DocumentID, error) {
	states := []string{f.State}
	if f.State == "" {
		states = slices.DeleteFunc(projections.States(), projections.Terminal)
	}
	var ids []events.DocumentID
	for _, state := range states {
		f.State, f.Page = state, ""
		for {
			page, err := s.system.Status.Documents(ctx, f)
			if err != nil {
				return nil, err
			}
			for i := range page.Documents {
				ids = append(ids, page.Documents[i].Document)
			}
			if len(ids) > maxBulk {
				return nil, statusError(http.StatusUnprocessableEntity, fmt.Sprintf("the filter selects more than %d documents; make it narrower", maxBulk))
			}
			if f.Page = page.Next; f.Page == "" {
				break
			}
		}
	}
	return ids, nil
}
