package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Tip returns the sequence, in its shard, of the last message about a document;
// 0 if there is none.
func (l *Log) Tip(ctx context.Context, document events.DocumentID) (uint64, error) {
	if err := events.CheckID(document); err != nil {
		return 0, fmt.Errorf("natslog: tip: %w", err)
	}
	msg, err := l.lastMessage(ctx, shardName(events.Shard(document, l.conf.Shards)), documentSubject(document))
	if err != nil && !errors.Is(err, events.ErrNotFound) {
		return 0, fmt.Errorf("natslog: tip of %s: %w", document, err)
	}
	return msg.Seq, nil
}

// WriteTogether writes events of one document, all or none, in one atomic
// batch, if tip is still the document's. If it is not, or a slot of them is
// taken, the error wraps [events.ErrTaken] and nothing was written, unless the
// first of them stands as it was to be written: then they all do, from an
// earlier call whose acknowledgement got lost.
func (l *Log) WriteTogether(ctx context.Context, tip uint64, list []events.Event) error {
	if err := checkTogether(list); err != nil {
		return err
	}
	batch := make([]*write, len(list))
	for i := range list {
		w, err := l.prepared(ctx, &list[i])
		if err != nil {
			return fmt.Errorf("natslog: write %s together with others: %w", list[i].ID(), err)
		}
		batch[i] = w
	}
	batch[0].expect(tip, documentSubject(list[0].Slot.Document))
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		_, err := l.publishAtomically(ctx, batch)
		if err == nil {
			return nil
		}
		if isTaken(err) {
			first := &batch[0].event // as it was to be written
			standing, readErr := l.standing(ctx, first)
			if readErr == nil {
				if _, err := judge(first, standing, nil); err == nil {
					return nil
				}
			}
			return fmt.Errorf("natslog: write %d events of %s together: %w", len(list), list[0].Slot.Document, events.ErrTaken)
		}
		if !isTemporary(err) {
			return fmt.Errorf("natslog: write %d events of %s together: %w", len(list), list[0].Slot.Document, err)
		}
		if ctxErr := pause(ctx, backoff); ctxErr != nil {
			return fmt.Errorf("natslog: write %d events of %s together: %w (last answer: %w)", len(list), list[0].Slot.Document, ctxErr, err)
		}
	}
}

// prepared returns a write of an event as the log is to hold it.
func (l *Log) prepared(ctx context.Context, e *events.Event) (*write, error) {
	w := &write{event: *e}
	w.event.Time = w.event.Time.UTC().Truncate(time.Millisecond)
	if l.check != nil {
		if err := l.check(&w.event); err != nil {
			return nil, fmt.Errorf("%w: %w", err, events.ErrBadEvent)
		}
	}
	return w, l.prepare(ctx, w)
}

// checkTogether refuses what cannot be one batch.
func checkTogether(list []events.Event) error {
	if len(list) == 0 || len(list) > events.MaxTogether {
		return fmt.Errorf("natslog: %d events to be written together, want 1 to %d: %w", len(list), events.MaxTogether, events.ErrTooLarge)
	}
	for i := range list {
		e := &list[i]
		if err := e.Check(); err != nil {
			return fmt.Errorf("natslog: write together: %w", err)
		}
		if e.Slot.Document != list[0].Slot.Document || e.Slot.Kind == events.Submitted || e.Slot.Kind == events.Ended {
			return fmt.Errorf("natslog: write together: %s does not belong there: %w", e.ID(), events.ErrBadEvent)
		}
	}
	return nil
}
