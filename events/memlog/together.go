package memlog

import (
	"context"
	"fmt"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// Tip returns the sequence, in its shard, of the last message about a document;
// 0 if there is none.
func (l *Log) Tip(_ context.Context, document events.DocumentID) (uint64, error) {
	if err := events.CheckID(document); err != nil {
		return 0, fmt.Errorf("memlog: tip: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tip(document), nil
}

// tip is Tip. The caller holds mu.
func (l *Log) tip(document events.DocumentID) uint64 {
	all := l.subject[document]
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Seq
}

// WriteTogether writes events of one document, all or none, if tip is still the
// document's. If it is not, or a slot of them is taken, the error wraps
// [events.ErrTaken] and nothing was written, unless the first of them stands as
// it was to be written.
func (l *Log) WriteTogether(ctx context.Context, tip uint64, list []events.Event) error {
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
	if now := l.tip(list[0].Slot.Document); now != tip {
		return fmt.Errorf("memlog: write %d events of %s together: it stands at %d, not at %d: %w", len(list), list[0].Slot.Document, now, tip, events.ErrTaken)
	}
	for i := range list {
		l.store(list[i].Slot.Subject(), list[i].HeaderLines(), list[i].Data)
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
