package feed_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/memlog"
)

// A reader notes what it is given.
type reader struct {
	start uint64
	fail  error

	mu   sync.Mutex
	seen []string
	more chan struct{}
}

func (r *reader) Start(context.Context, int) (uint64, error) { return r.start, nil }

func (r *reader) Apply(_ context.Context, shard int, batch []events.Delivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range batch {
		r.seen = append(r.seen, fmt.Sprintf("%d-%d", shard, batch[i].Event.Position.Seq))
		r.more <- struct{}{}
	}
	return r.fail
}

func newReader(start uint64) *reader { return &reader{start: start, more: make(chan struct{}, 100)} }

func filled(t *testing.T, n int) *memlog.Log {
	t.Helper()
	log := memlog.New(memlog.Config{Shards: 1})
	for i := range n {
		e := events.Event{
			Slot:   events.DocumentSlot("flow", 1, events.DocumentID(fmt.Sprintf("d%d", i)), events.Submitted),
			Source: "/test", Time: time.Now(),
		}
		if _, err := log.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func TestAllReadersAreFedFromWhereTheHindmostIs(t *testing.T) {
	log := filled(t, 3)
	a, b := newReader(0), newReader(2)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- feed.Run(ctx, log, a, b) }()
	for range 3 {
		<-a.more
		<-b.more
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run returned %v, want nil after its context ended", err)
	}
	for _, r := range []*reader{a, b} {
		if got := fmt.Sprint(r.seen); got != "[0-1 0-2 0-3]" {
			t.Errorf("a reader saw %s, want everything from the hindmost on", got)
		}
	}
}

func TestAReaderThatFailsEndsTheFeed(t *testing.T) {
	broken := newReader(0)
	broken.fail = errors.New("disk full")
	if err := feed.Run(t.Context(), filled(t, 1), broken); !errors.Is(err, broken.fail) {
		t.Errorf("Run returned %v, want the reader's error", err)
	}
}
