package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Plan says how an engine is measured.
type Plan struct {
	Open   int           // documents under way at once
	Warm   time.Duration // at least, before the clock is taken
	Window time.Duration // of going as fast as documents go through
	Rate   float64       // documents a second; lower ones are tried if it is not held
	Paced  time.Duration // of submitting at a rate
}

// ErrSteps reports a document that is through without its five recorded steps:
// the engine does not do what it is measured at.
var ErrSteps = errors.New("not all steps of a document are on record")

// samples is how many documents of a round are looked up on the record.
const samples = 20

// Measure runs the plan on an engine that is working, with its server's
// process id.
func Measure(ctx context.Context, e Engine, server int, plan Plan) (Round, error) {
	prefix := fmt.Sprintf("%d", time.Now().UnixNano())
	r, through, err := flatOut(ctx, e, server, plan, prefix)
	if err != nil {
		return r, err
	}
	for _, rate := range rates(plan.Rate, r.PerSecond) {
		took, held, err := paced(ctx, e, rate, plan, fmt.Sprintf("%s-at-%g", prefix, rate))
		if err != nil {
			return r, err
		}
		slices.Sort(took)
		r.Rate, r.P50, r.P99 = rate, at(took, 0.5), at(took, 0.99)
		if held {
			break
		}
	}
	if r.Memory, err = resident(server); err != nil {
		return r, err
	}
	return r, audit(ctx, e, prefix, through)
}

// flatOut keeps so many documents under way, and counts those that come
// through in the window. It returns how many did in all.
func flatOut(ctx context.Context, e Engine, server int, plan Plan, prefix string) (Round, int, error) {
	var next, through atomic.Int64
	var enough atomic.Bool
	g, inner := errgroup.WithContext(ctx)
	for range plan.Open {
		g.Go(func() error {
			for !enough.Load() {
				if err := e.Run(inner, document(prefix, int(next.Add(1)))); err != nil {
					return err
				}
				through.Add(1)
			}
			return nil
		})
	}
	var r Round
	g.Go(func() error {
		defer enough.Store(true)
		if err := wait(inner, plan.Warm); err != nil {
			return err
		}
		for through.Load() < int64(plan.Open) { // the first ones all began at once
			if err := wait(inner, 10*time.Millisecond); err != nil {
				return err
			}
		}
		began, before, cpu := time.Now(), through.Load(), used(server)
		if err := wait(inner, plan.Window); err != nil {
			return err
		}
		n := float64(through.Load() - before)
		if n == 0 {
			return fmt.Errorf("peer: no document came through in %v", plan.Window)
		}
		r.PerSecond = n / time.Since(began).Seconds()
		r.CPU = float64((used(server) - cpu).Microseconds()) / n
		return nil
	})
	err := g.Wait()
	return r, int(through.Load()), err
}

// rates returns those worth trying: what is wanted if that is well below what
// the engine does flat out, or else the next lower ones.
func rates(wanted, most float64) []float64 {
	var some []float64
	for _, rate := range []float64{wanted, 40, 30, 20, 15, 10, 7, 5, 3, 2, 1} {
		if rate <= wanted && rate <= 0.7*most && len(some) < 3 {
			some = append(some, rate)
		}
	}
	if len(some) == 0 {
		some = []float64{1}
	}
	return slices.Compact(some)
}

// paced submits at a rate, and returns how long each document took from when
// it was due. The rate is held if at the end no more documents are under way
// than are due in a second.
func paced(ctx context.Context, e Engine, rate float64, plan Plan, prefix string) (took []time.Duration, held bool, err error) {
	n := max(1, int(rate*plan.Paced.Seconds()))
	took = make([]time.Duration, n)
	errs := make([]error, n)
	var open atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if err = wait(ctx, time.Until(due)); err != nil {
			break
		}
		open.Add(1)
		all.Go(func() {
			errs[i] = e.Run(ctx, document(prefix, i))
			took[i] = time.Since(due)
			open.Add(-1)
		})
	}
	held = float64(open.Load()) <= max(1, rate)
	all.Wait()
	return took, held, errors.Join(append(errs, err)...)
}

// audit looks documents up on the engine's record, of all that were run the
// same distance apart.
func audit(ctx context.Context, e Engine, prefix string, through int) error {
	for i := range min(samples, through) {
		name := document(prefix, 1+i*through/samples)
		steps, err := e.Recorded(ctx, name)
		if err != nil {
			return fmt.Errorf("peer: record of %s: %w", name, err)
		}
		if steps != Steps {
			return fmt.Errorf("peer: record of %s: %d of %d steps: %w", name, steps, Steps, ErrSteps)
		}
	}
	return nil
}

func document(prefix string, n int) string { return fmt.Sprintf("%s-%d", prefix, n) }

// at returns the quantile of sorted times in milliseconds.
func at(took []time.Duration, share float64) float64 {
	i := min(len(took)-1, int(share*float64(len(took))))
	return float64(took[i].Microseconds()) / 1000
}

// wait returns after so long, or at once with the reason why the context ended.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
