package audit

import (
	"errors"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func FuzzParseRecord(f *testing.F) {
	f.Add(record(events.DefinitionRef{Name: "pdf-validation", Version: 3}, []byte("<xml/>")))
	f.Add("a 1 00\n")
	f.Add("a 1 \n\n")
	f.Fuzz(func(t *testing.T, line string) {
		ref, digest, err := parseRecord(line)
		if err != nil {
			if !errors.Is(err, ErrBad) {
				t.Errorf("%q: %v", line, err)
			}
			return
		}
		if ref.Check() != nil || len(digest) != 64 {
			t.Errorf("%q is %v with %q", line, ref, digest)
		}
	})
}
