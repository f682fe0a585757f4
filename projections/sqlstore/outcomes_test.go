package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// filled returns a store with many documents, and the path of its database.
func filled(t *testing.T) (store *sqlstore.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "status.db")
	store, err := sqlstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	s := tell(t, 150, 8)
	s.feed(t, projections.New(store, pdfValidation(t)), func() int { return 50 })
	return store, path
}

func TestOutcomesAreTheSumsOfAllHours(t *testing.T) {
	store, _ := filled(t)
	list, err := store.Outcomes(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	reasons := 0
	for _, o := range list {
		got[o.Definition+" "+o.Step+" "+o.Outcome] += o.Visits
		if o.Reason != "" {
			reasons++
		}
	}
	stats, err := store.StepStats(t.Context(), "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]int64)
	for _, s := range stats {
		for outcome, n := range s.Outcomes {
			want[s.Definition+" "+string(s.Step)+" "+outcome] += n
		}
	}
	if len(want) < 5 || reasons == 0 {
		t.Fatalf("only %v, %d of them with a reason", want, reasons)
	}
	for what, n := range want {
		if got[what] != n {
			t.Errorf("%s: %d, want %d", what, got[what], n)
		}
	}
	if some, err := store.Outcomes(t.Context(), 2); err != nil || len(some) != 2 {
		t.Errorf("at most two: %v, %v", some, err)
	}
}

func TestTheChecksumIsOfEveryTable(t *testing.T) {
	store, path := filled(t)
	before, err := store.Checksum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only a test's
	var names []string
	rows, err := db.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'g1!_%' ESCAPE '!'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(name, "g1_"))
	}
	if rows.Err() != nil || len(names) < 6 {
		t.Fatalf("tables %v, %v", names, rows.Err())
	}
	columns := map[string]string{"cursors": "seq", "documents": "anomalies", "steps": "item", "troubles": "visit"}
	for _, name := range names {
		column := columns[name]
		if column == "" {
			column = "n" // it counts
		}
		for _, change := range []string{"+ 1", "- 1"} {
			if _, err := db.ExecContext(t.Context(), `UPDATE g1_`+name+` SET `+column+` = `+column+` `+change); err != nil {
				t.Fatal(err)
			}
			after, err := store.Checksum(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if same := after == before; same != (change == "- 1") {
				t.Errorf("%s, %s %s: checksum is the same: %v", name, column, change, same)
			}
		}
	}
}
