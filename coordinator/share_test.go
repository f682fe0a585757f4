package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/services/runner"
)

// crashing are leases of a process that can die: then it renews nothing and
// gives nothing back.
type crashing struct {
	*natslog.Leases
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (c *crashing) Hold(ctx context.Context, name string) (bool, error) {
	if c.dead.Load() {
		return false, errDead
	}
	return c.Leases.Hold(ctx, name)
}

func (c *crashing) Free(ctx context.Context, name string) error {
	if c.dead.Load() {
		return errDead
	}
	return c.Leases.Free(ctx, name)
}

// share starts a coordinator that shares the shards with others.
func (b *bench) share(name string) (c *coordinator.Coordinator, leases *crashing, stop func()) {
	b.Helper()
	held, err := b.log.Leases(b.Context(), name)
	if err != nil {
		b.Fatal(err)
	}
	if c, err = coordinator.New(b.log, b.catalog, b.log.Snapshots(), coordinator.Config{Poll: 5 * time.Millisecond}); err != nil {
		b.Fatal(err)
	}
	leases = &crashing{Leases: held}
	stop = b.background(func(g *errgroup.Group, ctx context.Context) {
		g.Go(func() error { return c.Run(ctx) })
		g.Go(func() error { return c.Share(ctx, b.log, leases) })
	})
	return c, leases, stop
}

// leads waits until coordinators lead as many shards as wanted, each one once.
func (b *bench) leads(within time.Duration, want []int, all ...*coordinator.Coordinator) {
	b.Helper()
	deadline := time.After(within)
	for {
		var got, shards []int
		for _, c := range all {
			led := c.Leading()
			got, shards = append(got, len(led)), append(shards, led...)
		}
		slices.Sort(shards)
		if fmt.Sprint(got) == fmt.Sprint(want) && len(slices.Compact(shards)) == 4 {
			return
		}
		select {
		case <-deadline:
			b.Fatalf("after %v they lead %v shards, want %v", within, got, want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *bench) rejects(documents ...events.DocumentID) {
	b.Helper()
	for _, id := range documents {
		b.submit(id)
	}
	for _, id := range documents {
		if got := b.ended(id).Result; got != events.Rejected {
			b.Errorf("%s ended %v, want rejected", id, got)
		}
		if got := b.effects.count(id); got != 0 {
			b.Errorf("%s has %d effects, want none", id, got)
		}
	}
}

func names(prefix string) (list []events.DocumentID) {
	for i := range 16 {
		list = append(list, events.DocumentID(fmt.Sprintf("%s%d", prefix, i)))
	}
	return list
}

func TestCoordinatorsShareTakeOverAndHandOver(t *testing.T) {
	b := newBench(t)
	for _, prefix := range []string{"one", "two", "left", "handed"} {
		for _, id := range names(prefix) {
			b.effects.fail[id] = runner.Reject("no", "no")
		}
	}
	b.start("a", "b", "c")
	first, leases, stopFirst := b.share("first")
	b.leads(5*time.Second, []int{4}, first)
	b.rejects(names("one")...)

	second, _, stopSecond := b.share("second")
	b.leads(10*time.Second, []int{2, 2}, first, second)
	b.rejects(names("two")...)

	leases.dead.Store(true)
	began := time.Now()
	b.leads(3*natslog.LeaseTTL, []int{4}, second)
	t.Logf("taken over within %v", time.Since(began))
	b.rejects(names("left")...)
	stopFirst()

	third, _, _ := b.share("third")
	b.leads(10*time.Second, []int{2, 2}, second, third)
	stopSecond()
	began = time.Now()
	b.leads(natslog.LeaseTTL, []int{4}, third)
	t.Logf("handed over within %v", time.Since(began))
	b.rejects(names("handed")...)
}

func TestALeaseHasOneHolder(t *testing.T) {
	b := newBench(t)
	one, err := b.log.Leases(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.log.Leases(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	hold := func(l *natslog.Leases, want bool) {
		t.Helper()
		if ok, err := l.Hold(t.Context(), "x"); ok != want || err != nil {
			t.Errorf("held: %v (error %v), want %v", ok, err, want)
		}
	}
	hold(one, true)
	hold(two, false)
	hold(one, true)
	again, err := b.log.Leases(t.Context(), "one") // as after a lost answer
	if err != nil {
		t.Fatal(err)
	}
	hold(again, true)
	hold(one, true)
	if held, err := two.Held(t.Context(), "x"); len(held) != 1 || err != nil {
		t.Errorf("held are %v (error %v), want x", held, err)
	}
	if err := one.Free(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	hold(two, true)
	hold(one, false)
}

func TestADocumentThatCannotBeUnderstoodStopsNoOther(t *testing.T) {
	b := newBench(t)
	b.effects.fail["after"] = runner.Reject("no", "no")
	var c *coordinator.Coordinator
	b.start("a", "b", "c")
	b.background(func(g *errgroup.Group, ctx context.Context) {
		var err error
		if c, err = coordinator.New(b.log, b.catalog, b.log.Snapshots(), coordinator.Config{Poll: 5 * time.Millisecond, Writers: 1}); err != nil {
			b.Fatal(err)
		}
		g.Go(func() error { return c.Run(ctx) })
		g.Go(func() error { return feed.Run(ctx, b.log, c) })
	})
	// One is of a definition that nobody knows, and one puts out what is no
	// JSON, which shows when its undo is to be commanded.
	unknown := events.Event{Slot: events.DocumentSlot("nothing", 1, "unknown", events.Submitted), Source: "/t", Worker: "w", Time: time.Now()}
	if _, err := b.log.Write(t.Context(), unknown); err != nil {
		t.Fatal(err)
	}
	raw := func(slot events.Slot, word, data string) {
		t.Helper()
		e := events.Event{Slot: slot, Result: events.Completed, Source: "/t", Time: time.Now(), Cause: "x"}
		h := nats.Header(e.Header())
		h.Set("ce-type", "docsaga."+string(slot.Step)+"."+word)
		if err := b.nc.PublishMsg(&nats.Msg{Subject: slot.Subject(), Header: h, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	poison := events.Slot{Definition: "abc", Version: 1, Document: "poison", Step: "a", Visit: 1, Kind: events.Outcome, Again: 1}
	raw(events.DocumentSlot("abc", 1, "poison", events.Submitted), "submitted", `{`)
	raw(poison, "completed", `{{{`)
	raw(events.DocumentSlot("abc", 1, "poison", events.Cancel), "cancel", `]`)
	b.rejects("after")
	if e := b.ended("poison"); e.Result != events.Cancelled || b.effects.count("poison") != 0 {
		t.Errorf("what puts out no JSON ended %v with %d effects, want cancelled with none", e.Result, b.effects.count("poison"))
	}
	if _, count := c.Anomalies(); count == 0 {
		t.Errorf("no document is set aside: the test shows nothing")
	}
}
