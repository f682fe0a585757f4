package parsing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
)

// TestHostileFilesEndWhereTheyShould runs every hostile kind that we can make
// through security and parsing. What each takes is measured by pdfium's own
// deadline; here is only a guard against one that hangs.
func TestHostileFilesEndWhereTheyShould(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.Deadline = 5 * time.Second
	files, pool := newFiles(), pdfiumtest.Pool(t, conf)
	check, err := security.New(security.Config{}, files, pool)
	if err != nil {
		t.Fatal(err)
	}
	parse, err := parsing.New(parsing.Config{}, files, pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range samples.Hostile() {
		if kind.Want.Step == "location" {
			continue
		}
		t.Run(kind.Name, func(t *testing.T) {
			if kind.Large && (underRace || testing.Short()) {
				t.Skip("LEFT OUT with the race detector and in short mode: a large document")
			}
			content := kind.Content()
			start := time.Now()
			got := pipeline{t: t, files: files, check: check, parse: parse}.run(content)
			if took := time.Since(start); took > 20*conf.Deadline {
				t.Errorf("took %v", took)
			}
			wants := []string{}
			for _, want := range append([]samples.Want{kind.Want}, kind.Also...) {
				s := &stop{Step: string(want.Step), Reason: want.Reason}
				if want.Step == "" || want.Step == "validation" {
					s = nil // it goes on to validation
				}
				wants = append(wants, s.String())
			}
			if !slices.Contains(wants, got.stop.String()) {
				t.Errorf("stopped at %v, want %v", got.stop, wants)
			}
		})
	}
}
