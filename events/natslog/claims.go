package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

// Claims say who is at work on which task: keys of the bucket DOCSAGA_claims.
// A claim decides nothing in the log; the task's slot does.
type Claims struct{ kv jetstream.KeyValue }

// Claims opens the claims of the log. The error wraps [ErrNotProvisioned] if
// the log has none.
func (l *Log) Claims(ctx context.Context) (*Claims, error) {
	kv, err := l.bucket(ctx, claimsBucket)
	if err != nil {
		return nil, err
	}
	return &Claims{kv: kv}, nil
}

// Take claims a task and returns who has it now. If that is another, the error
// wraps [events.ErrTaken].
func (c *Claims) Take(ctx context.Context, task, by string) (events.Holding, error) {
	h := events.Holding{By: by, At: time.Now().UTC().Truncate(time.Millisecond)}
	value, err := json.Marshal(h)
	if err != nil {
		return h, fmt.Errorf("natslog: claim %s: %w", task, err)
	}
	err = retry(ctx, func(ctx context.Context) error {
		_, err := c.kv.Create(ctx, task, value)
		return err
	})
	if err == nil {
		return h, nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) && !isTaken(err) {
		return h, fmt.Errorf("natslog: claim %s: %w", task, err)
	}
	standing, err := c.Holder(ctx, task)
	if err == nil && standing.By != by {
		err = fmt.Errorf("natslog: claim %s: %s has it: %w", task, standing.By, events.ErrTaken)
	}
	return standing, err
}

// Holder returns who has claimed a task, or an error that wraps
// [events.ErrNotFound].
func (c *Claims) Holder(ctx context.Context, task string) (events.Holding, error) {
	h, _, err := c.get(ctx, task)
	return h, err
}

func (c *Claims) get(ctx context.Context, task string) (h events.Holding, revision uint64, err error) {
	var entry jetstream.KeyValueEntry
	err = retry(ctx, func(ctx context.Context) (err error) {
		entry, err = c.kv.Get(ctx, task)
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		err = events.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &h)
	}
	if err != nil {
		return h, 0, fmt.Errorf("natslog: claim of %s: %w", task, err)
	}
	return h, entry.Revision(), nil
}

// Release gives a task back. If another has it, the error wraps
// [events.ErrTaken]; if nobody has, it is nil.
func (c *Claims) Release(ctx context.Context, task, by string) error {
	h, revision, err := c.get(ctx, task)
	switch {
	case errors.Is(err, events.ErrNotFound):
		return nil
	case err != nil:
		return err
	case h.By != by:
		return fmt.Errorf("natslog: release %s: %s has it: %w", task, h.By, events.ErrTaken)
	}
	err = retry(ctx, func(ctx context.Context) error {
		return c.kv.Purge(ctx, task, jetstream.LastRevision(revision))
	})
	if err != nil && !isTaken(err) {
		return fmt.Errorf("natslog: release %s: %w", task, err)
	}
	return nil
}
