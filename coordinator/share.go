package coordinator

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Leases are names that one coordinator at a time has. One that is not renewed
// within its time to live is free. A coordinator may wrongly believe that it
// has one: two that decide about a shard are harmless, for the slots arbitrate.
type Leases interface {
	TTL() time.Duration
	// Hold takes or renews a lease; it reports false if another has it.
	Hold(ctx context.Context, name string) (bool, error)
	// Free gives a lease back.
	Free(ctx context.Context, name string) error
	// Held returns the leases with a prefix that anybody has.
	Held(ctx context.Context, prefix string) ([]string, error)
}

// A Shards is a log whose shards can be followed one by one.
type Shards interface {
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

const (
	leaseMember = "member."
	leaseShard  = "shard."
)

// Share follows and decides about as many shards as is this coordinator's part
// among all that call Share with the same leases, until ctx ends. It needs Run
// beside it, and no other feed. A coordinator that dies is replaced within the
// leases' time to live and a third; one that ends hands over at once, with
// fresh snapshots. It returns nil if ctx ended.
func (c *Coordinator) Share(ctx context.Context, log Shards, leases Leases) error {
	s := sharing{c: c, log: log, leases: leases, led: make(map[int]*leading), failed: make(chan error, len(c.shards))}
	defer s.end(ctx)
	tick := time.NewTicker(leases.TTL() / 3)
	defer tick.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-tick.C:
		}
	}
}

// A sharing is one Share at work.
type sharing struct {
	c      *Coordinator
	log    Shards
	leases Leases
	led    map[int]*leading
	failed chan error
}

// A leading is a shard that this coordinator leads.
type leading struct {
	cancel  context.CancelFunc
	ended   chan struct{}
	renewed time.Time
}

// Leading returns the shards that this coordinator decides about now.
func (c *Coordinator) Leading() []int {
	var led []int
	for _, s := range c.shards {
		s.mu.Lock()
		if s.live {
			led = append(led, s.number)
		}
		s.mu.Unlock()
	}
	return led
}

// look renews what is held, and takes or gives what makes a fair part.
func (s *sharing) look(ctx context.Context) {
	part, err := s.part(ctx)
	if err != nil && ctx.Err() == nil {
		s.c.conf.Logger.Warn("leases cannot be reached", "error", err)
	}
	for number := range s.led {
		s.renew(ctx, number)
	}
	if err != nil {
		return
	}
	for number := range s.led {
		if len(s.led) <= part {
			break
		}
		s.stop(ctx, number)
	}
	first := int(s.c.worker[0]) // not all begin with the same
	for i := range s.c.shards {
		number := (first + i) % len(s.c.shards)
		if len(s.led) >= part || ctx.Err() != nil {
			return
		}
		if s.led[number] != nil {
			continue
		}
		if ok, err := s.leases.Hold(ctx, shardLease(number)); err == nil && ok {
			s.lead(ctx, number)
		}
	}
}

func shardLease(number int) string { return leaseShard + strconv.Itoa(number) }

// part returns how many shards are this coordinator's part.
func (s *sharing) part(ctx context.Context) (int, error) {
	if _, err := s.leases.Hold(ctx, leaseMember+s.c.worker); err != nil {
		return 0, err
	}
	members, err := s.leases.Held(ctx, leaseMember)
	if err != nil {
		return 0, err
	}
	n := 1 // this one, whether it is listed yet or not
	for _, m := range members {
		if strings.TrimPrefix(m, leaseMember) != s.c.worker {
			n++
		}
	}
	return (len(s.c.shards) + n - 1) / n, nil
}

// renew renews the lease of a shard, and stops leading it if another has it,
// or if another may have it by now.
func (s *sharing) renew(ctx context.Context, number int) {
	ok, err := s.leases.Hold(ctx, shardLease(number))
	switch {
	case err == nil && ok:
		s.led[number].renewed = time.Now()
	case err == nil, time.Since(s.led[number].renewed) > s.leases.TTL():
		s.c.conf.Logger.Warn("lease is lost", "shard", number, "error", err)
		s.stop(ctx, number)
	}
}

// lead begins to follow a shard and to decide about it.
func (s *sharing) lead(ctx context.Context, number int) {
	inner, cancel := context.WithCancel(ctx)
	l := &leading{cancel: cancel, ended: make(chan struct{}), renewed: time.Now()}
	s.led[number] = l
	s.c.conf.Logger.Info("leads a shard", "shard", number)
	go func() {
		defer close(l.ended)
		if err := s.c.follow(inner, s.log, number); err != nil && inner.Err() == nil {
			s.failed <- fmt.Errorf("coordinator: shard %d: %w", number, err)
		}
	}()
}

// follow works on one shard until ctx ends. Then it saves a snapshot and
// forgets the shard.
func (c *Coordinator) follow(ctx context.Context, log Shards, number int) error {
	defer c.forget(ctx, number)
	start, err := c.Start(ctx, number)
	if err != nil {
		return err
	}
	for batch, err := range log.Follow(ctx, events.Position{Shard: number, Seq: start}) {
		if err != nil {
			return err
		}
		if err := c.Apply(ctx, number, batch); err != nil {
			return err
		}
	}
	return nil
}

func (c *Coordinator) forget(ctx context.Context, number int) {
	s := c.shards[number]
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := c.save(last, s, 1); err != nil && !errors.Is(err, context.Canceled) {
		c.conf.Logger.Warn("snapshot when a shard is handed over; the next start reads more of the log", "shard", number, "error", err)
	}
	c.forgotten(last, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
	s.empty()
}

// stop stops leading a shard and gives its lease back.
func (s *sharing) stop(ctx context.Context, number int) {
	l := s.led[number]
	delete(s.led, number)
	l.cancel()
	<-l.ended
	if err := s.leases.Free(ctx, shardLease(number)); err != nil {
		s.c.conf.Logger.Warn("lease is left until its time is over", "shard", number, "error", err)
	}
}

// end hands everything over.
func (s *sharing) end(ctx context.Context) {
	for _, l := range s.led {
		l.cancel()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.leases.TTL())
	defer cancel()
	for number := range s.led {
		s.stop(last, number)
	}
	if err := s.leases.Free(last, leaseMember+s.c.worker); err != nil {
		s.c.conf.Logger.Warn("membership is left until its time is over", "error", err)
	}
}
