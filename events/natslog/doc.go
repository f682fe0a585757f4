// Package natslog is the saga log on NATS JetStream.
//
// # Streams
//
// The log is cut into shards: shard n of S is the stream DOCSAGA_n, which
// holds the partitions p with p mod S = n. A stream takes one message a
// subject ever: MaxMsgsPerSubject 1, Discard new, DiscardNewPerSubject,
// DenyDelete, DenyPurge, no rollup, no TTL, no schedules. A second message on
// a subject is refused with error 10077. The streams have no AllowDirect, so
// every read is answered by the leader. [Provision] makes them, [Open] and
// [Log.CheckSettings] compare them with what they must be.
//
// Beside them stand the bucket DOCSAGA_definitions (key <name>.<version>,
// value BPMN XML), the bucket DOCSAGA_queues (which filters each queue has
// been given) and the stream DOCSAGA_FILES (see [Files]).
//
// # Durability
//
// The server, not the client, decides when it syncs; the streams' metadata
// record what was asked for. In strict durability on one node the writers that
// wait for a shard publish together, as one atomic batch (ADR-50 of the NATS
// architecture), which is one sync. Otherwise every event is a publish of its
// own, and at most 4000 are under way at once.
package natslog
