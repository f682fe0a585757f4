// Package verify checks what docsaga promises on the messages of its log, by
// code of its own: it neither folds nor projects, and knows a definition only
// as a table of which step leads to which.
//
// A [Checker] takes every message of every shard, in order, and besides, if
// there are any, records of what was submitted, which effects exist and what
// readers were told, and the rows of a projection. [Checker.Finish] then says,
// for each of the ten invariants of docsaga's architecture, how much was looked
// at, what breaches it, and which of them were not checked for want of a record.
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
//     an undo is undone, one after another, the last first of those that were
//     done by then; a failed visit that a person has mended is undone by itself.
//     In one that did complete, what did not itself is, and nothing else.
//  7. The sequences of a shard are contiguous from 1, and reach the anchor.
//  8. A projection has each document as the last of its events up to the
//     cursor leaves it, and no other; and processes that fold the same events,
//     in other time zones and with more or fewer processors, get the same rows.
//  9. A reader who asked for a position or a later one was told of no earlier
//     one, and what was said of it was so.
//  10. Beside documents that are there to do harm, each ended in its time.
package verify
