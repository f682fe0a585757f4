package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/test/ports"
)

// program returns the built program, which make e2e names.
func program(t *testing.T) string {
	t.Helper()
	path := os.Getenv("DOCSAGA_E2E")
	if path == "" {
		t.Skip("LEFT OUT: end to end tests want the built program in DOCSAGA_E2E; `make e2e` runs them")
	}
	return path
}

// A dev is a running `docsaga dev --processes`.
type dev struct {
	*testing.T
	program, url, data string
	cmd                *exec.Cmd

	mu   sync.Mutex
	pids map[string]int
	more chan struct{} // one token for each process that was started
}

func startDev(t *testing.T) *dev {
	t.Helper()
	d := &dev{T: t, program: program(t), data: t.TempDir(), pids: make(map[string]int), more: make(chan struct{}, 1000)}
	addr, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	d.url = "nats://" + addr
	d.cmd = exec.Command(d.program, "dev", "--processes", "--listen", addr, "--data", d.data)
	d.cmd.Stdout = os.Stderr
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.watch(stderr)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		<-read
		if err := d.cmd.Wait(); err != nil {
			t.Errorf("dev ended with %v, want a clean end", err)
		}
		d.nothingLeft()
	})
	return d
}

// watch notes the processes that dev starts.
func (d *dev) watch(r io.Reader) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ": process ")
		if pid, err := strconv.Atoi(rest); err == nil {
			d.mu.Lock()
			d.pids[name] = pid
			d.mu.Unlock()
			d.more <- struct{}{}
			continue
		}
		d.Log(lines.Text())
	}
}

// awaitStarts waits until n more processes were started.
func (d *dev) awaitStarts(n int) {
	d.Helper()
	for range n {
		select {
		case <-d.more:
		case <-time.After(time.Minute):
			d.Fatal("no process was started for a minute")
		}
	}
}

// nothingLeft checks that no process that dev had started is alive.
func (d *dev) nothingLeft() {
	d.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, pid := range d.pids {
		if err := syscall.Kill(pid, 0); err == nil {
			d.Errorf("process %d (%s) is left running", pid, name)
		}
	}
}

func (d *dev) docsaga(args ...string) (out string, err error) {
	cmd := exec.Command(d.program, append(args, "--nats", d.url, "--data", d.data)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docsaga %q: %w: %s", args, err, stderr.String())
	}
	return stdout.String(), nil
}

func TestE2EEachProcessKilledComesBackAndTheDocumentEnds(t *testing.T) {
	d := startDev(t)
	parts := append(serviceNames(), "coordinator", "server")
	d.awaitStarts(len(parts))
	pdf := filepath.Join(t.TempDir(), "invoice.pdf")
	if err := os.WriteFile(pdf, samples.Builtin()[0].Content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range parts {
		t.Run(name, func(t *testing.T) {
			d.mu.Lock()
			pid := d.pids[name]
			d.mu.Unlock()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			out, err := d.docsaga("submit", pdf, "--wait", "--timeout", "90s", "--id", "killed-"+name, "-o", "json")
			if err != nil {
				t.Fatal(err)
			}
			var r report
			if err := json.Unmarshal([]byte(out), &r); err != nil || r.State != samples.Completed || len(r.Record) < 5 {
				t.Errorf("the document ended %s with record %s (error %v), want completed", r.State, r.Record, err)
			}
			d.awaitStarts(1)
		})
	}
}

// An expectation is a line of expected.jsonl.
type expectation struct {
	File string `json:"file"`
	Stop *struct {
		Step   string `json:"step"`
		Reason string `json:"reason"`
	} `json:"stop"`
}

func TestE2ECorpusEndsAsExpected(t *testing.T) {
	path := program(t)
	dir := filepath.Join(os.Getenv("DOCSAGA_CORPUS"), "pdf")
	raw, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Skipf("LEFT OUT: no corpus of PDFs (%v); name its directory in DOCSAGA_CORPUS", err)
	}
	want, args := make(map[string]string), []string{"run", "-o", "jsonl"}
	for line := range strings.Lines(string(raw)) {
		var e expectation
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, e.File)
		want[file] = "-"
		if e.Stop != nil {
			want[file] = e.Stop.Step + ": " + e.Stop.Reason
		}
		args = append(args, file)
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); code != exitOK && code != exitFailed {
		t.Fatalf("exit code %d: %v", code, err)
	}
	seen, other := 0, 0
	for line := range strings.Lines(string(out)) {
		var r report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		seen++
		if got := r.stopText(); got != want[r.File] {
			other++
			t.Logf("%s: stopped at %s, expected %s", r.File, got, want[r.File])
		}
		switch r.State {
		case "completed", "rejected", "failed", "cancelled":
		default:
			t.Errorf("%s is left %s", r.File, r.State)
		}
	}
	if seen != len(want) {
		t.Errorf("%d reports of %d files", seen, len(want))
	}
	t.Logf("%d of %d files stopped as expected", seen-other, seen)
	if other*100 > seen*2 {
		t.Errorf("%d of %d files ended otherwise than expected, more than 2 %%", other, seen)
	}
}
