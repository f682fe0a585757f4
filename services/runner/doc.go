// Package runner hosts a service: it takes the cues of the service's steps
// from the saga log, calls the service's [Handler], and writes each visit's
// outcome into its slot.
//
// It acknowledges a cue only after the outcome is stored, so a crash anywhere
// makes the cue come again: handlers must be idempotent (see
// services/barrier for effects in a database). Which of several workers that
// hold the same cue decides the visit, the slot says; one that loses to
// anything but a success undoes what it did.
//
// An error made by [Reject] is final. After any other error, or a panic, the
// cue comes again with exponential backoff until the step's retries are used
// up, and the visit is failed. A cue that is handed out still more often has
// killed its workers: it is failed without being run.
//
// A handler can be wrapped in any Watermill middleware. The loop itself is the
// runner's own.
package runner
