package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events/verify"
)

func verified(t *testing.T, out string) (r verify.Report) {
	t.Helper()
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

func TestVerifyReadsARunningLog(t *testing.T) {
	url := waitingLog(t, "one", "two")
	code, out, errOut := docsaga(t, "verify", "--nats", url, "-o", "json", "--grace", "1h")
	if r := verified(t, out); code != exitOK || r.Documents != 2 || r.Open != 2 {
		t.Errorf("exit code %d, found %+v; says %s", code, r, errOut)
	}
	code, out, _ = docsaga(t, "verify", "--nats", url)
	if code != exitFailed || !strings.Contains(out, "has not ended") {
		t.Errorf("without grace: exit code %d, printed %s; want that they have not ended", code, out)
	}
	record := filepath.Join(t.TempDir(), "submitted.jsonl")
	if err := os.WriteFile(record, []byte(`{"document":"one","answered":true}`+"\n"+`{"document":"lost","answered":true}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ = docsaga(t, "verify", "--nats", url, "-o", "json", "--grace", "1h", "--submitted", record)
	if r := verified(t, out); code != exitFailed || len(r.Breaches) != 1 || r.Breaches[0].Document != "lost" {
		t.Errorf("with a record: exit code %d, found %+v; want that lost is lost", code, r)
	}
}

func TestVerifyReadsAStoppedLog(t *testing.T) {
	dir := t.TempDir()
	if code, _, errOut := docsaga(t, "run", "--data", dir, "-o", "json"); code != exitOK {
		t.Fatalf("run: exit code %d: %s", code, errOut)
	}
	code, out, errOut := docsaga(t, "verify", "--store", dir, "-o", "json")
	if r := verified(t, out); code != exitOK || r.Documents != 6 || r.Open != 0 || r.Ended["completed"] != 2 {
		t.Errorf("exit code %d, found %+v; says %s", code, r, errOut)
	}
}

func TestVerifyRefusesWhatIsNotThere(t *testing.T) {
	for _, args := range [][]string{{"--store", t.TempDir()}, {"--submitted", "/nowhere"}} {
		if code, _, errOut := docsaga(t, append([]string{"verify"}, args...)...); code != exitNotFound {
			t.Errorf("%v: exit code %d, says %q; want %d", args, code, errOut, exitNotFound)
		}
	}
	if code, _, _ := docsaga(t, "verify", "--effects", os.DevNull); code != exitUsage {
		t.Errorf("effects of no step: exit code %d, want %d", code, exitUsage)
	}
}
