//go:build linux && !seededbugs

package main

import (
	"errors"
	"os"
	"testing"
)

func TestThisBuildHasNoSeededBug(t *testing.T) {
	if len(bugs()) > 0 || skipsBarrier("skip-the-barrier") || unfenced("skip-the-barrier") {
		t.Error("a build without the tag seededbugs has bugs")
	}
	if err := run(t.Context(), options{bugs: true, docsaga: os.Args[0]}); !errors.Is(err, errNone) {
		t.Errorf("bugs are wanted of it: %v, want %v", err, errNone)
	}
}
