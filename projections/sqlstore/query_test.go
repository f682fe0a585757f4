package sqlstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
)

func filters() []projections.Filter {
	return []projections.Filter{
		{},
		{State: projections.Rejected},
		{Reason: "invoice-rules"},
		{Step: "security"},
		{Definition: "pdf-validation", Version: 1},
		{Definition: "other"},
		{Text: "RECHNUNG"},
		{Text: "100%_"},
		{Text: "0%0"},
		{State: projections.Failed, Step: "parsing", Reason: "unreadable", Text: "doc-"},
		{Since: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), Until: time.Date(2026, 3, 29, 1, 10, 0, 0, time.UTC)},
	}
}

// all returns all documents of a filter, page by page.
func all(t *testing.T, s *sqlstore.Store, f projections.Filter) ([]projections.Document, error) {
	t.Helper()
	var list []projections.Document
	f.Limit = 7
	for {
		page, err := s.Documents(t.Context(), f)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Documents...)
		if f.Page = page.Next; f.Page == "" {
			return list, nil
		}
	}
}

// matches is what a filter means.
func matches(f projections.Filter, d *projections.Document) bool {
	step := f.Step == "" || d.Stop != nil && string(d.Stop.Step) == f.Step || slices.Contains(d.At(), events.StepID(f.Step))
	text := strings.Contains(strings.ToLower(string(d.Document)+" "+d.Name), strings.ToLower(f.Text))
	return step && text &&
		(f.State == "" || d.State == f.State) && (f.Definition == "" || d.Definition == f.Definition) &&
		(f.Reason == "" || d.Stop != nil && d.Stop.Reason == f.Reason) &&
		!d.SubmittedAt.Before(f.Since) && (f.Until.IsZero() || d.SubmittedAt.Before(f.Until))
}

// half returns a store in which many documents are open.
func half(t *testing.T) *sqlstore.Store {
	t.Helper()
	s := tell(t, 150, 8)
	for shard := range s.log {
		s.log[shard] = s.log[shard][:len(s.log[shard])*2/3]
	}
	store := openSQLite(t)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 500 })
	return store
}

func TestAFilterSelectsWhatItSays(t *testing.T) {
	store := half(t)
	everything, err := all(t, store, projections.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range filters() {
		got, err := all(t, store, f)
		if err != nil {
			t.Fatal(err)
		}
		var want []projections.Document
		for i := range everything {
			if matches(f, &everything[i]) {
				want = append(want, everything[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%+v selects %d documents, want %d", f, len(got), len(want))
		}
		n, err := store.Count(t.Context(), f, 1000)
		if err != nil || n != len(want) {
			t.Errorf("%+v: counted %d (%v), want %d", f, n, err, len(want))
		}
	}
	if !slices.IsSortedFunc(everything, func(a, b projections.Document) int { return b.SubmittedAt.Compare(a.SubmittedAt) }) {
		t.Error("documents are not in order, the youngest first")
	}
}

func TestAPageTokenIsOfItsListOnly(t *testing.T) {
	store := half(t)
	page, err := store.Documents(t.Context(), projections.Filter{Limit: 5})
	if err != nil || page.Next == "" {
		t.Fatalf("first page: next %q, %v", page.Next, err)
	}
	for name, f := range map[string]projections.Filter{
		"another filter": {State: projections.Completed, Page: page.Next},
		"forged":         {Page: page.Next[:len(page.Next)-2] + "AA"},
		"cut":            {Page: page.Next[:10]},
		"no token":       {Page: "'; DROP TABLE g1_documents; --"},
	} {
		if _, err := store.Documents(t.Context(), f); !errors.Is(err, projections.ErrBadPage) {
			t.Errorf("%s: %v, want ErrBadPage", name, err)
		}
	}
	if _, err := store.Documents(t.Context(), projections.Filter{Page: page.Next, Limit: 50}); err != nil {
		t.Errorf("the same filter with another limit: %v", err)
	}
}

func TestADocumentIsAsItsHistoryReplayed(t *testing.T) {
	s := tell(t, 60, 9)
	store := openSQLite(t)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 9 })
	histories := make(map[events.DocumentID][]events.Event)
	for _, shard := range s.log {
		for i := range shard {
			id := shard[i].Event.Slot.Document
			histories[id] = append(histories[id], shard[i].Event)
		}
	}
	for id, history := range histories {
		want, err := projections.Replay(map[int]*saga.Definition{s.d.Version: s.d}, history)
		if err != nil {
			t.Fatal(err)
		}
		got, err := store.Document(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := toJSON(t, got), toJSON(t, want.Document); a != b {
			t.Errorf("document %s:\n%s\nreplayed:\n%s", id, a, b)
		}
	}
	if _, err := store.Document(t.Context(), "nobody"); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("a document that is not there: %v, want ErrNotFound", err)
	}
}

func TestCountsAgreeWithTheDocuments(t *testing.T) {
	store := half(t)
	states, err := store.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range projections.States() {
		list, err := all(t, store, projections.Filter{State: state})
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(list)) != states[state] {
			t.Errorf("%s: counted %d, listed %d", state, states[state], len(list))
		}
	}
	groups, err := store.TroubleGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var grouped int64
	for _, g := range groups {
		list, err := store.Troubles(t.Context(), g.Step, g.Reason, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 || !list[0].OpenedAt.Equal(g.OldestAt) {
			t.Errorf("group %+v lists %d", g, len(list))
		}
		grouped += g.Documents
	}
	if grouped == 0 || grouped < states[projections.Incident] {
		t.Errorf("%d open troubles, but %d documents are incidents", grouped, states[projections.Incident])
	}
}
