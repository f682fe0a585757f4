package natslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

// PutDefinition stores a version of a definition. A version never changes: it
// returns nil if the same bytes stand there already, and an error that wraps
// [events.ErrConflict] if others do.
func (l *Log) PutDefinition(ctx context.Context, name string, version int, source []byte) error {
	ref := events.DefinitionRef{Name: name, Version: version}
	if err := ref.Check(); err != nil {
		return fmt.Errorf("natslog: put definition: %w", err)
	}
	err := retry(ctx, func(ctx context.Context) error {
		_, err := l.definitions.Create(ctx, ref.String(), source)
		return err
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("natslog: put definition %v: %d bytes: %w", ref, len(source), events.ErrTooLarge)
	case !isTaken(err):
		return fmt.Errorf("natslog: put definition %v: %w", ref, err)
	}
	standing, err := l.Definition(ctx, name, version)
	if err != nil {
		return err
	}
	if !bytes.Equal(standing, source) {
		return fmt.Errorf("natslog: put definition %v: %w", ref, events.ErrConflict)
	}
	return nil
}

// Definition returns the source of a definition, or an error that wraps
// [events.ErrNotFound].
func (l *Log) Definition(ctx context.Context, name string, version int) ([]byte, error) {
	ref := events.DefinitionRef{Name: name, Version: version}
	if err := ref.Check(); err != nil {
		return nil, fmt.Errorf("natslog: definition: %w", err)
	}
	// The leader is asked, so that a deployment is seen at once by everybody.
	msg, err := l.lastMessage(ctx, "KV_"+definitionsBucket, "$KV."+definitionsBucket+"."+ref.String())
	if err != nil {
		return nil, fmt.Errorf("natslog: definition %v: %w", ref, err)
	}
	return msg.Data, nil
}

// Deployed returns when a definition was stored, by the log's clock, or an error
// that wraps [events.ErrNotFound].
func (l *Log) Deployed(ctx context.Context, name string, version int) (time.Time, error) {
	ref := events.DefinitionRef{Name: name, Version: version}
	if err := ref.Check(); err != nil {
		return time.Time{}, fmt.Errorf("natslog: definition: %w", err)
	}
	msg, err := l.lastMessage(ctx, "KV_"+definitionsBucket, "$KV."+definitionsBucket+"."+ref.String())
	if err != nil {
		return time.Time{}, fmt.Errorf("natslog: definition %v: %w", ref, err)
	}
	return msg.Time, nil
}

// Definitions returns all definitions, sorted by name and version.
func (l *Log) Definitions(ctx context.Context) ([]events.DefinitionRef, error) {
	prefix := "$KV." + definitionsBucket + "."
	subjects, err := l.subjects(ctx, "KV_"+definitionsBucket, prefix+">")
	if err != nil {
		return nil, fmt.Errorf("natslog: definitions: %w", err)
	}
	refs := make([]events.DefinitionRef, 0, len(subjects))
	for _, subject := range subjects {
		if ref, ok := parseRef(strings.TrimPrefix(subject, prefix)); ok {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, events.DefinitionRef.Compare)
	return refs, nil
}

// WatchDefinitions yields the definitions that exist, then each new one, until
// ctx ends. An error is the last thing it yields.
func (l *Log) WatchDefinitions(ctx context.Context) iter.Seq2[events.DefinitionRef, error] {
	return func(yield func(events.DefinitionRef, error) bool) {
		watcher, err := l.definitions.WatchAll(ctx, jetstream.IgnoreDeletes(), jetstream.MetaOnly())
		if err != nil {
			if ctx.Err() == nil {
				yield(events.DefinitionRef{}, fmt.Errorf("natslog: watch definitions: %w", err))
			}
			return
		}
		defer func() { _ = watcher.Stop() }() // fails only if it has ended already
		for {
			select {
			case entry, ok := <-watcher.Updates():
				if !ok {
					if ctx.Err() == nil {
						yield(events.DefinitionRef{}, errors.New("natslog: watch definitions: the watch has ended"))
					}
					return
				}
				if entry == nil {
					continue // all that existed have come
				}
				if ref, ok := parseRef(entry.Key()); ok && !yield(ref, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// parseRef reads a key, <name>.<version>.
func parseRef(key string) (events.DefinitionRef, bool) {
	name, number, _ := strings.Cut(key, ".")
	version, err := strconv.Atoi(number)
	ref := events.DefinitionRef{Name: name, Version: version}
	return ref, err == nil && ref.Check() == nil && ref.String() == key
}
