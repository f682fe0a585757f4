// Package verify checks what docsaga promises on the messages of its log, by
// code of its own: it neither folds nor projects, and knows a definition only
// as a table of which step leads to which.
//
// A [Checker] takes every message of every shard, in order, and besides, if
// there are any, a record of what was submitted and of which effects exist.
// [Checker.Finish] then says, for each of the ten invariants of docsaga's
// architecture, how much was looked at, what breaches it, and which of them
// cannot be seen in a log.
//
// # What is checked
//
//  1. An accepted submission has one submitted event, an unanswered one at
//     most one, and no document has two.
//  2. Every document has one ended event, and nothing but an operator's
//     command comes after it.
//  3. A step's visit has at most one outcome, and a command one undone; every
//     message lies in the stream that its subject belongs to.
//  4. An effect exists once if its visit completed and was not undone, and
//     not at all otherwise.
//  5. Every event but a submission has a cause that is earlier and leads to
//     it: an outcome follows from a step before it in the definition or from
//     its redo, an undo from the visit's outcome, an undone from its undo.
//  6. In a document that did not complete, what may have had an effect and has
//     an undo is undone, one after another, the last first; in one that did,
//     nothing is.
//  7. The sequences of a shard are contiguous from 1, and reach the anchor.
//
// Numbers 8 (projections), 9 (readers with a position) and 10 (poisoned
// documents delay no other) are about what is not in the log.
package verify
