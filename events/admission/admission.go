// Package admission says whether the saga log should take more documents now.
// It should not when too many wait for one of the services already: then a
// submission is refused as busy, before anything of it is kept, with a hint
// when to try again. What was accepted is in the log and waits there.
//
// A [Gate] asks the queues how much waits, at most once in a while, and counts
// what it has let in since; see [Gate.Run] for who waits for that. Several gates may let in a little more than one
// would. If the queues cannot be asked, it lets in: the log decides.
package admission

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// DefaultMost is how many documents may wait for one service by default.
const DefaultMost = 100_000

// Queues says for each queue how many deliveries wait in it, or are under way.
type Queues interface {
	Waiting(ctx context.Context) (map[string]uint64, error)
}

// Config adjusts a [Gate].
type Config struct {
	// Most is how many deliveries may wait in one queue; 0 for any number.
	Most uint64
	// Every is how long an answer of the queues holds; default one second.
	Every time.Duration
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
}

// A Busy reports that a queue is full. It wraps [events.ErrBusy].
type Busy struct { //nolint:errname // the word that people read
	Queue         string
	Waiting, Most uint64
	Retry         time.Duration // when to try again, in whole seconds
}

// Error says what waits, and when to try again.
func (b *Busy) Error() string {
	return fmt.Sprintf("busy: %d documents wait for %s, at most %d may; try again in %v", b.Waiting, b.Queue, b.Most, b.Retry)
}

// Unwrap returns [events.ErrBusy].
func (b *Busy) Unwrap() error { return events.ErrBusy }

// A Gate lets submissions in or refuses them. Its methods may be called at once.
type Gate struct {
	queues Queues
	conf   Config

	mu     sync.Mutex
	runs   bool // Run asks, and the others go by what is known
	wanted bool // there was a Check since the queues were asked
	asking bool
	asked  time.Time // when the queues were asked last
	full   string    // the fullest queue
	level  uint64    // how much waits there
	drain  float64   // by how much that has shrunk, a second
	since  uint64    // how many were let in since
}

// The bounds of the hint when to try again, and what it is if nothing is known.
const (
	leastRetry = time.Second
	mostRetry  = time.Minute
	anyRetry   = 10 * time.Second
)

// askTime is how long the queues have to answer.
const askTime = 2 * time.Second

// New returns a gate before the queues.
func New(queues Queues, conf Config) *Gate {
	if conf.Every <= 0 {
		conf.Every = time.Second
	}
	if conf.Logger == nil {
		conf.Logger = slog.Default()
	}
	return &Gate{queues: queues, conf: conf}
}

// Check returns nil if that many documents more may come in, and counts them;
// or a [*Busy]. With 0 it only looks.
func (g *Gate) Check(ctx context.Context, documents int) error {
	if g.conf.Most == 0 {
		return nil
	}
	if g.turn() {
		g.ask(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wanted = true
	if g.level+g.since < g.conf.Most {
		g.since += uint64(max(documents, 0)) //nolint:gosec // not negative
		return nil
	}
	return &Busy{Queue: g.full, Waiting: g.level + g.since, Most: g.conf.Most, Retry: g.retry()}
}

// Run asks the queues until ctx ends, as long as there are Checks, so that none
// of them waits for the answer: while much is written that takes long. Only the
// first after a pause does, as all do without Run.
func (g *Gate) Run(ctx context.Context) error {
	g.setRuns(true)
	defer g.setRuns(false)
	tick := time.NewTicker(g.conf.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if g.due() {
			g.ask(ctx)
		}
	}
}

func (g *Gate) setRuns(runs bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.runs = runs
}

// due reports whether Run is to ask the queues.
func (g *Gate) due() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.asking || !g.wanted {
		return false
	}
	g.asking, g.wanted = true, false
	return true
}

// turn reports whether the caller is to ask the queues: one at a time, the
// others go by what is known.
func (g *Gate) turn() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	holds := g.conf.Every
	if g.runs {
		holds *= 3 // Run asks at its next turn, or the one after
	}
	if g.asking || !g.asked.IsZero() && time.Since(g.asked) < holds {
		return false
	}
	g.asking, g.wanted = true, false
	return true
}

func (g *Gate) ask(ctx context.Context) {
	attempt, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	waiting, err := g.queues.Waiting(attempt)
	g.mu.Lock()
	defer g.mu.Unlock()
	before, at := g.level, g.asked
	g.asking, g.asked = false, time.Now()
	if err != nil {
		if ctx.Err() == nil {
			g.conf.Logger.Warn("how much waits in the queues is not known; submissions are let in", "error", err)
		}
		g.level, g.drain = 0, 0
		return
	}
	g.full, g.level = fullest(waiting)
	if g.since = 0; !at.IsZero() && g.level < before {
		g.drain = float64(before-g.level) / g.asked.Sub(at).Seconds()
	} else {
		g.drain = 0
	}
}

// fullest returns the queue in which most waits.
func fullest(waiting map[string]uint64) (queue string, level uint64) {
	for name, n := range waiting {
		if queue == "" || n > level || n == level && name < queue {
			queue, level = name, n
		}
	}
	return queue, level
}

// retry returns when a tenth of what may wait will have room again, by how the
// queue has shrunk lately.
func (g *Gate) retry() time.Duration {
	if g.drain == 0 {
		return anyRetry
	}
	over := float64(g.level+g.since) - 0.9*float64(g.conf.Most)
	return min(max(time.Duration(over/g.drain)*time.Second, leastRetry), mostRetry)
}
