package events

import (
	"strconv"
	"strings"
)

// A Kind says what a slot is for.
type Kind uint8

// The kinds of slots. The zero Kind is none of them.
const (
	Outcome    Kind = iota + 1 // what became of a visit
	Redo                       // command: do this visit
	Undo                       // command: compensate this visit
	Undone                     // what became of the undo
	Submitted                  // of the document: it is there
	Cancel                     // of the document: command to stop and undo it
	Compensate                 // of the document: command to give up an incident and undo it
	Ended                      // of the document: nothing more will happen
	Forgotten                  // of the document: what it held is erased
	Changed                    // of the system, not of a document: what somebody set
	Migrate                    // of the document: it goes on in another version of its definition
)

// MaxAgain is how many times a command may be given: undo, undo-2 ... undo-9.
const MaxAgain = 9

// String returns the kind's token in a subject.
func (k Kind) String() string {
	switch k {
	case Outcome:
		return "outcome"
	case Redo:
		return "redo"
	case Undo:
		return "undo"
	case Undone:
		return "undone"
	case Submitted:
		return "submitted"
	case Cancel:
		return "cancel"
	case Compensate:
		return "compensate"
	case Ended:
		return "ended"
	case Forgotten:
		return "forgotten"
	case Changed:
		return "changed"
	case Migrate:
		return "migrate"
	}
	return "kind-" + strconv.Itoa(int(k))
}

// OfDocument reports whether slots of this kind belong to the pseudo-step
// "document".
func (k Kind) OfDocument() bool { return k >= Submitted && k <= Forgotten || k == Migrate }

// parseKind reads a subject's last token: a kind, and for a command given
// again its number.
func parseKind(token string) (k Kind, again int, ok bool) {
	again = 1
	if base, number, numbered := strings.Cut(token, "-"); numbered {
		if len(number) != 1 || number[0] < '2' || number[0] > '0'+MaxAgain || (base != "undo" && base != "undone") {
			return 0, 0, false
		}
		token, again = base, int(number[0]-'0')
	}
	for k = Outcome; k <= Migrate; k++ {
		if k.String() == token {
			return k, again, true
		}
	}
	return 0, 0, false
}

// A Result is what became of a visit, an undo or a document.
type Result uint8

// The results. The zero Result is that of an event that decides nothing: a
// command or a submission.
const (
	Completed Result = iota + 1
	Rejected         // a business no
	Failed           // technical, retries used up
	TimedOut         // no outcome within the step's deadline
	Cancelled
)

// String returns the result's word in an event's type.
func (r Result) String() string {
	switch r {
	case Completed:
		return "completed"
	case Rejected:
		return "rejected"
	case Failed:
		return "failed"
	case TimedOut:
		return "timed-out"
	case Cancelled:
		return "cancelled"
	}
	return ""
}

// parseResult reads a result's word.
func parseResult(word string) (Result, bool) {
	for r := Completed; r <= Cancelled; r++ {
		if r.String() == word {
			return r, true
		}
	}
	return 0, false
}
