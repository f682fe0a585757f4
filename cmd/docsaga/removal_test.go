package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

// serving runs f while a server runs on the directory, past all checks.
func serving(t *testing.T, dir string, f func(url string)) {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{Dir: filepath.Join(dir, "nats"), Addr: "127.0.0.1:0", Durability: natslog.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Stop()
	f(broker.URL())
}

// openLog opens the log at a URL until the end of the test.
func openLog(t *testing.T, url string) *natslog.Log {
	t.Helper()
	nc, err := natslog.Connect(url, natslog.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log, err := natslog.Open(t.Context(), nc, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// must runs the command line and returns what it prints.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errOut := docsaga(t, args...)
	if code != exitOK {
		t.Fatalf("%q: code %d, %s%s", args, code, out, errOut)
	}
	return out
}

// An archiving is a system with ended documents, an open one, a queue, a
// projection and an anchor, before and after it was archived.
type archiving struct {
	crimeScene
	file, pub, status string
	whole             []string // what replay printed before
	floor             []uint64 // of the queue
}

func newArchiving(t *testing.T, documents int) archiving {
	t.Helper()
	t.Setenv("DOCSAGA_TEST_MAIN", "1") // what verify starts is the program
	s := archiving{crimeScene: newCrimeScene(t, documents), file: filepath.Join(t.TempDir(), "old.zip")}
	s.pub, s.status = s.key+".pub", filepath.Join(s.dir, "status.db")
	serving(t, s.dir, func(url string) {
		log := openLog(t, url)
		for _, e := range story("open-1", 3) {
			if _, err := log.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		s.sign(url)
		s.whole = strings.SplitAfter(must(t, "replay", "--nats", url), "\n")
		s.fold(url, log)
		if err := remakeAnchor(t.Context(), log, anchorFile(s.dir)); err != nil {
			t.Fatal(err)
		}
		s.floor = s.consume(log)
	})
	return s
}

// fold makes a projection of all that the log holds.
func (s *archiving) fold(url string, log *natslog.Log) {
	s.t.Helper()
	args := []string{foldCommand, s.status, "--nats", url}
	for shard := range log.Shards() {
		last, err := log.Last(s.t.Context(), shard)
		if err != nil {
			s.t.Fatal(err)
		}
		args = append(args, events.Position{Shard: shard, Seq: last}.String())
	}
	must(s.t, args...)
}

// consume lets a queue take its first deliveries, and returns how far it is.
func (s *archiving) consume(log *natslog.Log) []uint64 {
	s.t.Helper()
	submitted := []events.Pattern{{Definition: defaultDefinition, Version: 1, Step: events.StepDocument, Kind: events.Submitted}}
	if err := log.Prepare(s.t.Context(), "watcher", submitted); err != nil {
		s.t.Fatal(err)
	}
	for d, err := range log.Cues(s.t.Context(), "watcher", 1, 1) {
		if err == nil {
			err = d.Ack()
		}
		if err != nil {
			s.t.Fatal(err)
		}
		break
	}
	floors, err := log.QueuePositions(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return floors["watcher"]
}

// removal returns what archive --remove does.
func (s *archiving) removal(reached func(string) error) *removal {
	s.t.Helper()
	key, err := audit.LoadPublicKey(s.pub)
	if err != nil {
		s.t.Fatal(err)
	}
	a := &app{out: io.Discard, errOut: io.Discard}
	if err := a.root().ParseFlags([]string{"--durability", string(natslog.Relaxed)}); err != nil {
		s.t.Fatal(err)
	}
	a.settings.durability, a.settings.data = string(natslog.Relaxed), s.dir
	return &removal{app: a, path: s.file, ev: audit.Evidence{Dir: filepath.Join(s.dir, "audit"), Key: key}, before: time.Now(), reached: reached}
}

func (s *archiving) remove() {
	s.t.Helper()
	must(s.t, "archive", s.file, "--older", "0s", "--remove", "--data", s.dir, "--durability", "relaxed", "--audit-pub", s.pub, "--actor", "ann", "--reason", "the year is over")
}

// size returns what the shards hold, in all.
func (s *archiving) size() (sum natslog.ShardState) {
	s.t.Helper()
	serving(s.t, s.dir, func(url string) {
		nc, err := natslog.Connect(url, natslog.ConnectOptions{})
		if err != nil {
			s.t.Fatal(err)
		}
		defer nc.Close()
		rw, err := natslog.NewRewriter(nc, natslog.Config{Shards: 4, Replicas: 1, Durability: natslog.Relaxed})
		if err != nil {
			s.t.Fatal(err)
		}
		for shard := range 4 {
			state, err := rw.State(s.t.Context(), shard)
			if err != nil {
				s.t.Fatal(err)
			}
			add(&sum, state)
		}
	})
	return sum
}

// holds checks all that must hold of a log that was archived.
func (s *archiving) holds(documents int) {
	t := s.t
	t.Helper()
	if _, err := anchor.Check(filepath.Join(s.dir, "nats"), anchorFile(s.dir)); err != nil {
		t.Errorf("the anchor: %v", err)
	}
	if left, err := filepath.Glob(s.file + ".*"); err != nil || len(left) > 0 {
		t.Errorf("left are %v, error %v", left, err)
	}
	serving(t, s.dir, func(url string) {
		audited := must(t, "audit", "verify", "--nats", url, "--data", s.dir, "--audit-pub", s.pub, "--files", "-o", "json")
		var r audit.Result
		if err := json.Unmarshal([]byte(audited), &r); err != nil || !r.OK() || int(r.Archived) != 5*documents {
			t.Errorf("audit verify: %s, error %v; want %d archived", audited, err, 5*documents)
		}
		got := strings.SplitAfter(must(t, "replay", "--from", s.file, "--and-log", "--audit-pub", s.pub, "--nats", url), "\n")
		got = slices.DeleteFunc(got, func(line string) bool { return strings.Contains(line, "docsaga.archive.changed") })
		want := slices.Sorted(slices.Values(s.whole))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("archive and log together have %d events, before there were %d", len(got), len(want))
		}
		if out := verified(t, must(t, "verify", "--nats", url, "--grace", "1h", "-o", "json")); out.Archived != documents || out.Open != 1 {
			t.Errorf("verify: %+v, want %d archived", out, documents)
		}
		if out := verified(t, must(t, "verify", "--nats", url, "--grace", "1h", "-o", "json", "--archive", s.file, "--audit-pub", s.pub)); out.Archived != 0 {
			t.Errorf("verify with the archive: %+v, want all checked", out)
		}
		floors, err := openLog(t, url).QueuePositions(t.Context())
		if err != nil || !slices.Equal(floors["watcher"], s.floor) {
			t.Errorf("the queue is at %v, it was at %v, error %v", floors, s.floor, err)
		}
	})
}

func TestArchivedDocumentsAreTakenOutOfTheLog(t *testing.T) {
	const documents = 40
	s := newArchiving(t, documents)
	was := s.size()
	serving(t, s.dir, func(url string) {
		var w weight
		if err := json.Unmarshal([]byte(must(t, "archive", s.file, "--older", "0s", "--dry-run", "--nats", url, "-o", "json")), &w); err != nil || w.Documents != documents || w.Events != 5*documents || w.Bytes < 5*documents*300 {
			t.Errorf("dry run: %+v, %v", w, err)
		}
	})
	s.remove()
	is := s.size()
	// One event says that it was done.
	if was.Messages-is.Messages != 5*documents-1 || was.Subjects-is.Subjects != 5*documents-1 || is.Bytes*2 > was.Bytes {
		t.Errorf("the log had %+v and has %+v", was, is)
	}
	t.Logf("%d messages, %d bytes, %d subjects; before %d, %d, %d", is.Messages, is.Bytes, is.Subjects, was.Messages, was.Bytes, was.Subjects)
	s.holds(documents)
	sys := serveDir(t, s.dir)
	url := sys.broker.URL()
	t.Run("an id stays taken", func(t *testing.T) {
		if _, err := sys.log.Write(t.Context(), story("doc-3", 1)[0]); err != nil {
			t.Errorf("the same submission again: %v, want that it stands", err)
		}
		other := story("doc-3", 1)[0]
		other.Worker, other.Data = "another", []byte(`{"output":{"location":"https://example.com/b.pdf"}}`)
		if _, err := sys.log.Write(t.Context(), other); !errors.Is(err, events.ErrTaken) {
			t.Errorf("another submission: %v, want ErrTaken", err)
		}
	})
	t.Run("a coordinator that reads all of it leaves the archived alone", func(t *testing.T) { s.coordinated(t, sys, documents) })
	t.Run("projections are made again with the archive, not without", func(t *testing.T) {
		if code, _, errOut := docsaga(t, "rebuild", "--nats", url, "--status", s.status); code != exitFailed || !strings.Contains(errOut, "archive") {
			t.Errorf("without: code %d, %s", code, errOut)
		}
		must(t, "rebuild", "--nats", url, "--status", s.status, "--archive", s.file, "--audit-pub", s.pub)
		code, f := verifyStatus(t, url, s.status)
		if code != exitOK || !strings.Contains(f.Skipped, "--archive") {
			t.Errorf("verify without: code %d, %+v", code, f)
		}
		out := verified(t, must(t, "verify", "--nats", url, "--grace", "1h", "--status", s.status, "--archive", s.file, "--audit-pub", s.pub, "-o", "json"))
		if f := out.Findings[7]; f.Skipped != "" || f.Breaches != 0 || f.Checked != documents+1+4+2 {
			t.Errorf("verify with: %+v", f)
		}
	})
	t.Run("a backup of it comes back", func(t *testing.T) {
		dir, into := filepath.Join(t.TempDir(), "backup"), t.TempDir()
		must(t, "backup", dir, "--nats", url, "--data", s.dir)
		must(t, "restore", dir, "--data", into, "--durability", "relaxed", "--audit-pub", s.pub)
		serving(t, into, func(url string) { must(t, "verify", "--nats", url, "--grace", "1h") })
	})
	t.Run("a recorder that begins anew gets the same roots", func(t *testing.T) {
		into := t.TempDir()
		must(t, "audit", "checkpoint", "--nats", url, "--audit-dir", into, "--audit-key", s.key)
		must(t, "audit", "verify", "--nats", url, "--audit-dir", into, "--audit-pub", s.pub, "--checkpoint", filepath.Join(s.dir, "audit", "log-1", "checkpoints"))
	})
	t.Run("who and why stands in the log", func(t *testing.T) {
		if out := must(t, "audit", "changes", "--nats", url); !strings.Contains(out, "the year is over") || !strings.Contains(out, "ann") {
			t.Error(out)
		}
		_, _, errOut := docsaga(t, "audit", "export", "doc-3", "--nats", url, "--data", s.dir, "--audit-pub", s.pub)
		if !strings.Contains(errOut, "archive") {
			t.Errorf("export of an archived document: %s", errOut)
		}
	})
}

// coordinated lets a coordinator without a snapshot read the log. It decides
// about nothing that was archived.
func (s *archiving) coordinated(t *testing.T, sys *system, documents int) {
	t.Helper()
	if err := coordinator.Forget(t.Context(), sys.log.Snapshots(), sys.log.Shards()); err != nil {
		t.Fatal(err)
	}
	before := must(t, "replay", "--nats", sys.broker.URL())
	c, err := coordinator.New(sys.log, sys.catalog, sys.log.Snapshots(), coordinator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	seen := &seenAll{want: 4, done: make(chan struct{})}
	for shard := range 4 {
		if seen.last[shard], err = sys.log.Last(t.Context(), shard); err != nil {
			t.Fatal(err)
		}
	}
	go func() { done <- c.Run(ctx) }()
	go func() { done <- feed.Run(ctx, sys.log, feed.InOrder(c, seen)) }()
	select {
	case <-seen.done:
	case <-time.After(20 * time.Second):
		t.Error("the coordinator does not come to the end")
	}
	stop()
	for range 2 {
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if after := must(t, "replay", "--nats", sys.broker.URL()); after != before || strings.Count(after, ".document.1.ended") < documents {
		t.Errorf("the coordinator wrote something:\n%s", strings.TrimPrefix(after, before))
	}
}

// seenAll says when all shards were read to their ends.
type seenAll struct {
	mu   sync.Mutex
	last [4]uint64
	want int
	done chan struct{}
}

func (s *seenAll) Start(context.Context, int) (uint64, error) { return 0, nil }

func (s *seenAll) Apply(_ context.Context, shard int, batch []events.Delivery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if batch[len(batch)-1].Event.Position.Seq < s.last[shard] {
		return nil
	}
	if s.want--; s.want == 0 {
		close(s.done)
	}
	return nil
}

var errCrash = errors.New("the process dies here")

func TestARemovalThatDiedAnywhereIsFinishedByTheNext(t *testing.T) {
	const documents = 12
	scene := newArchiving(t, documents)
	var stages []string
	first := scene.copied(t)
	if err := first.removal(func(stage string) error { stages = append(stages, stage); return nil }).run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.holds(documents)
	if len(stages) != 4+4*5+1 {
		t.Fatalf("stages %q", stages)
	}
	for _, stage := range stages {
		if strings.HasPrefix(stage, "shard 2") || strings.HasPrefix(stage, "shard 3") {
			continue // as shard 0; in shard 1 are the changes of the system
		}
		t.Run(stage, func(t *testing.T) {
			s := scene.copied(t)
			err := s.removal(func(at string) error {
				if at == stage {
					return errCrash
				}
				return nil
			}).run(t.Context())
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			s.remove()
			s.holds(documents)
		})
	}
}

// copied returns a copy of the system that was not archived yet.
func (s *archiving) copied(t *testing.T) *archiving {
	t.Helper()
	other := *s
	other.crimeScene = s.copyOf(t)
	other.file = filepath.Join(t.TempDir(), "old.zip")
	other.status = filepath.Join(other.dir, "status.db")
	return &other
}

func TestAnUnfinishedRemovalLetsNobodyWrite(t *testing.T) {
	s := newArchiving(t, 8)
	err := s.removal(func(stage string) error {
		if stage == "shard 1 removed" {
			return errCrash
		}
		return nil
	}).run(t.Context())
	if !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	a := &app{out: io.Discard, errOut: io.Discard}
	a.settings.durability, a.settings.shards, a.settings.replicas = "relaxed", 4, 1
	if sys, err := a.embed(t.Context(), s.dir, ""); err == nil {
		sys.close()
		t.Error("a server started on a log without one of its shards")
	}
	if err := os.Remove(anchorFile(s.dir)); err != nil {
		t.Fatal(err)
	}
	if sys, err := a.embed(t.Context(), s.dir, ""); !errors.Is(err, natslog.ErrDrift) {
		sys.close()
		t.Errorf("without an anchor: %v, want that the shard is missed", err)
	}
	s.remove()
	s.holds(8)
}

func TestNothingIsRemovedWhileSomebodyWorksWithTheLog(t *testing.T) {
	s := newArchiving(t, 12)
	serving(t, s.dir, func(url string) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		follows, done := make(chan struct{}), make(chan struct{})
		log := openLog(t, url)
		go func() {
			defer close(done)
			for range log.Follow(ctx, events.Position{Shard: 1}) {
				select {
				case <-follows:
				default:
					close(follows)
				}
			}
		}()
		<-follows
		args := []string{"archive", s.file, "--older", "0s", "--remove", "--nats", url, "--data", s.dir, "--audit-pub", s.pub}
		if code, _, errOut := docsaga(t, args...); code != exitConflict || !strings.Contains(errOut, "DOCSAGA_1") {
			t.Errorf("code %d, %s", code, errOut)
		}
		if code, _, errOut := docsaga(t, "archive", s.file, "--remove", "--data", s.dir, "--audit-pub", s.pub); code != exitConflict {
			t.Errorf("on the directory of a server: code %d, %s", code, errOut)
		}
		stop()
		<-done
		must(t, args...)
		must(t, "audit", "verify", "--nats", url, "--data", s.dir, "--audit-pub", s.pub)
	})
}

func TestWhatNoListNamesIsMissing(t *testing.T) {
	s := newArchiving(t, 12)
	s.remove()
	blocks, err := filepath.Glob(filepath.Join(filepath.Dir(s.block("DOCSAGA_1", 1)), "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatal(blocks, err)
	}
	var gone uint64
	for _, path := range blocks {
		list := readBlock(t, path)
		i := slices.IndexFunc(list, func(m stored) bool {
			return strings.HasSuffix(m.subject, ".document.1.submitted") && m.seq > 1 && m.seq < 1<<60
		})
		if i < 0 {
			continue
		}
		gone = list[i].seq
		writeBlock(t, path, slices.Delete(list, i, i+1))
		break
	}
	if gone == 0 {
		t.Fatal("no submission was found")
	}
	if _, err := anchor.Check(filepath.Join(s.dir, "nats"), anchorFile(s.dir)); !errors.Is(err, anchor.ErrDamaged) {
		t.Errorf("the anchor: %v, want ErrDamaged", err)
	}
	serving(t, s.dir, func(url string) {
		_, out, errOut := docsaga(t, "audit", "verify", "--nats", url, "--data", s.dir, "--audit-pub", s.pub)
		if want := fmt.Sprintf("1 event is missing: 1-%d to 1-%d", gone, gone); !strings.Contains(out, want) {
			t.Errorf("audit verify says %s%s, want %s", out, errOut, want)
		}
		if code, out, _ := docsaga(t, "verify", "--nats", url, "--grace", "1h"); code != exitFailed || !strings.Contains(out, "shard 1: sequence") {
			t.Errorf("verify: code %d, %s", code, out)
		}
		if code, _, errOut := docsaga(t, "replay", "--nats", url); code == exitOK || !strings.Contains(errOut, natslog.ErrGap.Error()) {
			t.Errorf("replay: code %d, %s", code, errOut)
		}
	})
}
