package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// before does what must be known before a handler is called, again and again
// until it is done. The runner keeps the delivery meanwhile: handed out again,
// it would count as one that came to no end, though no handler had failed.
// It gives up when the runner stops or the time of an attempt is over, and at
// once if no further try can mend it: else what cannot be read would hold the
// workers that all others need.
func (r *Runner) before(ctx context.Context, try func() error) error {
	err := try()
	if err == nil {
		return nil
	}
	end := time.Now().Add(r.conf.Timeout)
	for attempt := 1; err != nil && !stays(err) && time.Now().Before(end); attempt++ {
		pause := r.pause(attempt)
		r.conf.Logger.Warn("nothing can be begun; it is tried again", "after", pause, "error", err)
		if !r.rest(ctx, pause) {
			return err
		}
		err = try()
	}
	return err
}

// stays reports whether an error stays however often it is tried.
func stays(err error) bool {
	for _, final := range []error{events.ErrNotFound, events.ErrBadEvent, events.ErrBadID, saga.ErrBadDefinition} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// rest waits, and reports whether there is time to go on then: the runner does
// not stop.
func (r *Runner) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.stopping:
	case <-ctx.Done():
	}
	return false
}

// definition returns the one that an event belongs to.
func (r *Runner) definition(ctx context.Context, e *events.Event) (d *saga.Definition, err error) {
	err = r.before(ctx, func() error {
		d, err = r.definitions.Get(ctx, e.Slot.Definition, e.Slot.Version)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	return d, nil
}

// standing returns what is in a slot, if it is taken.
func (r *Runner) standing(ctx context.Context, slot events.Slot) (e events.Event, taken bool, err error) {
	err = r.before(ctx, func() error {
		e, err = r.log.Read(ctx, slot)
		if taken = err == nil || errors.Is(err, events.ErrBadEvent); taken || errors.Is(err, events.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return e, false, fmt.Errorf("runner: %s: %w", slot.ID(), err)
	}
	return e, taken, nil
}

// errBehind reports a history that lacks the event it is read for: a replica of
// the log may hand that out before the one that is asked has taken it.
var errBehind = errors.New("the log does not tell yet of what it has handed out")

// history returns the events of a cue's document, with the cue. It is nil if
// the document has ended, and was taken out of the log.
func (r *Runner) history(ctx context.Context, cue *events.Event) (history []events.Event, err error) {
	err = r.before(ctx, func() error {
		history, err = r.log.History(ctx, cue.Slot.Document)
		if err != nil || holds(history, cue.Position.Seq) {
			return err
		}
		history = nil
		ended, err := r.ended(ctx, cue.Slot)
		if err == nil && !ended {
			err = errBehind
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("runner: history of %s: %w", cue.Slot.Document, err)
	}
	return history, nil
}

// holds reports whether a history has the event of a sequence.
func holds(history []events.Event, seq uint64) bool {
	for i := range slices.Backward(history) {
		if at := history[i].Position.Seq; at <= seq {
			return at == seq
		}
	}
	return false
}
