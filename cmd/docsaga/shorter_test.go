package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cut takes the last third of each shard away, as a power cut may.
func cut(t *testing.T, dir string) {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", "DOCSAGA_[0-9]", "msgs", "1.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks %v, error %v", blocks, err)
	}
	for _, block := range blocks {
		raw, err := os.ReadFile(block)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(block, raw[:len(raw)*2/3], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALogThatAPowerCutHasShortenedGoesOnIfThatIsAccepted(t *testing.T) {
	dir := t.TempDir()
	run := func(want int, more ...string) (errOut string) {
		t.Helper()
		code, _, errOut := docsaga(t, append([]string{"run", "--data", dir, "--durability", "relaxed", "--timeout", "1m"}, more...)...)
		if code != want {
			t.Fatalf("%v: exit code %d, want %d: %s", more, code, want, errOut)
		}
		return errOut
	}
	run(exitOK)
	cut(t, dir)
	if says := run(exitFailed); !strings.Contains(says, "--accept-shorter-log") || !strings.Contains(says, "power cut") {
		t.Errorf("it says %s, want how to go on", says)
	}
	run(exitOK, "--accept-shorter-log")
	records, err := filepath.Glob(filepath.Join(dir, "accepted-shorter-log-*.json"))
	if err != nil || len(records) != 1 {
		t.Errorf("records %v (error %v), want one of what was accepted", records, err)
	}
	run(exitOK) // as if nothing had been
	if says := run(exitOK, "--accept-shorter-log"); strings.Contains(says, "accepted") {
		t.Errorf("it says %s, want nothing: nothing is missing", says)
	}
	if code, out, errOut := docsaga(t, "verify", "--store", dir, "--grace", "1m"); code != exitOK {
		t.Errorf("verify: exit code %d: %s%s", code, out, errOut)
	}
}
