package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestArchivedDocumentsAreVerifiedAndReplayedWithoutAServer(t *testing.T) {
	s := newCrimeScene(t, 20)
	url := s.open(t)
	dir := t.TempDir()
	file, pub := filepath.Join(dir, "old.zip"), s.key+".pub"
	write := func(path, older string) (int, string) {
		code, _, errOut := docsaga(t, "archive", path, "--older", older, "--nats", url, "--data", s.dir, "--audit-pub", pub)
		return code, errOut
	}
	if code, errOut := write(filepath.Join(dir, "none.zip"), "1h"); code != exitOK || !strings.Contains(errOut, "0 documents") {
		t.Fatalf("nothing is that old: code %d, %s", code, errOut)
	}
	if code, errOut := write(file, "0s"); code != exitOK || !strings.Contains(errOut, "20 documents") {
		t.Fatalf("code %d, %s", code, errOut)
	}
	_, log, _ := docsaga(t, "replay", "--nats", url)
	t.Setenv("DOCSAGA_NATS", "nats://127.0.0.1:1")
	if code, out, errOut := docsaga(t, "audit", "verify", file, "--audit-pub", pub); code != exitOK || !strings.HasPrefix(out, "20 documents") {
		t.Errorf("verify: code %d, %s%s", code, out, errOut)
	}
	code, archived, errOut := docsaga(t, "replay", "--from", file, "--audit-pub", pub)
	a, b := strings.SplitAfter(archived, "\n"), strings.SplitAfter(log, "\n")
	b = slices.DeleteFunc(b, func(line string) bool { return strings.Contains(line, `"subject":"docsaga-admin"`) })
	slices.Sort(a)
	slices.Sort(b)
	if code != exitOK || !slices.Equal(a, b) {
		t.Errorf("code %d, %d events of the archive and %d of the log, want the same: %s", code, len(a), len(b), errOut)
	}
	if _, one, _ := docsaga(t, "replay", "--from", file, "--audit-pub", pub, "--document", "doc-3", "--step", "parsing"); strings.Count(one, "\n") != 1 {
		t.Errorf("filtered: %s, want one event", one)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(raw)
	changed[len(raw)/3] ^= 1
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"audit", "verify", file}, {"replay", "--from", file}} {
		if code, _, errOut := docsaga(t, append(args, "--audit-pub", pub)...); code != exitFailed {
			t.Errorf("%q of a changed file: code %d, want %d: %s", args, code, exitFailed, errOut)
		}
	}
	if code, _ := write(file, "0s"); code == exitOK {
		t.Error("an archive was overwritten")
	}
}

func TestAReplayGoesOnFromTheArchivesIntoTheLog(t *testing.T) {
	s := newCrimeScene(t, 20)
	url := s.open(t)
	dir, pub := t.TempDir(), s.key+".pub"
	one, two := filepath.Join(dir, "one.zip"), filepath.Join(dir, "two.zip")
	for _, path := range []string{one, two} { // both hold the same
		if code, _, errOut := docsaga(t, "archive", path, "--older", "0s", "--nats", url, "--data", s.dir, "--audit-pub", pub); code != exitOK {
			t.Fatal(errOut)
		}
	}
	code, all, errOut := docsaga(t, "replay", "--from", one, "--from", two, "--and-log", "--audit-pub", pub, "--nats", url)
	_, log, _ := docsaga(t, "replay", "--nats", url)
	a, b := strings.SplitAfter(all, "\n"), strings.SplitAfter(log, "\n")
	last := a[len(a)-2] // of what no archive holds: the changes of the system
	slices.Sort(a)
	slices.Sort(b)
	if code != exitOK || !slices.Equal(a, b) || !strings.Contains(last, "docsaga-admin") {
		t.Errorf("code %d, %d events of both, %d of the log, want each once, the archived first: %s", code, len(a), len(b), errOut)
	}
	for _, args := range [][]string{{"--and-log"}, {"--from", one, "--follow"}, {"--from", one, "--and-log", "--merge"}} {
		if code, _, errOut := docsaga(t, append([]string{"replay", "--nats", url, "--audit-pub", pub}, args...)...); code != exitUsage {
			t.Errorf("%q: code %d, %s", args, code, errOut)
		}
	}
}
