// Package projections folds the saga log into rows that can be asked: where
// each document is, what became of its steps, what is stuck, and how long
// steps take.
//
// A [Projector] reads the log and hands the rows that a batch has changed,
// with the place up to which it has read, to a [Store] that keeps both at once
// or neither. Rows follow from events alone: times are the log's, no clock is
// read and nothing is random. So rows at a position are the same however the
// log was cut into batches, and a store can be thrown away and filled again.
//
// A document that travels under a definition that cannot be had, or cannot be
// compiled, has no steps; it is shown as an incident.
package projections
