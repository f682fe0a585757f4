// Package flows carries what goes on between documents, beside a coordinator:
// messages and signals to the documents that wait for them, or that they
// start, the documents that the clock starts, and calls to the documents that do
// them.
//
// A message is told to one visit, by name and key, and kept until one waits for
// it or its time to live is over. Which visit gets it is decided by a claim, a
// message on a subject of the stream of notices that takes one; then the
// visit's slot is written, as the claim says. Whoever finds a claim without the
// outcome that it announces writes that; if the slot was decided otherwise,
// the next claim is open. So a message is told once, whoever crashes when.
//
// A signal is told to all visits that wait when it is told, and to none that
// opens later; their slots arbitrate.
//
// A timer start event of the latest version of a definition starts a document
// when it is due, whose id is made of the due time; its submission's slot
// arbitrates. What was due while nobody looked is started once.
//
// A call is a document of its own, <parent>-<step>-<visit>, whose submission
// names the calling visit in its source. What it ends as becomes the visit's
// outcome. When the visit is cancelled, so is the document.
package flows
