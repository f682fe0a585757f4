package runner

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docsaga/docsaga/events"
)

// workers are the goroutines that work on deliveries, of all queues together.
// One that is done takes the next: its stack has grown already.
type workers struct {
	most    int
	started atomic.Int64
	hand    chan *events.Delivery // has room for all that may be with the runner
}

// give hands a delivery to the workers, and starts one more if there may be.
func (w *workers) give(ctx context.Context, d *events.Delivery, start func(*events.Delivery)) error {
	if w.started.Load() < int64(w.most) {
		if w.started.Add(1) <= int64(w.most) {
			start(d)
			return nil
		}
		w.started.Add(-1)
	}
	select {
	case w.hand <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run works on a delivery, and then on those that are given, until ctx ends.
func (w *workers) run(ctx context.Context, d *events.Delivery, deliver func(*events.Delivery)) {
	defer w.started.Add(-1)
	for {
		deliver(d)
		if ctx.Err() != nil {
			return
		}
		select {
		case d = <-w.hand:
		case <-ctx.Done():
			return
		}
	}
}

// keeper starts the ack wait of the deliveries at hand anew, so that nobody
// else gets them while they are worked on or wait for a worker: each time that
// one is handed out counts as an attempt.
type keeper struct {
	mu   sync.Mutex
	held map[*events.Delivery]struct{}
}

// keepEvery must be well below the ack wait of the queues.
const keepEvery = 8 * time.Second

func (k *keeper) hold(d *events.Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[d] = struct{}{}
}

func (k *keeper) drop(d *events.Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, d)
}

// run keeps what is held until ctx has ended and then, while work at hand is
// finished, for as long as the drain may last.
func (k *keeper) run(ctx context.Context, drain time.Duration) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var end <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			if k.extend() == 0 {
				return ctx.Err()
			}
			end = time.After(drain)
		case <-end:
			return ctx.Err()
		case <-tick.C:
			if k.extend() == 0 && done == nil {
				return ctx.Err()
			}
		}
	}
}

func (k *keeper) extend() int {
	k.mu.Lock()
	held := make([]*events.Delivery, 0, len(k.held))
	for d := range k.held {
		held = append(held, d)
	}
	k.mu.Unlock()
	for _, d := range held {
		// A failure means that it is handed out again; the slot arbitrates.
		_ = d.Working()
	}
	return len(held)
}
