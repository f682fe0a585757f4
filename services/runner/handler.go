package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// A Handler does the work of one service. Both methods may be called again
// for the same visit (after a crash, a lost ack), by several goroutines for
// different visits, and Undo may come before its Do: each must be idempotent.
type Handler interface {
	// Do does the visit and returns its output, which is marshalled to JSON.
	// An error made by [Reject] is a business no and final; any other error,
	// or a panic, is tried again until the step's retries are used up, and
	// then is the reason [CodeError], or that of [Coded]. Do must return when
	// ctx ends.
	Do(ctx context.Context, v Visit) (output any, err error)
	// Undo removes every effect of the visit. It returns nil if there is none.
	Undo(ctx context.Context, v Visit) error
}

// A Forgetter is a [Handler] that keeps something of documents outside of the
// log and the file store, and erases it when one is forgotten.
type Forgetter interface {
	// Forget erases all that is kept of a document, for ever: what is done for
	// it later must keep nothing. It may be called again.
	Forget(ctx context.Context, document events.DocumentID) error
}

// A Visit is what a handler is asked to do or to undo.
type Visit struct {
	Document   events.DocumentID
	Definition string
	Version    int
	Step       events.StepID
	Number     int // 1 for the first visit of the document to the step
	Attempt    int // 1 for the first delivery; it grows with each retry

	// Input is what the step declares that it takes, a JSON object. For Undo
	// it is the same as it was for Do.
	Input json.RawMessage
	// Output is what Do had returned. It is nil in Do, and in an Undo whose
	// Do has no known end (it was timed out or cancelled).
	Output json.RawMessage
}

// Owner returns the name under which the visit's files belong in a file store
// that keeps them by step: that of its step and, from the second visit on, its
// number. So the undo of a visit that failed takes none of the files of the
// one that has done it anew.
func (v Visit) Owner() events.StepID {
	if v.Number < 2 {
		return v.Step
	}
	number := fmt.Sprintf("--%d", v.Number)
	if len(v.Step)+len(number) <= events.MaxID {
		return v.Step + events.StepID(number)
	}
	sum := sha256.Sum256([]byte(v.Step))
	return events.StepID(hex.EncodeToString(sum[:16]) + number)
}

// A Rejection is a business no: the step's outcome is rejected, with Code as
// the reason that a person, a report or a boundary event goes by.
type Rejection struct { //nolint:errname // the word of the domain: a rejection is an outcome
	Code    string // from the service's closed list, such as "not-a-pdf"
	Message string // for a person; holds no personal data
	Output  any    // what was found out nevertheless, for those who read the event; or nil
}

// Error returns the code and the message.
func (r *Rejection) Error() string { return r.Code + ": " + r.Message }

// Reject returns a [Rejection] as an error. To let it carry an output, make
// the Rejection itself.
func Reject(code, message string, args ...any) error {
	return &Rejection{Code: code, Message: fmt.Sprintf(message, args...)}
}

// AsRejection returns the [Rejection] in err's chain, if there is one.
func AsRejection(err error) (*Rejection, bool) {
	var r *Rejection
	ok := errors.As(err, &r)
	return r, ok
}

// A codedError is an ordinary one, to be tried again, that knows what to call
// itself if no try succeeds.
type codedError struct{ code, message string }

// Coded returns an error to be wrapped by others: a visit that fails because
// of it in its last attempt has code as its reason, and not [CodeError].
func Coded(code, message string) error { return &codedError{code, message} }

// Error returns the message.
func (c *codedError) Error() string { return c.message }

// codeOf returns the reason of a visit that err has ended.
func codeOf(err error) string {
	if c := (*codedError)(nil); errors.As(err, &c) {
		return c.code
	}
	return CodeError
}
