//go:build linux && seededbugs

package main

import (
	"testing"

	"github.com/docsaga/docsaga/services/runner"
)

func TestEachBugNamesWhatCatchesIt(t *testing.T) {
	if len(bugs()) < 7 {
		t.Errorf("%d bugs", len(bugs()))
	}
	for _, b := range bugs() {
		if b.invariant < 1 || b.invariant > 10 || b.during == nil && b.bitten == nil {
			t.Errorf("%s is to be caught by %d", b.name, b.invariant)
		}
	}
}

func TestEffectsDoubleWithoutTheBarrier(t *testing.T) {
	s, err := openService(t.Context(), t.TempDir(), "a", &crash{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.db.Close() //nolint:errcheck // only a test
	s.fault = bugBarrier
	for range 2 {
		if _, err := s.Do(t.Context(), runner.Visit{Document: "ok-1", Step: "a", Number: 1, Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := effects(t.Context(), s.db); err != nil || len(left) != 2 {
		t.Errorf("effects %v (error %v), want two", left, err)
	}
}
