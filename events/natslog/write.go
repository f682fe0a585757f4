package natslog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog/wire"
)

// Write writes e into its slot and returns it as stored. If the slot holds an
// event of the same writer with the same type and data, that was an earlier
// Write of e whose acknowledgement got lost, and Write returns it. If the slot
// holds another event, Write returns that one and an error that wraps
// [events.ErrTaken]; the error wraps [events.ErrBadEvent] too if what is there
// is no event, and then only Slot, Position and At are set.
//
// A submission is refused as well if the document was submitted to another
// definition or version; the event returned is that submission.
//
// A document cannot end completed once its cancel stands, for the writer did
// not know of that: the event returned is the cancel.
//
// As long as ctx allows, Write tries again when the server does not answer.
// It sets At only if it had to read the slot.
func (l *Log) Write(ctx context.Context, e events.Event) (events.Event, error) {
	w := l.newWrite(e)
	stored, err := l.write(ctx, w)
	if ctx.Err() == nil { // or another writer may be about to publish it
		w.event, w.msg.Data = events.Event{}, nil
		l.writes.Put(w)
	}
	return stored, err
}

// Send sends e to its slot, and does not wait for what becomes of it. Once that
// is known, it calls then, from the goroutine that reads from the server: it must
// not block. If e does not stand there then, or nobody knows, [Log.Write] says
// what does: an event that is written twice is written once. Send returns false,
// and never calls then, if e is left to Write: for it cannot be sent, or the
// log's writers combine their writes, or too many are under way.
func (l *Log) Send(ctx context.Context, e events.Event, then func(stands bool)) bool {
	if l.groups != nil {
		return false
	}
	select {
	case l.room <- struct{}{}:
	default:
		return false
	}
	w := l.newWrite(e)
	err := l.make(ctx, w)
	if err == nil {
		err = l.publisher.send(&w.msg, func(a answer) {
			<-l.room
			then(a.err == nil)
		})
	}
	w.event, w.msg.Data = events.Event{}, nil
	l.writes.Put(w)
	if err != nil {
		<-l.room
	}
	return err == nil
}

func (l *Log) write(ctx context.Context, w *write) (events.Event, error) {
	if err := l.make(ctx, w); err != nil {
		return events.Event{}, err
	}
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		seq, err := l.publish(ctx, w)
		if err == nil {
			e := w.event
			e.Position, e.At = events.Position{Shard: w.shard, Seq: seq}, time.Time{}
			e.Time = e.Time.UTC().Truncate(time.Millisecond)
			return e, nil
		}
		if isTaken(err) {
			standing, readErr := l.standing(ctx, &w.event)
			if readErr == nil || errors.Is(readErr, events.ErrBadEvent) {
				return judge(&w.event, standing, readErr)
			}
			// Not there: the store has failed, or, on a cluster, another's
			// write is under way but not yet decided.
			if !errors.Is(readErr, events.ErrNotFound) && !isTemporary(readErr) {
				return events.Event{}, fmt.Errorf("natslog: write %s: %w", w.event.ID(), readErr)
			}
		} else if !isTemporary(err) {
			return events.Event{}, fmt.Errorf("natslog: write %s: %w", w.event.ID(), err)
		}
		if ctxErr := pause(ctx, backoff); ctxErr != nil {
			return events.Event{}, fmt.Errorf("natslog: write %s: %w (last answer: %w)", w.event.ID(), ctxErr, err)
		}
	}
}

// newWrite returns a write of e; its memory may have served another.
func (l *Log) newWrite(e events.Event) *write {
	w, ok := l.writes.Get().(*write)
	if !ok {
		w = &write{turn: make(chan turn, 1)}
	}
	w.event = e
	return w
}

// make checks a write's event, and makes its message.
func (l *Log) make(ctx context.Context, w *write) error {
	if err := w.event.Check(); err != nil {
		return fmt.Errorf("natslog: write: %w", err)
	}
	if l.check != nil {
		if err := l.check(&w.event); err != nil {
			return fmt.Errorf("natslog: write: %w: %w", err, events.ErrBadEvent)
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("natslog: write %s: %w", w.event.ID(), context.Cause(ctx))
	}
	if err := l.prepare(ctx, w); err != nil {
		return fmt.Errorf("natslog: write %s: %w", w.event.ID(), err)
	}
	return nil
}

// sign signs an event with its data as the log is to hold it.
func (l *Log) sign(e *events.Event, data []byte) error {
	if l.guard == nil {
		return nil
	}
	stored := *e
	stored.Data = data
	err := l.guard.Sign(&stored)
	e.Signature = stored.Signature
	return err
}

// A write is an event on its way to its slot.
type write struct {
	event  events.Event
	shard  int
	unique string // subject, or pattern, that must hold nothing yet
	msg    wire.Outgoing
	header []byte
	turn   chan turn
}

// prepare makes the message of a write's event, as the log is to hold it.
func (l *Log) prepare(ctx context.Context, w *write) error {
	e := &w.event
	data, err := l.sealed(ctx, e)
	if err != nil {
		return err
	}
	if err := l.sign(e, data); err != nil {
		return err
	}
	w.shard = events.Shard(e.Slot.Document, l.conf.Shards)
	subject := e.Slot.Subject()
	w.unique, w.header = subject, e.AppendHeader(w.header[:0])
	w.msg = wire.Outgoing{Subject: subject, Data: data}
	switch {
	case e.Slot.Kind == events.Submitted:
		w.unique = submissionSubject(e.Slot.Document)
	case endsCompleted(e):
		w.unique = e.Slot.Of(events.Cancel).Subject()
	}
	if w.unique != subject {
		w.expect(0, w.unique)
	}
	w.msg.Header[0] = w.header
	return nil
}

// expect lets the write be refused unless the last message on a subject, or on
// a pattern, has this sequence.
func (w *write) expect(seq uint64, subject string) {
	w.header = fmt.Appendf(w.header, "%s: %d\r\n%s: %s\r\n",
		jetstream.ExpectedLastSubjSeqHeader, seq, jetstream.ExpectedLastSubjSeqSubjHeader, subject)
	w.msg.Header[0] = w.header
}

func (w *write) size() int { return len(w.msg.Subject) + len(w.header) + len(w.msg.Data) + 256 }

// publish writes once. Its error is to be looked at by isTaken and isTemporary.
func (l *Log) publish(ctx context.Context, w *write) (seq uint64, err error) {
	if l.groups != nil {
		return l.groups[w.shard].write(ctx, l, w)
	}
	select {
	case l.room <- struct{}{}:
		defer func() { <-l.room }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	sent, err := l.publisher.publish(&w.msg)
	if err != nil {
		return 0, err
	}
	return l.publisher.await(ctx, sent)
}

func (l *Log) publishOne(ctx context.Context, msg *nats.Msg) (seq uint64, err error) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	reply, err := l.nc.RequestMsgWithContext(attempt, msg)
	if err != nil {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return 0, err
	}
	return parseAck(reply.Data)
}

// parseAck reads a publish acknowledgement:
// {"stream":"DOCSAGA_0","seq":17} or {"error":{"code":503,"err_code":10077,...}}.
func parseAck(data []byte) (seq uint64, err error) {
	if seq, ok := quickAck(data); ok {
		return seq, nil
	}
	var ack struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
		Seq    uint64              `json:"seq"`
	}
	if err := json.Unmarshal(data, &ack); err != nil {
		return 0, fmt.Errorf("publish acknowledgement %.200q: %w", data, err)
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	if ack.Stream == "" || ack.Seq == 0 {
		return 0, fmt.Errorf("publish acknowledgement %.200q has no sequence", data)
	}
	return ack.Seq, nil
}

// endsCompleted reports whether an event is the end of a document that was not
// stopped: a cancel before it forbids it.
func endsCompleted(e *events.Event) bool {
	return e.Slot.Kind == events.Ended && e.Result == events.Completed
}

// standing returns what keeps an event from being written.
func (l *Log) standing(ctx context.Context, e *events.Event) (events.Event, error) {
	standing, err := l.standsAt(ctx, e)
	return l.opened(ctx, standing, err)
}

func (l *Log) standsAt(ctx context.Context, e *events.Event) (events.Event, error) {
	document := e.Slot.Document
	if e.Slot.Kind == events.Submitted {
		return l.last(ctx, document, submissionSubject(document))
	}
	standing, err := l.last(ctx, document, e.Slot.Subject())
	if errors.Is(err, events.ErrNotFound) && endsCompleted(e) {
		return l.last(ctx, document, e.Slot.Of(events.Cancel).Subject())
	}
	return standing, err
}

// judge says whether the event that stands is the one that was to be written.
func judge(e *events.Event, standing events.Event, bad error) (events.Event, error) {
	switch {
	case bad != nil:
		return standing, fmt.Errorf("natslog: write %s: %w: %w", e.ID(), events.ErrTaken, bad)
	case e.Worker != "" && standing.Worker == e.Worker && standing.Slot == e.Slot &&
		standing.Type() == e.Type() && bytes.Equal(standing.Data, e.Data):
		return standing, nil
	}
	return standing, fmt.Errorf("natslog: write %s: %s by %s stands at %v: %w",
		e.ID(), standing.Type(), standing.Source, standing.Position, events.ErrTaken)
}
