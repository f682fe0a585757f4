package runner

import (
	"context"
	"sync/atomic"

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
