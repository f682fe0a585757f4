package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

type stepsOutput struct {
	Body struct {
		Steps []projections.Step `json:"steps"`
	}
}

type eventsOutput struct {
	Body struct {
		Events []events.Event `json:"events" doc:"CloudEvents 1.0"`
	}
}

// An Undo is one compensation that would be done.
type Undo struct {
	Step    events.StepID `json:"step"`
	Visit   int           `json:"visit"`
	Name    string        `json:"name"`    // as drawn
	Handler events.StepID `json:"handler"` // the compensation handler's element
	Service string        `json:"service"` // that does it
}

type undoOutput struct {
	Body struct {
		Undo []Undo `json:"undo" doc:"in the order of their undoing"`
	}
}

func (s *Server) registerHistory() {
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}/steps", "A document's steps"),
		func(ctx context.Context, in *PastQuery) (*stepsOutput, error) {
			d, err := s.lookUp(ctx, in)
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &stepsOutput{}
			out.Body.Steps = d.Steps
			return out, nil
		})
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}/events", "A document's events in order, as CloudEvents"),
		func(ctx context.Context, in *PastQuery) (*eventsOutput, error) {
			_, history, err := s.past(ctx, events.DocumentID(in.Document), in.At)
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &eventsOutput{}
			out.Body.Events = history
			return out, nil
		})
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}/undo", "What an undo would do, before doing it"),
		func(ctx context.Context, in *PastQuery) (*undoOutput, error) {
			undo, err := s.Undo(ctx, events.DocumentID(in.Document), in.At)
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &undoOutput{}
			out.Body.Undo = undo
			return out, nil
		})
}

// Past returns a document as it was at a position or time, now if at is empty,
// and its events until then.
func (s *Server) Past(ctx context.Context, id events.DocumentID, at string) (*projections.Record, []events.Event, error) {
	return s.past(ctx, id, at)
}

func (s *Server) past(ctx context.Context, id events.DocumentID, at string) (*projections.Record, []events.Event, error) {
	if err := events.CheckID(id); err != nil {
		return nil, nil, fmt.Errorf("document: %w", err)
	}
	until, err := s.moment(id, at)
	if err != nil {
		return nil, nil, err
	}
	all, err := s.system.Log.History(ctx, id)
	if err != nil && !errors.Is(err, events.ErrBadEvent) {
		return nil, nil, err
	}
	history := make([]events.Event, 0, len(all))
	for i := range all {
		if until(&all[i]) {
			history = append(history, all[i])
		}
	}
	if len(history) == 0 {
		return nil, nil, fmt.Errorf("document %s: %w", id, events.ErrNotFound)
	}
	versions, err := catalog.Versions(ctx, s.system.Definitions, history)
	if err != nil {
		return nil, nil, err
	}
	r, err := projections.Replay(versions, history)
	return r, history, err
}

// definition returns what a document follows, nil if it cannot be had.
func (s *Server) definition(ctx context.Context, slot events.Slot) (*saga.Definition, error) {
	d, err := s.system.Definitions.Get(ctx, slot.Definition, slot.Version)
	if errors.Is(err, events.ErrNotFound) || errors.Is(err, saga.ErrBadDefinition) {
		return nil, nil
	}
	return d, err
}

// moment returns what tells events until a position or time from those after.
func (s *Server) moment(id events.DocumentID, at string) (func(*events.Event) bool, error) {
	if at == "" {
		return func(*events.Event) bool { return true }, nil
	}
	if position, err := events.ParsePosition(at); err == nil {
		if shard := events.Shard(id, s.system.Log.Shards()); position.Shard != shard {
			return nil, huma.NewError(http.StatusUnprocessableEntity, fmt.Sprintf("at %s: document %s is in shard %d", at, id, shard))
		}
		return func(e *events.Event) bool { return e.Position.Seq <= position.Seq }, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return nil, huma.NewError(http.StatusUnprocessableEntity, "at: want a position such as 3-1047, or a time such as 2026-01-02T15:04:05Z")
	}
	return func(e *events.Event) bool { return !e.At.After(t) }, nil
}

// Undo returns what would be undone, and in which order, if the document were
// stopped at that position or time.
func (s *Server) Undo(ctx context.Context, id events.DocumentID, at string) ([]Undo, error) {
	r, _, err := s.past(ctx, id, at)
	if err != nil {
		return nil, err
	}
	d, err := s.definition(ctx, events.Slot{Definition: r.Definition, Version: r.Version})
	if err != nil {
		return nil, err
	}
	return UndoOf(d, r), nil
}

// UndoOf returns what would be undone if a document were stopped as it is. The
// definition is nil if it cannot be had.
func UndoOf(d *saga.Definition, r *projections.Record) []Undo {
	list := []Undo{}
	if d == nil || projections.Terminal(r.State) {
		return list
	}
	for _, v := range d.ToUndo(&r.Folded) {
		n := &d.Nodes[v.Node()]
		list = append(list, Undo{Step: n.ID, Visit: v.Number(), Name: n.Name, Handler: n.Undo.Step, Service: n.Undo.Service})
	}
	return list
}
