package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

// startLog starts a server with an empty log on the directory, and the
// built-in definition deployed. It ends with the test.
func startLog(t testing.TB, dir string) *system {
	t.Helper()
	a := &app{out: io.Discard, errOut: io.Discard}
	if err := a.root().ParseFlags([]string{"--durability", string(natslog.Relaxed)}); err != nil {
		t.Fatal(err)
	}
	a.settings.durability = string(natslog.Relaxed)
	a.settings.shards, a.settings.replicas = 4, 1
	sys, err := a.embed(t.Context(), dir, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.close)
	drawn, err := drawing("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sys.deploy(t.Context(), drawn); err != nil {
		t.Fatal(err)
	}
	return sys
}

// story returns the events of a document that takes the built-in flow's steps
// up to n of them, and then ends.
func story(document string, n int) []events.Event {
	const definition, version = defaultDefinition, 1
	id := events.DocumentID(document)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	submitted := events.Event{
		Slot: events.DocumentSlot(definition, version, id, events.Submitted), Source: sourceSubmit, Time: at, Worker: "w0",
		Data: []byte(`{"output":{"location":"https://example.com/a.pdf","name":"a.pdf"}}`),
	}
	list := []events.Event{submitted}
	for i, step := range []events.StepID{"location", "security", "parsing", "validation", "records"}[:n] {
		list = append(list, events.Event{
			Slot:   events.Slot{Definition: definition, Version: version, Document: id, Step: step, Visit: 1, Kind: events.Outcome, Again: 1},
			Result: events.Completed, Source: events.SourceService(string(step)), Time: at.Add(time.Duration(i) * time.Second),
			Cause: list[i].ID(), Worker: fmt.Sprintf("w%d", i+1),
			Data: fmt.Appendf(nil, `{"output":{"n":%d},"context":{"document":{"location":"https://example.com/a.pdf","name":"a.pdf"}}}`, i),
		})
	}
	if n < 5 {
		return list
	}
	return append(list, events.Event{
		Slot: events.DocumentSlot(definition, version, id, events.Ended), Result: events.Completed, Source: events.SourceCoordinator,
		Time: at.Add(time.Minute), Cause: list[n].ID(), Worker: "c",
	})
}

// fill writes n documents of seven events each.
func fill(t testing.TB, sys *system, n int) {
	t.Helper()
	fillWith(t, sys, 0, n, func(*events.Event) {})
}

// fillWith writes documents from a number to another, in several goroutines.
func fillWith(t testing.TB, sys *system, from, to int, alter func(*events.Event)) {
	t.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range 64 {
		wg.Go(func() {
			for i := range next {
				for _, e := range story(fmt.Sprintf("doc-%d", i), 5) {
					alter(&e)
					if _, err := sys.log.Write(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := from; i < to; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// elsewhere runs the command line in a process of its own, in another time
// zone and on one core, and returns its output.
func elsewhere(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "DOCSAGA_TEST_MAIN=1", "TZ=Pacific/Pago_Pago", "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docsaga %q: %v", args, err)
	}
	return string(out)
}

func TestReplayPrintsTheLogOnceAndTheSameEachTime(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 20)
	url := sys.broker.URL()
	for _, flags := range [][]string{nil, {"--merge"}} {
		code, first, errOut := docsaga(t, append([]string{"replay", "--nats", url}, flags...)...)
		if code != exitOK || strings.Count(first, "\n") != 140+changesAtStart {
			t.Fatalf("replay %q: code %d, %d lines, want 140 and the changes: %s", flags, code, strings.Count(first, "\n"), errOut)
		}
		second := elsewhere(t, append([]string{"replay", "--nats", url}, flags...)...)
		if first != second {
			t.Errorf("replay %q: the second differs from the first", flags)
		}
		ids := make(map[string]bool)
		for line := range strings.Lines(first) {
			var e events.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			ids[e.ID()] = true
		}
		if len(ids) != 140+changesAtStart {
			t.Errorf("replay %q: %d different events, want 140", flags, len(ids))
		}
	}
	_, one, _ := docsaga(t, "replay", "--nats", url, "--document", "doc-7")
	_, history, _ := docsaga(t, "history", "doc-7", "--nats", url, "-o", "jsonl")
	if one != history || strings.Count(one, "\n") != 7 {
		t.Errorf("a document's replay is not its history:\n%s\n%s", one, history)
	}
}

func TestReplayGoesOnFromItsProgress(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 3)
	progress := filepath.Join(t.TempDir(), "positions")
	args := []string{"replay", "--nats", sys.broker.URL(), "--progress", progress}
	_, first, _ := docsaga(t, args...)
	_, nothing, _ := docsaga(t, args...)
	for _, e := range story("later", 2) {
		if _, err := sys.log.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	_, rest, _ := docsaga(t, args...)
	if a, b, c := strings.Count(first, "\n"), strings.Count(nothing, "\n"), strings.Count(rest, "\n"); a != 21+changesAtStart || b != 0 || c != 3 {
		t.Errorf("%d, %d and %d events, want 21, then 0, then the 3 that came later", a, b, c)
	}
	if strings.Count(rest, `"subject":"later"`) != 3 {
		t.Errorf("the rest is %s", rest)
	}
}

func TestReplaySendsToNATSAndHTTP(t *testing.T) {
	sys := startLog(t, t.TempDir())
	fill(t, sys, 2)
	url := sys.broker.URL()
	got := make(chan *nats.Msg, 100)
	if _, err := sys.nc.ChanSubscribe("copy", got); err != nil {
		t.Fatal(err)
	}
	if err := sys.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := docsaga(t, "replay", "--nats", url, "--to", "nats:copy", "--rate", "100000"); code != exitOK {
		t.Fatalf("code %d: %s", code, errOut)
	}
	for range 14 {
		m := <-got
		slot, err := events.ParseSubject(fmt.Sprintf("%s.%02d.%s.%s.%s", events.SubjectRoot,
			events.Partition(events.DocumentID(m.Header["ce-subject"][0])), m.Header["ce-sagadefinition"][0], m.Header["ce-sagaversion"][0], m.Header["ce-id"][0]))
		if err != nil || slot.Visit != 1 {
			t.Errorf("message with headers %v: %v", m.Header, err)
		}
	}
	posts := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e events.Event
		if json.NewDecoder(r.Body).Decode(&e) == nil {
			posts++
		}
	}))
	defer server.Close()
	if code, _, errOut := docsaga(t, "replay", "--nats", url, "--to", server.URL, "--step", "parsing"); code != exitOK || posts != 2 {
		t.Errorf("code %d, %d posts, want 2: %s", code, posts, errOut)
	}
	for _, to := range []string{"nats:docsaga.17.x", "nats:docsaga-files.a", "nats:$JS.API", "nats:a.>", "nats:", "ftp://x", "copy"} {
		if code, _, _ := docsaga(t, "replay", "--nats", url, "--to", to); code != exitUsage {
			t.Errorf("--to %s: code %d, want %d", to, code, exitUsage)
		}
	}
}

func TestStatusAndHistoryAsOf(t *testing.T) {
	sys := startLog(t, t.TempDir())
	url := sys.broker.URL()
	var stored []events.Event
	for _, e := range story("doc", 5) {
		if _, err := sys.log.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := sys.log.History(t.Context(), "doc")
	if err != nil || len(stored) != 7 {
		t.Fatal(len(stored), err)
	}
	for n := 1; n <= 7; n++ {
		want := "running"
		if n == 7 {
			want = "completed"
		}
		for _, at := range []string{stored[n-1].Position.String(), stored[n-1].At.Format(time.RFC3339Nano)} {
			code, out, errOut := docsaga(t, "status", "doc", "--at", at, "-o", "json", "--nats", url)
			var r report
			if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil || r.State != want || r.Position != stored[n-1].Position {
				t.Errorf("status --at %s: code %d, %s at %v, want %s at %v: %s", at, code, r.State, r.Position, want, stored[n-1].Position, errOut)
			}
			if _, out, _ := docsaga(t, "history", "doc", "--at", at, "-o", "jsonl", "--nats", url); strings.Count(out, "\n") != n {
				t.Errorf("history --at %s: %d events, want %d", at, strings.Count(out, "\n"), n)
			}
		}
	}
	wrong := events.Position{Shard: (stored[0].Position.Shard + 1) % 4, Seq: 1}.String()
	for at, want := range map[string]int{wrong: exitUsage, "noon": exitUsage, "2001-01-01T00:00:00Z": exitNotFound} {
		if code, _, errOut := docsaga(t, "status", "doc", "--at", at, "--nats", url); code != want {
			t.Errorf("status --at %s: code %d, want %d: %s", at, code, want, errOut)
		}
	}
}

// BenchmarkReplay replays a log to /dev/null in a process of its own. It fills
// the log first, so it needs -benchtime 1000000x; see make bench-replay.
func BenchmarkReplay(b *testing.B) {
	sys := startLog(b, b.TempDir())
	fill(b, sys, b.N/7+1)
	b.ResetTimer()
	began, used := time.Now(), processorTime()
	cmd := exec.Command(os.Args[0], "replay", "--nats", sys.broker.URL())
	cmd.Env = append(os.Environ(), "DOCSAGA_TEST_MAIN=1")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil { // without Stdout it goes to /dev/null
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "events/s")
	server := processorTime() - used
	b.ReportMetric(float64(server.Microseconds())/float64(b.N), "server-us/event")
	b.ReportMetric(float64((cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Microseconds())/float64(b.N), "replay-us/event")
}

// processorTime returns what this process, server included, has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for SELF
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
