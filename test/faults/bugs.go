//go:build linux

package main

import (
	"context"
)

// bugs are faults of docsaga's own making: verify must catch each.
func bugs() []scenario {
	usual := []string{fateOK, fateOK, fateReject, fateRetry}
	return []scenario{
		{name: bugAckFirst, fates: usual, fault: bugAckFirst, during: crashingAt("before-effect"), documents: 1500},
		{name: bugForward, fates: []string{fateReject}, fault: bugForward, documents: 600, bitten: tallied},
		{name: bugBarrier, fates: usual, fault: bugBarrier, during: crashingAt("after-effect"), documents: 1500},
		{name: bugCursor, fates: usual, fault: bugCursor, documents: 1500, bitten: tallied},
		{name: bugDrop, fates: usual, fault: bugDrop, documents: 600, bitten: tallied},
		{name: bugIgnore, fates: []string{fateOK, fateLate}, fault: bugIgnore, documents: 600, bitten: tallied},
		{name: bugRelaxed, fates: usual, during: relaxing, documents: 600},
	}
}

// crashingAt crashes workers at a point, again and again.
func crashingAt(point string) func(context.Context, *trial) int {
	return func(ctx context.Context, t *trial) int {
		n := 0
		for ctx.Err() == nil {
			n += crashOnce(ctx, t, point, 1+t.rng.IntN(3))
		}
		return n
	}
}

// relaxing lets a slot take more than one event.
func relaxing(ctx context.Context, t *trial) int {
	nc, err := connect(t.sys.url)
	if err != nil {
		return 0
	}
	defer nc.Close()
	n := 0
	for shard := range shards {
		if update(nc, shard, func(config map[string]any) {
			config["max_msgs_per_subject"], config["discard_new_per_subject"], config["discard"] = -1, false, "old"
		}) {
			n++
		}
	}
	<-ctx.Done()
	return n
}
