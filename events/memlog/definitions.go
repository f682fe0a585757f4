package memlog

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

type definitions struct {
	mu      sync.Mutex
	refs    []events.DefinitionRef // in the order they came
	source  map[events.DefinitionRef][]byte
	stored  map[events.DefinitionRef]time.Time
	changed chan struct{}
}

// PutDefinition stores a version of a definition. It returns nil if the same
// bytes stand there already, and an error that wraps [events.ErrConflict] if
// others do.
func (l *Log) PutDefinition(_ context.Context, name string, version int, source []byte) error {
	ref := events.DefinitionRef{Name: name, Version: version}
	if err := ref.Check(); err != nil {
		return fmt.Errorf("memlog: put definition: %w", err)
	}
	d := &l.definitions
	d.mu.Lock()
	defer d.mu.Unlock()
	if standing, ok := d.source[ref]; ok {
		if bytes.Equal(standing, source) {
			return nil
		}
		return fmt.Errorf("memlog: put definition %v: %w", ref, events.ErrConflict)
	}
	if d.source == nil {
		d.source, d.stored = make(map[events.DefinitionRef][]byte), make(map[events.DefinitionRef]time.Time)
	}
	d.source[ref], d.stored[ref] = bytes.Clone(source), time.Now()
	d.refs = append(d.refs, ref)
	close(d.changed)
	d.changed = make(chan struct{})
	return nil
}

// Definition returns the source of a definition, or an error that wraps
// [events.ErrNotFound].
func (l *Log) Definition(_ context.Context, name string, version int) ([]byte, error) {
	ref := events.DefinitionRef{Name: name, Version: version}
	if err := ref.Check(); err != nil {
		return nil, fmt.Errorf("memlog: definition: %w", err)
	}
	l.definitions.mu.Lock()
	defer l.definitions.mu.Unlock()
	source, ok := l.definitions.source[ref]
	if !ok {
		return nil, fmt.Errorf("memlog: definition %v: %w", ref, events.ErrNotFound)
	}
	return bytes.Clone(source), nil
}

// Deployed returns when a definition was stored, or an error that wraps
// [events.ErrNotFound].
func (l *Log) Deployed(_ context.Context, name string, version int) (time.Time, error) {
	ref := events.DefinitionRef{Name: name, Version: version}
	l.definitions.mu.Lock()
	defer l.definitions.mu.Unlock()
	at, ok := l.definitions.stored[ref]
	if !ok {
		return time.Time{}, fmt.Errorf("memlog: definition %v: %w", ref, events.ErrNotFound)
	}
	return at, nil
}

// Definitions returns all definitions, sorted by name and version.
func (l *Log) Definitions(context.Context) ([]events.DefinitionRef, error) {
	l.definitions.mu.Lock()
	defer l.definitions.mu.Unlock()
	return slices.SortedFunc(slices.Values(l.definitions.refs), events.DefinitionRef.Compare), nil
}

// WatchDefinitions yields the definitions that exist, then each new one, until
// ctx ends.
func (l *Log) WatchDefinitions(ctx context.Context) iter.Seq2[events.DefinitionRef, error] {
	return func(yield func(events.DefinitionRef, error) bool) {
		for seen := 0; ctx.Err() == nil; {
			l.definitions.mu.Lock()
			fresh, changed := slices.Clone(l.definitions.refs[seen:]), l.definitions.changed
			l.definitions.mu.Unlock()
			for _, ref := range fresh {
				if !yield(ref, nil) {
					return
				}
			}
			seen += len(fresh)
			if len(fresh) > 0 {
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}
