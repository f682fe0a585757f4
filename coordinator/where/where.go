// Package where says where a document is, by its history. What an operator, a
// person's task, a message or a call decides rests on it.
package where

import (
	"context"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// Histories is where the events of documents are.
type Histories interface {
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// A Place is where a document is.
type Place struct {
	Document   events.DocumentID
	Definition *saga.Definition
	History    []events.Event
	State      saga.State
	Versions   map[int]*saga.Definition // all that it has followed
	Opened     []int                    // of each visit in the state: the index of the event that opened it
}

// Is reads where a document is. The error wraps [events.ErrNotFound] if nobody
// knows it. Messages that are no event count as what all readers take them for.
func Is(ctx context.Context, histories Histories, definitions Definitions, document events.DocumentID) (*Place, error) {
	if err := events.CheckID(document); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	history, err := histories.History(ctx, document)
	if err != nil && !errors.Is(err, events.ErrBadEvent) {
		return nil, err
	}
	if len(history) == 0 {
		return nil, fmt.Errorf("document %s: %w", document, events.ErrNotFound)
	}
	p := &Place{Document: document, History: events.Own(history, events.Followed(history))}
	if p.Versions, err = catalog.Versions(ctx, definitions, history); err != nil {
		return nil, fmt.Errorf("document %s: %w", document, err)
	}
	ref := events.Began(history)
	for i := range p.History {
		ref = ref.After(&p.History[i])
		if p.Definition = p.Versions[ref.Version]; p.Definition == nil {
			return nil, fmt.Errorf("document %s: definition %s version %d: %w", document, ref.Name, ref.Version, events.ErrNotFound)
		}
		p.fold(i)
	}
	return p, nil
}

// fold takes the next event. A visit about which nothing more will happen may
// have left its place in the state to another.
func (p *Place) fold(i int) {
	migrated := p.History[i].Slot.Kind == events.Migrate // what is open was opened before
	before := p.State
	p.State = p.Definition.Fold(p.State, &p.History[i])
	for visit := range p.State.Visits() {
		switch {
		case visit >= len(p.Opened):
			p.Opened = append(p.Opened, i)
		case !migrated && before.Visit(visit).Number() != p.State.Visit(visit).Number():
			p.Opened[visit] = i
		}
	}
}
