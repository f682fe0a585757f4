package natslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

const (
	// noticeGrace is how much longer than it may be told a notice is kept, so
	// that its id is not taken by the same notice, told again.
	noticeGrace = time.Hour
	maxNotices  = 2_000_000
)

func (c Config) noticesStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: noticesStream, Description: "docsaga: messages and signals, and who has claimed them",
		Subjects: []string{events.NoticeRoot + ".>"},
		Storage:  jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
		MaxMsgs: maxNotices, MaxBytes: -1, MaxConsumers: -1, MaxMsgSize: -1,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,
		DenyDelete: true, DenyPurge: true, AllowMsgTTL: true,
		Duplicates: 2 * time.Minute, Replicas: c.Replicas,
		Metadata: map[string]string{metaLayout: layout},
	}
}

// Notices keeps messages and signals in the stream DOCSAGA_NOTICES. Its methods
// may be called at once.
type Notices struct{ l *Log }

// Notices opens the notices of the log. The error wraps [ErrNotProvisioned] if
// the log has none.
func (l *Log) Notices(ctx context.Context) (*Notices, error) {
	_, err := streamInfo(ctx, l.js, noticesStream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("natslog: open stream %s: %w", noticesStream, ErrNotProvisioned)
	}
	if err != nil {
		return nil, fmt.Errorf("natslog: open stream %s: %w", noticesStream, err)
	}
	return &Notices{l: l}, nil
}

// post stores a message under a subject that takes one, and returns what
// stands there; taken says that it stood before.
func (s *Notices) post(ctx context.Context, msg *nats.Msg, ttl time.Duration) (standing storedMessage, taken bool, err error) {
	msg.Header[jetstream.MsgTTLHeader] = []string{strconv.FormatInt(int64(ttl/time.Second), 10) + "s"}
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		seq, err := s.l.publishOne(ctx, msg)
		switch {
		case err == nil:
			return storedMessage{Subject: msg.Subject, Seq: seq, Data: msg.Data}, false, nil
		case isTaken(err):
			found, readErr := s.l.lastMessage(ctx, noticesStream, msg.Subject)
			if readErr == nil {
				return found, true, nil
			}
			if !errors.Is(readErr, events.ErrNotFound) {
				return standing, false, readErr
			}
		case !isTemporary(err):
			return standing, false, err
		}
		if ended := pause(ctx, backoff); ended != nil {
			return standing, false, fmt.Errorf("%w (last answer: %w)", ended, err)
		}
	}
}

// Tell keeps a notice. The same again is nothing new; another of the same id
// is an [events.ErrConflict].
func (s *Notices) Tell(ctx context.Context, n events.Notice) (events.Notice, error) {
	if err := n.Check(); err != nil {
		return n, fmt.Errorf("natslog: tell: %w", err)
	}
	msg := &nats.Msg{Subject: n.Subject(), Header: n.Header(), Data: n.Data}
	standing, taken, err := s.post(ctx, msg, n.TTL+noticeGrace)
	if err != nil {
		return n, fmt.Errorf("natslog: tell %s: %w", n.ID, err)
	}
	n.Seq = standing.Seq
	if !taken {
		return n, nil
	}
	p, err := decodePosting(&standing)
	if err != nil || p.Notice.Name != n.Name || p.Notice.Key != n.Key || !bytes.Equal(p.Notice.Data, n.Data) {
		return p.Notice, fmt.Errorf("natslog: tell %s: %w", n.ID, events.ErrConflict)
	}
	return p.Notice, nil
}

// Claim makes the n-th claim of a notice for a slot, and returns the slot whose
// claim stands.
func (s *Notices) Claim(ctx context.Context, n events.Notice, number int, slot events.Slot) (events.Slot, error) {
	msg := &nats.Msg{Subject: events.ClaimSubject(n.ID, number), Header: nats.Header{}, Data: []byte(slot.Subject())}
	ttl := max(time.Until(n.Expires()), 0) + 2*noticeGrace // it must outlive the notice
	standing, _, err := s.post(ctx, msg, ttl)
	if err == nil {
		slot, err = events.ParseSubject(string(standing.Data))
	}
	if err != nil {
		return slot, fmt.Errorf("natslog: claim %s: %w", n.ID, err)
	}
	return slot, nil
}

// Notice returns a notice, or an error that wraps [events.ErrNotFound].
func (s *Notices) Notice(ctx context.Context, id string) (events.Notice, error) {
	n := events.Notice{ID: id}
	msg, err := s.l.lastMessage(ctx, noticesStream, n.Subject())
	if err != nil {
		return n, fmt.Errorf("natslog: notice %s: %w", id, err)
	}
	p, err := decodePosting(&msg)
	return p.Notice, err
}

func decodePosting(msg *storedMessage) (events.Posting, error) {
	header, _ := events.ParseHeader(string(msg.Header)) // what has none is no notice
	p, err := events.DecodePosting(msg.Subject, header.Header(), msg.Data)
	p.Notice.Seq, p.Notice.At = msg.Seq, msg.Time.UTC()
	return p, err
}

// FollowNotices yields all postings in order, for ever, until ctx ends. What
// is none is left out, with a warning. An error is the last thing it yields.
func (s *Notices) FollowNotices(ctx context.Context) iter.Seq2[events.Posting, error] {
	return func(yield func(events.Posting, error) bool) {
		after := uint64(0)
		for backoff := firstBackoff; ctx.Err() == nil; backoff = min(2*backoff, lastBackoff) {
			before := after
			left, err := s.follow(ctx, &after, yield)
			if left || ctx.Err() != nil {
				return
			}
			if after > before {
				backoff = firstBackoff
			}
			s.l.log.Warn("natslog: following notices again", "after", after, "reason", err)
			if pause(ctx, backoff) != nil {
				return
			}
		}
	}
}

// follow follows with one consumer. left says that the loop was left.
func (s *Notices) follow(ctx context.Context, after *uint64, yield func(events.Posting, error) bool) (left bool, err error) {
	consumer, err := s.l.js.OrderedConsumer(ctx, noticesStream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *after + 1,
	})
	if err != nil {
		return false, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, messages.Stop)()
	for {
		msg, err := messages.Next()
		if err != nil {
			return false, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return false, err
		}
		*after = meta.Sequence.Stream
		p, err := events.DecodePosting(msg.Subject(), msg.Headers(), msg.Data())
		if err != nil {
			s.l.log.Warn("natslog: what is no notice is left aside", "error", err)
			continue
		}
		p.Notice.Seq, p.Notice.At = meta.Sequence.Stream, meta.Timestamp.UTC()
		if !yield(p, nil) {
			return true, nil
		}
	}
}
