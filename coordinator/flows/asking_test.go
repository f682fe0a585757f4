package flows_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
)

// lead runs a coordinator of its own, with flows, that leads one shard.
func (w *world) lead(shard int) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f, err := flows.New(w.log, w.catalog, w.notices, flows.Config{Poll: 50 * time.Millisecond, Logger: quiet()})
	if err != nil {
		w.Fatal(err)
	}
	c, err := coordinator.New(w.log, w.catalog, w.snapshots, coordinator.Config{Poll: 20 * time.Millisecond, Outside: f, Logger: quiet()})
	if err != nil {
		w.Fatal(err)
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return f.Run(inner) })
	g.Go(func() error { return c.Run(inner) })
	g.Go(func() error {
		start, err := c.Start(inner, shard)
		if err != nil {
			return err
		}
		for batch, err := range w.log.Follow(inner, events.Position{Shard: shard, Seq: start}) {
			if err != nil {
				return err
			}
			if err := c.Apply(inner, shard, batch); err != nil {
				return err
			}
		}
		return nil
	})
	stop = sync.OnceFunc(func() {
		cancel()
		_ = g.Wait() // it was stopped
	})
	w.Cleanup(stop)
	return stop
}

// across returns a document whose called document lies in the other shard.
func across() (parent events.DocumentID, mine, other int) {
	for i := 0; ; i++ {
		id := events.DocumentID(fmt.Sprintf("p%d", i))
		if a, b := events.Shard(id, 2), events.Shard(id+"-sub-1", 2); a != b {
			return id, a, b
		}
	}
}

// end writes how a document ends, as a coordinator does just before it dies,
// and the outcome of a step before that.
func (w *world) end(id events.DocumentID, step events.StepID, result events.Result) {
	w.Helper()
	s, err := w.log.Submission(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	at := s.Slot.Of(events.Outcome)
	at.Step = step
	for _, slot := range []events.Slot{at, s.Slot.Of(events.Ended)} {
		e := events.Event{Slot: slot, Result: result, Source: events.SourceCoordinator, Worker: "gone", Time: time.Now()}
		if _, err := w.log.Write(w.Context(), e); err != nil {
			w.Fatal(err)
		}
	}
}

func TestACallerHearsOfAnEndWhoseCoordinatorWasReplaced(t *testing.T) {
	inMemory(t, func(w *world) {
		id, mine, other := across()
		w.deploy("inner", row("x", `<userTask id="x"/>`, "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		w.lead(mine)
		stop := w.lead(other)
		w.submit("outer", id, `{}`)
		w.settle()
		w.want(id+"-sub-1", "document.submitted")
		stop()
		w.end(id+"-sub-1", "x", events.Rejected)
		w.lead(other)
		<-time.After(time.Minute)
		w.settle()
		w.want(id+"-sub-1", "document.submitted x.rejected document.rejected")
		w.want(id, "document.submitted sub.rejected document.rejected")
	})
}

func TestACallIsUndoneThoughTheCoordinatorOfWhatItCalledWasReplaced(t *testing.T) {
	inMemory(t, func(w *world) {
		id, mine, other := across()
		w.deploy("inner", row("x", `<userTask id="x"/>`, "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		w.lead(mine)
		stop := w.lead(other)
		w.submit("outer", id, `{}`)
		w.settle()
		stop()
		w.cancel(id)
		w.end(id+"-sub-1", "x", events.Cancelled)
		w.lead(other)
		<-time.After(time.Minute)
		w.settle()
		w.want(id, "document.submitted document.cancel sub.cancelled sub.undo sub.undone document.cancelled")
	})
}

func TestACalledDocumentHearsOfAnEndWhoseCoordinatorWasReplaced(t *testing.T) {
	inMemory(t, func(w *world) {
		id, mine, other := across()
		w.deploy("double", double, "")
		w.deploy("outer", row("sub", callOf("double"), "later", `<userTask id="later"/>`, "end", `<endEvent id="end"/>`), "")
		stop := w.lead(mine)
		w.lead(other)
		w.submit("outer", id, `{"amount":2}`)
		w.settle()
		w.want(id+"-sub-1", "document.submitted twice.completed")
		stop()
		w.end(id, "later", events.Completed)
		w.lead(mine)
		<-time.After(time.Minute)
		w.settle()
		w.want(id+"-sub-1", "document.submitted twice.completed document.completed")
	})
}

func TestACalledDocumentIsCancelledThoughTheCoordinatorOfItsCallerWasReplaced(t *testing.T) {
	inMemory(t, func(w *world) {
		id, mine, other := across()
		w.deploy("inner", row("x", `<userTask id="x"/>`, "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		stop := w.lead(mine)
		w.lead(other)
		w.submit("outer", id, `{}`)
		w.settle()
		stop()
		w.end(id, "sub", events.Cancelled)
		w.lead(mine)
		<-time.After(time.Minute)
		w.settle()
		w.want(id+"-sub-1", "document.submitted document.cancel x.cancelled document.cancelled")
	})
}

// A counted log counts how often a document's history is read, and its tip.
type counted struct {
	sagaLog
	histories, tips *atomic.Int64
}

func (c counted) History(ctx context.Context, id events.DocumentID) ([]events.Event, error) {
	c.histories.Add(1)
	return c.sagaLog.History(ctx, id)
}

func (c counted) Tip(ctx context.Context, id events.DocumentID) (uint64, error) {
	c.tips.Add(1)
	return c.sagaLog.Tip(ctx, id)
}

func TestAskingAfterCallsCostsLittleAndNothingWithoutThem(t *testing.T) {
	inMemory(t, func(w *world) {
		var histories, tips atomic.Int64
		w.log = counted{w.log, &histories, &tips}
		w.deploy("inner", row("x", `<userTask id="x"/>`, "end", `<endEvent id="end"/>`), "")
		w.deploy("outer", row("sub", callOf("inner"), "end", `<endEvent id="end"/>`), "")
		w.start()
		w.submit("inner", "alone", `{}`)
		<-time.After(time.Hour)
		if n := histories.Load() + tips.Load(); n > 0 {
			w.Errorf("the log was read %d times for a document that calls nobody", n)
		}
		w.submit("outer", "one", `{}`)
		<-time.After(time.Hour)
		histories.Store(0)
		tips.Store(0)
		<-time.After(time.Hour)
		// Twice a round: one after sub's document, and that after one.
		if h, n := histories.Load(), tips.Load(); h > 0 || n < 200 || n > 240 {
			w.Errorf("in an hour %d histories and %d tips were read, want 0 and about 240", h, n)
		}
		w.complete("one-sub-1", "x")
		w.settle()
		w.want("one", "document.submitted sub.completed document.completed")
		w.want("one-sub-1", "document.submitted x.completed document.completed")
		tips.Store(0)
		<-time.After(time.Hour)
		if n := tips.Load(); n > 0 {
			w.Errorf("%d tips were read though all have ended", n)
		}
	})
}
