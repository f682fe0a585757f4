// Package saga is the pure core of docsaga: what a flow is, what an event
// makes of a document's state, and what to do next. State in, state out: it
// does no input or output, starts no goroutine, reads no clock and draws no
// random number. Time is a parameter, what to do next is returned as data.
//
// # Definition
//
// A [Definition] is a graph of nodes and flows, read from BPMN 2.0 by package
// saga/bpmn. A node whose visits get an outcome is a step; gateways and ends
// only pass tokens on. [Compile] checks the graph and works out its hops: from
// which outcome a token can go to which step, and what it takes to know that:
//
//   - [Direct]: the event alone tells; the service that is cued looks at
//     nothing else.
//   - [ByHistory]: the events of the document so far tell (a parallel join, a
//     loop); the service reads them and folds.
//   - [Coordinated]: a coordinator writes the step's slot (clocks, messages, a
//     join with a choice behind it).
//
// # Fold and Decide
//
// [Definition.Fold] takes the state of a document and its next event and
// returns the state after it. Facts are not refused: an event that fits
// nowhere is counted as an anomaly and, if it says that work was done, planned
// to be undone. All readers of the log fold, so all agree: the coordinator,
// the projections, and a service that must know whether it was cued.
//
// [Definition.Decide] says what a coordinator should write, given a state and
// the time: a timed-out or cancelled into an open slot, an undo, the end. It
// may be wrong by the time it is written; the slots arbitrate.
//
// # How a document ends
//
// A document is running until its last token is used up: it ends completed.
// A step that is rejected, failed or timed-out, with no boundary event to
// catch it, stops the document: open visits are cancelled, then all that may
// have had an effect is undone in reverse order of completion, one at a time,
// and it ends rejected or failed; after a cancel command it ends cancelled. An
// undo that fails, or a step that fails where the definition says wait, is an
// incident: it waits for a person. When that person has the step done anew, or
// says what came of it, the document goes on, and what the failed visit may
// have done is undone meanwhile.
package saga
