package feed_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
)

// A script is a log of one shard whose batches are given.
type script struct {
	batches [][]int // lengths of the messages' data
	err     error   // after the batches; nil: wait
	after   *uint64
}

func (s script) Shards() int { return 1 }

func (s script) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		if s.after != nil {
			*s.after = after.Seq
		}
		seq := after.Seq
		for _, sizes := range s.batches {
			var batch []events.Delivery
			for _, size := range sizes {
				seq++
				d := events.Delivery{Message: events.Message{Data: make([]byte, size)}}
				d.Event.Position.Seq = seq
				batch = append(batch, d)
			}
			if !yield(batch, nil) {
				return
			}
		}
		if s.err != nil {
			yield(nil, s.err)
			return
		}
		<-ctx.Done()
	}
}

// A pacer takes its time, and notes what it gets.
type pacer struct {
	start uint64
	delay time.Duration // what each call takes
	fails error         // what each call returns

	mu    sync.Mutex
	seqs  []uint64
	calls []int
}

func (r *pacer) Start(context.Context, int) (uint64, error) { return r.start, nil }

func (r *pacer) Apply(_ context.Context, _ int, batch []events.Delivery) error {
	<-time.After(r.delay)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, len(batch))
	for i := range batch {
		r.seqs = append(r.seqs, batch[i].Event.Position.Seq)
	}
	return r.fails
}

func repeat(n int, sizes ...int) (batches [][]int) {
	for range n {
		batches = append(batches, sizes)
	}
	return batches
}

func TestEachReaderGetsEverythingInOrderAtItsOwnPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var after uint64
		quick, slow := &pacer{start: 7}, &pacer{start: 5, delay: time.Second}
		if err := feed.Run(ctx, script{batches: repeat(100, 1, 1), after: &after}, quick, slow); err != nil {
			t.Fatal(err)
		}
		if after != 5 {
			t.Errorf("followed after %d, want after what the least advanced has seen, 5", after)
		}
		for name, r := range map[string]*pacer{"quick": quick, "slow": slow} {
			for i, seq := range r.seqs {
				if seq != uint64(i)+6 {
					t.Fatalf("%s: message %d is number %d", name, i, seq)
				}
			}
			if len(r.seqs) != 200 {
				t.Errorf("%s got %d messages, want 200", name, len(r.seqs))
			}
		}
		if len(slow.calls) > 3 {
			t.Errorf("the slow reader was called %d times, want what waits at once: %v", len(slow.calls), slow.calls)
		}
	})
}

func TestWhatWaitsForAReaderIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		batches [][]int
		most    int
	}{
		"messages": {repeat(100, make([]int, 500)...), 4096},
		"bytes":    {repeat(100, 5<<20), 3},
		"one":      {repeat(3, 20<<20), 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			slow := &pacer{delay: time.Second}
			if err := feed.Run(ctx, script{batches: c.batches}, slow); err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, n := range slow.calls {
				if got += n; n > c.most {
					t.Errorf("%s: %d messages waited, want at most %d", name, n, c.most)
				}
			}
			if want := len(c.batches) * len(c.batches[0]); got != want {
				t.Errorf("%s: %d messages, want %d", name, got, want)
			}
		})
	}
}

func TestALogThatFailsEndsTheFeed(t *testing.T) {
	wrong := errors.New("wrong")
	if err := feed.Run(t.Context(), script{batches: repeat(1, 1)}, &pacer{}, &pacer{fails: wrong}); !errors.Is(err, wrong) {
		t.Errorf("a reader's error became %v", err)
	}
	if err := feed.Run(t.Context(), script{err: wrong}, &pacer{}); !errors.Is(err, wrong) {
		t.Errorf("the log's error became %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := feed.Run(ctx, script{}, &pacer{}); err != nil {
		t.Errorf("the end became %v", err)
	}
}

func TestReadersInOrderFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var after uint64
		first, second := &pacer{start: 4, delay: time.Second}, &pacer{start: 3}
		ahead := &behind{of: first}
		if err := feed.Run(ctx, script{batches: repeat(20, 1), after: &after}, feed.InOrder(first, second, ahead)); err != nil {
			t.Fatal(err)
		}
		if after != 0 || len(first.seqs) != 20 || len(second.seqs) != 20 {
			t.Errorf("after %d: %d and %d messages, want 20 each after 0", after, len(first.seqs), len(second.seqs))
		}
		if ahead.early {
			t.Error("a reader was fed before the one that it comes after")
		}
	})
	wrong := errors.New("wrong")
	last := &pacer{}
	if err := feed.Run(t.Context(), script{batches: repeat(1, 1)}, feed.InOrder(&pacer{fails: wrong}, last)); !errors.Is(err, wrong) || len(last.calls) > 0 {
		t.Errorf("%v, and the reader after the one that failed was fed %v", err, last.calls)
	}
}

// behind looks whether another reader was fed before.
type behind struct {
	of    *pacer
	early bool
}

func (b *behind) Start(context.Context, int) (uint64, error) { return 0, nil }

func (b *behind) Apply(_ context.Context, _ int, batch []events.Delivery) error {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	b.early = b.early || b.of.seqs[len(b.of.seqs)-1] < batch[len(batch)-1].Event.Position.Seq
	return nil
}
