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
	"strings"
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

func TestAnUntouchedLogIsFoundSo(t *testing.T) {
	s := newScene(t, 60)
	r := s.verify(t, s.evidence())
	if !r.OK() || r.Events != 180 || r.Uncovered != 0 || r.Definitions != 2 || r.Checkpoints < 10 {
		t.Fatalf("%+v, want 180 events, 2 definitions and no finding", r)
	}
	s.put(t, "later")
	s.load(t)
	if r := s.verify(t, s.evidence()); !r.OK() || r.Uncovered != 3 {
		t.Fatalf("%+v, want 3 events that no checkpoint covers", r)
	}
	s.record(t) // goes on where it stood
	if r := s.verify(t, s.evidence()); !r.OK() || r.Uncovered != 0 || r.Events != 183 {
		t.Fatalf("%+v, want 183 events covered", r)
	}
}

// change replaces a message by an altered copy.
func change(d events.Delivery, alter func(*events.Delivery)) events.Delivery {
	d.Header = maps.Clone(d.Header)
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

// tamperings are what is done to a log, and what must be said about it.
func tamperings() map[string]struct {
	do   func(s *scene)
	says string
} {
	type tampering = struct {
		do   func(s *scene)
		says string
	}
	on := func(says string, do func(list []events.Delivery) []events.Delivery) tampering {
		return tampering{says: says, do: func(s *scene) { s.messages[1] = do(s.messages[1]) }}
	}
	at := func(says string, alter func(*events.Delivery)) tampering {
		return on(says, func(list []events.Delivery) []events.Delivery {
			list[20] = change(list[20], alter)
			return list
		})
	}
	return map[string]tampering{
		"data changed":         at("1-21: ", func(d *events.Delivery) { d.Data[12] ^= 1 }),
		"type changed":         at("1-21: ", func(d *events.Delivery) { d.Header["ce-type"] = []string{"docsaga.parse.rejected"} }),
		"source changed":       at("1-21: ", func(d *events.Delivery) { d.Header["ce-source"] = []string{"/docsaga/operator"} }),
		"foreign header added": at("1-21: ", func(d *events.Delivery) { d.Header["X"] = []string{"y"} }),
		"header removed":       at("1-21: ", func(d *events.Delivery) { delete(d.Header, "ce-sagaworker") }),
		"subject changed":      at("1-21: docsaga.00.x is not the event", func(d *events.Delivery) { d.Subject = "docsaga.00.x" }),
		"time of storing changed": at("1-21: ", func(d *events.Delivery) {
			d.Event.At = d.Event.At.Add(time.Nanosecond)
		}),
		"message removed": on("1 event is missing: 1-31 to 1-31", func(list []events.Delivery) []events.Delivery { return slices.Delete(list, 30, 31) }),
		"messages removed": on("10 events are missing: 1-31 to 1-40", func(list []events.Delivery) []events.Delivery {
			return slices.Delete(list, 30, 40)
		}),
		"beginning removed": on("5 events are missing: 1-1 to 1-5", func(list []events.Delivery) []events.Delivery { return list[5:] }),
		"message removed and the rest renumbered": on("1-31: an event is missing here", func(list []events.Delivery) []events.Delivery {
			list = slices.Delete(list, 30, 31)
			renumber(list)
			return list
		}),
		"message inserted": on("1-31: ", func(list []events.Delivery) []events.Delivery {
			list = slices.Insert(list, 30, change(list[3], func(d *events.Delivery) { d.Data = []byte(`{"output":{"n":9}}`) }))
			renumber(list)
			return list
		}),
		"order swapped": on("1-31: ", func(list []events.Delivery) []events.Delivery {
			list[30], list[31] = list[31], list[30]
			renumber(list)
			return list
		}),
		"rolled back": on("it was rolled back, 20 events are missing", func(list []events.Delivery) []events.Delivery { return list[:len(list)-20] }),
		"rolled back and written anew": on("is not the event that was recorded", func(list []events.Delivery) []events.Delivery {
			last := len(list) - 1
			list[last] = change(list[last], func(d *events.Delivery) { d.Data = []byte(`{}`) })
			return list
		}),
		"emptied": on("the log ends at 0", func([]events.Delivery) []events.Delivery { return nil }),
		"definition changed": {func(s *scene) {
			s.drawn[events.DefinitionRef{Name: "flow", Version: 1}] = []byte("<other/>")
		}, "definition flow.1: was changed"},
		"unused definition removed":    {func(s *scene) { delete(s.drawn, events.DefinitionRef{Name: "other", Version: 3}) }, "definition other.3: was recorded and is missing"},
		"record of definition changed": {func(s *scene) { flipByte(s.t, filepath.Join(s.dir, "definitions", "records"), -2) }, "definitions: the records up to"},
		"checkpoint changed":           {func(s *scene) { flipByte(s.t, filepath.Join(s.dir, "log-1", "checkpoints"), 30) }, "log-1, checkpoint 1: "},
		"hashes changed":               {func(s *scene) { flipByte(s.t, filepath.Join(s.dir, "log-1", "hashes"), 40) }, "log-1: the recorded hashes up to 17"},
		"hashes cut off": {func(s *scene) {
			if err := os.Truncate(filepath.Join(s.dir, "log-1", "hashes"), 640); err != nil {
				s.t.Fatal(err)
			}
		}, "log-1: the recorded hashes end at"},
		"hashes removed and data changed": {func(s *scene) {
			if err := os.Remove(filepath.Join(s.dir, "log-1", "hashes")); err != nil {
				s.t.Fatal(err)
			}
			s.messages[1][20] = change(s.messages[1][20], func(d *events.Delivery) { d.Data[12] ^= 1 })
		}, "log-1: the first 34 events are not those that were signed"},
		"checkpoints removed": {func(s *scene) {
			if err := os.Remove(filepath.Join(s.dir, "log-0", "checkpoints")); err != nil {
				s.t.Fatal(err)
			}
		}, "log-0: has no checkpoint"},
		"signed anew by another key": {func(s *scene) {
			if err := os.RemoveAll(s.dir); err != nil {
				s.t.Fatal(err)
			}
			mine, verifier := s.signer, s.verifier
			s.signer, s.verifier, _ = newKeys(s.t)
			s.messages[1][20] = change(s.messages[1][20], func(d *events.Delivery) { d.Data[12] ^= 1 })
			s.record(s.t)
			s.signer, s.verifier = mine, verifier
		}, "log-1, checkpoint 1: audit: checkpoint: not signed by the key example.org/docsaga"},
		"checkpoint of another log put in": {func(s *scene) {
			raw, err := os.ReadFile(filepath.Join(s.dir, "log-0", "checkpoints"))
			if err != nil {
				s.t.Fatal(err)
			}
			appendTo(s.t, filepath.Join(s.dir, "log-1", "checkpoints"), string(raw))
		}, "is one of log-0"},
		"checkpoint torn": {func(s *scene) {
			appendTo(s.t, filepath.Join(s.dir, "log-1", "checkpoints"), "example.org/docsaga/log-1\n999999\n")
		}, "log-1, checkpoint"},
	}
}

func TestEachTamperingIsNamed(t *testing.T) {
	all := tamperings()
	if len(all) < 12 {
		t.Fatalf("%d ways to tamper, want 12 or more", len(all))
	}
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 60)
			tt.do(s)
			r := s.verify(t, s.evidence())
			var said []string
			for _, f := range r.Findings {
				said = append(said, f.Where+": "+f.What)
			}
			if text := strings.Join(said, "\n"); !strings.Contains(text, tt.says) {
				t.Errorf("it says\n%s\nwant something with %q", text, tt.says)
			}
			if len(said) > 35 {
				t.Errorf("%d findings for one deed", len(said))
			}
		})
	}
}

func TestTheOperatorWhoRewritesEverythingIsFoundByACheckpointKeptElsewhere(t *testing.T) {
	s := newScene(t, 60)
	kept, err := audit.ReadCheckpoints(filepath.Join(s.dir, "log-1", "checkpoints"))
	if err != nil || len(kept) < 3 {
		t.Fatal(len(kept), err)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	s.messages[1][20] = change(s.messages[1][20], func(d *events.Delivery) { d.Data[12] ^= 1 })
	s.record(t) // with the right key
	if r := s.verify(t, s.evidence()); !r.OK() {
		t.Fatalf("without the checkpoint it is told by %+v; the test shows nothing", r.Findings)
	}
	ev := s.evidence()
	ev.Outside = kept[2:3]
	r := s.verify(t, ev)
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, "the first 51 events are not those that were signed") {
		t.Errorf("findings %+v, want that the first 51 events differ", r.Findings)
	}
}

func TestAnExportedDocumentVerifiesByThePublicKeyAlone(t *testing.T) {
	s := newScene(t, 60)
	x, err := audit.Prove(t.Context(), s, "doc-7", s.evidence())
	if err != nil {
		t.Fatal(err)
	}
	file, err := x.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p, err := audit.CheckExport(file, s.verifier)
	if err != nil {
		t.Fatal(err)
	}
	if p.Document != "doc-7" || len(p.Events) != 3 || p.Events[2].Event.Type() != "docsaga.check.completed" || len(p.Definitions) != 1 || len(p.Files) != 1 {
		t.Errorf("proven is %+v", p)
	}
	for i := range file {
		for _, bit := range []byte{1, 2, 4, 32} {
			changed := bytes.Clone(file)
			changed[i] ^= bit
			if _, err := audit.CheckExport(changed, s.verifier); err == nil {
				t.Fatalf("byte %d of %d changed from %q to %q, and nothing is said: ...%s", i, len(file), file[i], changed[i], changed[max(0, i-40):min(len(changed), i+40)])
			}
		}
	}
	_, other, _ := newKeys(t)
	if _, err := audit.CheckExport(file, other); !errors.Is(err, audit.ErrBad) {
		t.Errorf("with another key: error %v, want ErrBad", err)
	}
}

func TestAnExportThatLeavesSomethingOutIsRefused(t *testing.T) {
	s := newScene(t, 20)
	tests := map[string]func(x *audit.Export){
		"the event between":      func(x *audit.Export) { x.Events = slices.Delete(x.Events, 1, 2) },
		"the submission":         func(x *audit.Export) { x.Events = x.Events[1:] },
		"all events":             func(x *audit.Export) { x.Events = nil },
		"the definition":         func(x *audit.Export) { x.Definitions = nil },
		"a file":                 func(x *audit.Export) { x.Files = []string{} },
		"the proof":              func(x *audit.Export) { x.Events[1].Proof = x.Events[1].Proof[1:] },
		"nothing, in disorder":   func(x *audit.Export) { x.Events[1], x.Events[2] = x.Events[2], x.Events[1] },
		"nothing, for another":   func(x *audit.Export) { x.Document = "doc-4" },
		"nothing, at other time": func(x *audit.Export) { x.Events[1].StoredAt = "2026-01-01T00:00:00Z" },
	}
	for name, alter := range tests {
		t.Run(name, func(t *testing.T) {
			x, err := audit.Prove(t.Context(), s, "doc-3", s.evidence())
			if err != nil {
				t.Fatal(err)
			}
			alter(x)
			file, err := x.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := audit.CheckExport(file, s.verifier); !errors.Is(err, audit.ErrBad) {
				t.Errorf("error %v, want ErrBad", err)
			}
		})
	}
}

func TestProveSaysWhatItCannotProve(t *testing.T) {
	s := newScene(t, 5)
	if _, err := audit.Prove(t.Context(), s, "nobody", s.evidence()); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("an unknown document: %v, want ErrNotFound", err)
	}
	s.put(t, "late")
	s.load(t)
	if _, err := audit.Prove(t.Context(), s, "late", s.evidence()); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("an event after the last checkpoint: %v, want ErrNotFound", err)
	}
	s.drawn[events.DefinitionRef{Name: "flow", Version: 1}] = []byte("<other/>")
	if _, err := audit.Prove(t.Context(), s, "doc-1", s.evidence()); !errors.Is(err, audit.ErrBad) {
		t.Errorf("a changed definition: %v, want ErrBad", err)
	}
}

func TestARecorderGoesOnAfterACrash(t *testing.T) {
	s := newScene(t, 30)
	// Hashes without a checkpoint, half a hash, and half a checkpoint.
	appendTo(t, filepath.Join(s.dir, "log-0", "hashes"), strings.Repeat("x", 1000))
	appendTo(t, filepath.Join(s.dir, "log-0", "checkpoints"), "example.org/docsaga/log-0\n12")
	appendTo(t, filepath.Join(s.dir, "definitions", "records"), "flow 2 00")
	for i := range 10 {
		s.put(t, fmt.Sprintf("more-%d", i))
	}
	s.load(t)
	s.record(t)
	if r := s.verify(t, s.evidence()); !r.OK() || r.Events != 120 || r.Uncovered != 0 {
		t.Errorf("%+v, want 120 events and no finding", r)
	}
}

func TestARecorderRefusesADirectoryThatWasTamperedWith(t *testing.T) {
	tests := map[string]func(t *testing.T, dir string){
		"hashes": func(t *testing.T, dir string) { t.Helper(); flipByte(t, filepath.Join(dir, "log-1", "hashes"), -1) },
		"checkpoint": func(t *testing.T, dir string) {
			t.Helper()
			flipByte(t, filepath.Join(dir, "log-1", "checkpoints"), -10)
		},
		"records": func(t *testing.T, dir string) {
			t.Helper()
			_ = os.Remove(filepath.Join(dir, "definitions", "records"))
		},
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 30)
			tamper(t, s.dir)
			r, err := audit.NewRecorder(t.Context(), s, testShards, s.signer, s.verifier, audit.Config{Dir: s.dir})
			if !errors.Is(err, audit.ErrBad) {
				t.Errorf("error %v, want ErrBad", err)
			}
			if err == nil {
				_ = r.Close()
			}
		})
	}
}

func TestARecorderRefusesAGap(t *testing.T) {
	s := newScene(t, 3)
	s.put(t, "a")
	s.put(t, "b")
	s.load(t)
	r, err := audit.NewRecorder(t.Context(), s, testShards, s.signer, s.verifier, audit.Config{Dir: s.dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // nothing was written
	for shard := range testShards {
		start, _ := r.Start(t.Context(), shard)
		if rest := s.messages[shard][start:]; len(rest) > 1 {
			if err := r.Apply(t.Context(), shard, rest[1:]); !errors.Is(err, audit.ErrBad) {
				t.Errorf("error %v, want ErrBad", err)
			}
			return
		}
	}
	t.Fatal("no shard has two new events: nothing was shown")
}

func TestTwoRecordersOnOneDirectoryDoNotSpoilIt(t *testing.T) {
	s := newScene(t, 3)
	open := func() *audit.Recorder {
		r, err := audit.NewRecorder(t.Context(), s, testShards, s.signer, s.verifier, audit.Config{Dir: s.dir})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	one, two := open(), open()
	defer one.Close() //nolint:errcheck // as above
	defer two.Close() //nolint:errcheck // as above
	s.put(t, "late")
	s.load(t)
	shard := events.Shard("late", testShards)
	if err := errors.Join(one.Apply(t.Context(), shard, s.messages[shard]), one.Checkpoint(time.Now()), two.Apply(t.Context(), shard, s.messages[shard])); err != nil {
		t.Fatal(err)
	}
	if err := two.Checkpoint(time.Now()); err == nil {
		t.Error("the second recorder wrote over the first")
	}
	if r := s.verify(t, s.evidence()); !r.OK() {
		t.Errorf("findings %+v", r.Findings)
	}
}

// filesOf is a file store with one content.
type filesOf struct{ err error }

func (f filesOf) Open(context.Context, events.DocumentID, events.File) (io.ReadCloser, error) {
	return io.NopCloser(failing(f)), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestChangedFilesAreNamedAndReleasedOnesCounted(t *testing.T) {
	s := newScene(t, 4)
	for _, tt := range []struct {
		err                       error
		files, released, findings int
	}{{io.EOF, 4, 0, 0}, {events.ErrNotFound, 0, 4, 0}, {errors.New("content of another digest"), 0, 0, 4}} {
		ev := s.evidence()
		ev.Files = filesOf{tt.err}
		r := s.verify(t, ev)
		if r.Files != tt.files || r.Released != tt.released || len(r.Findings) != tt.findings {
			t.Errorf("files that give %v: %+v, want %+v", tt.err, r, tt)
		}
	}
}

func TestKeysAreWrittenOnceAndForTheirOwnerOnly(t *testing.T) {
	_, _, path := newKeys(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v, want 0600", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	if _, err := audit.GenerateKey(path, "x"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second key: error %v, want ErrExist", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the key was overwritten")
	}
	secret := strings.TrimSpace(string(before))
	if err := os.WriteFile(path, []byte(secret+"x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LoadKey(path); err == nil || strings.Contains(err.Error(), secret[len(secret)-20:]) {
		t.Errorf("error %v, want one that does not show the key", err)
	}
}

func FuzzCheckExport(f *testing.F) {
	verifier, err := note.NewVerifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"format":"docsaga-document-1"}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := audit.CheckExport(file, verifier); err == nil {
			t.Errorf("%q verifies", file)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	d := events.Delivery{Message: events.Message{Subject: "docsaga.17.flow.1.doc.parse.1.outcome", Header: events.Header{"ce-type": {"x"}, "ce-source": {"y"}}, Data: bytes.Repeat([]byte("x"), 500)}}
	signer, verifier := keysFor(b)
	s := &shelf{drawn: map[events.DefinitionRef][]byte{}}
	r, err := audit.NewRecorder(b.Context(), s, 1, signer, verifier, audit.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // a temporary one
	batch := make([]events.Delivery, 1)
	for i := 0; b.Loop(); i++ {
		d.Event.Position.Seq = uint64(i + 1)
		batch[0] = d
		if err := r.Apply(b.Context(), 0, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func keysFor(b *testing.B) (note.Signer, note.Verifier) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "key")
	if _, err := audit.GenerateKey(path, "bench"); err != nil {
		b.Fatal(err)
	}
	signer, err := audit.LoadKey(path)
	if err != nil {
		b.Fatal(err)
	}
	verifier, err := audit.LoadPublicKey(path + ".pub")
	if err != nil {
		b.Fatal(err)
	}
	return signer, verifier
}
