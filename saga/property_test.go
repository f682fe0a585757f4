package saga

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/events"
)

// world plays services and a coordinator in any order, and keeps a plain
// record of what was done.
type world struct {
	t          *rapid.T
	d          *Definition
	s          State
	history    []events.Event
	now        time.Time
	effects    []string // done and not undone, in order
	failed     []string // those of them whose visit did not complete
	migrations int      // that are left to happen
	strange    int      // how many events somebody may yet write that nobody asked for
	foreign    bool     // there are such events
}

func (w *world) put(slot events.Slot, r events.Result, data events.Data) {
	raw, err := data.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	e := events.Event{Slot: slot, Result: r, Data: raw, At: w.now, Position: events.Position{Seq: uint64(len(w.history) + 1)}}
	w.history = append(w.history, e)
	before := w.s
	w.s = w.d.Fold(w.s, &e)
	if again := w.d.Fold(w.s, &e); again != w.s {
		w.t.Fatalf("event %s folded twice changes the state", e.ID())
	}
	w.forgotten(&e, &before)
	w.count()
	if w.s.Reason == ReasonDeadlock {
		w.t.Fatalf("%s deadlocks a sound definition", e.ID())
	}
	w.direct(&e, &before)
	w.effect(&e, &before)
}

// forgotten checks that the event leads to the same state when its data is
// erased.
func (w *world) forgotten(e *events.Event, before *State) {
	after, route := w.d.Route(*before, e)
	erased := *e
	var err error
	if erased.Data, err = e.Outside().Erase(route); err != nil || after != w.s {
		w.t.Fatalf("noting the route of %s changes the state (%v)", e.ID(), err)
	}
	if got := w.d.Fold(*before, &erased); got != w.s {
		w.t.Fatalf("%s folded without its data, by route %v: %+v, want %+v", e.ID(), route, got, w.s)
	}
}

// count compares the state's counters with its visits.
func (w *world) count() {
	plain := w.s
	plain.open, plain.joining, plain.incidents, plain.recalls = 0, 0, 0, 0
	for i := range plain.Visits() {
		if n := plain.Visit(i).status.counted(&plain); n != nil {
			*n++
		}
	}
	if plain != w.s {
		w.t.Fatalf("counters are open %d joining %d incidents %d recalls %d, want %d %d %d %d", w.s.open, w.s.joining, w.s.incidents, w.s.recalls,
			plain.open, plain.joining, plain.incidents, plain.recalls)
	}
	raw, err := w.s.AppendBinary(nil)
	var back State
	if err == nil {
		err = back.UnmarshalBinary(raw)
	}
	if err != nil || back != w.s {
		w.t.Fatalf("the state does not survive its encoding: %v", err)
	}
}

// direct checks that a service that looks at the event alone, where that is
// said to be enough, sees the same steps opened as one that knows all.
func (w *world) direct(e *events.Event, before *State) {
	if w.foreign || e.Slot.Kind != events.Outcome && e.Slot.Kind != events.Submitted {
		return
	}
	reach, any := Direct, false
	for _, h := range w.d.Hops() {
		if n, _ := w.d.Node(h.To); h.From == e.Slot.Step && w.d.Nodes[n].Kind == Service {
			reach, any = max(reach, h.Reach), true
		}
	}
	opened := w.services(Opened(before, &w.s))
	if !any && len(opened) > 0 {
		w.t.Fatalf("%s opens %v, but there is no hop", e.ID(), opened)
	}
	if reach != Direct {
		return
	}
	alone := w.d.Before(e)
	after := w.d.Fold(alone, e)
	if got := w.services(Opened(&alone, &after)); !slices.Equal(got, opened) {
		w.t.Fatalf("%s alone opens %v, with history %v", e.ID(), got, opened)
	}
}

func (w *world) services(list []Opening) []string {
	var names []string
	for _, o := range list {
		if n := &w.d.Nodes[o.Node]; n.Kind == Service {
			names = append(names, fmt.Sprintf("%s.%d", n.ID, o.Number))
		}
	}
	return names
}

// effect keeps the plain record.
func (w *world) effect(e *events.Event, before *State) {
	name := fmt.Sprintf("%s.%d", e.Slot.Step, e.Slot.Visit)
	n, ok := w.d.Node(e.Slot.Step)
	if !ok || e.Slot.Version != w.d.Version || w.d.Nodes[n].Undo == nil || w.d.Nodes[n].Loop != nil && w.loopVisit(n, e.Slot.Visit) {
		return
	}
	switch e.Slot.Kind {
	case events.Outcome:
		if e.Result != events.Rejected {
			w.within(n, e.Slot.Visit)
			w.effects = append(w.effects, name)
		}
		if e.Result != events.Rejected && e.Result != events.Completed {
			w.failed = append(w.failed, name)
		}
	case events.Undo:
		if before.Verdict != 0 && e.Slot.Again == 1 && (len(w.effects) == 0 || w.effects[len(w.effects)-1] != name) {
			w.t.Fatalf("undo of %s, want the last of %v", name, w.effects)
		}
		if !slices.Contains(w.effects, name) {
			w.t.Fatalf("undo of %s, which was not done: %v", name, w.effects)
		}
	case events.Undone:
		if e.Result != events.Completed {
			return
		}
		w.effects = slices.DeleteFunc(w.effects, func(s string) bool { return s == name })
	case events.Redo, events.Submitted, events.Cancel, events.Compensate, events.Ended, events.Forgotten, events.Changed, events.Migrate:
	}
}

// within takes the effects in a completed sub-process out of the record: its
// own undo stands for them. What was interrupted there is undone by itself.
func (w *world) within(node, number int) {
	at, _ := w.s.find(node, number)
	w.effects = slices.DeleteFunc(w.effects, func(name string) bool {
		for i := range w.s.Visits() {
			v := w.s.Visit(i)
			if fmt.Sprintf("%s.%d", w.d.Nodes[v.node].ID, v.number) == name {
				kept := v.status == Recalled || v.status == Undoing || v.status == UndoFailed
				return i != at && w.s.within(i, at) && !kept
			}
		}
		return false
	})
}

func (w *world) loopVisit(node, number int) bool {
	i, ok := w.s.find(node, number)
	return ok && w.d.isLoop(w.s.Visit(i))
}

// moves returns what could happen next.
func (w *world) moves(bad bool) []func() {
	var moves []func()
	for _, x := range w.d.Decide(&w.s, w.now) {
		moves = append(moves, func() {
			r, data, err := w.d.Settle(x, w.history)
			if err != nil {
				w.t.Fatal(err)
			}
			data.Output, data.Context = json.RawMessage("0"), nil
			w.put(x.Slot(w.d, "d"), r, data)
		})
	}
	for i := range w.s.Visits() {
		v := w.s.Visit(i)
		n := &w.d.Nodes[v.node]
		slot := events.Slot{Definition: "line", Version: w.d.Version, Document: "d", Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1}
		switch {
		case v.status == Undoing:
			slot.Kind, slot.Again = events.Undone, max(int(v.again), 1)
			result := events.Completed
			if bad && v.again < events.MaxAgain && rapid.IntRange(0, 9).Draw(w.t, "undo luck") == 0 {
				result = events.Failed
			}
			moves = append(moves, func() { w.put(slot, result, events.Data{}) })
		case v.status == UndoFailed:
			slot.Kind, slot.Again = events.Undo, int(v.again)+1
			moves = append(moves, func() { w.put(slot, 0, events.Data{}) })
		case v.status == Waiting:
			moves = append(moves, w.person(slot)...)
		case (v.status == Open || v.status == Leaving) && n.Kind == Service:
			moves = append(moves, func() {
				w.put(slot, w.result(bad), events.Data{Output: json.RawMessage(strconv.Itoa(rapid.IntRange(0, 5).Draw(w.t, "n")))})
			})
		}
	}
	if at, ok := w.s.Deadline(); ok && at.After(w.now) {
		moves = append(moves, func() { w.now = at })
	}
	if w.strange > 0 && len(moves) > 0 {
		moves = append(moves, w.stranger)
	}
	return moves
}

// stranger writes what nobody asked for: an outcome of a visit that is not
// open, or a command that comes too late or never had a reason.
func (w *world) stranger() {
	w.strange--
	w.foreign = true
	var steps []int
	for n := range w.d.Nodes {
		if w.d.Nodes[n].Kind == Service {
			steps = append(steps, n)
		}
	}
	if len(steps) == 0 {
		return
	}
	node := rapid.SampledFrom(steps).Draw(w.t, "whose")
	slot := events.Slot{
		Definition: "line", Version: 1, Document: "d", Step: w.d.Nodes[node].ID, Again: 1,
		Visit: w.s.Next(node) + rapid.IntRange(0, 1).Draw(w.t, "beyond"), Kind: events.Outcome,
	}
	result := rapid.SampledFrom([]events.Result{events.Completed, events.Rejected, events.Failed, events.TimedOut, events.Cancelled}).Draw(w.t, "strange result")
	switch rapid.IntRange(0, 3).Draw(w.t, "strange kind") {
	case 0:
		slot.Kind, result = events.Redo, 0
	case 1:
		slot, result = events.DocumentSlot("line", 1, "d", events.Compensate), 0
	}
	w.put(slot, result, events.Data{})
}

// person returns what a person can do about a step that waits for one.
func (w *world) person(slot events.Slot) []func() {
	again := slot
	node, _ := w.d.Node(slot.Step)
	again.Visit = w.s.Next(node)
	redo := again.Of(events.Redo)
	return []func(){
		func() { w.put(redo, 0, events.Data{}) },
		func() { w.put(again, events.Completed, events.Data{Output: json.RawMessage("0")}) },
		func() { w.put(events.DocumentSlot("line", w.d.Version, "d", events.Compensate), 0, events.Data{}) },
	}
}

func (w *world) result(bad bool) events.Result {
	if bad && rapid.IntRange(0, 9).Draw(w.t, "luck") == 0 {
		return rapid.SampledFrom([]events.Result{events.Rejected, events.Failed, events.TimedOut}).Draw(w.t, "result")
	}
	return events.Completed
}

// run plays until the document has ended.
func (w *world) run(bad bool) {
	w.now = time.Unix(1_700_000_000, 0)
	for early := w.strange / 2; w.strange > early; {
		w.stranger()
	}
	w.put(events.DocumentSlot("line", 1, "d", events.Submitted), 0, events.Data{})
	cancelAt := -1
	if bad {
		cancelAt = rapid.IntRange(-20, 20).Draw(w.t, "cancel")
	}
	for step := 0; w.s.Phase() != Ended; step++ {
		if step == cancelAt {
			w.put(events.DocumentSlot("line", w.d.Version, "d", events.Cancel), 0, events.Data{})
			continue
		}
		if w.migrations > 0 && w.s.Verdict == 0 && rapid.IntRange(0, 5).Draw(w.t, "migrate") == 0 {
			w.migrations--
			w.migrate()
		}
		moves := w.moves(bad)
		if len(moves) == 0 || step > 3000 {
			w.t.Fatalf("stuck in phase %s (%s) after %d events", w.s.Phase(), w.s.Reason, len(w.history))
		}
		moves[rapid.IntRange(0, len(moves)-1).Draw(w.t, "move")]()
	}
}

func TestSoundDefinitionsComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := randomDefinition(t, rapid.Bool().Draw(t, "rich"))
		if wrong, _ := d.Check(); len(wrong) > 0 {
			t.Fatalf("a sound definition is said to be wrong: %v", wrong[0])
		}
		w := &world{t: t, d: d}
		w.run(false)
		if w.s.Verdict != events.Completed || w.s.Anomalies != 0 {
			t.Fatalf("ended %s with %d anomalies, want completed with none", w.s.Verdict, w.s.Anomalies)
		}
	})
}

func TestWhateverHappensADocumentEndsAndIsUndoneInReverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, rapid.Bool().Draw(t, "rich"))}
		w.run(true)
		if w.s.Verdict != events.Completed && len(w.effects) > 0 {
			t.Fatalf("ended %s, but %v was not undone", w.s.Verdict, w.effects)
		}
		w.onlyCompleted()
		if w.s.Anomalies != 0 {
			t.Fatalf("%d anomalies", w.s.Anomalies)
		}
	})
}

// onlyCompleted checks that no effect is left of a visit that did not complete.
func (w *world) onlyCompleted() {
	for _, name := range w.effects {
		if slices.Contains(w.failed, name) {
			w.t.Fatalf("ended %s, and the effect of %s is left, which did not complete", w.s.Verdict, name)
		}
	}
}

func TestWhateverStrangersWriteADocumentEndsAndKeepsNoEffectOfAFailedVisit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, rapid.Bool().Draw(t, "rich")), strange: rapid.IntRange(1, 8).Draw(t, "strange")}
		w.run(true)
		if w.s.Verdict != events.Completed && len(w.effects) > 0 {
			t.Fatalf("ended %s, but %v was not undone", w.s.Verdict, w.effects)
		}
		w.onlyCompleted()
		ended := w.s
		w.strange = 3
		for w.strange > 0 {
			w.stranger() // too late for everything
		}
		ended.Seq, ended.Anomalies = w.s.Seq, w.s.Anomalies
		if ended != w.s {
			t.Fatalf("what came after the end changed the state")
		}
	})
}

func TestFoldIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, d: randomDefinition(t, true), now: time.Unix(1_700_000_000, 0)}
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			n := &w.d.Nodes[rapid.IntRange(0, len(w.d.Nodes)-1).Draw(t, "node")]
			kind := events.Kind(rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 7, 9}).Draw(t, "kind"))
			slot := events.Slot{Definition: "line", Version: 1, Document: "d", Step: n.ID, Visit: rapid.IntRange(1, 3).Draw(t, "visit"), Kind: kind, Again: 1}
			if kind.OfDocument() {
				slot.Step, slot.Visit = events.StepDocument, 1
			}
			e := events.Event{
				Slot: slot, Result: events.Result(rapid.IntRange(0, 5).Draw(t, "result")), At: w.now, //nolint:gosec // small
				Position: events.Position{Seq: uint64(len(w.history) + 1)},
			}
			w.history = append(w.history, e)
			w.s = w.d.Fold(w.s, &e)
			w.count()
			w.d.Decide(&w.s, w.now)
			w.d.ToUndo(&w.s)
		}
	})
}
