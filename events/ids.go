package events

import (
	"errors"
	"fmt"
)

// A DocumentID names a document: 1 to 64 of the characters A-Z a-z 0-9 _ -.
// It is chosen by the submitter or made at submission (a ULID). It becomes a
// token of every subject of the document, so it must hold no personal data.
type DocumentID string

// A StepID names a step of a definition, by the same rule as a DocumentID. In
// a definition drawn in BPMN it is the id of the element.
type StepID string

// StepDocument is the pseudo-step whose events are about the document as a
// whole: submitted, cancel, ended.
const StepDocument StepID = "document"

// DocumentAdmin stands where others have a document in the events of kind
// [Changed], which say who changed the system itself, and why. The step says
// what was changed. No document may have this id, and no flow follows from
// these events.
const DocumentAdmin DocumentID = "docsaga-admin"

// ErrBadID reports that a name cannot be a token of a subject.
var ErrBadID = errors.New("want 1 to 64 of A-Z a-z 0-9 _ -")

// CheckDocument returns nil if s can name a document, and an error that wraps
// [ErrBadID] otherwise.
func CheckDocument(s DocumentID) error {
	if s == DocumentAdmin {
		return fmt.Errorf("id %s is kept for changes of the system: %w", s, ErrBadID)
	}
	return CheckID(s)
}

// MaxID is the greatest length of an id, in bytes.
const MaxID = 64

// CheckID returns nil if s can name a document, a definition or a step, and
// an error that wraps [ErrBadID] otherwise.
func CheckID[T ~string](s T) error {
	if s == "" || len(s) > MaxID {
		return fmt.Errorf("id of %d characters: %w", len(s), ErrBadID)
	}
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			continue
		}
		return fmt.Errorf("id %.80q: character %d: %w", string(s), i+1, ErrBadID)
	}
	return nil
}
