// Package removed is the list of the messages that were taken out of the saga
// log after their documents were archived. A gap in the log that a list names
// is stepped over; any other is damage.
//
// A list is a file in the file store, of the document [events.DocumentAdmin]
// and the step archive. An event docsaga.archive.changed, whose output is a
// [Note], names it by its digest: so a checkpoint covers it, and it says who
// removed the messages and why. The file is lines of JSON,
//
//	{"format":"docsaga-removed-1"}
//	{"document":"order-4711","shard":2,"messages":[{"seq":1047,"leaf":"<base64>"},...]}
//	...
//
// The leaf is the message's hash in the Merkle log of package audit. So whoever
// has the list can still work out the roots that were signed, although the
// messages are gone.
//
// Of a document only messages of its steps are removed. What is of the document
// itself, see [events.Kind.OfDocument], stays: its id remains taken, and a
// reader sees it begin and end.
package removed
