package natslog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

const (
	codeNoMessage = 10037

	// readers is how many slots of a document are read at once.
	readers = 8
)

// Read returns the event in a slot as the stream's leader has it, or an error
// that wraps [events.ErrNotFound], or [events.ErrBadEvent] if what is there is
// no event.
func (l *Log) Read(ctx context.Context, slot events.Slot) (events.Event, error) {
	if err := slot.Check(); err != nil {
		return events.Event{}, fmt.Errorf("natslog: read: %w: %w", err, events.ErrBadEvent)
	}
	e, err := l.last(ctx, slot.Document, slot.Subject())
	if e, err = l.opened(ctx, e, err); err != nil {
		return e, fmt.Errorf("natslog: read %s: %w", slot.ID(), err)
	}
	return e, nil
}

// Submission returns the document's submission, whatever its definition and
// version, or an error that wraps [events.ErrNotFound].
func (l *Log) Submission(ctx context.Context, document events.DocumentID) (events.Event, error) {
	if err := events.CheckID(document); err != nil {
		return events.Event{}, fmt.Errorf("natslog: submission: %w", err)
	}
	e, err := l.last(ctx, document, submissionSubject(document))
	if e, err = l.opened(ctx, e, err); err != nil {
		return e, fmt.Errorf("natslog: submission of %s: %w", document, err)
	}
	return e, nil
}

// History returns all events of a document in order. It contains whatever was
// acknowledged before the call. For a message that is no event it has the fact
// that this stands for, as [events.Delivery.Fact] says. A document that nobody
// knows has no events.
func (l *Log) History(ctx context.Context, document events.DocumentID) ([]events.Event, error) {
	if err := events.CheckID(document); err != nil {
		return nil, fmt.Errorf("natslog: history: %w", err)
	}
	stream := shardName(events.Shard(document, l.conf.Shards))
	subjects, err := l.subjects(ctx, stream, documentSubject(document))
	if err != nil {
		return nil, fmt.Errorf("natslog: history of %s: %w", document, err)
	}
	found := make([]events.Event, len(subjects))
	errs := make([]error, len(subjects))
	var wg sync.WaitGroup
	for worker := range min(readers, len(subjects)) {
		wg.Go(func() {
			for i := worker; i < len(subjects); i += readers {
				found[i], errs[i] = l.last(ctx, document, subjects[i])
			}
		})
	}
	wg.Wait()
	if err := l.openAll(ctx, found, errs); err != nil {
		return nil, fmt.Errorf("natslog: history of %s: %w", document, err)
	}
	history := make([]events.Event, 0, len(found))
	for i, err := range errs {
		if err != nil && !errors.Is(err, events.ErrBadEvent) && !errors.Is(err, events.ErrBadSubject) {
			return nil, fmt.Errorf("natslog: history of %s: %w", document, err)
		}
		d := events.Delivery{Event: found[i], Bad: err}
		if e, ok := d.Told(); ok {
			history = append(history, *e)
		}
	}
	slices.SortFunc(history, func(a, b events.Event) int { return cmp.Compare(a.Position.Seq, b.Position.Seq) })
	return history, nil
}

// openAll opens the data of events that were read; bad says which are none.
func (l *Log) openAll(ctx context.Context, list []events.Event, bad []error) error {
	if l.sealer == nil {
		return nil
	}
	each := make([]*events.Event, len(list))
	for i := range list {
		each[i] = &list[i]
	}
	return l.sealer.Open(ctx, each, bad)
}

// documentSubject covers all of a document.
func documentSubject(document events.DocumentID) string {
	return fmt.Sprintf("%s.%02d.*.*.%s.>", events.SubjectRoot, events.Partition(document), document)
}

// submissionSubject covers the submission of a document to any definition.
func submissionSubject(document events.DocumentID) string {
	return anywhere(document, events.Submitted)
}

// forgottenSubject covers the event document.forgotten of a document, which
// stands in the version of the definition that it ended in.
func forgottenSubject(document events.DocumentID) string {
	return anywhere(document, events.Forgotten)
}

// anywhere covers what is written once of a document, in any definition and version.
func anywhere(document events.DocumentID, kind events.Kind) string {
	return fmt.Sprintf("%s.%02d.*.*.%s.%s.1.%s", events.SubjectRoot, events.Partition(document), document, events.StepDocument, kind)
}

// subjects returns the subjects of a stream that match a filter, by the
// leader's word.
func (l *Log) subjects(ctx context.Context, stream, filter string) ([]string, error) {
	var all []string
	for {
		request := fmt.Appendf(nil, `{"subjects_filter":%q,"offset":%d}`, filter, len(all))
		var answer struct {
			Error *jetstream.APIError `json:"error"`
			Total int                 `json:"total"`
			State struct {
				Subjects map[string]uint64 `json:"subjects"`
			} `json:"state"`
		}
		if err := l.ask(ctx, "STREAM.INFO."+stream, request, &answer); err != nil {
			return nil, err
		}
		if answer.Error != nil {
			return nil, answer.Error
		}
		for subject := range answer.State.Subjects {
			all = append(all, subject)
		}
		if len(answer.State.Subjects) == 0 || len(all) >= answer.Total {
			return all, nil
		}
	}
}

// last returns the last event on a subject, or on a pattern of subjects.
func (l *Log) last(ctx context.Context, document events.DocumentID, subject string) (events.Event, error) {
	shard := events.Shard(document, l.conf.Shards)
	msg, err := l.lastMessage(ctx, shardName(shard), subject)
	if err != nil {
		return events.Event{}, err
	}
	m := stored(msg.Subject, string(msg.Header), msg.Data)
	e, err := events.Decode(m.Subject, m.Header, m.Data)
	e.Position, e.At = events.Position{Shard: shard, Seq: msg.Seq}, msg.Time
	return events.Guarded(l.guard, e, err, m)
}

// opened returns an event with its data opened, and why it is none.
func (l *Log) opened(ctx context.Context, e events.Event, bad error) (events.Event, error) {
	e, bad, err := l.openOne(ctx, e, bad)
	if err != nil {
		return e, err
	}
	return e, bad
}

// openOne is opened, with the error apart that says that the key cannot be had
// now.
func (l *Log) openOne(ctx context.Context, e events.Event, bad error) (opened events.Event, why, err error) {
	if l.sealer == nil || bad != nil {
		return e, bad, nil
	}
	errs := []error{nil}
	err = l.sealer.Open(ctx, []*events.Event{&e}, errs)
	return e, errs[0], err
}

// openDeliveries opens the data of events; their messages stay as they are.
func (l *Log) openDeliveries(ctx context.Context, list []events.Delivery) error {
	if l.sealer == nil {
		return nil
	}
	each, bad := make([]*events.Event, len(list)), make([]error, len(list))
	for i := range list {
		each[i], bad[i] = &list[i].Event, list[i].Bad
	}
	err := l.sealer.Open(ctx, each, bad)
	for i := range list {
		list[i].Bad = bad[i]
	}
	return err
}

// A storedMessage is a message as STREAM.MSG.GET answers it.
type storedMessage struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Header  []byte    `json:"hdrs"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
}

// lastMessage reads from the stream's leader.
func (l *Log) lastMessage(ctx context.Context, stream, subject string) (storedMessage, error) {
	return l.storedMessage(ctx, stream, fmt.Appendf(nil, `{"last_by_subj":%q}`, subject))
}

func (l *Log) storedMessage(ctx context.Context, stream string, request []byte) (storedMessage, error) {
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message storedMessage       `json:"message"`
	}
	if err := l.ask(ctx, "STREAM.MSG.GET."+stream, request, &answer); err != nil {
		return storedMessage{}, err
	}
	if answer.Error != nil && answer.Error.ErrorCode == codeNoMessage {
		return storedMessage{}, events.ErrNotFound
	}
	if answer.Error != nil {
		return storedMessage{}, answer.Error
	}
	return answer.Message, nil
}

// ask sends a request to JetStream's API and reads the JSON answer.
func (l *Log) ask(ctx context.Context, verb string, request []byte, answer any) error {
	return ask(ctx, l.nc, verb, request, answer)
}

func ask(ctx context.Context, nc *nats.Conn, verb string, request []byte, answer any) error {
	err := retry(ctx, func(ctx context.Context) error {
		reply, err := nc.RequestWithContext(ctx, "$JS.API."+verb, request)
		if err != nil {
			return err
		}
		return json.Unmarshal(reply.Data, answer)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}
