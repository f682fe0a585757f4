// Package replay reads the saga log again: all of it or what a query selects,
// in an order that is the same each time, and in the same bytes.
//
// # Orders
//
// By shard: shard 0 from its first event to its last, then shard 1, and so on.
// Merged: by the time that the log stored the event, then by shard, then by
// sequence. Live: as events come, in order within each shard only.
//
// # Bytes
//
// [AppendJSON] writes an event in the CloudEvents 1.0 JSON format on one line,
// with times in UTC. The same log gives the same bytes, in any time zone and
// with any number of processors.
package replay
