package records_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/records"
	"github.com/docsaga/docsaga/services/runner"
)

// A model is what a store must hold: of each visit whether it was done and
// whether it was undone.
type model map[string]*struct{ done, undone bool }

// listed returns the newest visit of each document that stands, as "document.visit".
func (m model) listed() []string {
	newest := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if v := m[key]; v.done && !v.undone {
			document, visit, _ := strings.Cut(key, ".")
			newest[document] = visit
		}
	}
	var list []string
	for _, document := range slices.Sorted(maps.Keys(newest)) {
		list = append(list, document+"."+newest[document])
	}
	return list
}

func TestInAnyOrderTheStoreHoldsWhatWasDoneAndNotUndone(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			h := records.New(s, nil)
			run := 0
			rapid.Check(t, func(rt *rapid.T) {
				run++
				want, kind := model{}, fmt.Sprintf("run-%03d", run)
				for range rapid.IntRange(1, 12).Draw(rt, "commands") {
					v := runner.Visit{
						Document: events.DocumentID(fmt.Sprintf("%s-%d", kind, rapid.IntRange(1, 2).Draw(rt, "document"))),
						Step:     "records", Number: rapid.IntRange(1, 3).Draw(rt, "visit"),
						Input: json.RawMessage(`{"validation": {"kind": "` + kind + `", "invoice": {"number": "1", "lines": [{}, {}]}}}`),
					}
					key := fmt.Sprintf("%s.%d", v.Document, v.Number)
					if want[key] == nil {
						want[key] = &struct{ done, undone bool }{}
					}
					if rapid.Bool().Draw(rt, "undo") {
						if err := h.Undo(t.Context(), v); err != nil {
							rt.Fatalf("undo %s: %v", key, err)
						}
						want[key].undone = true
						continue
					}
					_, err := h.Do(t.Context(), v)
					if r, rejected := runner.AsRejection(err); rejected != want[key].undone || rejected && r.Code != records.ReasonUndone || !rejected && err != nil {
						rt.Fatalf("do %s: %v, undone before: %v", key, err, want[key].undone)
					}
					want[key].done = true
				}
				page, _, err := s.List(t.Context(), records.Query{Kind: kind})
				if err != nil {
					rt.Fatal(err)
				}
				var got []string
				for _, r := range page {
					got = append(got, fmt.Sprintf("%s.%d", r.Document, r.Visit))
				}
				if !slices.Equal(got, want.listed()) {
					rt.Fatalf("got %v, want %v", got, want.listed())
				}
			})
		})
	}
}

func TestManyAtOnceStoreEachOnce(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			h := records.New(s, nil)
			failures := make(chan error)
			for worker := range 8 {
				go func() {
					var failed error
					for n := 1; n <= 9; n++ {
						_, err := h.Do(t.Context(), invoice((n+worker)%9+1))
						failed = errors.Join(failed, err)
					}
					failures <- failed
				}()
			}
			for range 8 {
				if err := <-failures; err != nil {
					t.Error(err)
				}
			}
			page, _, err := s.List(t.Context(), records.Query{})
			if err != nil || len(page) != 9 {
				t.Errorf("%d records, %v; want 9", len(page), err)
			}
		})
	}
}
