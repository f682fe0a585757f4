package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNowIsShiftedAndDurationsAreNot(t *testing.T) {
	if testing.Short() {
		t.Skip("left out with -short: it compiles package time")
	}
	dir := t.TempDir()
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program.go")
	if err := os.WriteFile(program, []byte(`package main

import "time"

func main() {
	before := time.Now()
	time.ShiftNow(3600)
	after := time.Now()
	println(after.Unix()-before.Unix() >= 3600, after.Sub(before) < time.Minute)
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "run", "-overlay", filepath.Join(dir, "overlay.json"), program).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "true true" {
		t.Errorf("%s, error %v; want that the clock is an hour ahead and no hour has gone by", out, err)
	}
}

func TestAnotherPackageTimeIsRefused(t *testing.T) {
	if _, err := shifted("package time\n"); !errors.Is(err, errOther) {
		t.Errorf("%v, want %v", err, errOther)
	}
}
