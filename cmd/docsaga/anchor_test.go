package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADamagedLogStopsTheStart(t *testing.T) {
	dir := t.TempDir()
	if code, _, errOut := docsaga(t, "run", "--data", dir); code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	if code, _, errOut := docsaga(t, "run", "--data", dir); code != exitOK {
		t.Fatalf("again: exit code %d: %s", code, errOut)
	}
	blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", "DOCSAGA_[0-9]", "msgs", "1.blk"))
	if err != nil || len(blocks) != 4 {
		t.Fatalf("blocks %v, error %v", blocks, err)
	}
	raw, err := os.ReadFile(blocks[2])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-20] ^= 1 // in the last message
	if err := os.WriteFile(blocks[2], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := docsaga(t, "run", "--data", dir)
	if code != exitFailed || !strings.Contains(errOut, "To restore") {
		t.Errorf("exit code %d, says %s; want %d and how to restore", code, errOut, exitFailed)
	}
	if after, err := os.ReadFile(blocks[2]); err != nil || string(after) != string(raw) {
		t.Errorf("the files were changed (error %v)", err)
	}
}
