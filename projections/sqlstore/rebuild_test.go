package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// Shards makes a story a log.
func (s *story) Shards() int { return shards }

// Follow yields the story's messages and then ends.
func (s *story) Follow(_ context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		for list := s.log[after.Shard][after.Seq:]; len(list) > 0; {
			n := min(len(list), 64)
			if !yield(list[:n], nil) {
				return
			}
			list = list[n:]
		}
	}
}

// damaged returns a story's store with one row changed by hand.
func damaged(t *testing.T, s *story) *sqlstore.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "status.db")
	store := open(t, path)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 100 })
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // committed
	if _, err := db.ExecContext(t.Context(), `UPDATE g1_documents SET state = 'completed', name = 'wrong' WHERE id = 'doc-000003'`); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestARebuildOfSoundProjectionsChangesNothing(t *testing.T) {
	s := tell(t, 80, 10)
	path := filepath.Join(t.TempDir(), "status.db")
	store := open(t, path)
	p := projections.New(store, pdfValidation(t))
	cut := *s
	for shard := range cut.log {
		cut.log[shard] = cut.log[shard][:len(cut.log[shard])/2]
	}
	cut.feed(t, p, func() int { return 100 })
	before := checksum(t, store)
	report, err := store.Rebuild(t.Context(), s, pdfValidation(t), false)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Switched || report.Before != before || report.After != before || checksum(t, store) != before {
		t.Errorf("report %+v, want the checksum %s before and after", report, before)
	}
	// Again, by another process: it drops the tables that the projector knows.
	other := open(t, path)
	if _, err := other.Rebuild(t.Context(), s, pdfValidation(t), false); err != nil {
		t.Fatal(err)
	}
	if err := other.DropOld(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Documents(t.Context(), projections.Filter{}); err != nil {
		t.Errorf("a reader does not find the new tables: %v", err)
	}
	// The projector that was at work goes on with the new tables.
	s.feed(t, p, func() int { return 100 })
	want := openSQLite(t)
	s.feed(t, projections.New(want, pdfValidation(t)), func() int { return 100 })
	if checksum(t, store) != checksum(t, want) {
		t.Error("after the rebuild the projector has not gone on as it should")
	}
}

func TestARebuildFindsDamageAndRepairsItIfToldTo(t *testing.T) {
	s := tell(t, 40, 11)
	store := damaged(t, s)
	report, err := store.Rebuild(t.Context(), s, pdfValidation(t), false)
	if !errors.Is(err, sqlstore.ErrDiffers) || report.Before == report.After {
		t.Fatalf("report %+v, %v; want that they differ", report, err)
	}
	if d, err := store.Document(t.Context(), "doc-000003"); err != nil || d.Name != "wrong" {
		t.Fatalf("refused, yet document is %+v, %v", d, err)
	}
	if _, err := store.Rebuild(t.Context(), s, pdfValidation(t), true); err != nil {
		t.Fatal(err)
	}
	if d, err := store.Document(t.Context(), "doc-000003"); err != nil || d.Name == "wrong" {
		t.Errorf("rebuilt, yet document is %+v, %v", d, err)
	}
}

func TestARebuildCanBeTriedAgainAfterItWasStopped(t *testing.T) {
	s := tell(t, 40, 12)
	store := openSQLite(t)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 100 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Rebuild(ctx, s, pdfValidation(t), false); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped rebuild: %v", err)
	}
	if _, err := store.Rebuild(t.Context(), s, pdfValidation(t), false); err != nil {
		t.Fatal(err)
	}
}

func TestStepStatsCountWhatTheStepsSay(t *testing.T) {
	store := half(t)
	documents, err := all(t, store, projections.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	open, ended := make(map[events.StepID]int64), make(map[events.StepID]int64)
	longest := make(map[events.StepID]time.Duration)
	for _, d := range documents {
		for _, s := range d.Steps {
			if s.EndedAt == nil {
				open[s.Step]++
				continue
			}
			ended[s.Step]++
			longest[s.Step] = max(longest[s.Step], s.EndedAt.Sub(s.StartedAt))
		}
	}
	stats, err := store.StepStats(t.Context(), "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if len(stats) != 5 {
		t.Fatalf("statistics of %d steps, want 5", len(stats))
	}
	for _, st := range stats {
		var hours, outcomes int64
		for _, h := range st.Hours {
			hours += h.Ended
		}
		for _, n := range st.Outcomes {
			outcomes += n
		}
		if st.Open != open[st.Step] || st.Ended != ended[st.Step] || hours != st.Ended || outcomes != st.Ended {
			t.Errorf("%+v, want %d open and %d ended", st, open[st.Step], ended[st.Step])
		}
		if st.P50 <= 0 || st.P50 > st.P95 || st.P95 > st.P99 || st.P99 > longest[st.Step].Seconds()*9/8 {
			t.Errorf("%s: p50 %v, p95 %v, p99 %v, longest %v", st.Step, st.P50, st.P95, st.P99, longest[st.Step])
		}
	}
}

func TestAStoreOfAnotherSchemaIsFilledAnew(t *testing.T) {
	s := tell(t, 30, 14)
	path := filepath.Join(t.TempDir(), "status.db")
	store := open(t, path)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 100 })
	want := checksum(t, store)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // committed
	if _, err := db.ExecContext(t.Context(), `UPDATE docsaga_settings SET value = 'of long ago' WHERE name = 'schema'`); err != nil {
		t.Fatal(err)
	}
	next := open(t, path)
	if positions, err := next.Positions(t.Context()); err != nil || len(positions) != 0 {
		t.Fatalf("positions %v, %v; want none yet", positions, err)
	}
	s.feed(t, projections.New(next, pdfValidation(t)), func() int { return 100 })
	if got := checksum(t, next); got != want {
		t.Errorf("checksum %s, want %s as before", got, want)
	}
	if again := open(t, path); checksum(t, again) != want {
		t.Error("opened again it has begun anew")
	}
}

func TestOpeningWhatIsNoDatabaseFails(t *testing.T) {
	for _, where := range []string{"", filepath.Join(t.TempDir(), "no", "such", "directory", "status.db"), "postgres://127.0.0.1:1/none?connect_timeout=1"} {
		if store, err := sqlstore.Open(t.Context(), where); err == nil {
			t.Errorf("%q was opened", where)
			_ = store.Close() // it should not be there
		}
	}
}
