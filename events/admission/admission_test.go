package admission_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admission"
)

// queues are what waits, as a test says.
type queues struct {
	mu      sync.Mutex
	waiting map[string]uint64
	err     error
	asked   int
	slow    time.Duration
}

func (q *queues) Waiting(ctx context.Context) (map[string]uint64, error) {
	q.mu.Lock()
	q.asked++
	waiting, err, slow := q.waiting, q.err, q.slow
	q.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return waiting, err
}

func (q *queues) set(waiting map[string]uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.err = waiting, err
}

// later lets the last answer grow old.
func later() { <-time.After(2 * time.Second) }

func TestAFullQueueRefusesUntilItHasRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{waiting: map[string]uint64{"parsing": 100, "records": 3}}
		g := admission.New(q, admission.Config{Most: 100})
		err := g.Check(t.Context(), 1)
		var busy *admission.Busy
		if !errors.Is(err, events.ErrBusy) || !errors.As(err, &busy) {
			t.Fatalf("error %v, want that it is busy", err)
		}
		if busy.Queue != "parsing" || busy.Waiting != 100 || busy.Most != 100 || busy.Retry < time.Second {
			t.Errorf("%+v, want that 100 wait for parsing, and when to try again", busy)
		}
		if !strings.Contains(err.Error(), "try again in") {
			t.Errorf("%q says nothing about when to try again", err)
		}
		q.set(map[string]uint64{"parsing": 99}, nil)
		if err := g.Check(t.Context(), 1); err == nil {
			t.Errorf("let in by an answer that is no second old, want the old one to hold")
		}
		later()
		if err := g.Check(t.Context(), 1); err != nil {
			t.Errorf("error %v, want it let in: there is room", err)
		}
	})
}

func TestWhatWasLetInCountsUntilTheQueuesAreAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{waiting: map[string]uint64{"parsing": 90}}
		g := admission.New(q, admission.Config{Most: 100})
		var wait sync.WaitGroup
		var mu sync.Mutex
		let := 0
		for range 500 {
			wait.Go(func() {
				if g.Check(t.Context(), 1) == nil {
					mu.Lock()
					defer mu.Unlock()
					let++
				}
			})
		}
		wait.Wait()
		// Those that come while the first asks find nothing known yet.
		if let < 10 || let > 110 {
			t.Errorf("%d were let in at once, want about the ten for which there is room, and at most 100 more", let)
		}
		if q.asked != 1 {
			t.Errorf("the queues were asked %d times, want once", q.asked)
		}
		if err := g.Check(t.Context(), 0); !errors.Is(err, events.ErrBusy) {
			t.Errorf("error %v, want busy by what was let in", err)
		}
	})
}

func TestLookingCountsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := admission.New(&queues{waiting: map[string]uint64{"parsing": 99}}, admission.Config{Most: 100})
		for range 50 {
			if err := g.Check(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestTheHintFollowsHowFastTheQueueShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{waiting: map[string]uint64{"parsing": 400}}
		g := admission.New(q, admission.Config{Most: 100})
		hint := func() time.Duration {
			later()
			var busy *admission.Busy
			if err := g.Check(t.Context(), 1); !errors.As(err, &busy) {
				t.Fatalf("error %v, want busy", err)
			}
			return busy.Retry
		}
		if got := hint(); got != 10*time.Second {
			t.Errorf("try again in %v, want 10 s when nothing is known", got)
		}
		q.set(map[string]uint64{"parsing": 390}, nil) // five a second: 300 more take a minute
		if got := hint(); got != time.Minute {
			t.Errorf("try again in %v, want a minute", got)
		}
		q.set(map[string]uint64{"parsing": 190}, nil) // a hundred a second: 100 more take a second
		if got := hint(); got != time.Second {
			t.Errorf("try again in %v, want a second", got)
		}
		q.set(map[string]uint64{"parsing": 500}, nil)
		if got := hint(); got != 10*time.Second {
			t.Errorf("try again in %v, want 10 s when it grows", got)
		}
	})
}

func TestWhenTheQueuesDoNotAnswerSubmissionsAreLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{waiting: map[string]uint64{"parsing": 400}}
		g := admission.New(q, admission.Config{Most: 100, Logger: slog.New(slog.DiscardHandler)})
		if err := g.Check(t.Context(), 1); !errors.Is(err, events.ErrBusy) {
			t.Fatalf("error %v, want busy", err)
		}
		later()
		q.set(nil, errors.New("no answer"))
		if err := g.Check(t.Context(), 1); err != nil {
			t.Errorf("error %v, want it let in", err)
		}
		later()
		q.slow = time.Hour
		began := time.Now()
		if err := g.Check(t.Context(), 1); err != nil || time.Since(began) > 3*time.Second {
			t.Errorf("error %v after %v, want it let in after two seconds", err, time.Since(began))
		}
	})
}

func TestWithoutALimitNothingIsAsked(t *testing.T) {
	q := &queues{waiting: map[string]uint64{"parsing": 1 << 40}}
	if err := admission.New(q, admission.Config{}).Check(t.Context(), 1); err != nil || q.asked != 0 {
		t.Errorf("error %v after asking %d times, want nil after none", err, q.asked)
	}
}

func TestNoCheckWaitsForTheQueuesWhileSomebodyAsksThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queues{waiting: map[string]uint64{"parsing": 5}}
		g := admission.New(q, admission.Config{Most: 100})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Run(ctx) }()
		if err := g.Check(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		q.mu.Lock()
		q.slow = 400 * time.Millisecond
		q.mu.Unlock()
		for range 100 {
			<-time.After(100 * time.Millisecond)
			began := time.Now()
			if err := g.Check(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 0 {
				t.Fatalf("a check took %v, want that it goes by what is known", took)
			}
		}
		q.set(map[string]uint64{"parsing": 100}, nil)
		later()
		if err := g.Check(t.Context(), 1); !errors.Is(err, events.ErrBusy) {
			t.Errorf("%v, want that it is busy: the queues were asked meanwhile", err)
		}
		<-time.After(time.Hour)
		before := q.count()
		q.set(map[string]uint64{"parsing": 3}, nil)
		if err := g.Check(t.Context(), 1); err != nil {
			t.Errorf("%v, want that the first check after a pause asks", err)
		}
		<-time.After(time.Hour)
		if asked := q.count() - before; asked > 2 {
			t.Errorf("the queues were asked %d times in an hour with one check, want once or twice", asked)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// count returns how often the queues were asked.
func (q *queues) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked
}
