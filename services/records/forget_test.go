package records_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/records"
	"github.com/docsaga/docsaga/services/runner"
)

// visitOf returns a visit that stores a record with a name.
func visitOf(document, name string) runner.Visit {
	return runner.Visit{
		Document: events.DocumentID(document), Definition: "flow", Version: 1, Step: "records", Number: 1, Attempt: 1,
		Input: fmt.Appendf(nil, `{"validation":{"kind":"invoice","invoice":{"number":%q,"seller":{"name":%q},"buyer":{"name":%q},"totals":{},"lines":[{"name":%q}]}},"location":{"name":%q}}`,
			name, name, name, name, name),
	}
}

func TestForgettingLeavesNoByteInTheFiles(t *testing.T) {
	dir := t.TempDir()
	store := open(t, filepath.Join(dir, "records.db"))
	h := records.New(store, nil)
	const documents = 600 // so many that pages are split, again and again
	do := func(i int) {
		if _, err := h.Do(t.Context(), visitOf(fmt.Sprintf("doc-%d", i*7919%documents), fmt.Sprintf("Marker-%d-end", i*7919%documents))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range documents {
		do(i)
	}
	for _, id := range []int{0, 1, 299, 599} {
		what := fmt.Appendf(nil, "arker-%d-end", id)
		if !inFiles(t, dir, what) {
			t.Fatalf("%s is not found where it is", what)
		}
		if err := h.Forget(t.Context(), events.DocumentID(fmt.Sprintf("doc-%d", id))); err != nil {
			t.Fatal(err)
		}
		if inFiles(t, dir, what) {
			t.Errorf("%s is still in the files", what)
		}
	}
	if !inFiles(t, dir, []byte("arker-300-end")) {
		t.Error("another document was forgotten, too")
	}
}

func inFiles(t *testing.T, dir string, what []byte) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, what) {
			return true
		}
	}
	return false
}

func TestWhatComesAfterForgettingKeepsNothing(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			h := records.New(store, nil)
			if _, err := h.Do(t.Context(), visitOf("a", "Anna")); err != nil {
				t.Fatal(err)
			}
			for range 2 { // it may come again
				if err := h.Forget(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
			}
			late := visitOf("a", "Anna")
			for late.Number = 1; late.Number <= 2; late.Number++ {
				if _, err := h.Do(t.Context(), late); err == nil {
					t.Errorf("visit %d after it was forgotten was done", late.Number)
				}
				if err := h.Undo(t.Context(), late); err != nil {
					t.Errorf("undo of visit %d: %v", late.Number, err)
				}
			}
			if _, err := store.Get(context.WithoutCancel(t.Context()), "a"); err == nil {
				t.Error("there is a record of it")
			}
			if _, err := h.Do(t.Context(), visitOf("b", "Bert")); err != nil {
				t.Errorf("another document: %v", err)
			}
		})
	}
}
