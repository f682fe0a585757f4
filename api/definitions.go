package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// A DefinitionView is a definition as it is deployed.
type DefinitionView struct {
	events.DefinitionRef
	Steps []StepView `json:"steps"`
	Hops  []HopView  `json:"hops"`
}

// A StepView is a step as drawn.
type StepView struct {
	Step    events.StepID `json:"step"`
	Name    string        `json:"name"`
	Kind    string        `json:"kind"` // the BPMN element
	Service string        `json:"service,omitempty"`
	Undo    string        `json:"undo,omitempty"` // service that compensates it
}

// A HopView says that the outcome of one step can lead to another.
type HopView struct {
	From    events.StepID `json:"from"`
	To      events.StepID `json:"to"`
	Reach   string        `json:"reach" doc:"direct, by history or coordinated"`
	Guarded bool          `json:"guarded"`
}

type definitionInput struct {
	Name    string `path:"name" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
	Version int    `path:"version" minimum:"1" maximum:"2147483647"`
}

type definitionsOutput struct {
	Body struct {
		Definitions []events.DefinitionRef `json:"definitions"`
	}
}

type definitionOutput struct{ Body DefinitionView }

type statsInput struct {
	Name  string    `path:"name" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
	Since time.Time `query:"since" doc:"count from this hour on"`
}

type statsOutput struct {
	Body struct {
		Steps []sqlstore.StepStat `json:"steps"`
	}
}

func (s *Server) registerDefinitions() {
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/definitions", "All definitions, each version"),
		func(ctx context.Context, _ *struct{}) (*definitionsOutput, error) {
			refs, err := s.system.Target.Definitions(ctx)
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &definitionsOutput{}
			out.Body.Definitions = append([]events.DefinitionRef{}, refs...)
			return out, nil
		})
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/definitions/{name}/versions/{version}", "A definition: steps, and which hops are direct"),
		func(ctx context.Context, in *definitionInput) (*definitionOutput, error) {
			d, err := s.system.Definitions.Get(ctx, in.Name, in.Version)
			if err != nil {
				return nil, s.asProblem(err)
			}
			return &definitionOutput{Body: View(d)}, nil
		})
	o := op(Viewer, http.MethodGet, "/v1/definitions/{name}/versions/{version}/diagram", "A definition as it was drawn, in BPMN 2.0")
	o.Responses = map[string]*huma.Response{"200": {Description: "The drawing", Content: map[string]*huma.MediaType{
		"application/xml": {Schema: &huma.Schema{Type: "string"}},
	}}}
	huma.Register(s.api, o, func(ctx context.Context, in *definitionInput) (*rawOutput, error) {
		drawn, err := s.system.Target.Definition(ctx, in.Name, in.Version)
		if err != nil {
			return nil, s.asProblem(err)
		}
		return &rawOutput{ContentType: "application/xml", Body: drawn}, nil
	})
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/definitions/{name}/stats", "Counts and latencies of the steps"),
		func(ctx context.Context, in *statsInput) (*statsOutput, error) {
			stats, err := s.system.Status.StepStats(ctx, in.Name, in.Since)
			if err != nil {
				return nil, s.asProblem(err)
			}
			out := &statsOutput{}
			out.Body.Steps = stats
			return out, nil
		})
	o = op(Admin, http.MethodPost, "/v1/definitions", "Deploy a definition drawn in BPMN 2.0; the same again is the same version")
	o.MaxBodyBytes = maxDefinition
	huma.Register(s.api, o, s.deploy)
}

type rawOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type deployInput struct {
	Reason  string `query:"reason" maxLength:"1000" doc:"why; it stands in the log"`
	RawBody []byte `contentType:"application/xml"`
}

func (s *Server) deploy(ctx context.Context, in *deployInput) (*definitionOutput, error) {
	d, err := s.Deploy(ctx, in.RawBody, in.Reason)
	if err != nil {
		return nil, s.asProblem(err)
	}
	return &definitionOutput{Body: View(d)}, nil
}

// Deploy deploys a drawn definition for the person who asks, and notes it in
// the log.
func (s *Server) Deploy(ctx context.Context, drawn []byte, reason string) (*saga.Definition, error) {
	d, err := catalog.Deploy(ctx, s.system.Target, drawn)
	if err != nil {
		return nil, err
	}
	by := events.By{Actor: PersonOf(ctx).Name, Reason: reason}
	return d, admin.Deployed(ctx, s.system.Log, events.DefinitionRef{Name: d.Name, Version: d.Version}, drawn, by)
}

// View returns what is shown of a definition.
func View(d *saga.Definition) DefinitionView {
	v := DefinitionView{DefinitionRef: events.DefinitionRef{Name: d.Name, Version: d.Version}, Steps: []StepView{}, Hops: []HopView{}}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if !slices.Contains([]saga.NodeKind{saga.Service, saga.User, saga.Script, saga.Catch, saga.Call}, n.Kind) {
			continue
		}
		step := StepView{Step: n.ID, Name: n.Name, Kind: n.Kind.String(), Service: n.Service}
		if n.Undo != nil {
			step.Undo = n.Undo.Service
		}
		v.Steps = append(v.Steps, step)
	}
	for _, h := range d.Hops() {
		v.Hops = append(v.Hops, HopView{From: h.From, To: h.To, Reach: h.Reach.String(), Guarded: h.Guarded})
	}
	return v
}
