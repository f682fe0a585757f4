package seal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/writer"
)

// A Sealer seals what goes into a log and opens what comes out of it. Its
// methods may be called at once.
type Sealer struct {
	ring *Ring
	on   bool
	// forgotten reads the event document.forgotten of a document.
	forgotten func(ctx context.Context, document events.DocumentID) (events.Event, error)

	mu     sync.Mutex
	routes map[events.DocumentID]map[string]events.Route
}

// New returns a sealer with the keys of a ring. on says that documents get a
// key when they are submitted; those that have one are sealed and opened in any
// case. forgotten reads the event document.forgotten of a document, whatever the
// definition and version it stands in, or fails with an error that wraps
// [events.ErrNotFound].
func New(ring *Ring, on bool, forgotten func(context.Context, events.DocumentID) (events.Event, error)) *Sealer {
	return &Sealer{ring: ring, on: on, forgotten: forgotten, routes: make(map[events.DocumentID]map[string]events.Route)}
}

// Ring returns the sealer's keys.
func (s *Sealer) Ring() *Ring { return s.ring }

// Seal returns the event's data as the log is to hold it. If the document has no
// key, it lets the event's writer say so: who reads that need not ask again.
func (s *Sealer) Seal(ctx context.Context, e *events.Event) ([]byte, error) {
	if e.IsBare() {
		return e.Data, nil
	}
	k, err := s.Key(ctx, e.Slot.Document, e.Slot.Kind == events.Submitted)
	if err != nil {
		return nil, err
	}
	if k == nil {
		e.Worker = writer.Unsealed(e.Worker)
		return e.Data, nil
	}
	return k.Data(e)
}

// Key returns the key to write with, nil for a document that has none; begins
// says that it is just being submitted, and gets one if that is wanted. Under a document that was forgotten it is one that nobody
// keeps: what comes late is not to be read.
func (s *Sealer) Key(ctx context.Context, document events.DocumentID, begins bool) (*Key, error) {
	get := s.ring.Key
	switch {
	case begins && s.on:
		get = s.ring.Make
	case begins:
		get = s.ring.Begin
	}
	k, err := get(ctx, document)
	switch {
	case errors.Is(err, ErrGone):
		return RandomKey()
	case errors.Is(err, ErrNoKey):
		return nil, nil
	}
	return k, err
}

// Open opens the data of events. What was forgotten becomes data that says
// that it is erased; what cannot be read because there is no key stays sealed.
// bad[i] is set, to what wraps [events.ErrBadEvent], if the i-th was not sealed
// with its document's key for its slot. The error says that the keys cannot be
// had now.
func (s *Sealer) Open(ctx context.Context, list []*events.Event, bad []error) error {
	var documents []events.DocumentID
	for i, e := range list {
		if e.Slot.Kind == events.Forgotten {
			s.ring.Drop(e.Slot.Document)
		}
		switch {
		case bad[i] != nil:
		case events.IsSealed(e.Data):
			documents = append(documents, e.Slot.Document)
		case writer.IsUnsealed(e.Worker):
			s.ring.unsealed(e.Slot.Document)
		}
	}
	if len(documents) == 0 {
		return nil
	}
	if err := s.ring.Fetch(ctx, documents); err != nil {
		return err
	}
	for i, e := range list {
		if bad[i] != nil || !events.IsSealed(e.Data) {
			continue
		}
		data, err := s.open(ctx, e)
		if errors.Is(err, ErrOpen) {
			bad[i] = fmt.Errorf("%w: %w", err, events.ErrBadEvent)
		} else if err != nil {
			return err
		} else {
			e.Data = data
		}
	}
	return nil
}

func (s *Sealer) open(ctx context.Context, e *events.Event) ([]byte, error) {
	k, err := s.ring.Key(ctx, e.Slot.Document)
	switch {
	case errors.Is(err, ErrGone):
		return s.erased(ctx, e)
	case errors.Is(err, ErrNoKey), errors.Is(err, ErrMaster):
		return e.Data, nil
	case err != nil:
		return nil, err
	}
	return k.OpenData(e)
}

// erased returns the data of an event whose document was forgotten.
func (s *Sealer) erased(ctx context.Context, e *events.Event) ([]byte, error) {
	sealed, err := events.ParseSealed(e.Data)
	if err != nil {
		return nil, fmt.Errorf("seal: data of %s: %w: %w", e.ID(), ErrOpen, err)
	}
	routes, err := s.routesOf(ctx, e.Slot.Document)
	if err != nil {
		return nil, err
	}
	return sealed.Erase(routes[e.ID()])
}

// maxRoutes is how many documents' routes are remembered.
const maxRoutes = 1024

// routesOf returns how the events of a document that was forgotten led on.
func (s *Sealer) routesOf(ctx context.Context, document events.DocumentID) (map[string]events.Route, error) {
	s.mu.Lock()
	routes, ok := s.routes[document]
	s.mu.Unlock()
	if ok {
		return routes, nil
	}
	e, err := s.forgotten(ctx, document)
	if err != nil && !errors.Is(err, events.ErrNotFound) && !errors.Is(err, events.ErrBadEvent) {
		return nil, fmt.Errorf("seal: how %s was forgotten: %w", document, err)
	}
	if d, parseErr := events.ParseData(e.Data); err == nil && parseErr == nil {
		routes = d.Routes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.routes) >= maxRoutes {
		clear(s.routes)
	}
	s.routes[document] = routes
	return routes, nil
}
