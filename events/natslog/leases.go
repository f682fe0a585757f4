package natslog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// LeaseTTL is how long a lease is held without being renewed.
const LeaseTTL = 5 * time.Second

// Leases are names that one holder at a time has, by the server's word: keys
// of the bucket DOCSAGA_leases, whose messages the server forgets after
// [LeaseTTL]. A holder that was stopped for long may believe that it still has
// what another has by now, so nothing may rest on a lease but who does the
// work. A Leases belongs to one holder; its methods may be called at once.
type Leases struct {
	kv     jetstream.KeyValue
	holder string

	mu        sync.Mutex
	revisions map[string]uint64
}

// Leases opens the leases of the log for a holder, whose name nobody else has.
// The error wraps [ErrNotProvisioned] if the log has none.
func (l *Log) Leases(ctx context.Context, holder string) (*Leases, error) {
	kv, err := l.bucket(ctx, leasesBucket)
	if err != nil {
		return nil, err
	}
	return &Leases{kv: kv, holder: holder, revisions: make(map[string]uint64)}, nil
}

// TTL returns how long a lease is held without being renewed.
func (l *Leases) TTL() time.Duration { return LeaseTTL }

// Hold takes a lease, or renews it. It reports false if another has it.
func (l *Leases) Hold(ctx context.Context, name string) (bool, error) {
	l.mu.Lock()
	revision, held := l.revisions[name]
	l.mu.Unlock()
	attempt, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	var err error
	if held {
		revision, err = l.kv.Update(attempt, name, []byte(l.holder), revision)
	} else {
		revision, err = l.kv.Create(attempt, name, []byte(l.holder))
	}
	mine := err == nil
	if isTaken(err) || errors.Is(err, jetstream.ErrKeyExists) {
		// Perhaps by this holder itself, whose answer got lost.
		var entry jetstream.KeyValueEntry
		if entry, err = l.kv.Get(attempt, name); err == nil && string(entry.Value()) == l.holder {
			mine, revision = true, entry.Revision()
		} else if errors.Is(err, jetstream.ErrKeyNotFound) {
			err = nil // it was free for a moment; next time
		}
	}
	if err != nil {
		return false, fmt.Errorf("natslog: hold lease %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if mine {
		l.revisions[name] = revision
	} else {
		delete(l.revisions, name)
	}
	return mine, nil
}

// Free gives a lease back, if it is held.
func (l *Leases) Free(ctx context.Context, name string) error {
	l.mu.Lock()
	revision, held := l.revisions[name]
	delete(l.revisions, name)
	l.mu.Unlock()
	if !held {
		return nil
	}
	err := l.kv.Purge(ctx, name, jetstream.LastRevision(revision))
	if err != nil && !isTaken(err) {
		return fmt.Errorf("natslog: free lease %s: %w", name, err)
	}
	return nil
}

// Held returns the leases that begin with a prefix and that anybody holds.
func (l *Leases) Held(ctx context.Context, prefix string) ([]string, error) {
	attempt, cancel := context.WithTimeout(ctx, LeaseTTL/3)
	defer cancel()
	keys, err := l.kv.ListKeys(attempt)
	if err != nil {
		return nil, fmt.Errorf("natslog: leases: %w", err)
	}
	var held []string
	for key := range keys.Keys() {
		if strings.HasPrefix(key, prefix) {
			held = append(held, key)
		}
	}
	if err := attempt.Err(); err != nil {
		return nil, fmt.Errorf("natslog: leases: %w", err)
	}
	return held, nil
}
