package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

const (
	maxAckPending = 10_000
	// lockTTL frees the lock of a process that died while it held it.
	lockTTL = 10 * time.Second
	// lockWork is how long what is done under the lock may take: it is given up
	// before the lock is lost.
	lockWork = 8 * time.Second
)

// Prepare makes sure that on every shard the durable consumer of a queue
// exists and selects at least these patterns, besides what it selects already.
// What matches a pattern and came before its Prepare may or may not be
// delivered: prepare a definition before its first document. Several processes
// may call Prepare at once, and while Cues run.
func (l *Log) Prepare(ctx context.Context, queue string, patterns []events.Pattern) error {
	if err := events.CheckID(queue); err != nil {
		return fmt.Errorf("natslog: prepare queue: %w", err)
	}
	if len(patterns) == 0 {
		return fmt.Errorf("natslog: prepare queue %s: no pattern: a queue must select something", queue)
	}
	filters := make([]string, 0, len(patterns))
	for _, p := range patterns {
		if err := checkPattern(p); err != nil {
			return fmt.Errorf("natslog: prepare queue %s: %w", queue, err)
		}
		filters = append(filters, p.Subject())
	}
	all, err := l.remember(ctx, queue, filters)
	if err != nil {
		return fmt.Errorf("natslog: prepare queue %s: %w", queue, err)
	}
	for shard := range l.conf.Shards {
		if err := l.provide(ctx, queue, shard, all); err != nil {
			return fmt.Errorf("natslog: prepare queue %s on shard %d: %w", queue, shard, err)
		}
	}
	return nil
}

func checkPattern(p events.Pattern) error {
	slot := events.Slot{Definition: p.Definition, Version: p.Version, Document: "any", Step: p.Step, Visit: 1, Kind: p.Kind, Again: max(1, p.Again)}
	if err := slot.Check(); err != nil {
		return fmt.Errorf("pattern: %w: %w", err, events.ErrBadSubject)
	}
	return nil
}

// remember adds filters to those the queue has been given, in the bucket that
// all processes share, and returns all of them. The list never shrinks.
func (l *Log) remember(ctx context.Context, queue string, filters []string) ([]string, error) {
	for {
		all, revision, err := l.remembered(ctx, queue)
		if err != nil {
			return nil, err
		}
		next := union(all, filters)
		if len(next) == len(all) {
			return all, nil
		}
		value, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		_, err = l.queueFilter.Update(attempt, queue, value, revision)
		cancel()
		switch {
		case err == nil:
			return next, nil
		case ctx.Err() == nil && !isTaken(err) && !isTemporary(err):
			return nil, err
		}
		if err := pause(ctx, firstBackoff); err != nil {
			return nil, err
		}
	}
}

func (l *Log) remembered(ctx context.Context, queue string) (filters []string, revision uint64, err error) {
	var entry jetstream.KeyValueEntry
	err = retry(ctx, func(ctx context.Context) (err error) {
		entry, err = l.queueFilter.Get(ctx, queue)
		return err
	})
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if err := json.Unmarshal(entry.Value(), &filters); err != nil {
		return nil, 0, fmt.Errorf("bucket %s, key %s: %w", queuesBucket, queue, err)
	}
	return filters, entry.Revision(), nil
}

// union returns the sorted members of both.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// provide gives the queue's consumer on one shard the filters, if it lacks any,
// and its settings, if they are others.
func (l *Log) provide(ctx context.Context, queue string, shard int, filters []string) error {
	for wanted := filters; ; {
		fit, err := l.fits(ctx, queue, shard, wanted)
		if err != nil || fit {
			return err
		}
		err = l.extend(ctx, queue, shard, wanted)
		if err != nil && !errors.Is(err, errLockLost) {
			return err
		}
		// A change that was late, after the lock had run out, may have taken back
		// what another has added since. Whoever was the last to write sees it.
		latest, _, err := l.remembered(ctx, queue)
		if err != nil {
			return err
		}
		wanted = union(latest, filters)
	}
}

// fits reports whether the queue's consumer on one shard is there, has the
// filters, and the settings of a queue. The error wraps [ErrDrift] if it has some
// that cannot be changed.
func (l *Log) fits(ctx context.Context, queue string, shard int, filters []string) (bool, error) {
	info, err := l.consumer(ctx, queue, shard)
	if err != nil || info == nil {
		return false, err
	}
	want, got := l.queueConfig(queue, filters), info.Config
	stream := shardName(shard) + ", consumer " + queue
	began := got.DeliverPolicy == jetstream.DeliverAllPolicy || got.DeliverPolicy == jetstream.DeliverByStartSequencePolicy
	switch {
	case got.AckPolicy != want.AckPolicy:
		return false, drift(stream, "AckPolicy", want.AckPolicy, got.AckPolicy)
	case !began: // a restored or shortened log begins at a sequence
		return false, drift(stream, "DeliverPolicy", want.DeliverPolicy, got.DeliverPolicy)
	case got.ReplayPolicy != want.ReplayPolicy:
		return false, drift(stream, "ReplayPolicy", want.ReplayPolicy, got.ReplayPolicy)
	}
	same := got.AckWait == want.AckWait && got.MaxDeliver == want.MaxDeliver && len(got.BackOff) == 0 &&
		got.MaxAckPending == want.MaxAckPending && !got.HeadersOnly
	if !same {
		l.log.Warn("natslog: a queue's consumer had other settings, and gets its own", "queue", queue, "shard", shard,
			"ackWait", got.AckWait, "maxDeliver", got.MaxDeliver, "backOff", got.BackOff, "maxAckPending", got.MaxAckPending, "headersOnly", got.HeadersOnly)
	}
	return same && len(union(selected(got), filters)) == len(selected(got)), nil
}

// errLockLost reports that a change took longer than its lock holds.
var errLockLost = errors.New("the change took too long")

// extend adds filters to those of the queue's consumer on one shard.
func (l *Log) extend(ctx context.Context, queue string, shard int, filters []string) error {
	// A change writes the whole list, so that of two changes at once the later
	// would take back the former. Hence the lock, and what is read under it.
	held, unlock, err := l.lock(ctx, queue)
	if err != nil {
		return err
	}
	err = l.change(held, queue, shard, filters)
	if held.Err() != nil && ctx.Err() == nil {
		unlock(false) // what was sent may still arrive
		l.log.Warn("natslog: a queue's consumer is changed again", "queue", queue, "shard", shard, "reason", err)
		return errLockLost
	}
	unlock(true)
	return err
}

func (l *Log) change(ctx context.Context, queue string, shard int, filters []string) error {
	has, err := l.filters(ctx, queue, shard)
	if err != nil {
		return err
	}
	latest, _, err := l.remembered(ctx, queue)
	if err != nil {
		return err
	}
	conf := l.queueConfig(queue, union(union(has, latest), filters))
	return retry(ctx, func(ctx context.Context) error {
		if has != nil { // where it began cannot be changed
			standing, err := l.js.Consumer(ctx, shardName(shard), queue)
			if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
				return err
			}
			if err == nil {
				began := standing.CachedInfo().Config
				conf.DeliverPolicy, conf.OptStartSeq = began.DeliverPolicy, began.OptStartSeq
			}
		}
		_, err := l.js.CreateOrUpdateConsumer(ctx, shardName(shard), conf)
		return err
	})
}

// queueConfig returns the settings of a queue's consumers.
func (l *Log) queueConfig(queue string, filters []string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: queue, FilterSubjects: filters,
		DeliverPolicy: jetstream.DeliverAllPolicy, ReplayPolicy: jetstream.ReplayInstantPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: l.ackWait, MaxDeliver: -1, MaxAckPending: maxAckPending,
	}
}

// filters returns what the queue's consumer selects; nil if there is none.
func (l *Log) filters(ctx context.Context, queue string, shard int) ([]string, error) {
	info, err := l.consumer(ctx, queue, shard)
	if err != nil || info == nil {
		return nil, err
	}
	return selected(info.Config), nil
}

// selected returns the sorted filters of a consumer; one without any is none of
// a queue's, and gets them.
func selected(conf jetstream.ConsumerConfig) []string {
	if conf.FilterSubject != "" {
		return []string{conf.FilterSubject}
	}
	return append([]string{}, slices.Sorted(slices.Values(conf.FilterSubjects))...)
}

// consumer returns what the server says about the queue's consumer; nil if
// there is none.
func (l *Log) consumer(ctx context.Context, queue string, shard int) (*jetstream.ConsumerInfo, error) {
	var consumer jetstream.Consumer
	err := retry(ctx, func(ctx context.Context) (err error) {
		consumer, err = l.js.Consumer(ctx, shardName(shard), queue)
		return err
	})
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return consumer.CachedInfo(), nil
}

// lock makes the caller the only one that changes the queue's consumers, until
// held ends or unlock is called: with false to leave the lock to its time to live.
func (l *Log) lock(ctx context.Context, queue string) (held context.Context, unlock func(now bool), err error) {
	key := "lock." + queue
	for {
		held, release := context.WithTimeout(ctx, lockWork) // from before the server counts
		attempt, cancel := context.WithTimeout(held, attemptTimeout)
		revision, err := l.queueFilter.Create(attempt, key, nil, jetstream.KeyTTL(lockTTL))
		cancel()
		if err == nil {
			return held, func(now bool) {
				release()
				if !now {
					return
				}
				clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				_ = l.queueFilter.Delete(clean, key, jetstream.LastRevision(revision)) // or its time to live ends it
			}, nil
		}
		release()
		if ctx.Err() == nil && !isTaken(err) && !isTemporary(err) {
			return nil, nil, fmt.Errorf("lock: %w", err)
		}
		if err := pause(ctx, 2*firstBackoff); err != nil {
			return nil, nil, fmt.Errorf("lock: %w", err)
		}
	}
}
