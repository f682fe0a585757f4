package coordinator

import (
	"errors"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseCall(f *testing.F) {
	slot := events.Slot{Definition: "d", Version: 1, Document: "one", Step: "call", Visit: 2, Kind: events.Outcome, Again: 1}
	f.Add(CallSource(slot, 3))
	f.Add("/docsaga/calls/-5/" + slot.Subject())
	f.Add("/docsaga/calls/+5/" + slot.Subject())
	f.Add(slot.Subject())
	f.Fuzz(func(t *testing.T, source string) {
		_, subject, _ := strings.Cut(strings.TrimPrefix(source, SourceCalls), "/")
		named, _ := events.ParseSubject(subject)
		slot, depth, err := ParseCall(CalledBy(named), source)
		if err != nil {
			if !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("%q: %v", source, err)
			}
			return
		}
		if _, _, err := ParseCall(CalledBy(named)+"x", source); !errors.Is(err, events.ErrBadEvent) {
			t.Errorf("%q is taken for the call of a document of another name (error %v)", source, err)
		}
		if got := CallSource(slot, depth); got != source || depth < 0 {
			t.Errorf("%q is written back as %q, depth %d", source, got, depth)
		}
	})
}
