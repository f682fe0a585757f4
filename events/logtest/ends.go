package logtest

import (
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
)

// ofDocument returns an event about a document as a whole.
func ofDocument(document events.DocumentID, kind events.Kind, result events.Result) events.Event {
	e := outcome(document, events.StepDocument, "w1")
	e.Slot.Kind, e.Result, e.Data = kind, result, nil
	return e
}

// cancelledEnd: who decides that a document has ended completed may not have
// seen its cancel yet, and then the two would contradict each other.
func cancelledEnd(t *testing.T, l Log) {
	cancel := write(t, l, ofDocument("a", events.Cancel, 0))
	standing, err := l.Write(t.Context(), ofDocument("a", events.Ended, events.Completed))
	if !errors.Is(err, events.ErrTaken) || same(standing, cancel) != "" {
		t.Errorf("completed end after a cancel: %v, want %v; standing:\n%s", err, events.ErrTaken, same(standing, cancel))
	}
	ended := write(t, l, ofDocument("a", events.Ended, events.Cancelled))
	standing, err = l.Write(t.Context(), ofDocument("a", events.Ended, events.Completed))
	if !errors.Is(err, events.ErrTaken) || same(standing, ended) != "" {
		t.Errorf("completed end after the end: %v, want %v; standing:\n%s", err, events.ErrTaken, same(standing, ended))
	}
	completed := write(t, l, ofDocument("b", events.Ended, events.Completed))
	write(t, l, ofDocument("b", events.Cancel, 0)) // too late, but it says who asked
	if again := write(t, l, ofDocument("b", events.Ended, events.Completed)); same(again, completed) != "" {
		t.Errorf("the same end again, after a cancel:\n%s", same(again, completed))
	}
}
