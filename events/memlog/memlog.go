// Package memlog is the saga log in memory, for tests and for trying things
// out. It behaves like natslog, but for what a network does, and everything in
// it waits on channels and timers, so that it runs inside a testing/synctest
// bubble: days of waiting take no time there.
package memlog

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/removed"
)

const followBatch = 500

// Config says what kind of log to make. The zero Config is a good one.
type Config struct {
	Shards  int           // default 4
	AckWait time.Duration // default 30 s
	// Check, if there is one, refuses events that are not as they should be;
	// see package schema.
	Check func(*events.Event) error
	Guard events.Guard // signs what is written and checks what is read; default none
}

// A Log is a saga log. Its methods may be called at once.
type Log struct {
	shards      int
	ackWait     time.Duration
	check       func(*events.Event) error // or nil
	guard       events.Guard              // may be nil
	files       *Files
	definitions definitions

	mu      sync.Mutex
	logs    [][]message // one a shard; sequence n is at index n-1
	slots   map[string]events.Position
	subject map[events.DocumentID][]events.Position
	queues  map[queueKey]*queue
	changed chan struct{} // closed, and made anew, when something has come
}

// A message is what a subject holds: its bytes, so that a reader cannot
// change them for others.
type message struct {
	subject string
	header  events.HeaderLines
	data    []byte
	at      time.Time
}

// New returns an empty log.
func New(conf Config) *Log {
	if conf.Shards == 0 {
		conf.Shards = 4
	}
	if conf.AckWait == 0 {
		conf.AckWait = 30 * time.Second
	}
	l := &Log{
		shards: conf.Shards, ackWait: conf.AckWait, check: conf.Check, guard: conf.Guard, logs: make([][]message, conf.Shards),
		slots: make(map[string]events.Position), subject: make(map[events.DocumentID][]events.Position),
		queues: make(map[queueKey]*queue), changed: make(chan struct{}),
	}
	l.files = &Files{byStep: make(map[owner]map[string]content)}
	l.definitions.changed = make(chan struct{})
	return l
}

// Shards returns how many shards the log has.
func (l *Log) Shards() int { return l.shards }

// Write writes e into its slot and returns it as stored. If the slot holds an
// event of the same writer with the same type and data, it returns that one;
// if it holds another, that one and an error that wraps [events.ErrTaken].
// A submission is refused as well if the document was submitted before, and a
// completed end if the document was cancelled.
func (l *Log) Write(ctx context.Context, e events.Event) (events.Event, error) {
	if err := e.Check(); err != nil {
		return events.Event{}, fmt.Errorf("memlog: write: %w", err)
	}
	if l.check != nil {
		if err := l.check(&e); err != nil {
			return events.Event{}, fmt.Errorf("memlog: write: %w: %w", err, events.ErrBadEvent)
		}
	}
	if ctx.Err() != nil {
		return events.Event{}, fmt.Errorf("memlog: write %s: %w", e.ID(), context.Cause(ctx))
	}
	if l.guard != nil {
		if err := l.guard.Sign(&e); err != nil {
			return events.Event{}, fmt.Errorf("memlog: write %s: %w", e.ID(), err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	position, taken := l.slots[e.Slot.Subject()]
	if e.Slot.Kind == events.Submitted {
		position, taken = l.submission(e.Slot.Document)
	}
	if !taken && e.Slot.Kind == events.Ended && e.Result == events.Completed {
		position, taken = l.slots[e.Slot.Of(events.Cancel).Subject()]
	}
	if taken {
		return l.judge(&e, position)
	}
	return l.at(l.store(e.Slot.Subject(), e.HeaderLines(), e.Data))
}

// Put stores a message as it is, as a foreign program might. It reports
// whether its subject was free.
func (l *Log) Put(subject string, header events.Header, data []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.slots[subject]; taken {
		return false
	}
	l.store(subject, events.LinesOf(header), data)
	return true
}

// store keeps a message under its subject. The caller holds mu.
func (l *Log) store(subject string, header events.HeaderLines, data []byte) events.Position {
	shard := 0
	slot, err := events.ParseSubject(subject)
	if err == nil {
		shard = events.Shard(slot.Document, l.shards)
	}
	l.logs[shard] = append(l.logs[shard], message{subject, header, bytes.Clone(data), time.Now().UTC()})
	position := events.Position{Shard: shard, Seq: uint64(len(l.logs[shard]))}
	l.slots[subject] = position
	if err == nil {
		l.subject[slot.Document] = append(l.subject[slot.Document], position)
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return position
}

// judge says whether the event that stands is the one that was to be written.
func (l *Log) judge(e *events.Event, position events.Position) (events.Event, error) {
	standing, bad := l.at(position)
	switch {
	case bad != nil:
		return standing, fmt.Errorf("memlog: write %s: %w: %w", e.ID(), events.ErrTaken, bad)
	case e.Worker != "" && standing.Worker == e.Worker && standing.Slot == e.Slot &&
		standing.Type() == e.Type() && bytes.Equal(standing.Data, e.Data):
		return standing, nil
	}
	return standing, fmt.Errorf("memlog: write %s: %s by %s stands at %v: %w",
		e.ID(), standing.Type(), standing.Source, position, events.ErrTaken)
}

// at decodes the message at a position. The caller holds mu.
func (l *Log) at(p events.Position) (events.Event, error) {
	m := l.logs[p.Shard][p.Seq-1]
	e, err := events.Decode(m.subject, m.header, bytes.Clone(m.data))
	e.Position, e.At = p, m.at
	return events.Guarded(l.guard, e, err, events.Message{Subject: m.subject, Header: m.header, Data: m.data})
}

// submission finds the document's submission. The caller holds mu.
func (l *Log) submission(document events.DocumentID) (events.Position, bool) {
	for _, p := range l.subject[document] {
		if slot, err := events.ParseSubject(l.logs[p.Shard][p.Seq-1].subject); err == nil && slot.Kind == events.Submitted {
			return p, true
		}
	}
	return events.Position{}, false
}

// Read returns the event in a slot, or an error that wraps
// [events.ErrNotFound], or [events.ErrBadEvent] if what is there is no event.
func (l *Log) Read(_ context.Context, slot events.Slot) (events.Event, error) {
	if err := slot.Check(); err != nil {
		return events.Event{}, fmt.Errorf("memlog: read: %w: %w", err, events.ErrBadEvent)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	position, ok := l.slots[slot.Subject()]
	if !ok {
		return events.Event{}, fmt.Errorf("memlog: read %s: %w", slot.ID(), events.ErrNotFound)
	}
	return l.at(position)
}

// Submission returns the document's submission, whatever its definition and
// version, or an error that wraps [events.ErrNotFound].
func (l *Log) Submission(_ context.Context, document events.DocumentID) (events.Event, error) {
	if err := events.CheckID(document); err != nil {
		return events.Event{}, fmt.Errorf("memlog: submission: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	position, ok := l.submission(document)
	if !ok {
		return events.Event{}, fmt.Errorf("memlog: submission of %s: %w", document, events.ErrNotFound)
	}
	return l.at(position)
}

// History returns all events of a document in order. For a message that is no
// event it has the fact that this stands for, as [events.Delivery.Fact] says.
func (l *Log) History(_ context.Context, document events.DocumentID) ([]events.Event, error) {
	if err := events.CheckID(document); err != nil {
		return nil, fmt.Errorf("memlog: history: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var history []events.Event
	for _, position := range l.subject[document] {
		e, bad := l.at(position)
		d := events.Delivery{Event: e, Bad: bad}
		if fact, ok := d.Told(); ok {
			history = append(history, *fact)
		}
	}
	return history, nil
}

// Removed returns no message: none is ever taken out of this log.
func (l *Log) Removed(context.Context, int) ([]removed.Message, error) { return nil, nil }

// Last returns the sequence of the last message of a shard; 0 if it is empty.
func (l *Log) Last(_ context.Context, shard int) (uint64, error) {
	if err := l.checkShard(shard); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.logs[shard])), nil
}

func (l *Log) checkShard(shard int) error {
	if shard < 0 || shard >= l.shards {
		return fmt.Errorf("memlog: shard %d: the log has %d", shard, l.shards)
	}
	return nil
}

// Follow yields all messages of one shard after a position, in order, for
// ever, in batches of 1 to 500. Receipts are nil; Bad says why a message is no
// event. It ends when ctx ends. An error is the last thing it yields.
func (l *Log) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		last, err := l.Last(ctx, after.Shard)
		if err == nil && after.Seq > last {
			err = fmt.Errorf("memlog: follow after %v: the log ends at %d", after, last)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for ctx.Err() == nil {
			batch, changed := l.after(after)
			if len(batch) > 0 {
				after.Seq += uint64(len(batch))
				if !yield(batch, nil) {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

func (l *Log) after(p events.Position) (batch []events.Delivery, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(batch) < followBatch && p.Seq < uint64(len(l.logs[p.Shard])) {
		p.Seq++
		e, bad := l.at(p)
		m := &l.logs[p.Shard][p.Seq-1]
		batch = append(batch, events.Delivery{
			Event: e, Bad: bad, Attempt: 1,
			Message: events.Message{Subject: m.subject, Header: m.header, Data: bytes.Clone(m.data)},
		})
	}
	return slices.Clip(batch), l.changed
}
