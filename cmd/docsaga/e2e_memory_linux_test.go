package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/test/ports"
)

// memoryBound is what all processes of dev may take together, in MiB; see
// docs/limits.md, which says how it comes about.
const memoryBound = 2500

// TestE2EHostileLoadStaysWithinTheMemoryBound submits every hostile kind, eight
// at once, and adds up the resident memory of dev and all its children
// meanwhile.
func TestE2EHostileLoadStaysWithinTheMemoryBound(t *testing.T) {
	program := program(t)
	addr, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	cmd := exec.Command(program, "dev", "--listen", addr, "--http", "", "--data", data)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("dev ended with %v, want a clean end", err)
		}
	})
	awaitFlow(t, program, addr)
	peak, stop := watchMemory(cmd.Process.Pid)
	dir := t.TempDir()
	var g errgroup.Group
	g.SetLimit(8)
	for _, kind := range samples.Hostile() {
		path := filepath.Join(dir, kind.Name+".pdf")
		if err := os.WriteFile(path, kind.Content(), 0o600); err != nil {
			t.Fatal(err)
		}
		g.Go(func() error { return submitHostile(t, program, addr, data, path, kind) })
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	stop()
	highest := <-peak
	t.Logf("at most %d MiB resident in %d processes", highest.kib>>10, highest.processes)
	if highest.kib>>10 > memoryBound {
		t.Errorf("dev and its children took %d MiB, want at most %d", highest.kib>>10, memoryBound)
	}
	if highest.processes < 2 {
		t.Errorf("%d processes were seen, so the children were not counted", highest.processes)
	}
}

// submitHostile submits a document, which may end in any way that is right for
// its kind, but must end.
func submitHostile(t *testing.T, program, addr, data, path string, kind samples.Kind) error {
	t.Helper()
	cmd := exec.Command(program, "submit", path, "--wait", "--timeout", "5m", "-o", "json", "--nats", "nats://"+addr, "--data", data)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	_ = cmd.Run() // exit code 1 says that it was rejected
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		if kind.Name == "empty-file" { // is refused at once
			return nil
		}
		t.Errorf("%s: no report: %s", kind.Name, problems.String())
		return nil
	}
	end := samples.Want{State: r.State}
	if r.Stop != nil {
		end.Step, end.Reason = r.Stop.Step, r.Stop.Reason
	}
	if !kind.Accepts(end) {
		t.Errorf("%s ended %s, want %s", kind.Name, end, kind.Want)
	}
	return nil
}

// awaitFlow waits until documents can be submitted.
func awaitFlow(t *testing.T, program, addr string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		out, err := exec.Command(program, "definition", "list", "-o", "json", "--nats", "nats://"+addr).Output()
		if err == nil && strings.Contains(string(out), defaultDefinition) {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatalf("there is no flow at %s after a minute", addr)
}

// memoryUse is what the processes of a tree take at one time.
type memoryUse struct{ kib, processes int }

// watchMemory looks every 20 ms until it is stopped, and then gives the most.
func watchMemory(pid int) (peak <-chan memoryUse, stop func()) {
	ended, result := make(chan struct{}), make(chan memoryUse, 1)
	go func() {
		var most memoryUse
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				result <- most
				return
			case <-tick.C:
				if now := memoryOf(pid); now.kib > most.kib {
					most = now
				}
			}
		}
	}()
	return result, func() { close(ended) }
}

// memoryOf adds up the resident memory of a process and its descendants.
func memoryOf(pid int) (total memoryUse) {
	root := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(root + "/status")
	if err != nil {
		return total // it has ended
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			total.kib, _ = strconv.Atoi(fields[1])
			total.processes = 1
		}
	}
	tasks, _ := filepath.Glob(root + "/task/*/children")
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for child := range strings.FieldsSeq(string(children)) {
			if id, err := strconv.Atoi(child); err == nil {
				below := memoryOf(id)
				total.kib += below.kib
				total.processes += below.processes
			}
		}
	}
	return total
}
