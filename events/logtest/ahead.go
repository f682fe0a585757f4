package logtest

import (
	"slices"
	"sync"
	"time"
)

// Ahead is a clock that a test sets ahead, beside a server whose own clock it
// cannot set: so hours of waiting pass at once. What the server has stored is
// shown as if it had the same clock. The zero Ahead is right. It is safe for
// concurrent use.
type Ahead struct {
	mu    sync.Mutex
	moves []move
}

// A move is how far ahead the clock is from a time on.
type move struct {
	from time.Time
	by   time.Duration
}

// Now returns the time by the clock.
func (a *Ahead) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.moves); n > 0 {
		return time.Now().Add(a.moves[n-1].by)
	}
	return time.Now()
}

// Move sets the clock ahead. Nothing must be written meanwhile, or it is not
// known by which time it was.
func (a *Ahead) Move(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.moves); n > 0 {
		d += a.moves[n-1].by
	}
	a.moves = append(a.moves, move{from: time.Now(), by: d})
}

// Shown returns what the clock showed at a time of the server. What was stored
// at the very instant of a move was stored before it.
func (a *Ahead) Shown(at time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range slices.Backward(a.moves) {
		if at.After(m.from) {
			return at.Add(m.by)
		}
	}
	return at
}
