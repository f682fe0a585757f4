package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/docsaga/docsaga/events"
)

// A tracker is a feed.Reader that waits for documents to end.
type tracker struct {
	mu      sync.Mutex
	waiting map[events.DocumentID]bool
	ended   int
	changed chan struct{} // holds one token if something changed
}

func newTracker() *tracker {
	return &tracker{waiting: make(map[events.DocumentID]bool), changed: make(chan struct{}, 1)}
}

func (t *tracker) expect(id events.DocumentID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting[id] = true
}

// Start is part of feed.Reader; a tracker asks for nothing from the past.
func (t *tracker) Start(context.Context, int) (uint64, error) { return ^uint64(0), nil }

// Apply is part of feed.Reader.
func (t *tracker) Apply(_ context.Context, _ int, batch []events.Delivery) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range batch {
		slot := batch[i].Event.Slot
		if slot.Kind == events.Ended && t.waiting[slot.Document] {
			delete(t.waiting, slot.Document)
			t.ended++
		}
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return nil
}

// wait returns when all expected documents have ended.
func (t *tracker) wait(ctx context.Context, progress func(ended int)) error {
	for {
		t.mu.Lock()
		ended, left := t.ended, len(t.waiting)
		t.mu.Unlock()
		progress(ended)
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d documents have not ended: %w", left, context.Cause(ctx))
		case <-t.changed:
		}
	}
}

// progress returns a function that shows how many of total documents have
// ended: a line that is rewritten on a terminal, a line a tenth elsewhere.
func (a *app) progress(total int) func(int) {
	shown, terminal := -1, isTerminal(a.errOut)
	return func(ended int) {
		switch {
		case terminal && ended != shown:
			_, _ = fmt.Fprintf(a.errOut, "\r%d of %d documents ended", ended, total)
			if ended == total {
				_, _ = fmt.Fprintln(a.errOut)
			}
		case !terminal && total >= 50 && ended*10/total != shown*10/total:
			a.say("%d of %d documents ended", ended, total)
		}
		shown = ended
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
