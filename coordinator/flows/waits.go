package flows

import (
	"context"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A Histories is where what happened to a document is read.
type Histories interface {
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
}

// A Getter returns definitions as they are deployed.
type Getter interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// A Wait is a visit that waits for a message or signal.
type Wait struct {
	Document   events.DocumentID `json:"document"`
	Definition string            `json:"definition"`
	Version    int               `json:"version"`
	Step       events.StepID     `json:"step"`
	Visit      int               `json:"visit"`
	Signal     bool              `json:"signal"`
	Name       string            `json:"name"` // of the message or signal
	Key        string            `json:"key,omitempty"`
	Any        bool              `json:"any,omitempty"` // a message of the name will do, whatever its key
	Since      time.Time         `json:"since"`
	Problem    string            `json:"problem,omitempty"` // why its key is not known; it is about to become an incident
}

// Waits returns what a document waits for, in order of opening. The error wraps
// [events.ErrNotFound] if nobody knows the document.
func Waits(ctx context.Context, histories Histories, definitions Getter, document events.DocumentID) ([]Wait, error) {
	p, err := look(ctx, histories, definitions, document)
	if err != nil {
		return nil, err
	}
	list := []Wait{}
	for i := range p.state.Visits() {
		v := p.state.Visit(i)
		if n := &p.definition.Nodes[v.Node()]; Catches(n) && isWaiting(v.Status()) {
			list = append(list, p.wait(i, n, v.Number()))
		}
	}
	return list, nil
}

func (p *picture) wait(visit int, n *saga.Node, number int) Wait {
	w := Wait{
		Document: p.document, Definition: p.definition.Name, Version: p.definition.Version, Step: n.ID, Visit: number,
		Signal: n.Trigger == saga.SignalTrigger, Name: n.Event, Since: p.history[p.opened[visit]].At,
	}
	w.Any = !w.Signal && n.Key == nil
	if n.Key == nil {
		return w
	}
	slot := events.Slot{
		Definition: w.Definition, Version: w.Version, Document: p.document, Step: n.ID, Visit: number, Kind: events.Outcome, Again: 1,
	}
	var err error
	w.Key, err = p.key(slot, visit, n)
	if err != nil {
		w.Problem = err.Error()
	}
	return w
}

// Catches reports whether visits of a node wait for a message or signal.
func Catches(n *saga.Node) bool { return isCatch(n) }
