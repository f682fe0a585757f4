package pdfium_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
)

// dyingCommand is the argument with which the test binary becomes a child
// that dies of its first file.
const dyingCommand = "dying-worker"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == dyingCommand {
		die()
	}
	if len(os.Args) > 2 && os.Args[1] == parentCommand {
		parent()
	}
	if len(os.Args) > 3 && os.Args[1] == confinedCommand {
		confineAndTry()
	}
	pdfiumtest.Main(m)
}

// die answers the greeting and ends at the first byte of a request.
func die() {
	var lengths [8]byte
	_, _ = os.Stdin.Read(lengths[:])
	_, _ = os.Stdin.Read(make([]byte, lengths[3]|lengths[2]))
	answer := "{}"
	_, _ = os.Stdout.Write(append([]byte{0, 0, 0, byte(len(answer)), 0, 0, 0, 0}, answer...))
	_, _ = os.Stdin.Read(lengths[:])
	fmt.Fprintln(os.Stderr, "I die of this")
	os.Exit(7)
}

func TestInspectReadsTextAndPicture(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	pdf := onePage("BT /F 12 Tf 20 50 Td (Rechnung 4711) Tj ET")
	report, err := pool.Inspect(t.Context(), pdf, pdfium.Want{Runs: true, Pictures: []int{0, 7}, Side: 300})
	if err != nil {
		t.Fatal(err)
	}
	if report.Pages != 1 || len(report.PageTexts) != 1 || report.PageTexts[0].Text != "Rechnung 4711" {
		t.Errorf("got %d pages with %+v, want one with the text", report.Pages, report.PageTexts)
	}
	page := report.PageTexts[0]
	if page.Width != 200 || page.Height != 100 || len(page.Runs) != 1 || page.Runs[0].Left < 19 || page.Runs[0].Left > 23 {
		t.Errorf("got page %+v, want 200 x 100 points and one run at 20", page)
	}
	if len(report.Pictures) != 1 {
		t.Fatalf("got %d pictures, want that of the page that exists", len(report.Pictures))
	}
	picture, err := png.Decode(bytes.NewReader(report.Pictures[0].PNG))
	if err != nil || picture.Bounds().Dx() != 300 || picture.Bounds().Dy() != 150 {
		t.Errorf("got picture %v, %v, want 300 x 150 pixels", picture.Bounds(), err)
	}
}

func TestInspectRefusesWhatIsNoPDF(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for _, data := range []string{"", "hello", "%PDF-1.7\nnothing follows"} {
		if _, err := pool.Inspect(t.Context(), []byte(data), pdfium.Want{}); !errors.Is(err, pdfium.ErrUnreadable) {
			t.Errorf("%q: got %v, want ErrUnreadable", data, err)
		}
	}
}

func TestInspectCountsPagesBeforeItReadsThem(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	want := pdfium.Want{Text: true, Limits: pdfium.Limits{Pages: 2}}
	pages := buildPDF("", "<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R 3 0 R 3 0 R]/Count 3>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
	if _, err := pool.Inspect(t.Context(), pages, want); !errors.Is(err, pdfium.ErrTooManyPages) {
		t.Errorf("got %v, want ErrTooManyPages", err)
	}
}

func TestAFileThatTakesTooLongIsEndedAndTheNextIsRead(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.Deadline = 700 * time.Millisecond
	pool := pdfiumtest.Pool(t, conf)
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Fatal(err) // the child is warm now
	}
	start := time.Now()
	_, err := pool.Inspect(t.Context(), slowPDF(), pdfium.Want{Pictures: []int{0}, Side: 4000})
	if took := time.Since(start); !errors.Is(err, pdfium.ErrTimeout) || took > 5*time.Second {
		t.Fatalf("got %v after %v, want ErrTimeout after %v", err, took, conf.Deadline)
	}
	report, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{})
	if err != nil || report.Pages != 1 {
		t.Errorf("next file: got %d pages, %v", report.Pages, err)
	}
}

func TestAFileThatTakesTooMuchMemoryIsEndedAndTheNextIsRead(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	if _, err := pool.Inspect(t.Context(), bombPDF(), pdfium.Want{Text: true}); !errors.Is(err, pdfium.ErrMemory) {
		t.Fatalf("got %v, want ErrMemory", err)
	}
	report, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{})
	if err != nil || report.Pages != 1 {
		t.Errorf("next file: got %d pages, %v", report.Pages, err)
	}
}

func TestInspectEndsWithItsContext(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the document was cancelled")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, why)
	defer cancel()
	if _, err := pool.Inspect(ctx, slowPDF(), pdfium.Want{Pictures: []int{0}, Side: 4000}); !errors.Is(err, why) {
		t.Errorf("got %v, want the cause of the context", err)
	}
}

func TestAChildThatDiesIsAnErrorOfTheFile(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.Command[1] = dyingCommand
	pool := pdfiumtest.Pool(t, conf)
	_, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{})
	if !errors.Is(err, pdfium.ErrCrashed) || !strings.Contains(err.Error(), "I die of this") {
		t.Errorf("got %v, want ErrCrashed with what the child said", err)
	}
}

func TestAChildThatDiedWhileIdleIsReplaced(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pool.PIDs() {
		process, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Errorf("got %v, want a report from the next child", err)
	}
}

func TestNoChildIsLeftWhenTheContextEnds(t *testing.T) {
	pool, err := pdfium.New(pdfiumtest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Fatal(err)
	}
	pids := pool.PIDs()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v, want why it ended", err)
	}
	for _, pid := range pids {
		process, err := os.FindProcess(pid)
		if err != nil {
			continue // it is gone
		}
		if err := process.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("child %d: %v, want it gone", pid, err)
		}
	}
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); !errors.Is(err, pdfium.ErrStopped) {
		t.Errorf("Inspect after the end: got %v, want ErrStopped", err)
	}
}

func TestAChildHasNoEnvironmentAndNoNewPrivileges(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT TESTED: confinement of children; /proc is only on Linux")
	}
	t.Setenv("DOCSAGA_SECRET", "hunter2")
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	if _, err := pool.Inspect(t.Context(), onePage(""), pdfium.Want{}); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pool.PIDs() {
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		environment, err := os.ReadFile(filepath.Join(proc, "environ"))
		if err != nil || len(environment) != 0 {
			t.Errorf("environment %q, %v, want none", environment, err)
		}
		limits, err := os.ReadFile(filepath.Join(proc, "limits"))
		if err != nil || !strings.Contains(string(limits), "Max file size             0 ") {
			t.Errorf("limits %s, %v, want no file growth", limits, err)
		}
	}
}

func TestNewRefusesAConfigurationThatCannotWork(t *testing.T) {
	for _, conf := range []pdfium.Config{
		{},
		{Command: []string{"x"}, Size: -1},
		{Command: []string{"x"}, Deadline: -1},
		{Command: []string{"x"}, MemoryPages: 1},
	} {
		if _, err := pdfium.New(conf); err == nil {
			t.Errorf("%+v: got no error", conf)
		}
	}
	pool, err := pdfium.New(pdfium.Config{Command: []string{"/does/not/exist"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Run(t.Context()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("Run without a program: got %v", err)
	}
}
