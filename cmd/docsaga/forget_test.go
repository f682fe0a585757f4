package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/samples"
)

// marker is what is to be forgotten; it stands in the file's name, its text and
// the invoice in it.
const marker = "Qzwxerika Vbnmusterfrau"

// A lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

// A house runs everything in one process, on a directory.
type house struct {
	*testing.T
	sys   *system
	dir   string
	logs  *lockedBuffer
	flags []string
}

func newHouse(t *testing.T, flags ...string) *house {
	t.Helper()
	h := &house{T: t, dir: t.TempDir(), logs: &lockedBuffer{}}
	a := &app{out: h.logs, errOut: h.logs}
	flags = append([]string{"--seal", "--data", h.dir}, flags...)
	if err := a.root().ParseFlags(flags); err != nil {
		t.Fatal(err)
	}
	a.settings.logger = slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sys, err := a.embed(t.Context(), h.dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.close)
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sys.deploy(t.Context(), drawn); err != nil {
		t.Fatal(err)
	}
	h.sys, h.flags = sys, append(flags, "--nats", sys.broker.URL())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- sys.host(ctx, everything(), func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

// run runs a command on the house, which must succeed.
func (h *house) run(args ...string) string {
	h.Helper()
	code, out, errOut := docsaga(h.T, append(args, h.flags...)...)
	if code != exitOK {
		h.Fatalf("docsaga %q: exit code %d: %s\n%s", args, code, errOut, out)
	}
	return out
}

// submit submits an e-invoice to a buyer, and waits until it is verified.
func (h *house) submit(id, buyer string) {
	h.Helper()
	invoice := samples.Example()
	invoice.Number, invoice.Buyer.Name, invoice.Note = "R-"+id, buyer, "For "+buyer
	path := filepath.Join(h.TempDir(), buyer+".pdf")
	if err := os.WriteFile(path, samples.EInvoice(invoice), 0o600); err != nil {
		h.Fatal(err)
	}
	h.run("submit", path, "--id", id, "--wait")
}

// until waits for a condition.
func (h *house) until(what string, holds func() bool) {
	h.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			h.Fatalf("waited in vain until %s", what)
		}
	}
}

// find returns where below a directory a text is, in any case.
func find(t *testing.T, dir string, what []byte) (in []string) {
	t.Helper()
	what = bytes.ToLower(what)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // it went while we looked
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(raw), what) || bytes.Contains(bytes.ToLower([]byte(path)), what) {
			in = append(in, strings.TrimPrefix(path, dir))
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// keyOf returns a document's key.
func (h *house) keyOf(id events.DocumentID) []byte {
	h.Helper()
	stored, err := h.sys.log.Keys().Get(h.Context(), []events.DocumentID{id})
	if err != nil || len(stored[0]) != 33 {
		h.Fatalf("the key of %s is %d bytes, %v", id, len(stored[0]), err)
	}
	return stored[0][1:]
}

// lines returns the JSON lines of a command's output.
func lines(t *testing.T, out string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for line := range strings.Lines(out) {
		var one map[string]any
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, one)
	}
	return list
}

func TestNoByteOfAForgottenDocumentIsLeft(t *testing.T) {
	for name, databases := range forgettingDatabases() {
		t.Run(name, func(t *testing.T) {
			flags, dump := databases(t)
			h := newHouse(t, append(flags, "--durability", "relaxed", "--shards", "1")...)
			h.forgets(dump)
		})
	}
}

// forgets is the story of two documents, of which one is forgotten. dump returns
// what a database elsewhere holds.
func (h *house) forgets(dump func() []byte) {
	t := h.T
	t.Setenv("DOCSAGA_TEST_MAIN", "yes") // verify starts the program again
	key := filepath.Join(t.TempDir(), "audit.key")
	h.run("audit", "keygen", key, "--name", "example.org/test")
	h.submit("forget-me", marker)
	h.submit("keep-me", "Stays Here GmbH")
	h.run("audit", "checkpoint", "--audit-key", key)
	secret := h.keyOf("forget-me")
	before := h.status("forget-me")
	if !bytes.Contains(append(dump(), strings.Join(find(t, h.dir, []byte(marker)), " ")...), []byte("records.db")) && !bytes.Contains(dump(), []byte(marker)) {
		t.Fatal("the search does not find the marker in the records, where it is")
	}
	if in := find(t, filepath.Join(h.dir, "nats"), []byte(marker)); len(in) > 0 {
		t.Errorf("before it is forgotten the marker is in %v of the log", in)
	}
	early := filepath.Join(t.TempDir(), "early")
	keys := filepath.Join(t.TempDir(), "keys.jsonl")
	h.run("backup", early, "--document-keys", keys)

	h.exports(key)
	h.run("forget", "forget-me", "--reason", "erasure request 17", "--actor", "dpo")
	h.until("the rows are erased", func() bool {
		return len(find(t, h.dir, []byte(marker))) == 0 && !bytes.Contains(dump(), []byte(marker))
	})

	late := filepath.Join(t.TempDir(), "late")
	h.run("audit", "checkpoint", "--audit-key", key)
	h.run("backup", late)
	for _, what := range [][]byte{[]byte(marker), []byte("Vbnmusterfrau"), secret, []byte(base64.StdEncoding.EncodeToString(secret)), fmt.Appendf(nil, "%x", secret)} {
		for _, dir := range []string{h.dir, early, late} {
			if in := find(t, dir, what); len(in) > 0 {
				t.Errorf("%.40q is in %v of %s", what, in, filepath.Base(dir))
			}
		}
		if bytes.Contains(h.logs.bytes(), what) || bytes.Contains(dump(), what) {
			t.Errorf("%.40q is in the logs or in a database", what)
		}
	}
	h.stillHolds(key, before)
	h.comesBack(early, keys, true)
	h.comesBack(late, keys, false)
}

// comesBack restores a backup, and says whether the document must be readable
// then.
func (h *house) comesBack(backup, keys string, readable bool) {
	h.Helper()
	into := h.TempDir()
	if code, _, errOut := docsaga(h.T, "restore", backup, "--data", into, "--durability", "relaxed", "--document-keys", keys); code != exitOK {
		h.Fatal(errOut)
	}
	a := &app{out: h.logs, errOut: h.logs}
	if err := a.root().ParseFlags([]string{"--data", into, "--durability", "relaxed", "--shards", "1"}); err != nil {
		h.Fatal(err)
	}
	a.settings.logger = slog.New(slog.DiscardHandler)
	sys, err := a.embed(h.Context(), into, "")
	if err != nil {
		h.Fatal(err)
	}
	defer sys.close()
	for id, want := range map[events.DocumentID]bool{"forget-me": readable, "keep-me": true} {
		e, err := sys.log.Submission(h.Context(), id)
		if err != nil || e.Erased() == want || events.IsSealed(e.Data) {
			h.Errorf("%s restored from %s reads %s, %v; want it readable: %v", id, filepath.Base(backup), e.Data, err, want)
		}
	}
}

// exports checks what an exported document shows with its key, and without.
func (h *house) exports(key string) {
	h.Helper()
	for flag, readable := range map[string]bool{"--sealed=false": true, "--sealed": false} {
		file := filepath.Join(h.TempDir(), "export.json")
		h.run("audit", "export", "keep-me", file, "--audit-pub", key+".pub", flag)
		code, out, errOut := docsaga(h.T, "audit", "verify", file, "--audit-pub", key+".pub")
		if code != exitOK || strings.Contains(out, "file        sha256:") != readable {
			h.Errorf("export %s: exit code %d, %s%s; want files named: %v", flag, code, out, errOut, readable)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			h.Fatal(err)
		}
		if strings.Contains(string(raw), "documentKey") != readable {
			h.Errorf("export %s holds the key: %v", flag, !readable)
		}
		changed := strings.Replace(string(raw), `"documentKey": "`, `"documentKey": "AAAA`, 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			h.Fatal(err)
		}
		if code, _, _ := docsaga(h.T, "audit", "verify", file, "--audit-pub", key+".pub"); readable && code == exitOK {
			h.Error("an exported document with another key verifies")
		}
	}
}

// stillHolds checks that all that reads the log goes on as before.
func (h *house) stillHolds(key string, before report) {
	t := h.T
	h.run("audit", "verify", "--audit-pub", key+".pub", "--files")
	h.run("verify")
	h.run("rebuild")
	if in := find(t, h.dir, []byte(marker)); len(in) > 0 {
		t.Errorf("a rebuild has brought the marker back to %v", in)
	}
	after := h.status("forget-me")
	if after.State != before.State || len(after.Steps) != len(before.Steps) || after.Facts.Invoice != nil || string(after.Record) != "null" && after.Record != nil {
		t.Errorf("the status was %+v\nand is %+v, want the same steps without facts and record", before, after)
	}
	for i := range before.Steps {
		if a, b := after.Steps[i], before.Steps[i]; a.Step != b.Step || a.Outcome != b.Outcome || !a.StartedAt.Equal(b.StartedAt) || !a.EndedAt.Equal(*b.EndedAt) {
			t.Errorf("step %d was %+v and is %+v", i, b, a)
		}
	}
	history := lines(t, h.run("history", "forget-me", "-o", "jsonl"))
	last, _ := json.Marshal(history[len(history)-1])
	first, _ := json.Marshal(history[0]["data"])
	if string(first) != `{"erased":true}` || !bytes.Contains(last, []byte("docsaga.document.forgotten")) || !bytes.Contains(last, []byte("erasure request 17")) || !bytes.Contains(last, []byte("dpo")) {
		t.Errorf("the history begins with %s and ends with %s", first, last)
	}
	if kept := h.status("keep-me"); kept.Facts.Invoice == nil || kept.State != samples.Completed {
		t.Errorf("the other document is %+v", kept)
	}
	exported := filepath.Join(t.TempDir(), "forgotten.json")
	h.run("audit", "export", "forget-me", exported, "--audit-pub", key+".pub")
	if code, _, errOut := docsaga(t, "audit", "verify", exported, "--audit-pub", key+".pub"); code != exitOK {
		t.Errorf("the exported document does not verify: %s", errOut)
	}
	if out := h.run("forget", "forget-me", "--reason", "again"); !strings.Contains(out, "already") {
		t.Errorf("forgotten again: %s", out)
	}
	if code, _, _ := docsaga(t, append([]string{"submit", "https://example.com/a.pdf", "--id", "forget-me"}, h.flags...)...); code != exitConflict {
		t.Errorf("submitted again: exit code %d, want %d", code, exitConflict)
	}
}

func (h *house) status(id string) (r report) {
	h.Helper()
	if err := json.Unmarshal([]byte(h.run("status", id, "-o", "json")), &r); err != nil {
		h.Fatal(err)
	}
	return r
}

// forgettingDatabases returns the flags for databases to test on, and what
// returns all that they hold.
func forgettingDatabases() map[string]func(t *testing.T) ([]string, func() []byte) {
	return map[string]func(t *testing.T) ([]string, func() []byte){
		"sqlite": func(*testing.T) ([]string, func() []byte) { return nil, func() []byte { return nil } },
		"postgres": func(t *testing.T) ([]string, func() []byte) {
			t.Helper()
			url := os.Getenv("DOCSAGA_TEST_POSTGRES")
			if url == "" {
				t.Skip("LEFT OUT: forgetting in PostgreSQL; set DOCSAGA_TEST_POSTGRES to the URL that deploy/test/postgres.sh start prints")
			}
			name := fmt.Sprintf("forget_%d", os.Getpid())
			db, err := sql.Open("pgx", url)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), `DROP SCHEMA IF EXISTS `+name+` CASCADE; CREATE SCHEMA `+name); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := db.ExecContext(context.Background(), `DROP SCHEMA `+name+` CASCADE`); err != nil {
					t.Error(err)
				}
				_ = db.Close()
			})
			at := url + "&search_path=" + name
			return []string{"--records", at, "--status", at}, func() []byte { return dumped(t, db, name) }
		},
	}
}

// dumped returns all rows of a schema.
func dumped(t *testing.T, db *sql.DB, schema string) []byte {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = $1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, name := range tables {
		rows, err := db.QueryContext(t.Context(), `SELECT x::text FROM `+schema+`.`+name+` x`)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				t.Fatal(err)
			}
			all.WriteString(row)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}
