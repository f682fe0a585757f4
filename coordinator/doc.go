// Package coordinator follows the saga log beside the path of the documents:
// it folds every event into the document's state, and writes what is due: a
// timed-out or cancelled into an open slot, an undo, the end.
//
// Services do not wait for it. With it stopped, documents still reach their
// last step; when it returns it reaches the same states as if it had never
// been away. Two of them may run: what they write are slots, and a slot takes
// one event.
//
// It keeps the states of open documents in memory, with a snapshot of each
// shard from time to time; a restart is the snapshot and the events after it.
package coordinator
