package natslog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog/wire"
)

const (
	followBatch  = 500
	followWindow = 4000 // messages on their way: with fewer the reader waits for the server
	followBytes  = 16 << 20
)

// ErrGap reports that messages of the log which must exist cannot be had.
var ErrGap = errors.New("messages are missing from the log")

// errAgain marks what a new consumer heals.
var errAgain = errors.New("follow with a new consumer")

// Follow yields all messages of one shard after a position, in order, for
// ever, in batches of 1 to 500: what is there, without waiting for more. A
// Delivery's Receipt is nil; Bad says why a message is no event, and then only
// Slot, if the subject has one, Position and At are set. Follow heals lost
// connections and consumers by itself and ends when ctx ends. An error is the
// last thing it yields; it wraps [ErrGap] if the log is shorter than the
// position, or a message is missing that was not archived; see package removed.
func (l *Log) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		f := follower{l: l, after: after, yield: yield}
		fail := func(err error) {
			if ctx.Err() == nil {
				yield(nil, fmt.Errorf("natslog: follow after %v: %w", f.after, err))
			}
		}
		for backoff := firstBackoff; ctx.Err() == nil; backoff = min(2*backoff, lastBackoff) {
			before := f.after
			err := f.run(ctx)
			if err == nil {
				return
			}
			if !errors.Is(err, errAgain) && !isTemporary(err) || f.gaps > 3 {
				fail(err)
				return
			}
			if f.after != before {
				backoff, f.gaps = firstBackoff, 0
			}
			l.log.Warn("natslog: following again", "after", f.after.String(), "reason", err)
			if pause(ctx, backoff) != nil {
				return
			}
		}
	}
}

// A follower is the state of one Follow.
type follower struct {
	l     *Log
	after events.Position
	yield func([]events.Delivery, error) bool
	gaps  int // how often the same message was missing
}

// run follows with one consumer. It returns nil if the loop was left.
func (f *follower) run(ctx context.Context) error {
	if err := f.reaches(ctx); err != nil {
		return err
	}
	stream := shardName(f.after.Shard)
	name, err := f.consumer(ctx, stream)
	if err != nil {
		return err
	}
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = f.l.js.DeleteConsumer(clean, stream, name) // or it ends by itself, after its InactiveThreshold
	}()
	p := f.l.puller(stream, name, followWindow)
	defer p.close()
	p.maxBytes = followBytes
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for {
		if p.wanted <= followWindow/2 {
			if err := p.request(followWindow - p.wanted); err != nil {
				return err
			}
		}
		timer.Reset(silence)
		select {
		case m := <-p.messages:
			more, err := f.take(ctx, p, &m)
			if err != nil || !more {
				return err
			}
		case <-p.lost:
			return fmt.Errorf("the connection was lost: %w", errAgain)
		case <-timer.C:
			return fmt.Errorf("the consumer has fallen silent: %w", errAgain)
		case <-ctx.Done():
			return nil
		}
	}
}

// reaches returns an error if the log ends before the place where the follower
// stands, which may happen while it runs: a server lost its disk, or was
// restored. A server that has just begun to lead may take a moment.
func (f *follower) reaches(ctx context.Context) error {
	last, err := f.l.Last(ctx, f.after.Shard)
	if err != nil || f.after.Seq <= last {
		return err
	}
	f.gaps++
	return fmt.Errorf("the log ends at %d: %w: %w", last, ErrGap, errAgain)
}

// consumer makes a consumer that begins where the follower stands. One whose
// making was not answered ends by itself.
func (f *follower) consumer(ctx context.Context, stream string) (name string, err error) {
	err = retry(ctx, func(ctx context.Context) error {
		consumer, err := f.l.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.after.Seq + 1,
			AckPolicy: jetstream.AckNonePolicy, ReplayPolicy: jetstream.ReplayInstantPolicy,
			MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
		})
		if err == nil {
			name = consumer.CachedInfo().Name
		}
		return err
	})
	return name, err
}

// take yields m and what has come besides it.
func (f *follower) take(ctx context.Context, p *puller, m *wire.Message) (more bool, err error) {
	batch := make([]events.Delivery, 0, 1+min(len(p.messages), followBatch))
	for {
		switch s, what := p.look(m); s {
		case isMessage:
			d, derr := f.l.delivery(m, f.after.Shard)
			if derr == nil && d.Event.Position.Seq != f.after.Seq+1 {
				derr = f.stepOver(ctx, &d)
			}
			if derr != nil {
				err = derr
			} else {
				f.after = d.Event.Position
				batch = append(batch, d)
			}
		case isLost:
			err = fmt.Errorf("the server says %s: %w", what, errAgain)
		case isHeartbeat, isEnd:
		}
		if err == nil && len(batch) < followBatch {
			select {
			case *m = <-p.messages:
				continue
			default:
			}
		}
		break
	}
	if len(batch) > 0 {
		first := batch[0].Event.Position
		if opened := f.l.openDeliveries(ctx, batch); opened != nil {
			f.after = events.Position{Shard: first.Shard, Seq: first.Seq - 1}
			return false, fmt.Errorf("%w: %w", opened, errAgain)
		}
	}
	if len(batch) > 0 && !f.yield(batch, nil) {
		return false, nil
	}
	return true, err
}

// stepOver takes a message that does not follow on the one before it: what is
// missing between must have been archived.
func (f *follower) stepOver(ctx context.Context, d *events.Delivery) error {
	from, seq := f.after.Seq+1, d.Event.Position.Seq
	named, err := f.l.wereRemoved(ctx, f.after.Shard, from, seq-1)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", err, errAgain)
	case !named:
		f.gaps++
		return fmt.Errorf("got %d instead of %d: %w: %w", seq, from, ErrGap, errAgain)
	}
	d.Removed = seq - from
	return nil
}

// delivery returns what a message of a consumer says, without a receipt.
func (l *Log) delivery(m *wire.Message, shard int) (events.Delivery, error) {
	meta, ok := parseMetadata(m.Reply)
	if !ok {
		return events.Delivery{}, fmt.Errorf("reply subject %.200q is not that of a consumer's message", m.Reply)
	}
	stored := stored(m.Subject, m.Header, m.Data)
	e, bad := events.Decode(stored.Subject, stored.Header, stored.Data)
	e.Position, e.At = events.Position{Shard: shard, Seq: meta.seq}, meta.at
	e, bad = events.Guarded(l.guard, e, bad, stored)
	return events.Delivery{Event: e, Bad: bad, Attempt: int(meta.attempt), Message: stored}, nil //nolint:gosec // a count
}

// stored returns a message as the log holds it. One whose header is none has no
// header: then it is no event.
func stored(subject, header string, data []byte) events.Message {
	lines, _ := events.ParseHeader(header)
	return events.Message{Subject: subject, Header: lines, Data: data}
}

// metadata is what the reply subject of a consumer's message says.
type metadata struct {
	seq, attempt uint64
	at           time.Time
}

// parseMetadata reads a reply subject in one of its two forms,
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account hash>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
//
// the second with or without one more token; see
// https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md.
func parseMetadata(reply string) (m metadata, ok bool) {
	rest, ok := strings.CutPrefix(reply, "$JS.ACK.")
	names := 2
	switch strings.Count(rest, ".") {
	case 6:
	case 8, 9:
		names = 4
	default:
		return m, false
	}
	for range names {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var numbers [4]uint64
	for i := range numbers {
		token, after, _ := strings.Cut(rest, ".")
		n, err := strconv.ParseUint(token, 10, 63)
		if err != nil {
			return m, false
		}
		numbers[i], rest = n, after
	}
	at := time.Unix(0, int64(numbers[3])).UTC() //nolint:gosec // 63 bits
	return metadata{attempt: numbers[0], seq: numbers[1], at: at}, ok
}
