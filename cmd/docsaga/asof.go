package main

import (
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
)

const asOfUsage = "as of a position in the log, such as 0-1047, or a time: RFC 3339, or an age such as 24h"

// asOf returns the part of a document's history up to a position or a time.
// No position and no time is all of it.
func asOf(history []events.Event, at string) ([]events.Event, error) {
	if at == "" || len(history) == 0 {
		return history, nil
	}
	document, shard := history[0].Slot.Document, history[0].Position.Shard
	var within func(e *events.Event) bool
	if position, err := events.ParsePosition(at); err == nil {
		if position.Shard != shard {
			return nil, usage("--at %s: document %s lies in shard %d; positions of different shards have no order", at, document, shard)
		}
		within = func(e *events.Event) bool { return e.Position.Seq <= position.Seq }
	} else {
		moment, err := parseTime("at", at)
		if err != nil {
			return nil, usage("--at %q: want a position such as 0-1047, a time such as 2026-01-02T15:04:05Z, or an age such as 24h", at)
		}
		within = func(e *events.Event) bool { return !e.At.After(moment) }
	}
	n := 0
	for n < len(history) && within(&history[n]) {
		n++
	}
	if n == 0 {
		return nil, fmt.Errorf("document %s was submitted at %v, on %s, after %s: %w",
			document, history[0].Position, history[0].At.Format(time.RFC3339Nano), at, events.ErrNotFound)
	}
	return history[:n], nil
}
