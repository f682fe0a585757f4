// Package events is the vocabulary of docsaga: what an event is, where it
// stands in the saga log, and how it looks on the wire. It is pure: it does no
// input or output, reads no clock and draws no random number.
//
// # Words
//
// A document travels through the steps of a definition, a flow drawn in BPMN.
// The 1st, 2nd, ... time that it comes to a step is a visit. What became of a
// visit is its outcome: completed, rejected (a business no), failed
// (technical, retries used up), timed-out or cancelled. The one place in the
// log where that outcome may stand is a slot. An event on which a service
// starts its step is a cue. The compensation of a step is its undo. A document
// that needs a person is an incident. All events together are the saga log.
//
// # Slots
//
// One slot is one NATS subject, and a subject takes one message ever:
//
//	docsaga.<partition>.<definition>.<version>.<document>.<step>.<visit>.<kind>
//	docsaga.17.pdf-validation.3.01JDA4XN.security.1.outcome
//
// The kind of a step's slot is outcome, redo (command: do this visit), undo
// (command: compensate this visit) or undone (what became of the undo). A
// command given again is numbered: undo-2, undone-2. The pseudo-step
// "document" has submitted, cancel, compensate, ended and forgotten. The partition is
// FNV-1a(document) mod 64, in two digits; partition p lies in the stream, or
// shard, p mod S of S.
//
// Changes of the system itself - a definition deployed, a key given - are the
// log's too: their kind is changed, they stand under [DocumentAdmin] in place
// of a document, and nothing follows from them; see package admin.
//
// Whoever writes a slot first has decided it. So at most one outcome of a
// visit exists, however many services, coordinators and retries race.
//
// # Guarantees
//
// The events of one document have one order, that of their sequences in its
// shard. Delivery is at least once: a reader must expect an event again. An
// event is never changed or deleted.
//
// # Wire form
//
// An event is a CloudEvent 1.0 in NATS binary mode: attributes are headers
// named ce-<attribute>, their values percent-encoded; the payload is JSON of
// at most 256 KiB.
//
//	ce-specversion      1.0
//	ce-id               01JDA4XN.security.1.outcome   (the subject's last four tokens)
//	ce-source           /docsaga/services/security
//	ce-type             docsaga.security.completed
//	ce-subject          01JDA4XN                      (the document)
//	ce-time             2026-01-02T03:04:05.678Z
//	ce-datacontenttype  application/json
//	ce-causationid      01JDA4XN.location.1.outcome   (the cue)
//	ce-sagaworker       nonce of the writer; <version>/<nonce>~ says that the document has no key
//	traceparent         when tracing is on
//
// What the subject says is derived from it, and written out as attributes
// (partitionkey, correlationid, sagadefinition, sagaversion, sagastep,
// sagavisit) where an event leaves NATS; see [Event.MarshalJSON].
package events
