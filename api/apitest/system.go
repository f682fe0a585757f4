// Package apitest is a small whole docsaga in memory, for tests of what stands
// on the API: a log, a coordinator, projections and a server. The services'
// part is played by the test.
package apitest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/coordinator/forget"
	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/schema"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga/catalog"
)

// A System is all that a test can reach.
type System struct {
	api.System
	Log       *memlog.Log
	Projector *projections.Projector
	Hub       *api.Hub

	t testing.TB
}

// Start starts a system that ends with the test. It has the definition
// pdf-validation.
func Start(t testing.TB) *System {
	t.Helper()
	return StartOn(t, filepath.Join(t.TempDir(), "status.db"))
}

// StartOn starts a system like Start's, with its projections in a database.
func StartOn(t testing.TB, database string) *System {
	t.Helper()
	log := memlog.New(memlog.Config{Check: schema.Check})
	status, err := sqlstore.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	definitions := catalog.New(log)
	s := &System{t: t, Log: log, Projector: projections.New(status, definitions), Hub: api.NewHub(log.Last)}
	s.System = api.System{
		Log: log, Files: log.Files(), Definitions: definitions, Target: log, Status: status, Positions: s.Projector,
		Operator: operator{verbs.New(log, definitions), forget.New(memory{log}, definitions)}, Records: &records{},
		Tasks: tasks.New(log, definitions, &memlog.Claims{}),
	}
	if _, err := catalog.Deploy(t.Context(), log, s.Drawn()); err != nil {
		t.Fatal(err)
	}
	notices := memlog.NewNotices()
	s.Notices = notices
	outside, err := flows.New(log, definitions, notices, flows.Config{Poll: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := coordinator.New(log, definitions, &snapshots{}, coordinator.Config{Poll: 10 * time.Millisecond, Writers: 4, Outside: outside})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.Run(ctx) })
	g.Go(func() error { return outside.Run(ctx) })
	g.Go(func() error { return feed.Run(ctx, log, feed.InOrder(s.Projector, s.Hub, s.Projector.Resting()), c) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if err := status.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Drawn returns the drawing of pdf-validation.
func (s *System) Drawn() []byte {
	s.t.Helper()
	for dir := "."; len(dir) < 20; dir = filepath.Join("..", dir) {
		drawn, err := os.ReadFile(filepath.Join(dir, "cmd/docsaga/definitions/pdf-validation.bpmn"))
		if err == nil {
			return drawn
		}
	}
	s.t.Fatal("the drawing of pdf-validation is not there")
	return nil
}

// Step writes the outcome of the first visit to a step, and returns where it
// stands. An output is given for completed, a reason for the others.
func (s *System) Step(id events.DocumentID, step events.StepID, result events.Result, said string) events.Position {
	s.t.Helper()
	data := fmt.Sprintf(`{"output":%s}`, said)
	if result != events.Completed {
		data = fmt.Sprintf(`{"error":{"code":%q,"message":"so says the test"}}`, said)
	}
	return s.write(events.Slot{Document: id, Step: step, Visit: 1, Kind: events.Outcome, Again: 1}, result, data)
}

// Undone answers an undo command, once it is there.
func (s *System) Undone(id events.DocumentID, step events.StepID, again int, result events.Result) events.Position {
	s.t.Helper()
	command := events.Slot{Definition: "pdf-validation", Version: 1, Document: id, Step: step, Visit: 1, Kind: events.Undo, Again: again}
	s.Until(func() bool {
		_, err := s.Log.Read(s.t.Context(), command)
		return err == nil
	})
	command.Kind = events.Undone
	return s.write(command, result, `{"error":{"code":"no-answer"}}`)
}

func (s *System) write(slot events.Slot, result events.Result, data string) events.Position {
	s.t.Helper()
	slot.Definition, slot.Version = "pdf-validation", 1
	e := events.Event{
		Slot: slot, Result: result, Source: events.SourceService(string(slot.Step)), Time: time.Now().UTC().Truncate(time.Millisecond),
		Worker: "test", Data: []byte(data),
	}
	if slot.Kind != events.Submitted {
		e.Cause = string(slot.Document) + ".document.1.submitted"
	}
	e, err := s.Log.Write(s.t.Context(), e)
	if err != nil {
		s.t.Fatal(err)
	}
	return e.Position
}

// Submit writes a submission.
func (s *System) Submit(id events.DocumentID, name string) events.Position {
	s.t.Helper()
	input, err := json.Marshal(map[string]string{"location": "https://example.com/in.pdf", "name": name})
	if err != nil {
		s.t.Fatal(err)
	}
	slot := events.DocumentSlot("pdf-validation", 1, id, events.Submitted)
	return s.write(slot, 0, `{"output":`+string(input)+`}`)
}

// Verify brings a submitted document to its end.
func (s *System) Verify(id events.DocumentID) {
	s.t.Helper()
	for _, step := range []events.StepID{"location", "security", "parsing", "validation", "records"} {
		s.Step(id, step, events.Completed, `{"by":"`+string(step)+`"}`)
	}
	s.Await(id, projections.Completed)
}

// Reject submits a document and brings it to a rejection in validation, with
// what was done undone.
func (s *System) Reject(id events.DocumentID, name string) {
	s.t.Helper()
	s.Submit(id, name)
	for _, step := range []events.StepID{"location", "security", "parsing"} {
		s.Step(id, step, events.Completed, `{}`)
	}
	s.Step(id, "validation", events.Rejected, "invoice-rules")
	d, err := s.Definitions.Get(s.t.Context(), "pdf-validation", 1)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, step := range []events.StepID{"parsing", "security", "location"} {
		if n, ok := d.Node(step); ok && d.Nodes[n].Undo != nil {
			s.Undone(id, step, 1, events.Completed)
		}
	}
	s.Await(id, projections.Rejected)
}

// Await waits until the projections show a document in a state.
func (s *System) Await(id events.DocumentID, state string) {
	s.t.Helper()
	s.Until(func() bool {
		d, err := s.Status.Document(s.t.Context(), id)
		return err == nil && d.State == state
	})
}

// Until waits for something, 20 seconds at most.
func (s *System) Until(done func() bool) {
	s.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.t.Fatal("waited in vain")
		}
	}
}

// memory is a log that forgets what is not in it.
type memory struct{ *memlog.Log }

// Messages is part of forget.Log.
func (m memory) Messages(ctx context.Context, id events.DocumentID) ([]events.Delivery, error) {
	history, err := m.History(ctx, id)
	list := make([]events.Delivery, len(history))
	for i, e := range history {
		list[i] = events.Delivery{Event: e, Message: events.Message{Data: e.Data}}
	}
	return list, err
}

// Forget is part of forget.Log.
func (m memory) Forget(ctx context.Context, id events.DocumentID) error {
	return m.Files().Erase(ctx, id)
}

// operator does what people decide.
type operator struct {
	operator  *verbs.Operator
	forgetter *forget.Forgetter
}

func command(c api.Command) verbs.Command {
	v := verbs.Command{Verb: verbs.Verb(c.Verb), By: c.By, Step: c.Step, Result: c.Outcome, Output: c.Output}
	if c.Outcome == events.Rejected {
		v.Error = &events.Error{Code: "resolved", Message: c.By.Reason}
	}
	return v
}

func unfit(err error) error {
	if errors.Is(err, verbs.ErrUnfit) || errors.Is(err, verbs.ErrBadCommand) || errors.Is(err, forget.ErrOpen) {
		return fmt.Errorf("%w: %w", err, api.ErrNotNow)
	}
	return err
}

// Do is part of api.Operator.
func (o operator) Do(ctx context.Context, c api.Command) (events.Event, error) {
	if c.Verb == api.VerbForget {
		done, err := o.forgetter.Do(ctx, c.Document, forget.Request{By: c.By, Partly: true}) // the log in memory seals nothing
		return done.Event, unfit(err)
	}
	done, err := o.operator.Do(ctx, c.Document, command(c))
	return done.Event, unfit(err)
}

// Plan is part of api.Planner.
func (o operator) Plan(ctx context.Context, c api.Command) error {
	_, err := o.operator.Plan(ctx, c.Document, command(c))
	return unfit(err)
}

// snapshots keeps a coordinator's snapshots in memory.
type snapshots struct {
	mu    sync.Mutex
	saved map[string][]byte
}

// Save keeps a snapshot.
func (s *snapshots) Save(_ context.Context, name string, snapshot []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved == nil {
		s.saved = make(map[string][]byte)
	}
	s.saved[name] = snapshot
	return nil
}

// Load returns a snapshot.
func (s *snapshots) Load(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if raw, ok := s.saved[name]; ok {
		return raw, nil
	}
	return nil, events.ErrNotFound
}

// records has the record of one document.
type records struct{}

// Record returns the record of the document "recorded".
func (*records) Record(_ context.Context, id events.DocumentID) (json.RawMessage, error) {
	if id != "recorded" {
		return nil, events.ErrNotFound
	}
	return json.RawMessage(`{"document":"recorded","kind":"document"}`), nil
}

// Records returns the only record.
func (r *records) Records(ctx context.Context, _ api.RecordQuery) ([]json.RawMessage, string, error) {
	raw, err := r.Record(ctx, "recorded")
	return []json.RawMessage{raw}, "", err
}
