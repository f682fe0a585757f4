// Package logtest holds the tests that every saga log must pass.
package logtest

import (
	"context"
	"fmt"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
)

// Slots is where events stand.
type Slots interface {
	Write(ctx context.Context, e events.Event) (events.Event, error)
	Tip(ctx context.Context, document events.DocumentID) (uint64, error)
	WriteTogether(ctx context.Context, tip uint64, list []events.Event) error
	Read(ctx context.Context, slot events.Slot) (events.Event, error)
	Submission(ctx context.Context, document events.DocumentID) (events.Event, error)
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
}

// Shards is what can be followed.
type Shards interface {
	Shards() int
	Last(ctx context.Context, shard int) (uint64, error)
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

// Queues hand out cues.
type Queues interface {
	Prepare(ctx context.Context, queue string, patterns []events.Pattern) error
	Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error]
}

// Definitions are kept beside the log.
type Definitions interface {
	PutDefinition(ctx context.Context, name string, version int, source []byte) error
	Definition(ctx context.Context, name string, version int) ([]byte, error)
	Deployed(ctx context.Context, name string, version int) (time.Time, error)
	Definitions(ctx context.Context) ([]events.DefinitionRef, error)
	WatchDefinitions(ctx context.Context) iter.Seq2[events.DefinitionRef, error]
}

// Files is a file store.
type Files interface {
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
	Last(ctx context.Context, document events.DocumentID, step events.StepID) (events.File, error)
	Release(ctx context.Context, document events.DocumentID, step events.StepID) error
	Erase(ctx context.Context, document events.DocumentID) error
}

// A Log is a saga log under test, new and empty, with an ack wait of [AckWait].
type Log struct {
	Slots
	Shards
	Queues
	Definitions
	Files Files
	// Put stores a message as a foreign program would, without any check.
	Put func(subject string, header events.Header, data []byte) error
}

// AckWait is the ack wait of the logs under test.
const AckWait = time.Second

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// Run runs the suite; open returns a new log for each test.
func Run(t *testing.T, open func(t *testing.T) Log) {
	for name, test := range map[string]func(*testing.T, Log){
		"a slot keeps its first event":                         slotKeepsFirst,
		"racing writers have one winner a slot":                racingWriters,
		"the same submission in parallel is one document":      sameSubmission,
		"a document is submitted to one definition":            oneDefinition,
		"a cancelled document does not end completed":          cancelledEnd,
		"events are written together or not at all":            together,
		"what moved on takes nothing that was planned before":  notBehindTip,
		"what cannot be an event is refused":                   refused,
		"an ended context ends a write":                        endedContext,
		"a history has all events in order":                    history,
		"what is no event is reported and passed by":           badMessages,
		"following yields everything in order while it comes":  followWhileWriting,
		"following from a position yields what comes after it": followFrom,
		"following from beyond the end is an error":            followBeyond,
		"cues come until they are acked":                       cuesUntilAcked,
		"a nak delays":                                         nakDelays,
		"working keeps a delivery":                             working,
		"not more cues than asked for are in flight":           inFlight,
		"two readers of a queue share it":                      sharedQueue,
		"a queue can be widened while it is read":              widen,
		"preparing at once loses no pattern":                   prepareAtOnce,
		"a queue that was never prepared is an error":          unprepared,
		"a definition never changes":                           definitionStays,
		"watching definitions yields old ones, then new ones":  watchDefinitions,
		"a file comes back as it was put":                      files,
		"a released file is gone, and only it":                 release,
		"a file that could not be read to its end leaves none": brokenFile,
		"the same file put at once is one":                     sameFile,
		"a file belongs to its document":                       fileOfDocument,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func submission(document events.DocumentID, worker string) events.Event {
	return events.Event{
		Slot:   events.DocumentSlot("flow", 1, document, events.Submitted),
		Source: "/test", Worker: worker, Data: []byte(`{"output":{"a":1}}`),
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
	}
}

func outcome(document events.DocumentID, step events.StepID, worker string) events.Event {
	return events.Event{
		Slot: events.Slot{
			Definition: "flow", Version: 1, Document: document, Step: step, Visit: 1, Kind: events.Outcome, Again: 1,
		},
		Result: events.Completed, Source: events.SourceService(string(step)), Worker: worker,
		Cause: string(document) + ".document.1.submitted", Data: []byte(`{"output":{"by":"` + worker + `"}}`),
		Time: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
	}
}

func pattern(step events.StepID) events.Pattern {
	return events.Pattern{Definition: "flow", Version: 1, Step: step, Kind: events.Outcome}
}

// inShard returns the nth document that lies in a shard.
func inShard(l Log, shard, n int) events.DocumentID {
	for i := 0; ; i++ {
		document := events.DocumentID(fmt.Sprintf("doc-%d", i))
		if events.Shard(document, l.Shards.Shards()) == shard {
			if n == 0 {
				return document
			}
			n--
		}
	}
}

func write(t *testing.T, l Log, e events.Event) events.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stored, err := l.Write(ctx, e)
	if err != nil {
		t.Fatalf("write %s: %v", e.ID(), err)
	}
	return stored
}
