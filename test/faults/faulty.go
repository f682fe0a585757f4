//go:build linux

package main

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/services/runner"
)

// A crash kills the process at the n-th time that it comes to a point.
type crash struct {
	point string
	hits  int

	mu sync.Mutex
}

// parseCrash reads point:hits.
func parseCrash(s string) (*crash, error) {
	point, hits, ok := strings.Cut(s, ":")
	if !ok {
		return &crash{}, nil
	}
	n, err := strconv.Atoi(hits)
	return &crash{point: point, hits: n}, err
}

func (c *crash) at(point string) {
	if c.point != point {
		return
	}
	c.mu.Lock()
	c.hits--
	now := c.hits == 0
	c.mu.Unlock()
	if now {
		c.die()
	}
}

func (c *crash) die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // takes effect at once
	select {}
}

// Faults of a worker's log.
const (
	faultLostAcks = "lost-acks"  // the answer to a write is lost
	faultDoubled  = "doubled"    // every delivery comes twice
	faultPlain    = "no-barrier" // effects are idempotent, but an undo leaves no tombstone
)

var errLost = errors.New("the answer was lost")

// A partLog is the log, as workers and coordinators see it.
type partLog interface {
	runner.Log
	coordinator.Log
	coordinator.Shards
}

// A faulty is a log that does not always do as it is told.
type faulty struct {
	*natslog.Log
	fault string
	crash *crash
	bites tally
}

// Write writes, and may not say so.
func (f *faulty) Write(ctx context.Context, e events.Event) (events.Event, error) {
	f.crash.at("before-write")
	standing, err := f.Log.Write(ctx, e)
	f.crash.at("after-write")
	if errors.Is(err, events.ErrTaken) && e.Source == events.SourceCoordinator {
		f.bites.add() // somebody else has decided the same
	}
	if f.fault == faultLostAcks && err == nil && rand.Float64() < 0.3 {
		f.bites.add()
		return events.Event{}, errLost
	}
	return standing, err
}

// Send sends, and may not say what became of it.
func (f *faulty) Send(ctx context.Context, e events.Event, then func(stands bool)) bool {
	f.crash.at("before-write")
	return f.Log.Send(ctx, e, func(stands bool) {
		f.crash.at("after-write")
		if f.fault == faultLostAcks && rand.Float64() < 0.3 {
			f.bites.add()
			stands = false
		}
		then(stands)
	})
}

// Cues yields deliveries, some of them as they should not be.
func (f *faulty) Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error] {
	return func(yield func(events.Delivery, error) bool) {
		for d, err := range f.Log.Cues(ctx, queue, shard, inFlight) {
			if err != nil {
				yield(d, err)
				return
			}
			second := d
			second.Receipt = nothing{}
			d.Receipt = crashing{Receipt: d.Receipt, crash: f.crash}
			if !yield(d, nil) {
				return
			}
			if f.fault != faultDoubled {
				continue
			}
			f.bites.add()
			if !yield(second, nil) {
				return
			}
		}
	}
}

// A crashing receipt dies before or after it acknowledges.
type crashing struct {
	events.Receipt
	crash *crash
}

// Ack acknowledges, if nothing happens before.
func (c crashing) Ack() error {
	c.crash.at("before-ack")
	err := c.Receipt.Ack()
	c.crash.at("after-ack")
	return err
}

// nothing is the receipt of a delivery that nobody waits for.
type nothing struct{}

// Ack does nothing.
func (nothing) Ack() error { return nil }

// Nak does nothing.
func (nothing) Nak(time.Duration) error { return nil }

// Working does nothing.
func (nothing) Working() error { return nil }

// A tally counts in a file, so that no crash forgets it.
type tally struct{ dir string }

func (t tally) path() string { return filepath.Join(t.dir, "bites") }

// add counts one.
func (t tally) add() {
	f, err := os.OpenFile(t.path(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = f.Write([]byte{'.'})
	_ = f.Close()
}

// count returns how much was counted.
func (t tally) count() int {
	info, err := os.Stat(t.path())
	if err != nil {
		return 0
	}
	return int(info.Size())
}
