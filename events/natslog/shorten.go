package natslog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Shortened sets the log right after it has lost its last messages: a queue
// that had handed some of them out would take those that get their sequences
// for known. Its consumer is removed, and made anew by whoever needs it; then it
// delivers everything again, and says so. It returns how many there were.
func (l *Log) Shortened(ctx context.Context) (removed int, err error) {
	for shard := range l.conf.Shards {
		stream, err := l.js.Stream(ctx, shardName(shard))
		if err != nil {
			return removed, fmt.Errorf("natslog: queues of shard %d: %w", shard, err)
		}
		last := stream.CachedInfo().State.LastSeq
		list := stream.ListConsumers(ctx)
		var ahead []string
		for info := range list.Info() {
			if info.Delivered.Stream >= last {
				ahead = append(ahead, info.Name)
			}
		}
		if err := list.Err(); err != nil {
			return removed, fmt.Errorf("natslog: queues of shard %d: %w", shard, err)
		}
		for _, name := range ahead {
			if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return removed, fmt.Errorf("natslog: remove queue %s of shard %d: %w", name, shard, err)
			}
			removed++
		}
	}
	return removed, nil
}
