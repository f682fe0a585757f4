package api

import (
	"context"
	"maps"
	"slices"

	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
)

// Paging selects a page of what waits.
type Paging struct {
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"how many documents are looked at"`
	PageToken string `query:"pageToken" maxLength:"512" doc:"nextPageToken of the page before"`
}

// A place is where in a definition something waits: at a step, or anywhere in
// documents of a state.
type place struct {
	definition string
	step       events.StepID
	state      string
}

// waiting returns a page of the documents that are at the places which a
// function finds in their definitions, and where the next page begins.
func (s *Server) waiting(ctx context.Context, places func(*saga.Definition) []place, p Paging) ([]events.DocumentID, string, error) {
	refs, err := s.system.Target.Definitions(ctx)
	if err != nil {
		return nil, "", err
	}
	versions := make(map[place][]int)
	for _, ref := range refs {
		d, err := s.system.Definitions.Get(ctx, ref.Name, ref.Version)
		if err != nil {
			continue // in one that cannot be had, nothing waits
		}
		seen := make(map[place]bool)
		for _, at := range places(d) {
			if !seen[at] {
				seen[at] = true
				versions[at] = append(versions[at], ref.Version)
			}
		}
	}
	list := make([]sqlstore.Waiting, 0, len(versions))
	for at, of := range maps.All(versions) {
		for some := range slices.Chunk(of, 200) {
			list = append(list, sqlstore.Waiting{Definition: at.definition, Versions: some, Step: at.step, State: at.state})
		}
	}
	return s.system.Status.Waiting(ctx, list, p.Limit, p.PageToken)
}

// needsPeople returns where people have something to do.
func needsPeople(d *saga.Definition) []place {
	var list []place
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if n.Kind == saga.User {
			list = append(list, place{definition: d.Name, step: n.ID})
		}
		if n.Undo != nil && n.Undo.Person {
			list = append(list, place{definition: d.Name, state: projections.Compensating})
		}
	}
	return list
}

// listens returns where documents wait for messages and signals. A boundary
// event waits while what it sits on is open, an event sub-process while its
// scope is.
func listens(d *saga.Definition) []place {
	var list []place
	for i := range d.Nodes {
		n := &d.Nodes[i]
		switch {
		case !flows.Catches(n):
		case n.Kind == saga.Catch:
			list = append(list, place{definition: d.Name, step: n.ID})
		case n.Kind == saga.Boundary && isStep(&d.Nodes[n.Host]):
			list = append(list, place{definition: d.Name, step: d.Nodes[n.Host].ID})
		case n.Kind == saga.Boundary || n.Scope != 0:
			list = append(list, place{definition: d.Name, state: projections.Running})
		}
	}
	return list
}

// isStep reports whether the projections have rows of a node's visits.
func isStep(n *saga.Node) bool { return n.Kind != saga.SubProcess && n.Kind != saga.EventSub }
