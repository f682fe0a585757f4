package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/memlog"
)

const testShards = 2

// A shelf is a log whose messages can be tampered with.
type shelf struct {
	*memlog.Log
	messages [testShards][]events.Delivery
	drawn    map[events.DefinitionRef][]byte
}

func (s *shelf) Last(_ context.Context, shard int) (uint64, error) {
	list := s.messages[shard]
	if len(list) == 0 {
		return 0, nil
	}
	return list[len(list)-1].Event.Position.Seq, nil
}

var errGap = errors.New("a message is missing")

func (s *shelf) Follow(_ context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return func(yield func([]events.Delivery, error) bool) {
		next := after.Seq + 1
		for _, d := range s.messages[after.Shard] {
			switch seq := d.Event.Position.Seq; {
			case seq < next:
			case seq > next:
				yield(nil, errGap)
				return
			default:
				next++
				if !yield([]events.Delivery{d}, nil) {
					return
				}
			}
		}
	}
}

func (s *shelf) Next(_ context.Context, at events.Position) (events.Position, error) {
	for _, d := range s.messages[at.Shard] {
		if d.Event.Position.Seq >= at.Seq {
			return d.Event.Position, nil
		}
	}
	return events.Position{}, events.ErrNotFound
}

func (s *shelf) Messages(_ context.Context, document events.DocumentID) (list []events.Delivery, err error) {
	for _, d := range s.messages[events.Shard(document, testShards)] {
		if d.Event.Slot.Document == document {
			list = append(list, d)
		}
	}
	return list, nil
}

func (s *shelf) Definitions(context.Context) ([]events.DefinitionRef, error) {
	return slices.SortedFunc(maps.Keys(s.drawn), events.DefinitionRef.Compare), nil
}

func (s *shelf) Definition(_ context.Context, name string, version int) ([]byte, error) {
	drawn, ok := s.drawn[events.DefinitionRef{Name: name, Version: version}]
	if !ok {
		return nil, events.ErrNotFound
	}
	return drawn, nil
}

// put stores a document's events.
func (s *shelf) put(t *testing.T, document string) {
	t.Helper()
	id := events.DocumentID(document)
	submitted := events.DocumentSlot("flow", 1, id, events.Submitted)
	list := []events.Event{{Slot: submitted, Source: "/test", Worker: "w", Data: fmt.Appendf(nil, `{"output":{"location":"upload:sha256:%064d"}}`, len(document))}}
	for i, step := range []events.StepID{"parse", "check"} {
		list = append(list, events.Event{
			Slot:   events.Slot{Definition: "flow", Version: 1, Document: id, Step: step, Visit: 1, Kind: events.Outcome, Again: 1},
			Result: events.Completed, Source: events.SourceService(string(step)), Worker: "w", Cause: list[i].ID(), Data: fmt.Appendf(nil, `{"output":{"n":%d}}`, i),
		})
	}
	for _, e := range list {
		if _, err := s.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// load copies what the log holds.
func (s *shelf) load(t *testing.T) {
	t.Helper()
	for shard := range testShards {
		s.messages[shard] = nil
		last, _ := s.Log.Last(t.Context(), shard)
		for batch, err := range s.Log.Follow(t.Context(), events.Position{Shard: shard}) {
			if err != nil {
				t.Fatal(err)
			}
			if s.messages[shard] = append(s.messages[shard], batch...); uint64(len(s.messages[shard])) >= last {
				break
			}
		}
	}
}

// A scene is a log with its audit directory.
type scene struct {
	*shelf
	t        *testing.T
	dir      string
	signer   note.Signer
	verifier note.Verifier
}

func newKeys(t *testing.T) (note.Signer, note.Verifier, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.key")
	if _, err := audit.GenerateKey(path, "example.org/docsaga"); err != nil {
		t.Fatal(err)
	}
	signer, err := audit.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.LoadPublicKey(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier, path
}

func newScene(t *testing.T, documents int) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), shelf: &shelf{
		Log:   memlog.New(memlog.Config{Shards: testShards}),
		drawn: map[events.DefinitionRef][]byte{{Name: "flow", Version: 1}: []byte("<bpmn/>"), {Name: "other", Version: 3}: []byte("<unused/>")},
	}}
	s.signer, s.verifier, _ = newKeys(t)
	for i := range documents {
		s.put(t, fmt.Sprintf("doc-%d", i))
	}
	s.load(t)
	s.record(t)
	return s
}

// record records what the log holds, in batches, with checkpoints between.
func (s *scene) record(t *testing.T) {
	t.Helper()
	r, err := audit.NewRecorder(t.Context(), s, testShards, s.signer, s.verifier, audit.Config{Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	for shard := range testShards {
		start, err := r.Start(t.Context(), shard)
		if err != nil {
			t.Fatal(err)
		}
		for batch := range slices.Chunk(s.messages[shard][start:], 17) {
			if err := r.Apply(t.Context(), shard, batch); err != nil {
				t.Fatal(err)
			}
			if err := r.Checkpoint(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) evidence() audit.Evidence { return audit.Evidence{Dir: s.dir, Key: s.verifier} }

func (s *scene) verify(t *testing.T, ev audit.Evidence) audit.Result {
	t.Helper()
	r, err := audit.Verify(t.Context(), s, s, ev)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// change replaces a message by an altered copy.
func change(d events.Delivery, alter func(*events.Delivery)) events.Delivery {
	d.Data = bytes.Clone(d.Data)
	alter(&d)
	return d
}

// renumber gives the messages the sequences of their places.
func renumber(list []events.Delivery) {
	for i := range list {
		list[i].Event.Position.Seq = uint64(i + 1)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func flipByte(t *testing.T, path string, at int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[(at+len(raw))%len(raw)] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// filesOf is a file store with one content.
type filesOf struct{ err error }

func (f filesOf) Open(context.Context, events.DocumentID, events.File) (io.ReadCloser, error) {
	return io.NopCloser(failing(f)), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
