package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// ErrStuck reports that all workers are held by handlers that did not return
// when their time was over. Only a new process frees them.
var ErrStuck = errors.New("handlers that do not return hold all workers")

// keeper starts the ack wait of the deliveries at hand anew, so that nobody
// else gets them while they are worked on or wait for a worker: each time that
// one is handed out counts as an attempt. It does so no longer for one whose
// handler should have returned: others get it.
type keeper struct {
	mu    sync.Mutex
	held  map[*events.Delivery]call
	stuck map[*events.Delivery]call // given back, and their handlers have not returned
}

// A call is a handler at work.
type call struct {
	slot  *events.Slot // of the visit's outcome, or of the undone; nil while there is none
	until time.Time    // when it should have returned
}

// keepEvery must be well below the ack wait of the queues.
const keepEvery = 8 * time.Second

func (k *keeper) hold(d *events.Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held[d] = call{}
}

// drop ends the keeping of a delivery, and reports whether it was still kept.
func (k *keeper) drop(d *events.Delivery) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, held := k.held[d]
	delete(k.held, d)
	delete(k.stuck, d)
	return held
}

// holds reports whether a delivery is kept, and not given to others.
func (k *keeper) holds(d *events.Delivery) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, held := k.held[d]
	return held
}

// end notes that no handler is at work on a delivery any more.
func (k *keeper) end(d *events.Delivery) { k.begin(d, call{}) }

// begin notes that a handler is at work on a delivery.
func (k *keeper) begin(d *events.Delivery, c call) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, held := k.held[d]; held {
		k.held[d] = c
	}
}

// overdue returns the deliveries whose handler should have returned, which are
// kept no longer, and how many there are in all.
func (k *keeper) overdue(now time.Time) (late map[*events.Delivery]call, all int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	late = make(map[*events.Delivery]call)
	for d, c := range k.held {
		if c.slot != nil && now.After(c.until) {
			late[d], k.stuck[d] = c, c
			delete(k.held, d)
		}
	}
	return late, len(k.stuck)
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

// keep keeps what is held until ctx has ended and then, while work at hand is
// finished, for as long as the drain may last.
func (r *Runner) keep(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	var end <-chan time.Time
	done := ctx.Done()
	for {
		select {
		case <-done:
			done = nil
			if r.keeper.extend() == 0 {
				return ctx.Err()
			}
			end = time.After(r.conf.Drain)
		case <-end:
			return ctx.Err()
		case <-tick.C:
			if err := r.giveUp(); err != nil {
				return err
			}
			if r.keeper.extend() == 0 && done == nil {
				return ctx.Err()
			}
		}
	}
}

// giveUp gives back the deliveries whose handlers do not return. It fails if
// there is no worker left.
func (r *Runner) giveUp() error {
	late, all := r.keeper.overdue(time.Now())
	for d, c := range late {
		r.conf.Logger.Error("handler does not return; its worker is lost, and another gets the visit",
			"slot", c.slot.ID(), "attempt", d.Attempt, "lost workers", all, "of", r.conf.Concurrency)
		if err := d.Nak(r.pause(d.Attempt)); err != nil {
			r.conf.Logger.Warn("give back", "event", d.Event.ID(), "error", err)
		}
	}
	if all >= r.conf.Concurrency {
		return fmt.Errorf("runner: %s: %d of %d: %w", r.service, all, r.conf.Concurrency, ErrStuck)
	}
	return nil
}

// Stuck returns how many workers are lost to handlers that do not return.
func (r *Runner) Stuck() int {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	return len(r.keeper.stuck)
}

// leaveAfter is how long handlers have to return after all else has ended.
const leaveAfter = 5 * time.Second

// leave waits for the workers, but not for ever.
func (r *Runner) leave() {
	done := make(chan struct{})
	go func() {
		r.working.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(leaveAfter):
		r.conf.Logger.Error("handlers do not return; they are left behind")
	}
}
