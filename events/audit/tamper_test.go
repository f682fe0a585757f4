package audit_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
)

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
	header := func(alter func(events.Header)) func(*events.Delivery) {
		return func(d *events.Delivery) {
			h := d.Header.Header()
			alter(h)
			d.Header = events.LinesOf(h)
		}
	}
	return map[string]tampering{
		"data changed":         at("1-21: ", func(d *events.Delivery) { d.Data[12] ^= 1 }),
		"type changed":         at("1-21: ", header(func(h events.Header) { h["ce-type"] = []string{"docsaga.parse.rejected"} })),
		"source changed":       at("1-21: ", header(func(h events.Header) { h["ce-source"] = []string{"/docsaga/operator"} })),
		"foreign header added": at("1-21: ", header(func(h events.Header) { h["X"] = []string{"y"} })),
		"header removed":       at("1-21: ", header(func(h events.Header) { delete(h, "ce-sagaworker") })),
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
