// Package feed follows a shard of the saga log once for several readers:
// reading costs as much as a service's hop, so a process that hosts a
// coordinator and projections reads once for both.
package feed

import (
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
)

// A Log can be followed.
type Log interface {
	Shards() int
	// Follow yields the messages of a shard after a position, in order, in
	// batches, until ctx ends.
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

// A Reader takes the messages of the log.
type Reader interface {
	// Start returns the last sequence of a shard that the reader has seen.
	Start(ctx context.Context, shard int) (uint64, error)
	// Apply takes the next messages of a shard. It may get some that it has
	// seen, and skips them. Calls for one shard come one after another, for
	// different shards at the same time. An error ends the following.
	Apply(ctx context.Context, shard int, batch []events.Delivery) error
}

// Run feeds all shards to the readers until ctx ends or a reader fails. It
// returns nil if ctx ended. Each reader goes at its own pace: what comes while
// it is at work it gets at once, so that one that has a price for each call
// pays it less often the more there is to do. What waits for a reader is
// bounded; when it is full, all wait for that reader.
func Run(ctx context.Context, log Log, readers ...Reader) error {
	g, inner := errgroup.WithContext(ctx)
	for shard := range log.Shards() {
		g.Go(func() error { return follow(inner, log, shard, readers) })
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func follow(ctx context.Context, log Log, shard int, readers []Reader) error {
	start, err := hindmost(ctx, shard, readers)
	if err != nil {
		return fmt.Errorf("feed: shard %d: %w", shard, err)
	}
	g, inner := errgroup.WithContext(ctx)
	queues := make([]*queue, len(readers))
	for i, r := range readers {
		q := newQueue()
		queues[i] = q
		g.Go(func() error { return q.feed(inner, r, shard) })
	}
	g.Go(func() error {
		for batch, err := range log.Follow(inner, events.Position{Shard: shard, Seq: start}) {
			if err != nil {
				return err
			}
			for _, q := range queues {
				if err := q.add(inner, batch); err != nil {
					return err
				}
			}
		}
		return inner.Err()
	})
	if err := g.Wait(); err != nil {
		return fmt.Errorf("feed: shard %d: %w", shard, err)
	}
	return nil
}

// InOrder returns a reader that feeds several, each after those before it, for
// readers that rely on what another has done.
func InOrder(readers ...Reader) Reader { return inOrder(readers) }

type inOrder []Reader

func (o inOrder) Start(ctx context.Context, shard int) (uint64, error) {
	return hindmost(ctx, shard, o)
}

func (o inOrder) Apply(ctx context.Context, shard int, batch []events.Delivery) error {
	for _, r := range o {
		if err := r.Apply(ctx, shard, batch); err != nil {
			return err
		}
	}
	return nil
}

// hindmost returns the least of what the readers have seen.
func hindmost(ctx context.Context, shard int, readers []Reader) (uint64, error) {
	start := ^uint64(0)
	for _, r := range readers {
		seq, err := r.Start(ctx, shard)
		if err != nil {
			return 0, err
		}
		start = min(start, seq)
	}
	return start, nil
}
