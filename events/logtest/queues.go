package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
)

// cues returns the next n deliveries of a queue, acked.
func cues(t *testing.T, l Log, queue string, shard, n int) []events.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []events.Delivery
	for d, err := range l.Cues(ctx, queue, shard, 10) {
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
		if all = append(all, d); len(all) == n {
			return all
		}
	}
	t.Fatalf("%d deliveries of %s, want %d", len(all), queue, n)
	return nil
}

// none fails if the queue has something within d.
func none(t *testing.T, l Log, queue string, shard int, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for got, err := range l.Cues(ctx, queue, shard, 10) {
		t.Errorf("unexpected delivery %v, attempt %d, %v", got.Event.ID(), got.Attempt, err)
		if err == nil {
			_ = got.Ack()
		}
	}
}

func prepare(t *testing.T, l Log, steps ...events.StepID) {
	t.Helper()
	var patterns []events.Pattern
	for _, step := range steps {
		patterns = append(patterns, pattern(step))
	}
	if err := l.Prepare(t.Context(), "q", patterns); err != nil {
		t.Fatal(err)
	}
}

func cuesUntilAcked(t *testing.T, l Log) {
	prepare(t, l, "one")
	document := inShard(l, 0, 0)
	want := write(t, l, outcome(document, "one", "w"))
	write(t, l, outcome(document, "two", "w"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	attempt := 0
	for d, err := range l.Cues(ctx, "q", 0, 10) {
		attempt++
		if err != nil || d.Bad != nil || d.Attempt != attempt || same(d.Event, want) != "" {
			t.Fatalf("attempt %d: %v, %v\n%s", d.Attempt, err, d.Bad, same(d.Event, want))
		}
		if attempt == 2 {
			if err := d.Ack(); err != nil {
				t.Error(err)
			}
			if err := d.Ack(); err == nil {
				t.Error("a second ack of one delivery is no error")
			}
			break
		}
	}
	none(t, l, "q", 0, AckWait+AckWait/2)
}

func nakDelays(t *testing.T, l Log) {
	prepare(t, l, "one")
	write(t, l, outcome(inShard(l, 0, 0), "one", "w"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const delay = 300 * time.Millisecond
	var naked time.Time
	for d, err := range l.Cues(ctx, "q", 0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		switch d.Attempt {
		case 1:
			naked = time.Now()
			if err := d.Nak(delay); err != nil {
				t.Fatal(err)
			}
		case 2:
			if waited := time.Since(naked); waited < delay-10*time.Millisecond || waited >= AckWait {
				t.Errorf("handed out again after %v, want %v", waited, delay)
			}
			naked = time.Now()
			if err := d.Nak(0); err != nil {
				t.Fatal(err)
			}
		case 3:
			if waited := time.Since(naked); waited > AckWait/2 {
				t.Errorf("nak without delay took %v", waited)
			}
			if err := d.Ack(); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the cues ended")
}

func working(t *testing.T, l Log) {
	prepare(t, l, "one")
	write(t, l, outcome(inShard(l, 0, 0), "one", "w"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for d, err := range l.Cues(ctx, "q", 0, 1) {
		if err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(AckWait / 4)
		defer tick.Stop()
		for range 6 {
			<-tick.C
			if err := d.Working(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
		break
	}
	none(t, l, "q", 0, AckWait+AckWait/2)
}

func inFlight(t *testing.T, l Log) {
	prepare(t, l, "one")
	const documents, most = 40, 7
	for i := range documents {
		write(t, l, outcome(inShard(l, 0, i), "one", "w"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), AckWait/2)
	defer cancel()
	var held []events.Delivery
	for d, err := range l.Cues(ctx, "q", 0, most) {
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, d)
		if len(held) == most {
			// Others get the rest at once: nothing of it is held back here.
			rest := cues(t, l, "q", 0, documents-most)
			if took := rest[len(rest)-1]; took.Attempt != 1 {
				t.Errorf("the rest came by attempt %d", took.Attempt)
			}
		}
	}
	if len(held) != most {
		t.Errorf("%d deliveries are in flight, want %d", len(held), most)
	}
	for _, d := range held {
		_ = d.Ack()
	}
}

func sharedQueue(t *testing.T, l Log) {
	prepare(t, l, "one")
	const documents = 200
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var mu sync.Mutex
	seen := map[events.DocumentID]int{}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for d, err := range l.Cues(ctx, "q", 0, 5) {
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[d.Event.Slot.Document]++
				if len(seen) == documents {
					cancel()
				}
				mu.Unlock()
				if err := d.Ack(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range documents {
		write(t, l, outcome(inShard(l, 0, i), "one", "w"))
	}
	wg.Wait()
	for document, n := range seen {
		if n != 1 {
			t.Errorf("document %s was delivered %d times", document, n)
		}
	}
	if len(seen) != documents {
		t.Errorf("%d documents were delivered, want %d", len(seen), documents)
	}
}

func widen(t *testing.T, l Log) {
	prepare(t, l, "step-0")
	const steps = 12
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := make(chan events.StepID, 2*steps)
	var wg sync.WaitGroup
	wg.Go(func() {
		for d, err := range l.Cues(ctx, "q", 0, 10) {
			if err != nil || d.Attempt != 1 {
				t.Errorf("attempt %d: %v", d.Attempt, err)
				return
			}
			_ = d.Ack()
			got <- d.Event.Slot.Step
		}
	})
	for i := range steps {
		step := events.StepID(fmt.Sprintf("step-%d", i))
		prepare(t, l, step)
		write(t, l, outcome(inShard(l, 0, 0), step, "w"))
		select {
		case s := <-got:
			if s != step {
				t.Fatalf("got %s, want %s", s, step)
			}
		case <-ctx.Done():
			t.Fatalf("%s was not delivered", step)
		}
	}
	cancel()
	wg.Wait()
}

func prepareAtOnce(t *testing.T, l Log) {
	const callers = 12
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			if err := l.Prepare(t.Context(), "q", []events.Pattern{pattern(events.StepID(fmt.Sprintf("step-%d", i)))}); err != nil {
				t.Error(err)
			}
			// From here on, what matches must be delivered.
			if _, err := l.Write(t.Context(), outcome(inShard(l, 0, 0), events.StepID(fmt.Sprintf("step-%d", i)), "w")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[events.StepID]bool{}
	for _, d := range cues(t, l, "q", 0, callers) {
		seen[d.Event.Slot.Step] = true
	}
	if len(seen) != callers {
		t.Errorf("%d of %d patterns deliver", len(seen), callers)
	}
}

func unprepared(t *testing.T, l Log) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last error
	for _, err := range l.Cues(ctx, "q", 0, 1) {
		last = err
	}
	if !errors.Is(last, events.ErrNotFound) {
		t.Errorf("cues of no queue: %v, want %v", last, events.ErrNotFound)
	}
	if err := l.Prepare(t.Context(), "q.x", []events.Pattern{pattern("one")}); !errors.Is(err, events.ErrBadID) {
		t.Errorf("prepare of q.x: %v, want %v", err, events.ErrBadID)
	}
	if err := l.Prepare(t.Context(), "q", []events.Pattern{pattern("*")}); !errors.Is(err, events.ErrBadID) {
		t.Errorf("prepare of step *: %v, want %v", err, events.ErrBadID)
	}
	if err := l.Prepare(t.Context(), "q", nil); err == nil {
		t.Error("a queue without a pattern could be prepared")
	}
}
