package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// said is what children have said.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// talker returns a child that is a shell script, and what it says.
func talker(t *testing.T, script string) (run func() error, out *said) {
	t.Helper()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	out = new(said)
	c := child{name: "x", args: []string{"-c", script}, out: out, log: slog.New(slog.DiscardHandler)}
	return func() error { return c.run(t.Context(), shell) }, out
}

func TestTheLastWordsOfAChildAreKept(t *testing.T) {
	// The last come in the moment in which the process ends, and without an end
	// of the line.
	run, out := talker(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo "panic: the end" >&2; printf last; exit 3`)
	for range 5 {
		if err := run(); err == nil {
			t.Error("no error, want exit status 3")
		}
	}
	text := out.String()
	for _, want := range []string{"x: line 0\n", "x: line 2999\n", "x: panic: the end\n", "x: last\n"} {
		if n := strings.Count(text, want); n != 5 {
			t.Errorf("%q was said %d times, want 5", want, n)
		}
	}
}

func TestALongLineOfAChildStopsNothing(t *testing.T) {
	run, out := talker(t, `head -c 200000 /dev/zero | tr '\0' a; echo; echo after`)
	if err := run(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := strings.Count(text, "a"); n < 200_000 || n > 200_010 {
		t.Errorf("%d of 200000 bytes of a line were kept", n)
	}
	if !strings.HasSuffix(text, "x: after\n") {
		t.Errorf("what came after a long line is lost: ...%q", text[max(0, len(text)-40):])
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "x: ") || len(line) > mostLine+10 {
			t.Errorf("a line of %d bytes begins with %.10q, want the name and at most %d", len(line), line, mostLine)
		}
	}
}

func TestAGrandchildThatHoldsThePipeDelaysNobody(t *testing.T) {
	run, out := talker(t, `sleep 30 & echo "pid $!"; exit 0`)
	began := time.Now()
	if err := run(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the end of the child was noticed after %v", took)
	}
	var pid int
	_, text, _ := strings.Cut(out.String(), "x: pid ")
	if _, err := fmt.Sscanf(text, "%d", &pid); err != nil {
		t.Fatalf("%q, error %v", out.String(), err)
	}
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}
