package pdfium_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
)

// parentCommand is the argument with which the test binary becomes a process
// that has a pool, reads a slow file, and can be killed.
const parentCommand = "parent"

func parent() {
	executable, err := os.Executable()
	if err != nil {
		panic(err)
	}
	pool, err := pdfium.New(pdfium.Config{
		Command: []string{executable, pdfium.WorkerCommand}, Size: 2,
		CacheDir: os.Args[2], Deadline: time.Minute,
	})
	if err != nil {
		panic(err)
	}
	go pool.Run(context.Background()) //nolint:errcheck // it is killed
	for range 2 {
		if _, err := pool.Inspect(context.Background(), onePage(""), pdfium.Want{}); err != nil {
			panic(err)
		}
	}
	for len(pool.PIDs()) < 2 {
		if _, err := pool.Inspect(context.Background(), onePage(""), pdfium.Want{}); err != nil {
			panic(err)
		}
	}
	fmt.Println(strings.Trim(fmt.Sprint(pool.PIDs()), "[]"))
	_, _ = pool.Inspect(context.Background(), slowPDF(), pdfium.Want{Pictures: []int{0}, Side: 4000})
	select {}
}

func TestNoChildOutlivesAParentThatIsKilled(t *testing.T) {
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), executable, parentCommand, pdfiumtest.Config(t).CacheDir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	pids := strings.Fields(line)
	if len(pids) != 2 {
		t.Fatalf("children %q, want two", line)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		for alive(pid) {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("child %d lives on", pid)
			}
		}
	}
}

// alive reports whether a process runs; one that waits for its parent's
// attention is dead.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, after, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}
