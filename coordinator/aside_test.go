package coordinator_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// only is a catalog of one definition under every name, or of none.
type only struct{ d *saga.Definition }

func (o only) Get(context.Context, string, int) (*saga.Definition, error) {
	if o.d == nil {
		return nil, fmt.Errorf("catalog: %w", events.ErrNotFound)
	}
	return o.d, nil
}

// coordinate runs a coordinator until it has read the log and so many
// documents are set aside, and stops it: then its snapshots are saved.
func (b *bench) coordinate(definitions coordinator.Definitions, aside int) {
	b.Helper()
	c, err := coordinator.New(b.log, definitions, b.log.Snapshots(), coordinator.Config{Poll: 5 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	stop := b.background(func(g *errgroup.Group, ctx context.Context) {
		g.Go(func() error { return c.Run(ctx) })
		g.Go(func() error { return feed.Run(ctx, b.log, c) })
	})
	defer stop()
	for range 1000 {
		if _, count := c.Anomalies(); count == aside && len(c.Leading()) == b.log.Shards() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	b.Fatalf("%d documents were never set aside", aside)
}

// cancelled submits a document and cancels it before any service has it.
func (b *bench) cancelled(id events.DocumentID) {
	b.Helper()
	b.submit(id)
	if _, err := b.log.Write(b.Context(), events.Event{
		Slot: events.DocumentSlot("abc", 1, id, events.Cancel), Source: events.SourceOperator, Worker: "w", Time: time.Now(),
	}); err != nil {
		b.Fatal(err)
	}
}

func TestWhatWasSetAsideIsTriedAgainFromASnapshot(t *testing.T) {
	b := newBench(t)
	b.cancelled("d")
	b.coordinate(only{}, 1)
	b.startCoordinator()
	at := events.Slot{Definition: "abc", Version: 1, Document: "d", Step: "a", Visit: 1, Kind: events.Outcome, Again: 1}
	if e := b.await(at); e.Result != events.Cancelled {
		t.Errorf("%s is %v, want cancelled by the second coordinator", e.ID(), e.Result)
	}
}

func TestADocumentThatNothingCanBeDecidedAboutStopsNoOther(t *testing.T) {
	b := newBench(t)
	b.submit("d")
	b.start("a")
	b.await(events.Slot{Definition: "abc", Version: 1, Document: "d", Step: "a", Visit: 1, Kind: events.Outcome, Again: 1})
	b.coordinate(b.catalog, 0)
	short, err := bpmn.Parse(flow(), 1) // none of the visits of d has a node in it
	if err != nil {
		t.Fatal(err)
	}
	b.coordinate(only{short}, 1)
}

func TestADocumentFollowsTheDefinitionThatItWasSubmittedToFirst(t *testing.T) {
	b := newBench(t)
	b.submit("d")
	b.deploy(append(flow("a", "b", "c"), "<!-- another -->"...))
	other := events.Slot{Definition: "abc", Version: 2, Document: "d", Step: "a", Visit: 1, Kind: events.Outcome, Again: 1}
	for _, e := range []events.Event{
		{Slot: events.DocumentSlot("abc", 2, "d", events.Submitted), Source: "/t"},
		{Slot: other, Result: events.Rejected, Source: "/t"},
	} {
		msg := &nats.Msg{Subject: e.Slot.Subject(), Header: e.Header(), Data: []byte(`{"error":{"code":"no"}}`)}
		if _, err := b.nc.RequestMsg(msg, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	b.startCoordinator()
	b.start("a", "b", "c")
	if e := b.await(events.DocumentSlot("abc", 1, "d", events.Ended)); e.Result != events.Completed {
		t.Errorf("ended %v, want completed: another version's outcomes are none of its own", e.Result)
	}
}
