package audit_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
)

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
