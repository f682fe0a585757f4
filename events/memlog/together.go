package memlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// WriteTogether writes events of one document, all or none. If a slot of them
// is taken, the error wraps [events.ErrTaken] and nothing was written, unless
// the first of them stands as it was to be written.
func (l *Log) WriteTogether(ctx context.Context, list []events.Event) error {
	if len(list) == 0 || len(list) > events.MaxTogether {
		return fmt.Errorf("memlog: %d events to be written together, want 1 to %d: %w", len(list), events.MaxTogether, events.ErrTooLarge)
	}
	list = slices.Clone(list)
	for i := range list {
		if err := l.prepare(&list[i], list[0].Slot.Document); err != nil {
			return fmt.Errorf("memlog: write together: %w", err)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("memlog: write together: %w", context.Cause(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	slots := make(map[string]bool, len(list))
	for i := range list {
		subject := list[i].Slot.Subject()
		position, taken := l.slots[subject]
		if taken && i == 0 {
			if _, err := l.judge(&list[0], position); err == nil {
				return nil
			}
		}
		if taken || slots[subject] {
			return fmt.Errorf("memlog: write %d events of %s together: %w", len(list), list[0].Slot.Document, events.ErrTaken)
		}
		slots[subject] = true
	}
	for i := range list {
		l.store(list[i].Slot.Subject(), list[i].Header(), list[i].Data)
	}
	return nil
}

// prepare refuses what does not belong into a batch, and signs what does.
func (l *Log) prepare(e *events.Event, document events.DocumentID) error {
	if err := e.Check(); err != nil {
		return err
	}
	if e.Slot.Document != document || e.Slot.Kind == events.Submitted || e.Slot.Kind == events.Ended {
		return fmt.Errorf("%s does not belong there: %w", e.ID(), events.ErrBadEvent)
	}
	if l.check != nil {
		if err := l.check(e); err != nil {
			return fmt.Errorf("%w: %w", err, events.ErrBadEvent)
		}
	}
	if l.guard == nil {
		return nil
	}
	return l.guard.Sign(e)
}
