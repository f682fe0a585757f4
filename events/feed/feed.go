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

// Run feeds all shards to the readers, in the order given, until ctx ends or
// a reader fails. It returns nil if ctx ended.
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
	start := ^uint64(0)
	for _, r := range readers {
		seq, err := r.Start(ctx, shard)
		if err != nil {
			return fmt.Errorf("feed: shard %d: %w", shard, err)
		}
		start = min(start, seq)
	}
	for batch, err := range log.Follow(ctx, events.Position{Shard: shard, Seq: start}) {
		if err != nil {
			return fmt.Errorf("feed: shard %d: %w", shard, err)
		}
		for _, r := range readers {
			if err := r.Apply(ctx, shard, batch); err != nil {
				return fmt.Errorf("feed: shard %d: %w", shard, err)
			}
		}
	}
	return ctx.Err()
}
