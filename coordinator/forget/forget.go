// Package forget erases what a document holds: its key, and with it all that
// the log says of it but the way that it took; and its files. Who keeps rows
// that were made of it erases them on the event document.forgotten.
//
// That event carries who asks for it and why, in the open and for ever, and how
// the conditions, loops and timers on the document's way came out. So the
// document is read, and folded to the same state, as before; see [events.Route].
package forget

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

var (
	// ErrOpen reports a document that has not ended. Cancel it, or wait.
	ErrOpen = errors.New("the document has not ended")
	// ErrPlain reports events that were written without the document's key, so
	// that nothing can erase them.
	ErrPlain = errors.New("the log holds data of it that is not sealed, and is never changed")
)

// A Log is where documents are forgotten.
type Log interface {
	// Messages returns what is stored of a document, in order.
	Messages(ctx context.Context, document events.DocumentID) ([]events.Delivery, error)
	Write(ctx context.Context, e events.Event) (events.Event, error)
	// Forget destroys the document's key and erases its files.
	Forget(ctx context.Context, document events.DocumentID) error
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// A Forgetter forgets documents. Its methods may be called at once.
type Forgetter struct {
	log         Log
	definitions Definitions
	worker      string
}

// New returns a forgetter of a log's documents.
func New(log Log, definitions Definitions) *Forgetter {
	return &Forgetter{log: log, definitions: definitions, worker: rand.Text()[:16]}
}

// A Request says how a document is to be forgotten.
type Request struct {
	By events.By
	// Partly goes on though some events are not sealed: these stay.
	Partly bool
}

// A Done says what was forgotten.
type Done struct {
	Event   events.Event
	Already bool     // the event stood before; what was left of it to do is done
	Plain   []string // ids of events whose data stays, for it is not sealed
	// Called are the documents that it called, and those that they called: they
	// are forgotten with it.
	Called []events.DocumentID
}

// Plan fails as Do would, and does nothing.
func (f *Forgetter) Plan(ctx context.Context, document events.DocumentID, r Request) error {
	_, err := f.family(ctx, document, r)
	return err
}

// Do forgets a document that has ended, and all that it has called. The error
// wraps [ErrOpen] or [ErrPlain], or [events.ErrNotFound] if nobody knows the
// document; if it is about a called one it names that, and nothing was done. Do
// may be called again, and goes on where it stopped.
func (f *Forgetter) Do(ctx context.Context, document events.DocumentID, r Request) (Done, error) {
	family, err := f.family(ctx, document, r)
	if err != nil {
		return Done{}, err
	}
	var all Done
	for i, p := range family { // the document itself last
		done, err := f.do(ctx, p, r)
		all.Event, all.Already, all.Plain = done.Event, done.Already, append(all.Plain, done.Plain...)
		if err != nil {
			return all, err
		}
		if i < len(family)-1 {
			all.Called = append(all.Called, p.document)
		}
	}
	return all, nil
}

func (f *Forgetter) do(ctx context.Context, p *picture, r Request) (Done, error) {
	done := Done{Plain: p.plain, Already: p.forgotten != nil}
	var err error
	if done.Already {
		done.Event = *p.forgotten
	} else if done.Event, done.Already, err = f.write(ctx, p, r.By); err != nil {
		return Done{}, err
	}
	if err := f.log.Forget(ctx, p.document); err != nil {
		return done, fmt.Errorf("forget: %s: %w", p.document, err)
	}
	return done, nil
}

// family looks at a document and all that it has called, the callers after what
// they called. What it has called follows from its visits, so that none is
// missed for want of a definition.
func (f *Forgetter) family(ctx context.Context, document events.DocumentID, r Request) ([]*picture, error) {
	p, err := f.look(ctx, document, r)
	if err != nil {
		return nil, err
	}
	var all []*picture
	for _, slot := range p.visits {
		child := coordinator.CalledBy(slot)
		messages, err := f.log.Messages(ctx, child)
		if err != nil {
			return nil, fmt.Errorf("forget: %s: %w", child, err)
		}
		if len(messages) == 0 {
			continue
		}
		if caller, ok := flows.Caller(messages[0].Event.Slot.Document, messages[0].Event.Source); !ok || caller != document {
			continue // it only has such an id
		}
		below, err := f.family(ctx, child, r)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return append(all, p), nil
}

// A picture is what is known of a document that is to be forgotten.
type picture struct {
	document         events.DocumentID
	visits           []events.Slot // that have come to an outcome
	ended, forgotten *events.Event
	routes           map[string]events.Route
	plain            []string
}

func (f *Forgetter) look(ctx context.Context, document events.DocumentID, r Request) (*picture, error) {
	if r.By.Actor == "" || r.By.Reason == "" {
		return nil, fmt.Errorf("forget: %s: who asks for it and why must be said", document)
	}
	messages, err := f.log.Messages(ctx, document)
	if err == nil && len(messages) == 0 {
		err = events.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("forget: %s: %w", document, err)
	}
	p := &picture{document: document, routes: make(map[string]events.Route)}
	if err := p.read(ctx, f.definitions, messages); err != nil {
		return nil, fmt.Errorf("forget: %s: %w", document, err)
	}
	switch {
	case p.ended == nil:
		return nil, fmt.Errorf("forget: %s: %w: cancel it first, or wait", document, ErrOpen)
	case len(p.plain) > 0 && !r.Partly && p.forgotten == nil:
		return nil, fmt.Errorf("forget: %s: %w: %s", document, ErrPlain, some(p.plain))
	}
	return p, nil
}

// some returns the first of a list.
func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

func (p *picture) read(ctx context.Context, definitions Definitions, messages []events.Delivery) error {
	first := messages[0].Event.Slot
	ref := events.DefinitionRef{Name: first.Definition, Version: first.Version}
	definition, err := drawn(ctx, definitions, ref)
	if err != nil {
		return err
	}
	var state saga.State
	for i := range messages {
		d := &messages[i]
		if len(d.Data) > 0 && !events.IsSealed(d.Data) && (d.Bad != nil || !d.Event.IsBare()) {
			p.plain = append(p.plain, d.Event.ID())
		}
		e, ok := d.Fact()
		if !ok {
			continue
		}
		switch e.Slot.Kind { //nolint:exhaustive // the others say nothing about the end
		case events.Outcome:
			p.visits = append(p.visits, e.Slot)
		case events.Ended:
			p.ended = e
		case events.Forgotten:
			p.forgotten = e
		}
		if next := ref.After(e); next != ref {
			if definition, err = drawn(ctx, definitions, next); err != nil {
				return err
			}
			ref = next
		}
		if definition == nil || e.Slot.Definition != ref.Name || e.Slot.Version != ref.Version && !state.Moved() && e.Slot.Kind != events.Migrate {
			continue
		}
		var route events.Route
		if state, route = definition.Route(state, e); len(route) > 0 {
			p.routes[e.ID()] = route
		}
	}
	return nil
}

// drawn returns a definition, nil if it cannot be had.
func drawn(ctx context.Context, definitions Definitions, ref events.DefinitionRef) (*saga.Definition, error) {
	d, err := definitions.Get(ctx, ref.Name, ref.Version)
	if errors.Is(err, events.ErrNotFound) || errors.Is(err, saga.ErrBadDefinition) {
		return nil, nil
	}
	return d, err
}

// write writes the event, after which nothing keeps the document from being
// forgotten.
func (f *Forgetter) write(ctx context.Context, p *picture, by events.By) (e events.Event, already bool, err error) {
	e = events.Event{
		Slot: p.ended.Slot.Of(events.Forgotten), Source: events.SourceOperator, Cause: p.ended.ID(), Worker: f.worker,
		Time: time.Now().UTC().Truncate(time.Millisecond),
	}
	if e.Data, err = (events.Data{By: &by, Routes: p.routes}).Marshal(); err != nil {
		return e, false, fmt.Errorf("forget: %s: %w", e.Slot.Document, err)
	}
	standing, err := f.log.Write(ctx, e)
	if errors.Is(err, events.ErrTaken) {
		return standing, true, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("forget: %w", err)
	}
	return standing, false, nil
}
