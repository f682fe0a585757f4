package api

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/docsaga/docsaga/events"
)

// ErrNotNow reports that a verb makes no sense in a document's state.
var ErrNotNow = errors.New("not possible in this state")

// The verbs of an operator.
const (
	VerbCancel     = "cancel"     // stop the document and undo it
	VerbRetry      = "retry"      // do a failed step, or a failed undo, again
	VerbResolve    = "resolve"    // decide a failed step by hand
	VerbCompensate = "compensate" // give up an incident and undo the document
	VerbForget     = "forget"     // erase what an ended document held, for ever
)

// Verbs returns the verbs that lead a document on; [VerbForget] is none of them.
func Verbs() []string { return []string{VerbCancel, VerbRetry, VerbResolve, VerbCompensate} }

// A Command is what a person wants done about a document.
type Command struct {
	Verb     string
	Document events.DocumentID
	Step     events.StepID   // retry and resolve: that waits; empty for the only one
	Outcome  events.Result   // resolve: completed, or rejected; 0 stands for completed
	Output   json.RawMessage // resolve: what the step would have put out
	By       events.By
}

// An Operator does what people decide.
type Operator interface {
	// Do writes the command's event and returns it. An error wraps
	// events.ErrNotFound, ErrNotNow or events.ErrTaken.
	Do(ctx context.Context, c Command) (events.Event, error)
}

// A Planner is an [Operator] that can say whether Do would fail, so that a dry
// run can.
type Planner interface {
	Plan(ctx context.Context, c Command) error
}
