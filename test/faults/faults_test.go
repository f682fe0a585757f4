//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/services/runner"
)

// TestMain lets the test binary be the processes of a system.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "role" {
		main()
		return
	}
	os.Exit(m.Run())
}

func docsaga(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("left out with -short: it builds docsaga and runs it in seven processes")
	}
	path := filepath.Join(t.TempDir(), "docsaga")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/docsaga")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build docsaga: %v: %s", err, out)
	}
	return path
}

func named(t *testing.T, list []scenario, name string) scenario {
	t.Helper()
	for _, s := range list {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("there is no %s", name)
	return scenario{}
}

func TestAKilledWorkerLosesNothing(t *testing.T) {
	o := options{short: true, seed: 1, factor: 1, docsaga: docsaga(t)}
	kept := named(t, scenarios(), "kill-worker").run(t.Context(), o)
	if !kept.ok() {
		t.Errorf("%s", kept.line())
	}
}

func TestTheFlowCanRun(t *testing.T) {
	d, err := bpmn.Parse(flow(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps() {
		n, ok := d.Node(events.StepID(step))
		if !ok || d.Nodes[n].Undo == nil {
			t.Errorf("%s has no undo", step)
		}
	}
	if b, _ := d.Node("b"); d.Nodes[b].Timeout >= lateBy {
		t.Errorf("b may take %v, which is not less than how late it comes, %v", d.Nodes[b].Timeout, lateBy)
	}
}

func TestEffectsDoNotDouble(t *testing.T) {
	for fault, want := range map[string]int{"": 1, faultPlain: 1} {
		dir := t.TempDir()
		s, err := openService(t.Context(), dir, "a", &crash{})
		if err != nil {
			t.Fatal(err)
		}
		s.fault = fault
		v := runner.Visit{Document: "ok-1", Step: "a", Number: 1, Attempt: 1}
		for range 2 {
			if _, err := s.Do(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		left, err := effects(t.Context(), s.db)
		if err != nil || len(left) != want {
			t.Errorf("%q: effects %v (error %v), want %d", fault, left, err, want)
		}
		if err := s.Undo(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		if left, err = effects(t.Context(), s.db); err != nil || len(left) != 0 {
			t.Errorf("%q: after the undo: effects %v (error %v), want none", fault, left, err)
		}
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATableSaysWhatIsWrong(t *testing.T) {
	good := result{name: "good", documents: 9, accepted: 9, ended: 9, bites: 1, recovered: time.Second}
	for word, change := range map[string]func(*result){
		"ok":           func(*result) {},
		"did not bite": func(r *result) { r.bites = 0 },
		"BROKEN":       func(r *result) { r.breaches, r.caught = 1, map[int]int{4: 1} },
		"ERROR":        func(r *result) { r.err = errors.New("oh") },
		"never":        func(r *result) { r.recovered = -1 },
	} {
		r := good
		change(&r)
		var out strings.Builder
		if ok := printTable(&out, []result{r}, false); ok != (word == "ok") || !strings.Contains(out.String(), word) {
			t.Errorf("%s: ok is %v, printed\n%s", word, ok, out.String())
		}
	}
	for name, caught := range map[string]map[int]int{"by nothing": nil, "by another invariant": {2: 1}} {
		good.invariant, good.caught = 6, caught
		if printTable(&strings.Builder{}, []result{good}, true) {
			t.Errorf("a bug that was caught %s is taken for caught", name)
		}
	}
	good.caught = map[int]int{6: 1}
	if !printTable(&strings.Builder{}, []result{good}, true) {
		t.Error("a bug that was caught is not taken for it")
	}
}

func TestACrashWaitsForItsHit(t *testing.T) {
	c, err := parseCrash("before-ack:3")
	if err != nil || c.point != "before-ack" || c.hits != 3 {
		t.Fatalf("%+v, error %v", c, err)
	}
	c.at("before-ack")
	c.at("after-ack")
	c.at("before-ack") // the third would be the end of this test
	if c.hits != 1 {
		t.Errorf("%d hits are left, want 1", c.hits)
	}
	if _, err := parseCrash("x:y"); err == nil {
		t.Error("a crash without a number was taken")
	}
}
