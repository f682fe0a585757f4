package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/verify"
)

// projected returns a log's URL, and the database of a projection of it.
func projected(t *testing.T) (url, status string) {
	t.Helper()
	t.Setenv("DOCSAGA_TEST_MAIN", "1") // what verify starts is the program
	sys := startLog(t, t.TempDir())
	fill(t, sys, 12)
	url, status = sys.broker.URL(), filepath.Join(t.TempDir(), "status.db")
	args := []string{foldCommand, status, "--nats", url}
	for shard := range sys.log.Shards() {
		last, err := sys.log.Last(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, events.Position{Shard: shard, Seq: last}.String())
	}
	if code, _, errOut := docsaga(t, args...); code != exitOK {
		t.Fatalf("fold: exit code %d: %s", code, errOut)
	}
	return url, status
}

// damage runs a statement on a database behind everybody's back.
func damage(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// verifyStatus returns what verify finds of invariant 8.
func verifyStatus(t *testing.T, url, status string) (int, verify.Finding) {
	t.Helper()
	code, out, errOut := docsaga(t, "verify", "--nats", url, "--status", status, "--grace", "1h", "-o", "json")
	if out == "" {
		t.Fatalf("verify: exit code %d: %s", code, errOut)
	}
	r := verified(t, out)
	for _, b := range r.Breaches {
		t.Logf("%d: %s: %s", b.Invariant, b.Document, b.Detail)
	}
	return code, r.Findings[7]
}

func TestVerifyComparesAProjectionWithTheLogAndWithFreshProcesses(t *testing.T) {
	url, status := projected(t)
	if code, f := verifyStatus(t, url, status); code != exitOK || f.Checked != 12+4+2 || f.Skipped != "" {
		t.Errorf("exit code %d, %+v; want that 12 documents, 4 cursors and 2 processes were looked at", code, f)
	}
	for _, tt := range []struct {
		what, statement string
		breaches        int
	}{
		{"a count that is wrong, which only another fold tells", `UPDATE g1_totals SET n = n + 1`, 2},
		{"a document that says another state", `UPDATE g1_documents SET state = 'rejected' WHERE id = (SELECT min(id) FROM g1_documents)`, 3},
		{"a document that is missing", `DELETE FROM g1_documents WHERE id = (SELECT max(id) FROM g1_documents)`, 4},
		{"a cursor beyond the log, up to which nobody can fold", `UPDATE g1_cursors SET seq = 1000000 WHERE shard = 0`, 3},
	} {
		damage(t, status, tt.statement)
		if code, f := verifyStatus(t, url, status); code != exitFailed || f.Breaches != tt.breaches {
			t.Errorf("%s: exit code %d, %+v; want %d breaches", tt.what, code, f, tt.breaches)
		}
	}
}

func TestVerifyComparesWhatReadersWereTold(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 1)
	url := sys.broker.URL()
	file := filepath.Join(t.TempDir(), "reads.jsonl")
	history, err := sys.log.History(t.Context(), "doc-0")
	if err != nil {
		t.Fatal(err)
	}
	last := history[len(history)-1].Position.String()
	for lines, want := range map[string]int{
		`{"document":"nobody","asked":"0-1","answered":"0-0","state":""}`:        0,
		`{"document":"nobody","asked":"0-1","answered":"0-1","state":"running"}`: 1,
		`{"document":"doc-0","asked":"` + last + `","answered":"0-0"}`:           1,
	} {
		if err := os.WriteFile(file, []byte(lines+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, out, errOut := docsaga(t, "verify", "--nats", url, "--reads", file, "--grace", "1h", "-o", "json")
		if r := verified(t, out); r.Findings[8].Checked != 1 || r.Findings[8].Breaches != want {
			t.Errorf("%s: %+v, %s; want %d breaches", lines, r.Findings[8], errOut, want)
		}
	}
}

func TestVerifyRefusesAStatusThatIsNone(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{empty: exitInternal, "/nowhere": exitNotFound} {
		if code, _, errOut := docsaga(t, "verify", "--status", path); code != want {
			t.Errorf("%s: exit code %d, says %q; want %d", path, code, errOut, want)
		}
	}
}
