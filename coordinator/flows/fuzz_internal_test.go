package flows

import (
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseCall(f *testing.F) {
	slot := events.Slot{Definition: "d", Version: 1, Document: "one", Step: "call", Visit: 2, Kind: events.Outcome, Again: 1}
	f.Add(callSource(slot, 3))
	f.Add("/docsaga/calls/-5/" + slot.Subject())
	f.Add("/docsaga/calls/+5/" + slot.Subject())
	f.Add(slot.Subject())
	f.Fuzz(func(t *testing.T, source string) {
		slot, depth, err := parseCall(source)
		if err != nil {
			if !errors.Is(err, events.ErrBadEvent) {
				t.Errorf("%q: %v", source, err)
			}
			return
		}
		if got := callSource(slot, depth); got != source || depth < 0 {
			t.Errorf("%q is written back as %q, depth %d", source, got, depth)
		}
	})
}
