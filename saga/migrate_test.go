package saga

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
)

// migrate lets the document go on in the next version, which is drawn the
// same or with a boundary event more, unless something is in the way.
func (w *world) migrate() {
	next := Definition{Name: w.d.Name, Version: w.d.Version + 1, Nodes: append([]Node(nil), w.d.Nodes...), Flows: append([]Flow(nil), w.d.Flows...)}
	if rapid.Bool().Draw(w.t, "more") {
		w.more(&next)
	}
	to, err := Compile(next)
	if err != nil {
		w.t.Fatal(err)
	}
	plan := w.d.Migrate(to, &w.s)
	if len(plan.Obstacles) > 0 {
		return
	}
	for i := range w.s.Visits() { // what is at work may have had an effect
		v := w.s.Visit(i)
		if n := &w.d.Nodes[v.node]; n.Kind == Service && v.status == Open && !w.d.isLoop(v) && n.Undo != nil {
			w.effects = append(w.effects, fmt.Sprintf("%s.%d", n.ID, v.number))
		}
	}
	from := w.d
	slot := events.DocumentSlot(from.Name, from.Version, "d", events.Migrate)
	slot.Visit = to.Version
	w.d = to
	w.put(slot, 0, events.Data{State: plan.State})
	if want := plan.next.Visits(); w.s.Visits() < want {
		w.t.Fatalf("%d visits of %d were carried", w.s.Visits(), want)
	}
	for _, x := range plan.Close {
		before := w.s
		w.put(x.Slot(from, "d"), x.Result, events.Data{Error: &events.Error{Code: x.Reason}})
		before.Seq = w.s.Seq
		before.last = w.s.last
		if before != w.s {
			w.t.Fatalf("%s.%d, closed in the old version, changes the state in the new one", x.Step, x.Visit)
		}
	}
	for _, x := range plan.Redo {
		w.put(x.Slot(to, "d"), 0, events.Data{})
	}
}

// more draws an event that reminds of the first step, now and then.
func (w *world) more(d *Definition) {
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Kind == Service && n.Loop == nil {
			d.Nodes = append(d.Nodes,
				Node{ID: events.StepID(fmt.Sprintf("remind%d", d.Version)), Kind: Boundary, Trigger: TimerTrigger, Host: i, Continues: true, Scope: n.Scope, Clock: after(time.Second), Default: -1},
				Node{ID: events.StepID(fmt.Sprintf("reminded%d", d.Version)), Kind: End, Scope: n.Scope, Default: -1})
			d.Flows = append(d.Flows, Flow{ID: fmt.Sprintf("more%d", d.Version), From: len(d.Nodes) - 2, To: len(d.Nodes) - 1})
			return
		}
	}
}

func TestADocumentThatIsMigratedAnywhereEndsAndIsUndoneInReverse(t *testing.T) {
	migrated := 0
	rapid.Check(t, func(t *rapid.T) {
		bad := rapid.Bool().Draw(t, "bad")
		w := &world{t: t, d: randomDefinition(t, rapid.Bool().Draw(t, "rich")), migrations: rapid.IntRange(1, 3).Draw(t, "migrations")}
		w.run(bad)
		migrated += w.d.Version - 1
		if w.s.Verdict != events.Completed && len(w.effects) > 0 {
			t.Fatalf("ended %s, but %v was not undone", w.s.Verdict, w.effects)
		}
		if !bad && w.s.Verdict != events.Completed || w.s.Anomalies != 0 {
			t.Fatalf("ended %s with %d anomalies", w.s.Verdict, w.s.Anomalies)
		}
		// Whoever reads the history later sees the same.
		var s State
		for i := range w.history {
			s = w.d.Fold(s, &w.history[i])
		}
		if s != w.s {
			t.Fatal("the history folds to another state than the document came to")
		}
		if ref := events.Followed(w.history); ref.Version != w.d.Version || len(events.Own(w.history, ref)) != len(w.history) {
			t.Fatalf("it follows %v, and %d of %d events are its own; want version %d and all", ref, len(events.Own(w.history, ref)), len(w.history), w.d.Version)
		}
	})
	if migrated == 0 {
		t.Error("none was migrated")
	}
}

func TestFoldTakesAnyMigration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, true), now: time.Unix(1_700_000_000, 0)}
		in := moved{Version: 1}
		for range rapid.IntRange(0, 9).Draw(t, "visits") {
			v := movedVisit{
				Step:   w.d.Nodes[rapid.IntRange(0, len(w.d.Nodes)-1).Draw(t, "node")].ID,
				Visit:  uint16(rapid.IntRange(0, 3).Draw(t, "visit")),                        //nolint:gosec // small
				Status: Status(rapid.IntRange(0, int(Looping)+1).Draw(t, "status")).String(), //nolint:gosec // small
				Rank:   uint16(rapid.IntRange(0, 3).Draw(t, "rank")),                         //nolint:gosec // small
				In:     uint16(rapid.IntRange(0, 3).Draw(t, "in")),                           //nolint:gosec // small
				Item:   uint16(rapid.IntRange(0, 3).Draw(t, "item")),                         //nolint:gosec // small
				Items:  uint64(rapid.IntRange(0, 3).Draw(t, "items")),                        //nolint:gosec // small
			}
			in.Visits = append(in.Visits, v)
		}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := events.Data{State: raw}.Marshal()
		slot := events.DocumentSlot("line", 9, "d", events.Migrate)
		w.s = w.d.Fold(w.s, &events.Event{Slot: slot, Data: data, At: w.now, Position: events.Position{Seq: 1}})
		if w.s.Phase() == Unknown {
			t.Fatal("it is not known after that")
		}
		for range 9 {
			w.count()
			w.d.ToUndo(&w.s)
			due := w.d.Decide(&w.s, w.now)
			if len(due) == 0 {
				break
			}
			r, _, _ := w.d.Settle(due[0], nil)
			w.s = w.d.Fold(w.s, &events.Event{Slot: due[0].Slot(w.d, "d"), Result: r, At: w.now})
		}
		for i := range w.d.Nodes {
			slot := events.Slot{Definition: "line", Version: 1, Document: "d", Step: w.d.Nodes[i].ID, Visit: 1, Kind: events.Outcome, Again: 1}
			w.s = w.d.Fold(w.s, &events.Event{Slot: slot, Result: events.Completed, At: w.now})
		}
	})
}
