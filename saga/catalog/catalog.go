// Package catalog keeps the definitions that are deployed, compiled and ready
// to use, and deploys new ones.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// A Source holds the definitions as they were drawn.
type Source interface {
	// Definition returns the BPMN of one version, or events.ErrNotFound.
	Definition(ctx context.Context, name string, version int) ([]byte, error)
	// Deployed returns when one version was stored, by the log's clock.
	Deployed(ctx context.Context, name string, version int) (time.Time, error)
	// Definitions returns all versions, sorted.
	Definitions(ctx context.Context) ([]events.DefinitionRef, error)
	// WatchDefinitions yields all versions, then each new one, until ctx ends.
	WatchDefinitions(ctx context.Context) iter.Seq2[events.DefinitionRef, error]
}

// A Catalog returns compiled definitions. What it has compiled once it keeps,
// for a deployed version never changes. It is safe for concurrent use.
type Catalog struct {
	source Source

	mu       sync.RWMutex
	compiled map[events.DefinitionRef]*saga.Definition
}

// New returns a catalog of what source holds.
func New(source Source) *Catalog {
	return &Catalog{source: source, compiled: make(map[events.DefinitionRef]*saga.Definition)}
}

// Get returns one version, or an error that wraps [events.ErrNotFound] if it is
// not deployed.
func (c *Catalog) Get(ctx context.Context, name string, version int) (*saga.Definition, error) {
	ref := events.DefinitionRef{Name: name, Version: version}
	c.mu.RLock()
	d := c.compiled[ref]
	c.mu.RUnlock()
	if d != nil {
		return d, nil
	}
	drawn, err := c.source.Definition(ctx, name, version)
	if err != nil {
		return nil, fmt.Errorf("catalog: definition %s version %d: %w", name, version, err)
	}
	d, err = bpmn.Parse(drawn, version)
	if err != nil {
		return nil, fmt.Errorf("catalog: definition %s version %d: %w", name, version, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compiled[ref] = d
	return d, nil
}

// Deployed returns when one version was deployed, or an error that wraps
// [events.ErrNotFound].
func (c *Catalog) Deployed(ctx context.Context, name string, version int) (time.Time, error) {
	at, err := c.source.Deployed(ctx, name, version)
	if err != nil {
		return time.Time{}, fmt.Errorf("catalog: definition %s version %d: %w", name, version, err)
	}
	return at, nil
}

// Latest returns the highest version of a name, or an error that wraps
// [events.ErrNotFound] and names what there is.
func (c *Catalog) Latest(ctx context.Context, name string) (*saga.Definition, error) {
	refs, err := c.source.Definitions(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: list definitions: %w", err)
	}
	version := 0
	var names []string
	for _, ref := range refs {
		if ref.Name == name {
			version = max(version, ref.Version)
		}
		if len(names) == 0 || names[len(names)-1] != ref.Name {
			names = append(names, ref.Name)
		}
	}
	if version == 0 {
		return nil, fmt.Errorf("catalog: no definition is named %q; deployed are %q: %w", name, names, events.ErrNotFound)
	}
	return c.Get(ctx, name, version)
}

// The pauses before definitions are asked for again.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Watch yields the definitions that are deployed, then each new one, once, until
// ctx ends. One that cannot be compiled is yielded as an error, and the next
// follow. If the source fails, or a definition cannot be read from it, that is
// yielded as an error too, and asked for again, with growing pauses.
func (c *Catalog) Watch(ctx context.Context) iter.Seq2[*saga.Definition, error] {
	return func(yield func(*saga.Definition, error) bool) {
		w := watching{c: c, told: make(map[events.DefinitionRef]struct{}), pause: firstPause}
		for ctx.Err() == nil && w.watch(ctx, yield) {
			select {
			case <-ctx.Done():
			case <-time.After(w.pause):
			}
			w.pause = min(2*w.pause, lastPause)
		}
	}
}

// A watching is one Watch at work.
type watching struct {
	c     *Catalog
	told  map[events.DefinitionRef]struct{} // of which all is said
	pause time.Duration
}

// watch yields what it has not told, until the source fails or it is time to
// ask again for what could not be read. It reports false if nobody listens.
func (w *watching) watch(ctx context.Context, yield func(*saga.Definition, error) bool) bool {
	inner, again := context.WithCancel(ctx)
	defer again()
	for ref, err := range w.c.source.WatchDefinitions(inner) {
		if inner.Err() != nil {
			return true
		}
		if _, known := w.told[ref]; known && err == nil {
			continue
		}
		var d *saga.Definition
		if err == nil {
			d, err = w.c.Get(ctx, ref.Name, ref.Version)
		}
		switch {
		case err == nil, errors.Is(err, saga.ErrBadDefinition):
			w.told[ref], w.pause = struct{}{}, firstPause
		default:
			timer := time.AfterFunc(w.pause, again)
			defer timer.Stop()
		}
		if !yield(d, err) {
			return false
		}
	}
	return true
}

// A Target is where definitions are deployed to.
type Target interface {
	Source
	// PutDefinition stores one version; other bytes for a version that exists
	// are an events.ErrConflict.
	PutDefinition(ctx context.Context, name string, version int, drawn []byte) error
	// Prepare makes sure that a queue takes what the patterns select.
	Prepare(ctx context.Context, queue string, patterns []events.Pattern) error
}

// Deploy checks a drawn definition and stores it under the next version of its
// name, or under none if the latest version is drawn the same. Every queue
// that takes part knows its cues before the version can take a document. It
// returns the version that stands now.
func Deploy(ctx context.Context, target Target, drawn []byte) (*saga.Definition, error) {
	for {
		d, err := deploy(ctx, target, drawn)
		if !errors.Is(err, events.ErrConflict) || ctx.Err() != nil {
			return d, err
		}
		// Somebody deployed the same version at the same time: take the next.
	}
}

func deploy(ctx context.Context, target Target, drawn []byte) (*saga.Definition, error) {
	checked := bpmn.Check(drawn)
	if err := checked.Err(); err != nil {
		return nil, fmt.Errorf("catalog: deploy: %w", err)
	}
	d := checked.Definition
	refs, err := target.Definitions(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: deploy %s: %w", d.Name, err)
	}
	latest := 0
	for _, ref := range refs {
		if ref.Name == d.Name {
			latest = max(latest, ref.Version)
		}
	}
	version := latest + 1
	if latest > 0 {
		standing, err := target.Definition(ctx, d.Name, latest)
		if err != nil {
			return nil, fmt.Errorf("catalog: deploy %s: %w", d.Name, err)
		}
		if string(standing) == string(drawn) {
			version = latest
		}
	}
	if d, err = bpmn.Parse(drawn, version); err != nil {
		return nil, fmt.Errorf("catalog: deploy: %w", err)
	}
	for _, service := range d.Services() {
		if err := Listen(ctx, target, d, service); err != nil {
			return nil, err
		}
	}
	if err := target.PutDefinition(ctx, d.Name, version, drawn); err != nil {
		return nil, fmt.Errorf("catalog: deploy %s version %d: %w", d.Name, version, err)
	}
	return d, nil
}

// CommandQueue returns the name of the queue that carries a service's redo and
// undo commands; its cues are in the queue of its own name. They are apart so
// that the filter of the busy queue stays short.
func CommandQueue(service string) string { return service + "_commands" }

// A Preparer sets up queues.
type Preparer interface {
	Prepare(ctx context.Context, queue string, patterns []events.Pattern) error
}

// Listen makes sure that the queues of a service take all that concerns it in
// a definition.
func Listen(ctx context.Context, target Preparer, d *saga.Definition, service string) error {
	cues, commands := d.Cues(service)
	for _, q := range []struct {
		name     string
		patterns []events.Pattern
	}{{service, cues}, {CommandQueue(service), commands}} {
		if len(q.patterns) == 0 {
			continue
		}
		if err := target.Prepare(ctx, q.name, q.patterns); err != nil {
			return fmt.Errorf("catalog: queue %s for %s version %d: %w", q.name, d.Name, d.Version, err)
		}
	}
	return nil
}

// A Getter returns definitions as they are deployed.
type Getter interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// Versions returns the definitions that a document has followed in the given
// events of its history, by version. One that cannot be had is missing.
func Versions(ctx context.Context, definitions Getter, history []events.Event) (map[int]*saga.Definition, error) {
	found := make(map[int]*saga.Definition)
	ref := events.Began(history)
	for i := range history {
		ref = ref.After(&history[i])
		if _, known := found[ref.Version]; known {
			continue
		}
		d, err := definitions.Get(ctx, ref.Name, ref.Version)
		if err != nil && (ctx.Err() != nil || !errors.Is(err, events.ErrNotFound) && !errors.Is(err, saga.ErrBadDefinition)) {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		found[ref.Version] = d
	}
	return found, nil
}
