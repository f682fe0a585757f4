package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
)

// submitters is how many submit at once.
const submitters = 256

// A tracker knows when documents began and how long they took.
type tracker struct {
	offset int           // number of the first document
	room   chan struct{} // a token for each document under way; nil if a rate limits them
	began  []time.Time
	took   []atomic.Int64 // nanoseconds, 0 while it is under way
	left   atomic.Int64
	all    chan struct{} // closed when none is left
	ended  atomic.Int64  // documents whose end was written
}

func newTracker(setup Setup, documents int) *tracker {
	t := &tracker{began: make([]time.Time, documents), took: make([]atomic.Int64, documents)}
	if setup.Rate == 0 {
		t.room = make(chan struct{}, setup.Open)
	}
	return t
}

// done notes that the document is through.
func (t *tracker) done(id events.DocumentID) {
	n := documentNumber(id) - t.offset
	if n < 0 || n >= len(t.took) || !t.took[n].CompareAndSwap(0, max(1, int64(time.Since(t.began[n])))) {
		return
	}
	if t.room != nil {
		<-t.room
	}
	if t.left.Add(-1) == 0 {
		close(t.all)
	}
}

// drive submits the documents from first on, up to but not including end, and
// waits until they are through.
func (t *tracker) drive(ctx context.Context, rate float64, first, end int, submit func(context.Context, events.DocumentID) error) error {
	t.left.Store(int64(end - first))
	t.all = make(chan struct{})
	numbers := make(chan int)
	g, inner := errgroup.WithContext(ctx)
	for range submitters {
		g.Go(func() error {
			for n := range numbers {
				if err := submit(inner, documentID(t.offset+n)); err != nil {
					return fmt.Errorf("bench: submit: %w", err)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(numbers)
		return t.hand(inner, rate, first, end, numbers)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	select {
	case <-t.all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("bench: %d of %d documents are not through: %w", t.left.Load(), end-first, context.Cause(ctx))
	}
}

// hand hands out the numbers of documents as there is room, or at the rate: a
// document begins when it is due, even if nobody is free to submit it.
func (t *tracker) hand(ctx context.Context, rate float64, first, end int, numbers chan<- int) error {
	start := time.Now()
	for n := first; n < end; n++ {
		if t.room != nil {
			select {
			case t.room <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			t.began[n] = time.Now()
		} else {
			t.began[n] = start.Add(time.Duration(float64(n-first) / rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(t.began[n])):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case numbers <- n:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// percentiles fills in how long the documents from first on took.
func (t *tracker) percentiles(r *Result, first int) {
	took := make([]int64, 0, len(t.took)-first)
	for i := first; i < len(t.took); i++ {
		took = append(took, t.took[i].Load())
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(len(took)-1, int(share*float64(len(took))))]) / 1e6
	}
	r.P50, r.P90, r.P99, r.Max = at(0.5), at(0.9), at(0.99), at(1)
}

// processorTime returns what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for SELF
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentMiB returns the memory of this process; 0 where /proc does not say.
func residentMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(status, []byte("VmRSS:"))
	fields := bytes.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
