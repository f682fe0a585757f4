package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/bench/peer"
)

// program writes a shell script and returns its path.
func program(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return path
}

func TestChildDecodesWhatTheProgramPrints(t *testing.T) {
	var r peer.Round
	err := child(t.Context(), &r, program(t, `[ "$1" = measure ] && echo '{"documentsPerSecond": 12.5, "rate": 5}'`), "measure")
	if err != nil || r.PerSecond != 12.5 || r.Rate != 5 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestChildSaysWhatTheProgramComplainedOf(t *testing.T) {
	err := child(t.Context(), &peer.Round{}, program(t, "echo no such peer >&2; exit 3"), "measure")
	if err == nil || !strings.Contains(err.Error(), "exit status 3: no such peer") {
		t.Errorf("got %v", err)
	}
	if err := child(t.Context(), &peer.Round{}, program(t, "echo nonsense")); err == nil {
		t.Error("nonsense is taken for a result")
	}
}

// TestAnInterruptEndsTheProgramAndItsChildren would hang for a minute if the
// grandchild, which holds the output open, were left running.
func TestAnInterruptEndsTheProgramAndItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(t.TempDir(), "began")
	done := make(chan error, 1)
	go func() {
		done <- child(ctx, &peer.Round{}, program(t, "sleep 60 & touch "+began+"; wait"))
	}()
	until(t, func() bool { _, err := os.Stat(began); return err == nil })
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("an interrupted program gave a result")
		}
	case <-time.After(15 * time.Second):
		t.Error("the program or its child is still running")
	}
}

// until waits for a condition.
func until(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test ended before its condition came")
		}
	}
}

func TestEachEntrantIsCalledAsItsProgramWants(t *testing.T) {
	// Stubs of both programs: they note their calls, and print what either would.
	calls := filepath.Join(t.TempDir(), "calls")
	stub := program(t, `echo "$@" >>`+calls+`
		case $1 in
		bench) echo '{"median": [{"documentsPerSecond": 2, "p50ms": 3, "cpuMicrosecondsPerDocument": 5, "residentMiB": 7}]}' ;;
		*) echo '{"documentsPerSecond": 1, "rate": 50}' ;;
		esac`)
	c := comparison{docsaga: stub, temporal: stub, rounds: 2, rate: 50, progress: io.Discard}
	all := slices.DeleteFunc(c.entrants("postgres://nowhere"), func(e entrant) bool { return strings.HasPrefix(e.name, "river") || e.name == "dbos" })
	var names []string
	for _, e := range all {
		r, err := e.measure(t.Context(), "strict")
		if err != nil {
			t.Fatalf("%s: %v", e.name, err)
		}
		if r.PerSecond == 0 || r.Rate != 50 {
			t.Errorf("%s: %+v", e.name, r)
		}
		names = append(names, e.name)
	}
	if want := []string{ours, "docsaga+projections", "temporal"}; !slices.Equal(names, want) {
		t.Errorf("entrants %v, want %v", names, want)
	}
	said, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"bench --rounds 1 --durability strict --projections off --documents 10000 --rate 0 -o json",
		"bench --rounds 1 --durability strict --projections on --documents 400 --rate 50 -o json",
		"measure -peer temporal -postgres postgres://nowhere -durability strict -rate 50",
	} {
		if !strings.Contains(string(said), want+"\n") {
			t.Errorf("nobody was called with %q; calls:\n%s", want, said)
		}
	}
}

func TestEachRoundTurnsTheOrderRound(t *testing.T) {
	var order []string
	stub := func(name string) entrant {
		return entrant{name, func(_ context.Context, durability string) (peer.Round, error) {
			order = append(order, name+" "+durability)
			return peer.Round{PerSecond: 1, Rate: 50}, nil
		}}
	}
	c := comparison{rounds: 2, progress: io.Discard}
	results, err := c.run(t.Context(), []entrant{stub("a"), stub("b")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a strict", "b strict", "a relaxed", "b relaxed", "b relaxed", "a relaxed", "b strict", "a strict"}
	if !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	for _, r := range results {
		if len(r.rounds) != 2 {
			t.Errorf("%s, %s has %d rounds, want 2", r.who, r.durability, len(r.rounds))
		}
	}
}

func TestAnInterruptedComparisonHasNoTable(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stub := entrant{"a", func(context.Context, string) (peer.Round, error) {
		cancel()
		return peer.Round{PerSecond: 1}, nil
	}}
	c := comparison{rounds: 2, progress: io.Discard}
	if results, err := c.run(ctx, []entrant{stub}); err == nil || results != nil {
		t.Errorf("got %v, %v; want an error only", results, err)
	}
}

func TestAPostgresIsStoppedAndItsDirectoryRemoved(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	script := program(t, `echo "$1 $DOCSAGA_TEST_DIR" >>`+calls+`; echo "postgres://127.0.0.1:$DOCSAGA_TEST_POSTGRES_PORT/x"
		case "$DOCSAGA_TEST_POSTGRES_OPTIONS" in *fsync=on*) ;; *) exit 1 ;; esac`)
	p, err := startPostgres(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.url, "postgres://127.0.0.1:") {
		t.Errorf("URL %q", p.url)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	said, _ := os.ReadFile(calls) // empty is not what is wanted
	if want := "start " + p.dir + "\nstop " + p.dir + "\n"; string(said) != want {
		t.Errorf("calls %q, want %q", said, want)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left behind", p.dir)
	}
}

func TestAPostgresThatDoesNotStartIsStopped(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	_, err := startPostgres(t.Context(), program(t, `echo "$1" >>`+calls+`; [ "$1" = stop ] || { echo no disk >&2; exit 1; }`))
	if err == nil || !strings.Contains(err.Error(), "no disk") {
		t.Errorf("got %v", err)
	}
	if said, _ := os.ReadFile(calls); string(said) != "start\nstop\n" {
		t.Errorf("calls %q, want start and stop", said)
	}
}
