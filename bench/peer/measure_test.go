package peer

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A fake is an engine in memory that works one document at a time, so long.
type fake struct {
	each  time.Duration
	steps int // how many of the five it really does

	mu   sync.Mutex
	busy sync.Mutex
	done map[string]int
	fail error
}

func (f *fake) Run(ctx context.Context, document string) error {
	if f.fail != nil {
		return f.fail
	}
	f.busy.Lock()
	err := wait(ctx, f.each)
	f.busy.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done[document] = f.steps
	return err
}

func (f *fake) Recorded(_ context.Context, document string) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done[document], nil
}

func (f *fake) Stop() {}

func TestMeasureCountsWhatComesThroughInTheWindow(t *testing.T) {
	f := &fake{each: 4 * time.Millisecond, steps: Steps, done: map[string]int{}}
	r, err := Measure(t.Context(), f, os.Getpid(), Plan{Open: 1, Warm: 100 * time.Millisecond, Window: 400 * time.Millisecond, Rate: 50, Paced: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.PerSecond < 20 || r.PerSecond > 251 {
		t.Errorf("%.0f documents/s where each takes 4 ms or longer", r.PerSecond)
	}
	if r.Rate < 1 || r.P50 < 4 || r.P99 < r.P50 {
		t.Errorf("p50 %.1f ms and p99 %.1f ms at %g/s where each takes 4 ms", r.P50, r.P99, r.Rate)
	}
	if r.Memory < 1 {
		t.Errorf("%.1f MiB are resident", r.Memory)
	}
}

func TestMeasureRefusesAnEngineThatSkipsAStep(t *testing.T) {
	f := &fake{each: time.Millisecond, steps: Steps - 1, done: map[string]int{}}
	_, err := Measure(t.Context(), f, os.Getpid(), Plan{Open: 2, Window: 100 * time.Millisecond, Rate: 50, Paced: 20 * time.Millisecond})
	if !errors.Is(err, ErrSteps) {
		t.Errorf("four steps of five: %v, want %v", err, ErrSteps)
	}
}

func TestMeasureEndsWithTheFirstDocumentThatFails(t *testing.T) {
	broken := errors.New("broken")
	_, err := Measure(t.Context(), &fake{fail: broken}, os.Getpid(), Plan{Open: 2, Window: time.Hour})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestMeasureEndsWhenItIsInterrupted(t *testing.T) {
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := &fake{each: time.Millisecond, steps: Steps, done: map[string]int{}}
	time.AfterFunc(50*time.Millisecond, func() { cancel(interrupted) })
	if _, err := Measure(ctx, f, os.Getpid(), Plan{Open: 2, Window: time.Hour}); !errors.Is(err, interrupted) {
		t.Errorf("got %v, want %v", err, interrupted)
	}
}

func TestPacedCountsFromWhenADocumentWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One at a time, 100 ms each, due each 50 ms: the last of 20 waits longest.
		f := &queueing{each: 100 * time.Millisecond}
		took, held, err := paced(t.Context(), f, 20, Plan{Paced: time.Second}, "p")
		if err != nil {
			t.Fatal(err)
		}
		if first, last := slices.Min(took), slices.Max(took); first != 100*time.Millisecond || last != 1050*time.Millisecond {
			t.Errorf("took %v to %v, want 100 ms to 1.05 s", first, last)
		}
		if !held {
			t.Error("ten documents behind at 20/s is within a second, yet not held")
		}
		if _, held, _ = paced(t.Context(), f, 100, Plan{Paced: 3 * time.Second}, "p"); held {
			t.Error("a rate ten times what is worked was held")
		}
	})
}

// A queueing engine works one document at a time, in turn, on the bubble's clock.
type queueing struct {
	each time.Duration
	mu   sync.Mutex
	free time.Time
}

func (q *queueing) Run(ctx context.Context, _ string) error {
	q.mu.Lock()
	begin := time.Now()
	if begin.Before(q.free) {
		begin = q.free
	}
	q.free = begin.Add(q.each)
	until := q.free
	q.mu.Unlock()
	return wait(ctx, time.Until(until))
}

func (q *queueing) Recorded(context.Context, string) (int, error) { return Steps, nil }
func (q *queueing) Stop()                                         {}

func TestRatesStayWellBelowWhatTheEngineDoes(t *testing.T) {
	for most, want := range maps.All(map[float64][]float64{
		1000: {50, 40, 30}, 72: {50, 40, 30}, 71: {40, 30, 20}, 25: {15, 10, 7}, 0.5: {1},
	}) {
		if got := rates(50, most); !slices.Equal(got, want) {
			t.Errorf("for an engine that does %g/s: %v, want %v", most, got, want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var took []time.Duration
	for n := range 200 {
		took = append(took, time.Duration(n+1)*time.Millisecond)
	}
	if p50, p99 := at(took, 0.5), at(took, 0.99); p50 != 101 || p99 != 199 {
		t.Errorf("of 1 to 200 ms: p50 %g, p99 %g; want 101 and 199", p50, p99)
	}
	if one := at(took[:1], 0.99); one != 1 {
		t.Errorf("of one: %g", one)
	}
}
