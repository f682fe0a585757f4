package memlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Claims say who is at work on which task. The zero Claims has none.
type Claims struct {
	mu   sync.Mutex
	held map[string]events.Holding
}

// Take claims a task and returns who has it now. If that is another, the error
// wraps [events.ErrTaken].
func (c *Claims) Take(_ context.Context, task, by string) (events.Holding, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.held[task]; ok {
		if h.By != by {
			return h, fmt.Errorf("memlog: claim %s: %s has it: %w", task, h.By, events.ErrTaken)
		}
		return h, nil
	}
	if c.held == nil {
		c.held = make(map[string]events.Holding)
	}
	c.held[task] = events.Holding{By: by, At: time.Now().UTC()}
	return c.held[task], nil
}

// Holder returns who has claimed a task, or an error that wraps
// [events.ErrNotFound].
func (c *Claims) Holder(_ context.Context, task string) (events.Holding, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.held[task]
	if !ok {
		return h, fmt.Errorf("memlog: claim of %s: %w", task, events.ErrNotFound)
	}
	return h, nil
}

// Release gives a task back. If another has it, the error wraps
// [events.ErrTaken]; if nobody has, it is nil.
func (c *Claims) Release(_ context.Context, task, by string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.held[task]; ok && h.By != by {
		return fmt.Errorf("memlog: release %s: %s has it: %w", task, h.By, events.ErrTaken)
	}
	delete(c.held, task)
	return nil
}
