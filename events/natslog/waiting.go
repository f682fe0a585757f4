package natslog

import (
	"context"
	"fmt"
)

// Waiting returns for each queue, over all shards, how many deliveries wait in
// it or are under way. It costs the server two requests a shard.
func (l *Log) Waiting(ctx context.Context) (map[string]uint64, error) {
	waiting := make(map[string]uint64)
	for shard := range l.conf.Shards {
		stream, err := l.js.Stream(ctx, shardName(shard))
		if err != nil {
			return nil, fmt.Errorf("natslog: what waits in shard %d: %w", shard, err)
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if info.Config.Durable != "" {
				waiting[info.Config.Durable] += info.NumPending + uint64(max(info.NumAckPending, 0)) //nolint:gosec // not negative
			}
		}
		if err := list.Err(); err != nil {
			return nil, fmt.Errorf("natslog: what waits in shard %d: %w", shard, err)
		}
	}
	return waiting, nil
}
