package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/services/samples"
)

// serveDir starts a server on a directory that holds a log.
func serveDir(t *testing.T, dir string) *system {
	t.Helper()
	a := &app{out: os.Stderr, errOut: os.Stderr}
	a.settings.durability, a.settings.shards, a.settings.replicas = "relaxed", 4, 1
	sys, err := a.embed(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.close)
	return sys
}

func TestABackupMadeWhileTheSystemRunsComesBackWhole(t *testing.T) {
	documents := 3000
	if testing.Short() || underRace {
		documents = 300
	}
	sys := startLog(t, t.TempDir())
	fill(t, sys, documents)
	backup, into := filepath.Join(t.TempDir(), "backup"), t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { // goes on while the backup is made
		for i := 0; ctx.Err() == nil; i++ {
			for _, e := range story(fmt.Sprintf("meanwhile-%d", i), 5) {
				_, _ = sys.log.Write(ctx, e) // refused once ctx has ended
			}
		}
	})
	code, out, errOut := docsaga(t, "backup", backup, "--nats", sys.broker.URL(), "-o", "json")
	stop()
	writing.Wait()
	if code != exitOK {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var m archive.Manifest
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := docsaga(t, "restore", backup, "--data", into, "--durability", "relaxed"); code != exitOK {
		t.Fatalf("code %d: %s", code, errOut)
	}
	var until []string
	for shard, s := range m.Shards {
		until = append(until, events.Position{Shard: shard, Seq: s.Last}.String())
	}
	restored := serveDir(t, into)
	_, want, _ := docsaga(t, "replay", "--nats", sys.broker.URL(), "--until", strings.Join(until, ","))
	_, got, _ := docsaga(t, "replay", "--nats", restored.broker.URL())
	if got != want || strings.Count(got, "\n") < 7*documents {
		t.Errorf("restored are %d events of %d bytes, saved were %d of %d bytes", strings.Count(got, "\n"), len(got), strings.Count(want, "\n"), len(want))
	}
	if err := restored.log.CheckSettings(t.Context()); err != nil {
		t.Error(err)
	}
	if code, out, errOut := docsaga(t, "verify", "--nats", restored.broker.URL(), "--grace", "1h"); code != exitOK {
		t.Errorf("verify of the restored log: code %d, %s%s", code, out, errOut)
	}
	late := story("after", 1)
	for _, e := range late {
		if _, err := restored.log.Write(t.Context(), e); err != nil {
			t.Errorf("the restored log takes no event: %v", err)
		}
	}
	if _, err := restored.log.Write(t.Context(), story("doc-1", 1)[1]); err != nil {
		t.Errorf("the same event again: %v, want that it stands already", err)
	}
}

func TestTheQueuesOfARestoredLogGoOnWhereTheyStood(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 50)
	patterns := []events.Pattern{{Definition: defaultDefinition, Version: 1, Step: "security", Kind: events.Outcome}}
	if err := sys.log.Prepare(t.Context(), "watcher", patterns); err != nil {
		t.Fatal(err)
	}
	take := func(sys *system, shard, n int) (ids []string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for d, err := range sys.log.Cues(ctx, "watcher", shard, 1) {
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Ack(); err != nil {
				t.Fatal(err)
			}
			if ids = append(ids, d.Event.ID()); len(ids) == n {
				break
			}
		}
		return ids
	}
	before := take(sys, 1, 5)
	if err := sys.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := sys.log.QueuePositions(t.Context()); err != nil {
		t.Fatal(err)
	}
	backup, into := t.TempDir(), t.TempDir()
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", sys.broker.URL()); code != exitOK {
		t.Fatal(errOut)
	}
	if code, _, errOut := docsaga(t, "restore", backup, "--data", into, "--durability", "relaxed"); code != exitOK {
		t.Fatal(errOut)
	}
	restored := serveDir(t, into)
	next := take(restored, 1, 1)
	for _, id := range before {
		if id == next[0] {
			t.Errorf("%s is delivered again, though it was acknowledged", id)
		}
	}
	// A later definition widens the filters of a queue that began in the middle.
	if err := restored.log.Prepare(t.Context(), "watcher", []events.Pattern{{Definition: defaultDefinition, Version: 2, Step: "security", Kind: events.Outcome}}); err != nil {
		t.Error(err)
	}
}

func TestNoEffectIsRepeatedAfterARestore(t *testing.T) {
	data, backup, into := t.TempDir(), t.TempDir(), t.TempDir()
	if code, _, errOut := docsaga(t, "run", "--data", data, "--durability", "relaxed"); code != exitOK {
		t.Fatal(errOut)
	}
	sys := serveDir(t, data)
	_, before, _ := docsaga(t, "replay", "--nats", sys.broker.URL())
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", sys.broker.URL()); code != exitOK {
		t.Fatal(errOut)
	}
	sys.close()
	if code, _, errOut := docsaga(t, "restore", backup, "--data", into, "--durability", "relaxed"); code != exitOK {
		t.Fatal(errOut)
	}
	pdf := filepath.Join(t.TempDir(), "one.pdf")
	if err := os.WriteFile(pdf, samples.Builtin()[0].Content, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := docsaga(t, "run", pdf, "--data", into, "--durability", "relaxed"); code != exitOK {
		t.Fatal(errOut)
	}
	// The services began with empty databases: what they did again would be there.
	_, records, _ := docsaga(t, "records", "list", "--data", into, "-o", "jsonl")
	if n := strings.Count(records, "\n"); n != 1 {
		t.Errorf("%d records, want that of the one new document: %s", n, records)
	}
	restored := serveDir(t, into)
	_, after, _ := docsaga(t, "replay", "--nats", restored.broker.URL())
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			t.Errorf("an event is not there any more: %s", line)
		}
	}
	if more := strings.Count(after, "\n") - strings.Count(before, "\n"); more < 6 || more > 8 {
		t.Errorf("%d events more, want those of the one new document", more)
	}
}

func TestARestoreRefusesWhatDoesNotHold(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 5)
	backup := t.TempDir()
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", sys.broker.URL()); code != exitOK {
		t.Fatal(errOut)
	}
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", sys.broker.URL()); code != exitConflict {
		t.Errorf("a backup over a backup: code %d, want %d: %s", code, exitConflict, errOut)
	}
	if code, _, errOut := docsaga(t, "restore", backup, "--nats", sys.broker.URL()); code != exitConflict {
		t.Errorf("onto a server with a log: code %d, want %d: %s", code, exitConflict, errOut)
	}
	if code, _, _ := docsaga(t, "restore", t.TempDir(), "--data", t.TempDir()); code != exitNotFound {
		t.Errorf("from an empty directory: code %d, want %d", code, exitNotFound)
	}
	err := filepath.WalkDir(backup, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return err
		}
		if code, _, errOut := docsaga(t, "restore", backup, "--data", filepath.Join(t.TempDir(), "x"), "--durability", "relaxed"); code != exitFailed {
			t.Errorf("with a byte of %s changed: code %d, want %d: %s", entry.Name(), code, exitFailed, errOut)
		}
		raw[len(raw)/2] ^= 1
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARestoredLogIsComparedWithItsCheckpointsAndTheKeyIsNotSaved(t *testing.T) {
	s := newCrimeScene(t, 30)
	secret, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "audit", "audit.key"), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "audit", "log-1", "audit.key"), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	backup, into := t.TempDir(), t.TempDir()
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", s.open(t), "--data", s.dir); code != exitOK {
		t.Fatal(errOut)
	}
	_ = filepath.WalkDir(backup, func(path string, entry fs.DirEntry, _ error) error {
		if raw, err := os.ReadFile(path); err == nil && strings.Contains(string(raw), string(secret[20:60])) {
			t.Errorf("the private key is in %s", entry.Name())
		}
		return nil
	})
	code, _, errOut := docsaga(t, "restore", backup, "--data", into, "--durability", "relaxed", "--audit-pub", s.key+".pub")
	if code != exitOK || errOut != "" {
		t.Fatalf("code %d: %s", code, errOut)
	}
	code, r := crimeScene{t: t, dir: into, key: s.key}.verify(t)
	if code != exitOK || r.Events != 210+changesAtStart || r.Files != 1 || r.Uncovered != 0 {
		t.Errorf("code %d, %+v, want 210 events and the changes as they were signed, and the file", code, r)
	}
}

func TestAFailedRestoreLeavesNothingAndCanBeDoneAgain(t *testing.T) {
	s := newCrimeScene(t, 10)
	backup, into := t.TempDir(), t.TempDir()
	if code, _, errOut := docsaga(t, "backup", backup, "--nats", s.open(t), "--data", s.dir); code != exitOK {
		t.Fatal(errOut)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if code, _, errOut := docsaga(t, "audit", "keygen", other, "--name", "example.org/test"); code != exitOK {
		t.Fatal(errOut)
	}
	if err := os.MkdirAll(filepath.Join(into, "nats.restoring", "jetstream"), 0o700); err != nil { // of one that was killed
		t.Fatal(err)
	}
	remote := startLog(t, t.TempDir()) // any server: its log is removed
	for _, name := range remote.log.Streams() {
		if err := natslog.RemoveStream(t.Context(), remote.nc, name); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := t.TempDir()
	for _, key := range []string{other, s.key} {
		want := exitOK
		if key == other {
			want = exitFailed
		}
		code, _, errOut := docsaga(t, "restore", backup, "--data", into, "--durability", "relaxed", "--audit-pub", key+".pub")
		if code != want {
			t.Fatalf("code %d, want %d: %s", code, want, errOut)
		}
		entries, _ := os.ReadDir(into)
		if want == exitFailed && len(entries) > 0 {
			t.Errorf("a failed restore leaves %v", entries)
		}
		code, _, errOut = docsaga(t, "restore", backup, "--nats", remote.broker.URL(), "--data", elsewhere, "--audit-pub", key+".pub")
		if code != want {
			t.Fatalf("onto a server: code %d, want %d: %s", code, want, errOut)
		}
		if _, err := remote.log.Last(t.Context(), 0); (err == nil) != (want == exitOK) {
			t.Errorf("onto a server: code %d leaves a shard with %v", code, err)
		}
	}
}
