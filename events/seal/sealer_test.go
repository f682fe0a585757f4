package seal_test

import (
	"context"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
	"github.com/docsaga/docsaga/events/writer"
)

func newSealer(store seal.Keys, on bool) *seal.Sealer {
	return seal.New(seal.NewRing(store, nil), on, func(context.Context, events.DocumentID) (events.Event, error) {
		return events.Event{}, events.ErrNotFound
	})
}

func fresh(document events.DocumentID, kind events.Kind) events.Event {
	slot := events.Slot{Definition: "flow", Version: 1, Document: document, Step: "look", Visit: 1, Kind: kind, Again: 1}
	if kind == events.Submitted {
		slot = events.DocumentSlot("flow", 1, document, kind)
	}
	return events.Event{Slot: slot, Result: events.Completed, Worker: writer.New(), Data: []byte(`{"output":{"name":"Anna"}}`)}
}

// read lets a sealer read an event as another has written it.
func read(t *testing.T, s *seal.Sealer, e events.Event) {
	t.Helper()
	if err := s.Open(t.Context(), []*events.Event{&e}, make([]error, 1)); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyAsksForTheKeyOfADocumentWhoseWriterFoundNone(t *testing.T) {
	store := newKeep()
	submitter, service := newSealer(store, false), newSealer(store, false)
	for _, id := range []events.DocumentID{"a", "b", "c"} {
		submission := fresh(id, events.Submitted)
		if data, err := submitter.Seal(t.Context(), &submission); err != nil || events.IsSealed(data) {
			t.Fatalf("submission of %s: %s, %v", id, data, err)
		}
		read(t, service, submission)
		outcome := fresh(id, events.Outcome)
		if data, err := service.Seal(t.Context(), &outcome); err != nil || events.IsSealed(data) || !writer.IsUnsealed(outcome.Worker) {
			t.Errorf("outcome of %s by %s: %s, %v", id, outcome.Worker, data, err)
		}
	}
	if store.asked != 1 {
		t.Errorf("the store was asked %d times, want once, whether it has any key", store.asked)
	}
}

func TestPlainDataOfAStrangerSaysNothingAboutTheKey(t *testing.T) {
	store := newKeep()
	submission := fresh("a", events.Submitted)
	if data, err := newSealer(store, true).Seal(t.Context(), &submission); err != nil || !events.IsSealed(data) || writer.IsUnsealed(submission.Worker) {
		t.Fatalf("submission by %s: %s, %v", submission.Worker, data, err)
	}
	service := newSealer(store, false)
	strange := fresh("a", events.Outcome)
	strange.Worker = "a-stranger~"
	read(t, service, strange)
	outcome := fresh("a", events.Outcome)
	if data, err := service.Seal(t.Context(), &outcome); err != nil || !events.IsSealed(data) {
		t.Errorf("outcome: %s, %v; want it sealed", data, err)
	}
}

func TestADocumentThatBeginsIsLookedForOnceThereAreKeys(t *testing.T) {
	store := newKeep()
	first := fresh("a", events.Submitted)
	if _, err := newSealer(store, true).Seal(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	again := fresh("a", events.Submitted)
	if data, err := newSealer(store, false).Seal(t.Context(), &again); err != nil || !events.IsSealed(data) {
		t.Errorf("submitted where nothing is sealed: %s, %v; want it sealed, for it has a key", data, err)
	}
}
