package forget_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/forget"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga"
)

// none is a catalog without definitions: a document is forgotten all the same.
type none struct{}

func (none) Get(context.Context, string, int) (*saga.Definition, error) {
	return nil, events.ErrNotFound
}

// serve starts a server with a log and connects to it.
func serve(t *testing.T) *nats.Conn {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	return nc
}

func opened(t *testing.T, nc *nats.Conn, seal bool) *natslog.Log {
	t.Helper()
	l, err := natslog.Open(t.Context(), nc, natslog.Options{Seal: seal, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, seal bool) *natslog.Log {
	t.Helper()
	return opened(t, serve(t), seal)
}

// write writes an event of document a.
func write(t *testing.T, l *natslog.Log, kind events.Kind, data string) {
	t.Helper()
	e := events.Event{Slot: events.DocumentSlot("flow", 1, "a", kind), Source: "/test", Worker: "w", Data: []byte(data)}
	if kind == events.Ended {
		e.Result, e.Source = events.Cancelled, events.SourceCoordinator
	}
	if _, err := l.Write(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func request() forget.Request {
	return forget.Request{By: events.By{Actor: "dpo", Reason: "request 17"}}
}

func TestOnlyWhatHasEndedIsForgotten(t *testing.T) {
	l := open(t, true)
	f := forget.New(l, none{})
	write(t, l, events.Submitted, `{"output":{"name":"Anna"}}`)
	if err := f.Plan(t.Context(), "a", request()); !errors.Is(err, forget.ErrOpen) {
		t.Errorf("plan: %v, want ErrOpen", err)
	}
	if _, err := f.Do(t.Context(), "a", request()); !errors.Is(err, forget.ErrOpen) || !strings.Contains(err.Error(), "cancel it first") {
		t.Errorf("an open document: %v, want ErrOpen and what to do", err)
	}
	if e, err := l.Submission(t.Context(), "a"); err != nil || e.Erased() {
		t.Errorf("it reads %s, %v; want it untouched", e.Data, err)
	}
	write(t, l, events.Ended, `{}`)
	first, err := f.Do(t.Context(), "a", request())
	if err != nil || first.Already || first.Event.Type() != "docsaga.document.forgotten" {
		t.Fatalf("ended: %+v, %v", first, err)
	}
	again, err := forget.New(l, none{}).Do(t.Context(), "a", request())
	if err != nil || !again.Already || again.Event.ID() != first.Event.ID() {
		t.Errorf("again: %+v, %v; want what stands", again, err)
	}
	e, err := l.Read(t.Context(), first.Event.Slot)
	d, parseErr := events.ParseData(e.Data)
	if err := errors.Join(err, parseErr); err != nil || d.By == nil || d.By.Actor != "dpo" || d.By.Reason != "request 17" {
		t.Errorf("the log says %s, %v; want who and why", e.Data, err)
	}
}

func TestADocumentThatIsNotSealedIsForgottenInPartOnly(t *testing.T) {
	l := open(t, false)
	f := forget.New(l, none{})
	write(t, l, events.Submitted, `{"output":{"name":"Anna"}}`)
	write(t, l, events.Ended, `{}`)
	if _, err := f.Do(t.Context(), "a", request()); !errors.Is(err, forget.ErrPlain) || !strings.Contains(err.Error(), "a.document.1.submitted") {
		t.Errorf("%v, want ErrPlain and the event's name", err)
	}
	partly := request()
	partly.Partly = true
	done, err := f.Do(t.Context(), "a", partly)
	if err != nil || len(done.Plain) != 1 {
		t.Errorf("in part: %+v, %v", done, err)
	}
}

func TestWhoForgetsMustSayWhoAndWhy(t *testing.T) {
	f := forget.New(open(t, true), none{})
	for _, by := range []events.By{{}, {Actor: "dpo"}, {Reason: "because"}} {
		if _, err := f.Do(t.Context(), "a", forget.Request{By: by}); err == nil || errors.Is(err, events.ErrNotFound) {
			t.Errorf("%+v: %v, want it refused", by, err)
		}
	}
	if _, err := f.Do(t.Context(), "a", request()); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("a document that nobody knows: %v, want ErrNotFound", err)
	}
}

// cut is a log that fails once, after the event is written.
type cut struct {
	*natslog.Log
	fails error
}

func (c *cut) Forget(ctx context.Context, id events.DocumentID) error {
	if err := c.fails; err != nil {
		c.fails = nil
		return err
	}
	return c.Log.Forget(ctx, id)
}

func TestForgettingGoesOnWhereItWasCutOff(t *testing.T) {
	l := &cut{Log: open(t, true), fails: errors.New("the power is gone")}
	f := forget.New(l, none{})
	write(t, l.Log, events.Submitted, `{"output":{"name":"Anna"}}`)
	write(t, l.Log, events.Ended, `{}`)
	if _, err := f.Do(t.Context(), "a", request()); err == nil {
		t.Fatal("it did not fail")
	}
	if e, err := l.Submission(t.Context(), "a"); err != nil || e.Erased() {
		t.Fatalf("it reads %s, %v; want it readable still", e.Data, err)
	}
	if done, err := f.Do(t.Context(), "a", request()); err != nil || !done.Already {
		t.Errorf("again: %+v, %v", done, err)
	}
	if e, err := l.Submission(t.Context(), "a"); err != nil || !e.Erased() {
		t.Errorf("it reads %s, %v; want it erased", e.Data, err)
	}
}

// child writes the submission of a document that visit step.1 of document a
// calls, and returns its id.
func child(t *testing.T, l *natslog.Log, step events.StepID, source func(events.Slot) string) events.Slot {
	t.Helper()
	visit := events.Slot{Definition: "flow", Version: 1, Document: "a", Step: step, Visit: 1, Kind: events.Outcome, Again: 1}
	slot := events.DocumentSlot("other", 1, coordinator.CalledBy(visit), events.Submitted)
	for _, e := range []events.Event{
		{Slot: slot, Source: source(visit), Data: []byte(`{"output":{"name":"Anna"}}`)},
		{Slot: visit, Result: events.Completed, Source: events.SourceCoordinator},
	} {
		e.Worker = "w"
		if _, err := l.Write(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return slot
}

func TestWhatADocumentHasCalledIsForgottenWithIt(t *testing.T) {
	l := open(t, true)
	f := forget.New(l, none{})
	write(t, l, events.Submitted, `{"output":{"name":"Anna"}}`)
	called := child(t, l, "sub", func(s events.Slot) string { return coordinator.SourceCalls + "1/" + s.Subject() })
	stranger := child(t, l, "plain", func(events.Slot) string { return "/test" })
	write(t, l, events.Ended, `{}`)
	if _, err := f.Do(t.Context(), "a", request()); !errors.Is(err, forget.ErrOpen) || !strings.Contains(err.Error(), string(called.Document)) {
		t.Errorf("one that it called is open: %v, want ErrOpen and its id", err)
	}
	if e, err := l.Submission(t.Context(), "a"); err != nil || e.Erased() {
		t.Errorf("the caller reads %s, %v; want it untouched", e.Data, err)
	}
	ended := events.Event{Slot: called.Of(events.Ended), Result: events.Completed, Source: events.SourceCoordinator, Worker: "w"}
	if _, err := l.Write(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	done, err := f.Do(t.Context(), "a", request())
	if err != nil || len(done.Called) != 1 || done.Called[0] != called.Document || done.Event.Slot.Document != "a" {
		t.Errorf("%+v, %v; want both forgotten", done, err)
	}
	for id, erased := range map[events.DocumentID]bool{"a": true, called.Document: true, stranger.Document: false} {
		if e, err := l.Submission(t.Context(), id); err != nil || e.Erased() != erased {
			t.Errorf("%s reads %s, %v; erased: want %t", id, e.Data, err, erased)
		}
	}
}

// TestAMigratedDocumentReadsTheSameOnceForgotten opens events of the version
// that the document left before those of the one it ended in.
func TestAMigratedDocumentReadsTheSameOnceForgotten(t *testing.T) {
	nc := serve(t)
	l := opened(t, nc, true)
	put := func(version int, step events.StepID, kind events.Kind, data string) events.Event {
		t.Helper()
		e := events.Event{Slot: events.DocumentSlot("flow", version, "a", kind), Source: "/test", Worker: "w", Data: []byte(data)}
		e.Slot.Step = step
		switch kind { //nolint:exhaustive // the others need no more
		case events.Migrate:
			e.Slot.Visit = 2
		case events.Outcome, events.Ended:
			e.Result = events.Completed
		}
		e, err := l.Write(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	put(1, events.StepDocument, events.Submitted, `{"output":{"name":"Anna"}}`)
	put(1, events.StepDocument, events.Migrate, `{"state":{},"context":{"document":{"name":"Anna"}}}`)
	e := put(2, "look", events.Outcome, `{"output":{"n":1}}`)
	put(2, events.StepDocument, events.Ended, `{}`)
	put(2, events.StepDocument, events.Forgotten, `{"by":{"actor":"dpo","reason":"17"},"routes":{"`+e.ID()+`":[1,0]}}`)
	if err := l.Forget(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	fresh := opened(t, nc, false)
	if first, err := fresh.Submission(t.Context(), "a"); err != nil || !first.Erased() {
		t.Fatalf("the submission reads %s, %v; want it erased", first.Data, err)
	}
	got, err := fresh.Read(t.Context(), e.Slot)
	data, parseErr := events.ParseData(got.Data)
	if err := errors.Join(err, parseErr); err != nil || !got.Erased() || len(data.Route) != 2 {
		t.Errorf("%s reads %s, %v; want it erased, with its route", e.ID(), got.Data, err)
	}
}
