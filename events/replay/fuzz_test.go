package replay_test

import (
	"slices"
	"testing"

	"github.com/docsaga/docsaga/events/replay"
)

func FuzzParsePositions(f *testing.F) {
	for _, s := range []string{"", "0-1047,1-33", "3-1", " 1-2 ", "63-1,64-1", ",,", "1-2,1-3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := replay.ParsePositions(s)
		if err != nil {
			return
		}
		if again, err := replay.ParsePositions(p.String()); err != nil || !slices.Equal(p, again) {
			t.Errorf("%q is %v, and then %v (%v)", s, p, again, err)
		}
	})
}
