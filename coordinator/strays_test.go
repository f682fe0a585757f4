package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// A bubble is a log in memory on a clock of its own, with the flow abc.
type bubble struct {
	*testing.T
	log       *memlog.Log
	catalog   *catalog.Catalog
	snapshots *kept
	poll      time.Duration
	tracer    *tracing.Tracer
}

// inBubble runs a story on a clock that runs ahead while all wait.
func inBubble(t *testing.T, drawn []byte, story func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := memlog.New(memlog.Config{Shards: 2})
		if _, err := catalog.Deploy(t.Context(), log, drawn); err != nil {
			t.Fatal(err)
		}
		story(&bubble{T: t, log: log, catalog: catalog.New(log), snapshots: &kept{byName: make(map[string][]byte)}})
	})
}

// kept are snapshots in memory.
type kept struct {
	mu     sync.Mutex
	byName map[string][]byte
}

func (k *kept) Save(_ context.Context, name string, snapshot []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byName[name] = snapshot
	return nil
}

func (k *kept) Load(_ context.Context, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b, ok := k.byName[name]; ok {
		return b, nil
	}
	return nil, events.ErrNotFound
}

func (b *bubble) coordinate() (c *coordinator.Coordinator, stop func()) {
	b.Helper()
	c, err := coordinator.New(b.log, b.catalog, b.snapshots, coordinator.Config{Poll: b.poll, Logger: slog.New(slog.DiscardHandler), Tracer: b.tracer})
	if err != nil {
		b.Fatal(err)
	}
	return c, b.background(c.Run, func(ctx context.Context) error { return feed.Run(ctx, b.log, c) })
}

func (b *bubble) background(run ...func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	g, inner := errgroup.WithContext(ctx)
	for _, f := range run {
		g.Go(func() error { return f(inner) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			b.Errorf("background: %v", err)
		}
	})
	b.Cleanup(stop)
	return stop
}

func (b *bubble) host(service string, h runner.Handler, conf runner.Config) {
	b.Helper()
	conf.Logger = slog.New(slog.DiscardHandler)
	r, err := runner.New(service, h, b.log, b.catalog, conf)
	if err != nil {
		b.Fatal(err)
	}
	b.background(r.Run)
}

func (b *bubble) write(slot events.Slot, result events.Result) {
	b.Helper()
	e := events.Event{Slot: slot, Result: result, Source: "/test", Worker: "w", Time: time.Now(), Data: []byte(`{"output":{}}`)}
	if _, err := b.log.Write(b.Context(), e); err != nil {
		b.Fatal(err)
	}
}

func (b *bubble) submit(id events.DocumentID) {
	b.Helper()
	b.write(events.DocumentSlot("abc", 1, id, events.Submitted), 0)
}

// pass lets time pass, and what follows from it happen.
func (b *bubble) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func outcome(id events.DocumentID, step events.StepID, visit int) events.Slot {
	return events.Slot{Definition: "abc", Version: 1, Document: id, Step: step, Visit: visit, Kind: events.Outcome, Again: 1}
}

func (b *bubble) result(slot events.Slot) (events.Result, time.Time) {
	b.Helper()
	e, err := b.log.Read(b.Context(), slot)
	if errors.Is(err, events.ErrNotFound) {
		return 0, time.Time{}
	}
	if err != nil {
		b.Fatal(err)
	}
	return e.Result, e.At
}

func (b *bubble) ended(id events.DocumentID) events.Result {
	b.Helper()
	r, _ := b.result(events.DocumentSlot("abc", 1, id, events.Ended))
	return r
}

func TestDocumentsThatWereNeverSubmittedTakeNoRoom(t *testing.T) {
	const documents = 5000
	inBubble(t, flow("a", "b", "c"), func(b *bubble) {
		c, _ := b.coordinate()
		for i := range documents {
			b.write(outcome(events.DocumentID(fmt.Sprintf("stray-%d", i)), "a", 1), events.Completed)
		}
		b.pass(time.Second)
		if got := c.Open(); got != 0 {
			t.Errorf("%d documents are kept, want none: nobody submitted them", got)
		}
		b.submit("d")
		b.pass(time.Second)
		if got := c.Open(); got != 1 {
			t.Errorf("%d documents are kept, want the one that was submitted", got)
		}
	})
}

func TestWhatCameBeforeASubmissionIsNotForgotten(t *testing.T) {
	inBubble(t, flow("a", "b", "c"), func(b *bubble) {
		_, stop := b.coordinate()
		b.write(outcome("early", "a", 1), events.Failed) // of a visit that cannot be decided any more
		b.write(events.DocumentSlot("abc", 1, "unwanted", events.Cancel), 0)
		b.pass(time.Second)
		stop()
		if len(b.snapshots.byName) != 2 {
			t.Fatalf("%d snapshots, want one a shard: the test shows nothing", len(b.snapshots.byName))
		}
		c, _ := b.coordinate() // from its snapshots
		for _, id := range []events.DocumentID{"early", "unwanted", "usual"} {
			b.submit(id)
		}
		b.pass(time.Second)
		b.write(events.DocumentSlot("abc", 1, "early", events.Cancel), 0)
		b.pass(time.Second)
		for _, slot := range []events.Slot{outcome("early", "a", 2), outcome("unwanted", "a", 1)} {
			if got, _ := b.result(slot); got != events.Cancelled {
				t.Errorf("%s is %v, want cancelled: that visit is open", slot.ID(), got)
			}
		}
		b.host("a", newEffects(), runner.Config{}) // undoes what it may have done
		b.pass(time.Minute)
		for _, id := range []events.DocumentID{"early", "unwanted"} {
			if got := b.ended(id); got != events.Cancelled {
				t.Errorf("%s ended %v, want cancelled", id, got)
			}
		}
		if got := c.Open(); got != 1 {
			t.Errorf("%d documents are open, want the usual one", got)
		}
	})
}

// A lagging log tells of nothing but the submission, a few times.
type lagging struct {
	*memlog.Log
	times int
}

func (l *lagging) History(ctx context.Context, id events.DocumentID) ([]events.Event, error) {
	history, err := l.Log.History(ctx, id)
	if l.times > 0 && len(history) > 1 {
		l.times--
		history = history[:1]
	}
	return history, err
}

func TestNothingIsDecidedFromAHistoryThatLacksItsCause(t *testing.T) {
	inBubble(t, flow("a", "b"), func(b *bubble) {
		log := &lagging{b.log, 0}
		c, err := coordinator.New(log, b.catalog, b.snapshots, coordinator.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer b.background(c.Run, func(ctx context.Context) error { return feed.Run(ctx, b.log, c) })()
		at := events.Slot{Definition: "abc", Version: 1, Document: "d", Step: "a", Visit: 1, Kind: events.Outcome, Again: 1}
		failed := at
		failed.Step = "b"
		for _, e := range []events.Event{
			{Slot: events.DocumentSlot("abc", 1, "d", events.Submitted)},
			{Slot: at, Result: events.Completed, Data: []byte(`{"output":{"booking":17}}`)},
			{Slot: failed, Result: events.Failed},
		} {
			e.Source = "/test"
			if _, err := b.log.Write(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(time.Minute) // what failed may have had an effect, and is undone first
		log.times = 2
		if _, err := b.log.Write(t.Context(), events.Event{Slot: failed.Of(events.Undone), Result: events.Completed, Source: "/test"}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		e, err := b.log.Read(t.Context(), at.Of(events.Undo))
		if data, _ := events.ParseData(e.Data); err != nil || string(data.Output) != `{"booking":17}` {
			t.Errorf("the undo carries %s (%v), want what was done", e.Data, err)
		}
	})
}
