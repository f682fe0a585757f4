package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/schema"
)

// whole returns an event of each type that has all that it must have.
func whole() []events.Event {
	var list []events.Event
	add := func(slot events.Slot, result events.Result, data string) {
		e := events.Event{
			Slot: slot, Result: result, Source: "/test", Worker: "w", Time: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC),
			Cause: "d.document.1.submitted", Data: []byte(data),
		}
		if slot.Kind == events.Submitted || slot.Kind == events.Changed {
			e.Cause = ""
		}
		list = append(list, e)
	}
	step := func(kind events.Kind) events.Slot {
		return events.Slot{Definition: "flow", Version: 1, Document: "d", Step: "work", Visit: 1, Kind: kind, Again: 1}
	}
	failed, by := `{"error":{"code":"no"}}`, `{"by":{"actor":"ann"}}`
	add(events.DocumentSlot("flow", 1, "d", events.Submitted), 0, `{"output":{}}`)
	add(events.DocumentSlot("flow", 1, "d", events.Cancel), 0, by)
	add(events.DocumentSlot("flow", 1, "d", events.Compensate), 0, by)
	for r := events.Completed; r <= events.Cancelled; r++ {
		add(step(events.Outcome), r, failed)
		if r != events.TimedOut {
			add(events.DocumentSlot("flow", 1, "d", events.Ended), r, failed)
		}
	}
	add(events.DocumentSlot("flow", 1, "d", events.Forgotten), 0, by)
	add(events.Slot{Definition: "flow", Version: 1, Document: events.DocumentAdmin, Step: "keys", Visit: 1, Kind: events.Changed, Again: 1}, 0, by)
	migrate := events.DocumentSlot("flow", 1, "d", events.Migrate)
	migrate.Visit = 2
	add(migrate, 0, `{"by":{"actor":"ann"},"state":{"version":2}}`)
	add(step(events.Redo), 0, "")
	add(step(events.Undo), 0, "")
	add(step(events.Undone), events.Completed, "")
	add(step(events.Undone), events.Failed, failed)
	return list
}

func TestEachTypeOfEventHasASchemaThatAWholeOneFits(t *testing.T) {
	seen := make(map[string]bool)
	for _, e := range whole() {
		seen[schema.Of(&e)] = true
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		if err := schema.Check(&e); err != nil {
			t.Error(err)
		}
	}
	for _, name := range schema.Names() {
		if !seen[name] {
			t.Errorf("no event has the schema %s", name)
		}
		if _, ok := schema.Event(name); !ok {
			t.Errorf("there is no schema %s", name)
		}
	}
	if len(seen) != len(schema.Names()) {
		t.Errorf("events have the schemas %v, want %v", seen, schema.Names())
	}
	if _, ok := schema.Event("nobody"); ok {
		t.Error("there is a schema nobody")
	}
}

func TestAnEventThatLacksAMemberIsRefused(t *testing.T) {
	lacks := map[string]func(*events.Event){
		"time": func(e *events.Event) { e.Time = time.Time{} }, "worker": func(e *events.Event) { e.Worker = "" },
		"cause": func(e *events.Event) { e.Cause = "" }, "data": func(e *events.Event) { e.Data = nil },
		"code": func(e *events.Event) {
			e.Data = []byte(strings.Replace(string(e.Data), `"code":"no"`, `"message":"no"`, 1))
		},
		"actor": func(e *events.Event) {
			e.Data = []byte(strings.Replace(string(e.Data), `"actor":"ann"`, `"reason":"no"`, 1))
		},
		"trace": func(e *events.Event) { e.Trace = "nonsense" },
	}
	for what, without := range lacks {
		for _, e := range whole() {
			before, _ := json.Marshal(e)
			without(&e)
			after, _ := json.Marshal(e)
			may := what == "cause" && (e.Slot.Kind == events.Submitted || e.Slot.Kind == events.Changed) ||
				what == "data" && slices.Contains([]string{"redo", "undo", "undone", "outcome-cancelled", "ended-completed", "ended-cancelled"}, schema.Of(&e))
			if err := schema.Check(&e); (err == nil) != (may || string(before) == string(after)) {
				t.Errorf("%s without %s: %v", schema.Of(&e), what, err)
			}
		}
	}
}

func TestALogThatChecksRefusesWhatDoesNotFit(t *testing.T) {
	log := memlog.New(memlog.Config{Check: schema.Check})
	for _, e := range whole()[:3] {
		if _, err := log.Write(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
	e := whole()[0]
	e.Slot.Document, e.Time = "other", time.Time{}
	if _, err := log.Write(t.Context(), e); err == nil {
		t.Error("an event without a time was written")
	}
}

func BenchmarkCheck(b *testing.B) {
	e := whole()[3]
	b.ReportAllocs()
	for b.Loop() {
		if err := schema.Check(&e); err != nil {
			b.Fatal(err)
		}
	}
}
