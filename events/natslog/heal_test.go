package natslog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/test/ports"
)

var onStep = []events.Pattern{{Definition: "flow", Version: 1, Step: "step", Kind: events.Outcome}}

func step(document string, worker string) events.Event {
	e := benchEvent(document)
	e.Worker = worker
	return e
}

func manage(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestAServerWithoutALogSaysSo(t *testing.T) {
	_, err := natslog.Open(t.Context(), start(t, natslog.Relaxed), natslog.Options{})
	if !errors.Is(err, natslog.ErrNotProvisioned) || !strings.Contains(err.Error(), "docsaga provision") {
		t.Errorf("got %v, want %v", err, natslog.ErrNotProvisioned)
	}
}

func TestProvisionIsRepeatableAndRefusesAnotherShape(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	conf := natslog.Config{Shards: 3, Durability: natslog.Relaxed}
	for range 2 {
		if l := open(t, nc, conf); l.Shards() != 3 || l.Config().Durability != natslog.Relaxed {
			t.Errorf("opened as %+v", l.Config())
		}
	}
	for _, other := range []natslog.Config{{Shards: 4, Durability: natslog.Relaxed}, {Shards: 3, Durability: natslog.Strict}} {
		if err := natslog.Provision(t.Context(), nc, other); !errors.Is(err, natslog.ErrDrift) {
			t.Errorf("%+v: %v, want %v", other, err, natslog.ErrDrift)
		}
	}
	for _, bad := range []natslog.Config{{Shards: -1}, {Shards: 65}, {Replicas: 2}, {Durability: "maybe"}} {
		if err := natslog.Provision(t.Context(), nc, bad); err == nil || errors.Is(err, natslog.ErrDrift) {
			t.Errorf("%+v: %v, want a refusal", bad, err)
		}
	}
}

func TestDriftIsNamed(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	l := open(t, nc, natslog.Config{Durability: natslog.Relaxed})
	if err := l.CheckSettings(t.Context()); err != nil {
		t.Fatal(err)
	}
	js := manage(t, nc)
	for setting, change := range map[string]func(c *jetstream.StreamConfig){
		"DiscardNewPerSubject": func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject = false },
		"MaxMsgsPerSubject":    func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 2 },
		"MaxAge":               func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"AllowDirect":          func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		"AllowAtomicPublish":   func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false },
		"Subjects":             func(c *jetstream.StreamConfig) { c.Subjects = c.Subjects[1:] },
		"Metadata":             func(c *jetstream.StreamConfig) { c.Metadata = nil },
	} {
		s, err := js.Stream(t.Context(), "DOCSAGA_1")
		if err != nil {
			t.Fatal(err)
		}
		good := s.CachedInfo().Config
		drifted := good
		change(&drifted)
		if _, err := js.UpdateStream(t.Context(), drifted); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		err = l.CheckSettings(t.Context())
		if !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), "DOCSAGA_1: "+setting) {
			t.Errorf("%s: got %v", setting, err)
		}
		if _, err := natslog.Open(t.Context(), nc, natslog.Options{}); !errors.Is(err, natslog.ErrDrift) {
			t.Errorf("%s: opened with %v", setting, err)
		}
		if _, err := js.UpdateStream(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	if err := js.DeleteStream(t.Context(), "DOCSAGA_2"); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckSettings(t.Context()); !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), "DOCSAGA_2 is missing") {
		t.Errorf("a missing stream: %v", err)
	}
}

func TestDriftOfABucketIsNamed(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	conf := natslog.Config{Durability: natslog.Relaxed}
	l, js := open(t, nc, conf), manage(t, nc)
	for setting, change := range map[string]func(c *jetstream.StreamConfig){
		"KV_DOCSAGA_leases: MaxAge":            func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = time.Hour, time.Minute },
		"KV_DOCSAGA_definitions: MaxMsgs":      func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 },
		"KV_DOCSAGA_definitions: MaxAge":       func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"KV_DOCSAGA_queues: MaxMsgsPerSubject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 2 },
		"KV_DOCSAGA_claims: MaxBytes":          func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 },
		"KV_DOCSAGA_queues: Discard":           func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
	} {
		name, _, _ := strings.Cut(setting, ":")
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		good := s.CachedInfo().Config
		drifted := good
		change(&drifted)
		if _, err := js.UpdateStream(t.Context(), drifted); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		for did, err := range map[string]error{"check": l.CheckSettings(t.Context()), "provision": natslog.Provision(t.Context(), nc, conf)} {
			if !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), setting) {
				t.Errorf("%s: %s: got %v", setting, did, err)
			}
		}
		if _, err := js.UpdateStream(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.CheckSettings(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFewerReplicasThanProvisionedAreDrift(t *testing.T) {
	if testing.Short() {
		t.Skip("TestFewerReplicasThanProvisionedAreDrift starts three servers; run without -short")
	}
	nc := connect(t, cluster(t, natslog.Relaxed)[0])
	l, js := open(t, nc, natslog.Config{Shards: 2, Replicas: 3, Durability: natslog.Relaxed}), manage(t, nc)
	for _, name := range []string{"DOCSAGA_1", "DOCSAGA_FILES", "KV_DOCSAGA_queues", "DOCSAGA_0"} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		fewer := s.CachedInfo().Config
		fewer.Replicas = 1
		if _, err := js.UpdateStream(t.Context(), fewer); err != nil {
			t.Fatal(err)
		}
		if err := l.CheckSettings(t.Context()); !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), name+": Replicas: want 3, found 1") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := natslog.Open(t.Context(), nc, natslog.Options{Logger: quiet()}); !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), "DOCSAGA_0: Replicas") {
		t.Errorf("opened with %v", err)
	}
}

func TestALogThatBecomesShorterIsAGap(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	conf := natslog.Config{Shards: 1, Durability: natslog.Relaxed}
	l, js := open(t, nc, conf), manage(t, nc)
	for _, document := range []string{"a", "b"} {
		if _, err := l.Write(t.Context(), step(document, "w")); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	seen, ended := 0, error(nil)
	for batch, err := range l.Follow(ctx, events.Position{}) {
		if ended = err; err != nil {
			break
		}
		if seen += len(batch); seen == 2 {
			if err := errors.Join(js.DeleteStream(ctx, "DOCSAGA_0"), natslog.Provision(ctx, nc, conf)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 2 || !errors.Is(ended, natslog.ErrGap) {
		t.Errorf("followed %d, then %v; want 2, then ErrGap", seen, ended)
	}
}

func TestADeletedConsumerIsMadeAnew(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	l := open(t, nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed})
	if err := l.Prepare(t.Context(), "q", onStep); err != nil {
		t.Fatal(err)
	}
	js := manage(t, nc)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	write := func(i int) {
		if _, err := l.Write(ctx, step(fmt.Sprintf("d%d", i), "w")); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	seen, repeated := map[events.DocumentID]bool{}, false
	for d, err := range l.Cues(ctx, "q", 0, 4) {
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
		if seen[d.Event.Slot.Document] {
			if !d.Again || d.Attempt != 1 {
				t.Errorf("%s comes from another consumer in attempt %d, Again is %v; want true in the first", d.Event.ID(), d.Attempt, d.Again)
			}
			repeated = true
			continue // a new consumer begins at the beginning
		}
		seen[d.Event.Slot.Document] = true
		if len(seen) == 1 && d.Again {
			t.Error("the first event was never handed out before, and Again is true")
		}
		if len(seen) == 3 {
			if !repeated {
				t.Error("nothing came again")
			}
			return
		}
		if err := js.DeleteConsumer(ctx, "DOCSAGA_0", "q"); err != nil {
			t.Fatal(err)
		}
		write(len(seen))
	}
	t.Fatalf("the cues ended after %v", seen)
}

// TestARestartOfTheServerIsSurvived runs a writer, a follower and a service
// while the server goes away twice and comes back.
func TestARestartOfTheServerIsSurvived(t *testing.T) {
	addr, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	conf := embedded.Config{Dir: t.TempDir(), Addr: addr, Durability: natslog.Relaxed, Logger: quiet()}
	server, err := embedded.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	url := server.URL()
	nc, err := natslog.Connect(url, natslog.ConnectOptions{Name: "test", Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	l := open(t, nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed})
	if err := l.Prepare(t.Context(), "q", onStep); err != nil {
		t.Fatal(err)
	}
	const n = 900
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		seen := uint64(0)
		for batch, err := range l.Follow(ctx, events.Position{}) {
			for _, d := range batch {
				if seen++; d.Event.Position.Seq != seen || err != nil {
					t.Errorf("followed to %d, then %v, %v", seen, d.Event.Position, err)
				}
			}
			if seen >= n {
				return
			}
		}
		t.Errorf("followed %d of %d", seen, n)
	})
	wg.Go(func() {
		seen := map[events.DocumentID]bool{}
		for d, err := range l.Cues(ctx, "q", 0, 8) {
			if err != nil {
				t.Error(err)
				return
			}
			_ = d.Ack() // a lost ack brings the message again
			if seen[d.Event.Slot.Document] = true; len(seen) == n {
				return
			}
		}
		t.Errorf("%d of %d cues came", len(seen), n)
	})
	for i := range n {
		if i == n/3 || i == 2*n/3 {
			server.Stop()
			if server, err = embedded.Start(conf); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Write(ctx, step(fmt.Sprintf("d%d", i), "w")); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	server.Stop()
}

// TestAFullBatchWithTakenSlotsLosesNothing makes many writers of one shard
// wait for each other, of which every tenth is too late.
func TestAFullBatchWithTakenSlotsLosesNothing(t *testing.T) {
	t.Run("one node", func(t *testing.T) {
		fillAtOnce(t, open(t, start(t, natslog.Strict), natslog.Config{Shards: 1}))
	})
	t.Run("three replicas", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it starts three servers; run without -short for the replicated behaviour")
		}
		nc := connect(t, cluster(t, natslog.Strict)[0])
		empty(t, nc)
		fillAtOnce(t, open(t, nc, natslog.Config{Shards: 1, Replicas: 3}))
	})
}

func fillAtOnce(t *testing.T, l *natslog.Log) {
	t.Helper()
	const n = 300
	for i := 0; i < n; i += 10 {
		if _, err := l.Write(t.Context(), step(fmt.Sprintf("d%d", i), "early")); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			e, err := l.Write(t.Context(), step(fmt.Sprintf("d%d", i), "late"))
			if late := i%10 == 0; errors.Is(err, events.ErrTaken) != late || !late && err != nil {
				t.Errorf("slot %d: %v", i, err)
			}
			if read, err := l.Read(t.Context(), e.Slot); err != nil || read.Position != e.Position || read.Worker != e.Worker {
				t.Errorf("slot %d: written at %v by %s, read at %v by %s: %v", i, e.Position, e.Worker, read.Position, read.Worker, err)
			}
		})
	}
	wg.Wait()
	if last, err := l.Last(t.Context(), 0); err != nil || last != n {
		t.Errorf("%d messages, %v; want %d", last, err, n)
	}
}

func TestAWriterThatGivesUpDoesNotStopTheOthers(t *testing.T) {
	l := open(t, start(t, natslog.Strict), natslog.Config{Shards: 1})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if i%2 == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*50*time.Microsecond)
			}
			defer cancel()
			_, err := l.Write(ctx, step(fmt.Sprintf("d%d", i), "w"))
			if err != nil && (i%2 == 1 || !errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := l.Write(ctx, step("after", "w")); err != nil {
		t.Errorf("nobody leads any more: %v", err)
	}
}
