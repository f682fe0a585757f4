package natslog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/removed"
)

// stepArchive is the step of the changes that name lists of removed messages.
const stepArchive events.StepID = "archive"

// removals is what the log knows of messages that were taken out of it. It is
// read when the first gap is met, and again when one is met that it does not
// name.
type removals struct {
	mu  sync.Mutex
	set removed.Set
}

// wereRemoved reports whether the messages of a shard from one sequence to
// another were taken out after they were archived.
func (l *Log) wereRemoved(ctx context.Context, shard int, from, to uint64) (bool, error) {
	if to < from {
		return false, nil // a message came twice
	}
	r := &l.removals
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set.Covers(shard, from, to) {
		return true, nil
	}
	var set removed.Set
	for d, err := range l.RemovedDocuments(ctx) {
		if err != nil {
			return false, err
		}
		for _, m := range d.Messages {
			set.Add(d.Shard, m.Seq)
		}
	}
	r.set = set
	return set.Covers(shard, from, to), nil
}

// Removed returns the messages of a shard that were taken out of it after they
// were archived, in order.
func (l *Log) Removed(ctx context.Context, shard int) ([]removed.Message, error) {
	var all []removed.Message
	for d, err := range l.RemovedDocuments(ctx) {
		if err != nil {
			return nil, err
		}
		if d.Shard == shard {
			all = append(all, d.Messages...)
		}
	}
	slices.SortFunc(all, func(a, b removed.Message) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(all, func(a, b removed.Message) bool { return a.Seq == b.Seq }), nil
}

// RemovedDocuments yields the documents whose messages were taken out of the
// log after they were archived, or are about to be. One may come twice.
func (l *Log) RemovedDocuments(ctx context.Context) iter.Seq2[removed.Document, error] {
	return func(yield func(removed.Document, error) bool) {
		notes, err := l.RemovalNotes(ctx)
		if err != nil {
			yield(removed.Document{}, fmt.Errorf("natslog: removed messages: %w", err))
			return
		}
		for _, note := range notes {
			file, err := l.Files().Open(ctx, events.DocumentAdmin, note.List)
			if err != nil {
				yield(removed.Document{}, fmt.Errorf("natslog: list of removed messages: %w", err))
				return
			}
			stopped := false
			for d, err := range removed.Read(file) {
				if stopped = !yield(d, err) || err != nil; stopped {
					break
				}
			}
			_ = file.Close() // only read
			if stopped {
				return
			}
		}
	}
}

// RemovalNotes returns what the log says of lists of removed messages, in
// order.
func (l *Log) RemovalNotes(ctx context.Context) ([]removed.Note, error) {
	shard := events.Shard(events.DocumentAdmin, l.conf.Shards)
	filter := fmt.Sprintf("%s.%02d.*.*.%s.%s.*.%s", events.SubjectRoot, events.Partition(events.DocumentAdmin), events.DocumentAdmin, stepArchive, events.Changed)
	subjects, err := l.subjects(ctx, shardName(shard), filter)
	if err != nil {
		return nil, err
	}
	type said struct {
		seq  uint64
		note removed.Note
	}
	var all []said
	for _, subject := range subjects {
		e, err := l.last(ctx, events.DocumentAdmin, subject)
		if errors.Is(err, events.ErrBadEvent) {
			continue // it says nothing, and what it would name is damage
		}
		if err != nil {
			return nil, err
		}
		d, err := events.ParseData(e.Data)
		s := said{seq: e.Position.Seq}
		if err != nil || json.Unmarshal(d.Output, &s.note) != nil || s.note.List.Ref == "" {
			continue // as above
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b said) int { return cmp.Compare(a.seq, b.seq) })
	notes := make([]removed.Note, len(all))
	for i := range all {
		notes[i] = all[i].note
	}
	return notes, nil
}

// Received treats messages that came from elsewhere, such as an archive, as
// those of the log: it checks who has signed them, and opens what is sealed.
func (l *Log) Received(ctx context.Context, list []events.Delivery) error {
	for i := range list {
		d := &list[i]
		d.Event, d.Bad = events.Guarded(l.guard, d.Event, d.Bad, d.Message)
	}
	if err := l.openDeliveries(ctx, list); err != nil {
		return fmt.Errorf("natslog: %w", err)
	}
	return nil
}
