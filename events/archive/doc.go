// Package archive saves the saga log to a directory and brings it back, byte
// for byte, with sequences and times of storing.
//
// # A backup
//
//	manifest.json            what follows; written last: without it the backup is not complete
//	streams/<name>.snapshot  a stream as the server gives it: messages compressed, without consumers
//	audit/...                a copy of the audit directory, if there is one; no keys
//
// Each shard is cut at one moment while the system runs; a document lies in
// one shard, so that its events are whole. What events name - files,
// definitions - is saved after the shards, and is therefore there. Where the
// queues stood is noted before, so that no queue begins behind an event that it
// has not seen. The audit directory is copied first of all, so that every
// checkpoint in it is about events that were saved.
//
// The manifest holds the SHA-256 of each file, and of each shard the root of
// its Merkle tree, see package audit. Snapshots of coordinators are not brought
// back: they may be ahead of the shards. No database is saved: projections are
// made again from the log, and a service's own database is its own.
package archive
