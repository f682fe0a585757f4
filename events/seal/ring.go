package seal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Gone is what a store returns in place of a key that was destroyed.
const Gone = "gone"

// A Keys keeps the keys of documents, apart from the log. Its methods may be
// called at once.
type Keys interface {
	// Make keeps a document's key if none was ever kept, and returns what is:
	// that one, another's, or [Gone].
	Make(ctx context.Context, document events.DocumentID, key []byte) ([]byte, error)
	// Get returns what is kept of each document: a key, [Gone], or nothing.
	Get(ctx context.Context, documents []events.DocumentID) ([][]byte, error)
	// Destroy removes a document's key for ever. It may be called again.
	Destroy(ctx context.Context, document events.DocumentID) error
	// None reports whether no document ever had a key.
	None(ctx context.Context) (bool, error)
}

const (
	generation = 8192 // keys; two generations are remembered
	keyTTL     = 2 * time.Minute
	noKeyTTL   = 5 * time.Second
	noneTTL    = time.Second
)

// A Ring gets keys from a store and remembers them for a while. Its methods may
// be called at once.
type Ring struct {
	keys   Keys
	master *Master

	mu         sync.Mutex
	young, old map[events.DocumentID]entry
	none       time.Time // until when the store counts as one that has never had a key
}

// An entry is a key, or why there is none.
type entry struct {
	key   *Key
	err   error
	until time.Time
}

// NewRing returns a ring of the store's keys.
func NewRing(keys Keys, master *Master) *Ring {
	return &Ring{keys: keys, master: master, young: make(map[events.DocumentID]entry)}
}

// Key returns a document's key. The error wraps [ErrNoKey], [ErrGone] or
// [ErrMaster], or says why the store does not answer.
func (r *Ring) Key(ctx context.Context, document events.DocumentID) (*Key, error) {
	if e, ok := r.known(document); ok {
		return e.key, e.err
	}
	if err := r.Fetch(ctx, []events.DocumentID{document}); err != nil {
		return nil, err
	}
	e, ok := r.known(document)
	if !ok {
		return nil, fmt.Errorf("seal: key of %s: lost from memory", document)
	}
	return e.key, e.err
}

// Begin returns the key of a document that is just being submitted and gets none
// if it has none. As long as nobody ever made a key it asks only now and then
// whether somebody has.
func (r *Ring) Begin(ctx context.Context, document events.DocumentID) (*Key, error) {
	if e, ok := r.known(document); ok {
		return e.key, e.err
	}
	none, err := r.hasNone(ctx)
	if err != nil {
		return nil, err
	}
	if !none {
		return r.Key(ctx, document)
	}
	r.unsealed(document)
	return nil, ErrNoKey
}

func (r *Ring) hasNone(ctx context.Context) (bool, error) {
	now := time.Now()
	r.mu.Lock()
	none := now.Before(r.none)
	r.mu.Unlock()
	if none {
		return true, nil
	}
	none, err := r.keys.None(ctx)
	if err != nil {
		return false, fmt.Errorf("seal: ask for keys: %w", err)
	}
	if none {
		r.mu.Lock()
		r.none = now.Add(noneTTL)
		r.mu.Unlock()
	}
	return none, nil
}

// Fetch gets the keys that are not remembered, all at once.
func (r *Ring) Fetch(ctx context.Context, documents []events.DocumentID) error {
	var missing []events.DocumentID
	asked := make(map[events.DocumentID]bool)
	for _, id := range documents {
		if _, ok := r.known(id); !ok && !asked[id] {
			asked[id] = true
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	stored, err := r.keys.Get(ctx, missing)
	if err != nil {
		return fmt.Errorf("seal: get keys: %w", err)
	}
	for i, id := range missing {
		r.remember(id, r.read(id, stored[i]))
	}
	return nil
}

// Make returns a document's key, a new one if it never had any.
func (r *Ring) Make(ctx context.Context, document events.DocumentID) (*Key, error) {
	if e, ok := r.known(document); ok && !errors.Is(e.err, ErrNoKey) {
		return e.key, e.err
	}
	k, err := RandomKey()
	if err != nil {
		return nil, err
	}
	stored, err := r.keys.Make(ctx, document, r.master.Wrap(document, k))
	if err != nil {
		return nil, fmt.Errorf("seal: make the key of %s: %w", document, err)
	}
	e := r.read(document, stored)
	r.remember(document, e)
	return e.key, e.err
}

// Destroy destroys a document's key.
func (r *Ring) Destroy(ctx context.Context, document events.DocumentID) error {
	if err := r.keys.Destroy(ctx, document); err != nil {
		return fmt.Errorf("seal: destroy the key of %s: %w", document, err)
	}
	r.remember(document, r.read(document, []byte(Gone)))
	return nil
}

// Drop forgets what is remembered of a document.
func (r *Ring) Drop(document events.DocumentID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, document)
	delete(r.old, document)
}

func (r *Ring) read(document events.DocumentID, stored []byte) entry {
	e := entry{until: time.Now().Add(keyTTL)}
	switch {
	case len(stored) == 0:
		e.err, e.until = fmt.Errorf("seal: %s: %w", document, ErrNoKey), time.Now().Add(noKeyTTL)
	case string(stored) == Gone:
		e.err = fmt.Errorf("seal: %s: %w", document, ErrGone)
	default:
		e.key, e.err = r.master.Unwrap(document, stored)
	}
	return e
}

func (r *Ring) known(document events.DocumentID) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.young[document]
	if !ok {
		e, ok = r.old[document]
	}
	return e, ok && time.Now().Before(e.until)
}

// unsealed remembers that a document has no key and gets none.
func (r *Ring) unsealed(document events.DocumentID) {
	if _, ok := r.known(document); !ok {
		r.remember(document, entry{err: ErrNoKey, until: time.Now().Add(keyTTL)})
	}
}

func (r *Ring) remember(document events.DocumentID, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= generation {
		r.old, r.young = r.young, make(map[events.DocumentID]entry)
	}
	delete(r.old, document)
	r.young[document] = e
}
