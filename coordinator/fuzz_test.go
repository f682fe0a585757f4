package coordinator_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// one is one snapshot of everything.
type one []byte

func (one) Save(context.Context, string, []byte) error     { return nil }
func (o one) Load(context.Context, string) ([]byte, error) { return o, nil }
func (one) Get(context.Context, string, int) (*saga.Definition, error) {
	return nil, events.ErrNotFound
}

// snapshotOf returns the snapshot of a coordinator that has read some events.
func snapshotOf(f *testing.F, d *saga.Definition) []byte {
	f.Helper()
	saved := &kept{byName: make(map[string][]byte)}
	c, err := coordinator.New(memlog.New(memlog.Config{Shards: 1}), alone{d}, saved, coordinator.Config{SnapshotEvery: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := c.Start(f.Context(), 0); err != nil {
		f.Fatal(err)
	}
	batch := []events.Delivery{
		{Event: events.Event{Slot: events.DocumentSlot("abc", 1, "open", events.Submitted), Position: events.Position{Seq: 1}}},
		{Event: events.Event{Slot: outcome("stray", "a", 1), Result: events.Completed, Position: events.Position{Seq: 2}}},
	}
	if err := c.Apply(f.Context(), 0, batch); err != nil {
		f.Fatal(err)
	}
	if len(saved.byName["coordinator-0"]) < 8192 {
		f.Fatal("the snapshot holds no stray")
	}
	return saved.byName["coordinator-0"]
}

// FuzzSnapshot reads snapshots that anything may have happened to: they are
// taken, or left aside for the log itself.
func FuzzSnapshot(f *testing.F) {
	d, err := bpmn.Parse(flow("a", "b", "c"), 1)
	if err != nil {
		f.Fatal(err)
	}
	good := snapshotOf(f, d)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, definitions := range []coordinator.Definitions{alone{d}, one(nil)} {
			c, err := coordinator.New(memlog.New(memlog.Config{Shards: 1}), definitions, one(raw), coordinator.Config{
				Writers: 1 + len(raw), Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			seq, err := c.Start(t.Context(), 0)
			if err == nil && seq != 0 {
				t.Errorf("starts at %d in an empty log", seq)
			}
			if errors.Is(err, context.Canceled) || c.Open() > len(raw) {
				t.Errorf("%d documents of %d bytes, error %v", c.Open(), len(raw), err)
			}
		}
	})
}
