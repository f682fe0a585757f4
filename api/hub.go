package api

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/docsaga/docsaga/events"
)

// A Hub is a feed.Reader that hands the events of the log to those who watch.
// Feed it after the projections (feed.InOrder), so that who is told of an event can read what
// it has changed.
type Hub struct {
	last func(ctx context.Context, shard int) (uint64, error)

	mu       sync.Mutex
	seq      map[int]uint64
	watchers map[*watcher]struct{}
}

// backlog is how many batches a watcher may be behind before it is let go.
const backlog = 256

// maxWatchers is how many may watch at once.
const maxWatchers = 1000

// A watcher gets what happens from now on.
type watcher struct {
	batches chan []events.Event
	from    map[int]uint64 // where it begins, by shard
}

// NewHub returns a hub. last returns the last sequence of a shard: what is
// older is not handed on.
func NewHub(last func(ctx context.Context, shard int) (uint64, error)) *Hub {
	return &Hub{last: last, seq: make(map[int]uint64), watchers: make(map[*watcher]struct{})}
}

// Start returns the end of the shard: a hub needs no history.
func (h *Hub) Start(ctx context.Context, shard int) (uint64, error) {
	seq, err := h.last(ctx, shard)
	if err != nil {
		return 0, fmt.Errorf("api: end of shard %d: %w", shard, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq[shard] = max(h.seq[shard], seq)
	return seq, nil
}

// Apply hands a batch to all who watch. It waits for nobody: a watcher that is
// too far behind is let go, and comes back with the position that it was at.
func (h *Hub) Apply(_ context.Context, shard int, batch []events.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []events.Event
	for i := range batch {
		seq := batch[i].Event.Position.Seq
		if seq <= h.seq[shard] {
			continue
		}
		h.seq[shard] = seq
		if e, ok := batch[i].Fact(); ok && batch[i].Bad == nil {
			list = append(list, *e)
		}
	}
	if len(list) == 0 {
		return nil
	}
	for w := range h.watchers {
		select {
		case w.batches <- list:
		default:
			h.drop(w)
		}
	}
	return nil
}

// Positions returns how far each shard was read.
func (h *Hub) Positions() map[int]uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.seq)
}

// Now returns how far each shard was read, as the id of an event of the
// stream: who goes on after it misses nothing.
func (h *Hub) Now() string { return formatPositions(h.Positions()) }

// watch returns a new watcher, or false if there are too many.
func (h *Hub) watch() (*watcher, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers {
		return nil, false
	}
	w := &watcher{batches: make(chan []events.Event, backlog), from: maps.Clone(h.seq)}
	h.watchers[w] = struct{}{}
	return w, true
}

// watching returns how many watch.
func (h *Hub) watching() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers)
}

func (h *Hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(w)
}

func (h *Hub) drop(w *watcher) {
	if _, there := h.watchers[w]; there {
		delete(h.watchers, w)
		close(w.batches)
	}
}
