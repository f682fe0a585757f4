package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
)

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

func BenchmarkRecord(b *testing.B) {
	d := events.Delivery{Message: events.Message{Subject: "docsaga.17.flow.1.doc.parse.1.outcome", Header: "ce-type: x\r\nce-source: y\r\n", Data: bytes.Repeat([]byte("x"), 500)}}
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

func TestAShardWithoutEventsNeedsNoCheckpoint(t *testing.T) {
	s := newScene(t, 30)
	if err := os.RemoveAll(filepath.Join(s.dir, "log-0")); err != nil {
		t.Fatal(err)
	}
	if r := s.verify(t, s.evidence()); r.OK() {
		t.Error("a shard with events and without a checkpoint is no finding")
	}
	s.messages[0] = nil // as if it had never had any
	if r := s.verify(t, s.evidence()); !r.OK() {
		t.Errorf("%+v, want no finding", r)
	}
}
