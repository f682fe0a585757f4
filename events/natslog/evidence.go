package natslog

import (
	"context"
	"fmt"
	"slices"

	"github.com/docsaga/docsaga/events"
)

// Next returns the position of the first message of a shard at a position or
// after it, or an error that wraps [events.ErrNotFound] if there is none. It is
// for readers that go on behind a gap, which [Log.Follow] does not.
func (l *Log) Next(ctx context.Context, at events.Position) (events.Position, error) {
	if err := l.checkShard(at.Shard); err != nil {
		return events.Position{}, err
	}
	msg, err := l.storedMessage(ctx, shardName(at.Shard), fmt.Appendf(nil, `{"seq":%d,"next_by_subj":">"}`, at.Seq))
	if err != nil {
		return events.Position{}, fmt.Errorf("natslog: next message at %v: %w", at, err)
	}
	return events.Position{Shard: at.Shard, Seq: msg.Seq}, nil
}

// Messages returns all messages in the slots of a document in order, as they
// are stored, events or not.
func (l *Log) Messages(ctx context.Context, document events.DocumentID) ([]events.Delivery, error) {
	if err := events.CheckID(document); err != nil {
		return nil, fmt.Errorf("natslog: messages: %w", err)
	}
	shard := events.Shard(document, l.conf.Shards)
	subjects, err := l.subjects(ctx, shardName(shard), fmt.Sprintf("%s.%02d.*.*.%s.>", events.SubjectRoot, events.Partition(document), document))
	if err != nil {
		return nil, fmt.Errorf("natslog: messages of %s: %w", document, err)
	}
	list := make([]events.Delivery, 0, len(subjects))
	for _, subject := range subjects {
		msg, err := l.lastMessage(ctx, shardName(shard), subject)
		if err != nil {
			return nil, fmt.Errorf("natslog: messages of %s: %w", document, err)
		}
		m := stored(msg.Subject, string(msg.Header), msg.Data)
		e, bad := events.Decode(m.Subject, m.Header, m.Data)
		e.Position, e.At = events.Position{Shard: shard, Seq: msg.Seq}, msg.Time.UTC()
		e, bad = events.Guarded(l.guard, e, bad, m)
		list = append(list, events.Delivery{Event: e, Bad: bad, Attempt: 1, Message: m})
	}
	if err := l.openDeliveries(ctx, list); err != nil {
		return nil, fmt.Errorf("natslog: messages of %s: %w", document, err)
	}
	slices.SortFunc(list, func(a, b events.Delivery) int { return int(a.Event.Position.Seq) - int(b.Event.Position.Seq) })
	return list, nil
}
