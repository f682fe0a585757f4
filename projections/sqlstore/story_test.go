package sqlstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

const shards = 4

// definitions holds one definition, version 1 of pdf-validation.
type definitions struct{ d *saga.Definition }

func (d definitions) Get(_ context.Context, name string, version int) (*saga.Definition, error) {
	if name != d.d.Name || version != d.d.Version {
		return nil, events.ErrNotFound
	}
	return d.d, nil
}

func pdfValidation(t testing.TB) definitions {
	t.Helper()
	drawn, err := os.ReadFile("../../cmd/docsaga/definitions/pdf-validation.bpmn")
	if err != nil {
		t.Fatal(err)
	}
	d, err := bpmn.Parse(drawn, 1)
	if err != nil {
		t.Fatal(err)
	}
	return definitions{d}
}

// A story is a log: what happened to some documents, shard by shard.
type story struct {
	random *rand.Rand
	d      *saga.Definition
	at     time.Time
	log    [shards][]events.Delivery
}

// tell makes up the log of a number of documents, always the same.
func tell(t testing.TB, documents int, seed uint64) *story {
	t.Helper()
	s := &story{
		random: rand.New(rand.NewPCG(seed, 2)), d: pdfValidation(t).d,
		at: time.Date(2026, 3, 29, 0, 58, 0, 0, time.UTC),
	}
	type document struct {
		id    events.DocumentID
		state saga.State
	}
	var open []*document
	for begun := 0; begun < documents || len(open) > 0; {
		if begun < documents && (len(open) == 0 || len(open) < 100 && s.random.IntN(3) == 0) {
			doc := &document{id: events.DocumentID(fmt.Sprintf("doc-%06d", begun))}
			doc.state = s.d.Fold(doc.state, s.write(s.submission(doc.id, begun)))
			open, begun = append(open, doc), begun+1
			continue
		}
		i := s.random.IntN(len(open))
		doc := open[i]
		for _, e := range s.next(doc.id, &doc.state) {
			doc.state = s.d.Fold(doc.state, s.write(e))
		}
		if doc.state.Phase() == saga.Ended {
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
		}
	}
	return s
}

func (s *story) submission(id events.DocumentID, n int) events.Event {
	names := []string{"invoice.pdf", "Rechnung Müller.PDF", "<script>alert(1)</script>.pdf", "100%_done!.pdf", "tab\tnul\x00.pdf"}
	output, _ := json.Marshal(map[string]string{"location": "file:///in/x.pdf", "name": fmt.Sprintf("%d %s", n, names[n%len(names)])})
	data, _ := events.Data{Output: output}.Marshal()
	return events.Event{Slot: events.DocumentSlot(s.d.Name, s.d.Version, id, events.Submitted), Source: "/test", Data: data}
}

// next returns what happens next to a document.
func (s *story) next(id events.DocumentID, state *saga.State) []events.Event {
	var list []events.Event
	for _, x := range s.d.Decide(state, s.at) {
		list = append(list, events.Event{Slot: x.Slot(s.d, id), Result: x.Result, Source: events.SourceCoordinator})
	}
	if len(list) > 0 {
		return list[:1]
	}
	for i := range state.Visits() {
		v := state.Visit(i)
		slot := events.Slot{
			Definition: s.d.Name, Version: s.d.Version, Document: id, Step: s.d.Nodes[v.Node()].ID,
			Visit: v.Number(), Kind: events.Outcome, Again: 1,
		}
		switch v.Status() { //nolint:exhaustive // nothing happens to the others
		case saga.Open:
			return []events.Event{s.outcome(slot)}
		case saga.Undoing:
			slot.Kind = events.Undone
			result := events.Completed
			if s.random.IntN(5) == 0 {
				result = events.Failed
			}
			return []events.Event{{Slot: slot, Result: result, Source: "/test", Data: []byte(`{"error":{"code":"no-answer"}}`)}}
		case saga.UndoFailed:
			slot.Kind, slot.Again = events.Undone, 2
			return []events.Event{{Slot: slot, Result: events.Completed, Source: "/test"}}
		}
	}
	return []events.Event{{Slot: events.DocumentSlot(s.d.Name, s.d.Version, id, events.Ended), Result: events.Failed, Source: "/test"}}
}

func (s *story) outcome(slot events.Slot) events.Event {
	e := events.Event{Slot: slot, Result: events.Completed, Source: "/test", Data: []byte(`{"output":{}}`)}
	switch s.random.IntN(20) {
	case 0:
		e.Result, e.Data = events.Rejected, []byte(`{"error":{"code":"invoice-rules"}}`)
	case 1:
		e.Result, e.Data = events.Failed, []byte(`{"error":{"code":"unreadable"}}`)
	}
	return e
}

// write appends an event to the log.
func (s *story) write(e events.Event) *events.Event {
	shard := events.Shard(e.Slot.Document, shards)
	s.at = s.at.Add(time.Duration(s.random.IntN(2_000_000)) * time.Microsecond)
	e.Position, e.At = events.Position{Shard: shard, Seq: uint64(len(s.log[shard]) + 1)}, s.at
	s.log[shard] = append(s.log[shard], events.Delivery{Event: e, Attempt: 1})
	return &e
}

func (s *story) events() int {
	n := 0
	for _, shard := range s.log {
		n += len(shard)
	}
	return n
}

// feed applies all of the log in batches of sizes that cut returns.
func (s *story) feed(t testing.TB, p *projections.Projector, cut func() int) {
	t.Helper()
	for shard, list := range s.log {
		if _, err := p.Start(t.Context(), shard); err != nil {
			t.Fatal(err)
		}
		for len(list) > 0 {
			n := min(cut(), len(list))
			if err := p.Apply(t.Context(), shard, list[:n]); err != nil {
				t.Fatal(err)
			}
			list = list[n:]
		}
	}
}

func openSQLite(t testing.TB) *sqlstore.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "status.db"))
}

func open(t testing.TB, url string) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
