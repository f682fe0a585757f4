package coordinator

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// SourceCalls is what the source of a submission begins with that a call
// activity of another document made.
const SourceCalls = "/docsaga/calls/"

// CalledBy names the document that a visit calls.
func CalledBy(slot events.Slot) events.DocumentID {
	return events.DocumentID(events.JoinID(string(slot.Document), string(slot.Step), strconv.Itoa(slot.Visit)))
}

// CallSource is the source of the submission of a called document:
// /docsaga/calls/<depth>/<subject of the calling visit's outcome>.
func CallSource(slot events.Slot, depth int) string {
	return SourceCalls + strconv.Itoa(depth) + "/" + slot.Subject()
}

// ParseCall returns the outcome's slot of the visit that called a document, by
// the source of its submission, and how deep it was called. A source says what
// its writer likes: the error wraps [events.ErrBadEvent] if that visit would
// call a document of another name, and whether there is such a visit, and it
// calls, is for the caller to see.
func ParseCall(document events.DocumentID, source string) (slot events.Slot, depth int, err error) {
	number, subject, _ := strings.Cut(strings.TrimPrefix(source, SourceCalls), "/")
	if depth, err = strconv.Atoi(number); err == nil {
		slot, err = events.ParseSubject(subject)
	}
	if err != nil || slot.Kind != events.Outcome || depth < 0 || CallSource(slot, depth) != source || CalledBy(slot) != document {
		return slot, depth, fmt.Errorf("coordinator: source %.200q is not that of a call of %s: %w", source, document, events.ErrBadEvent)
	}
	return slot, depth, nil
}

// caller returns the source of a document's submission if a call of another
// document made it, else nothing.
func caller(document events.DocumentID, source string) string {
	if !strings.HasPrefix(source, SourceCalls) {
		return ""
	}
	if _, _, err := ParseCall(document, source); err != nil {
		return ""
	}
	return source
}
