package coordinator_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/catalog"
)

// twice is a reader that gets everything twice, the second time with what came
// before it.
type twice struct {
	*coordinator.Coordinator
	last map[int][]events.Delivery
}

func (r twice) Apply(ctx context.Context, shard int, batch []events.Delivery) error {
	again := slices.Concat(r.last[shard], batch)
	r.last[shard] = slices.Clone(batch)
	if err := r.Coordinator.Apply(ctx, shard, batch); err != nil {
		return err
	}
	return r.Coordinator.Apply(ctx, shard, again)
}

// A game is a document that goes through a random process, while a test plays
// its services and its coordinators come and go.
type game struct {
	*rapid.T
	s       *stage
	stop    func() // the coordinator; nil if there is none
	history []events.Event
	state   saga.State
	writes  int
}

// newGame draws a process and deploys it.
func newGame(t *rapid.T, s *stage) *game {
	refs, err := s.log.Definitions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	drawn := storyFlow((&drawer{t: t}).process())
	s.version = len(refs) + 1
	s.document = events.DocumentID(fmt.Sprintf("random-%d", s.version))
	if err := bpmn.Check(drawn).Err(); err != nil {
		t.Fatalf("a sound process is refused: %v\n%s", err, drawn)
	}
	if err := s.log.PutDefinition(t.Context(), "story", s.version, drawn); err != nil {
		t.Fatal(err)
	}
	if s.definition, err = s.catalog.Get(t.Context(), "story", s.version); err != nil {
		t.Fatal(err)
	}
	return &game{T: t, s: s}
}

// replace lets another coordinator take over.
func (g *game) replace() {
	g.halt()
	g.stop = g.s.coordinate()
}

func (g *game) halt() {
	if g.stop != nil {
		g.stop()
	}
	g.stop = nil
}

// read folds what the log holds.
func (g *game) read() {
	history, err := g.s.log.History(g.Context(), g.s.document)
	if err != nil {
		g.Fatal(err)
	}
	g.history, g.state = history, saga.State{}
	for i := range history {
		g.state = g.s.definition.Fold(g.state, &history[i])
	}
}

// settle waits until a coordinator has nothing more to decide.
func (g *game) settle() {
	pause := time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		g.read()
		due := g.s.definition.Decide(&g.state, g.s.clock.Now())
		if len(due) == 0 {
			return
		}
		if waited > 30*time.Second {
			g.Fatalf("nobody decides %v", due[0])
		}
		g.s.pause(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// write writes an event, and perhaps once more.
func (g *game) write(slot events.Slot, result events.Result, data string) {
	g.writes++
	e := events.Event{
		Slot: slot, Result: result, Source: "/random", Worker: strconv.Itoa(g.writes), Time: g.s.clock.Now().UTC().Truncate(time.Millisecond), Data: []byte(data),
	}
	if len(g.history) > 0 {
		e.Cause = g.s.definition.Cause(&g.state, g.s.document)
	}
	for range rapid.IntRange(1, 2).Draw(g.T, "times written") {
		if _, err := g.s.log.Write(g.Context(), e); err != nil && !errors.Is(err, events.ErrTaken) {
			g.Fatal(err)
		}
	}
}

// moves returns what somebody outside could do next.
func (g *game) moves() []func() {
	var moves []func()
	d := g.s.definition
	for i := range g.state.Visits() {
		v := g.state.Visit(i)
		n := &d.Nodes[v.Node()]
		slot := events.Slot{Definition: d.Name, Version: d.Version, Document: g.s.document, Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1}
		again := slot
		again.Visit = g.state.Next(v.Node())
		switch {
		case v.Status() == saga.Undoing && n.Undo != nil && n.Undo.Service != "":
			slot.Kind, slot.Again = events.Undone, g.commands(slot)
			moves = append(moves, func() { g.undone(slot) })
		case v.Status() == saga.UndoFailed:
			slot.Kind, slot.Again = events.Undo, g.commands(slot)+1
			moves = append(moves, func() { g.write(slot, 0, "") })
		case v.Status() == saga.Waiting:
			moves = append(moves, func() { g.write(again.Of(events.Redo), 0, "") },
				func() { g.write(again, events.Completed, `{"output":{"n":0}}`) },
				func() { g.write(g.slot(events.Compensate), 0, "") })
		case (v.Status() == saga.Open || v.Status() == saga.Leaving) && n.Kind == saga.Service:
			moves = append(moves, func() { g.work(slot) })
		}
	}
	if at, ok := g.state.Deadline(); ok && at.After(g.s.clock.Now()) {
		moves = append(moves, func() { g.s.wait(at.Sub(g.s.clock.Now()) + time.Millisecond) })
	}
	return moves
}

func (g *game) slot(kind events.Kind) events.Slot {
	return events.DocumentSlot(g.s.definition.Name, g.s.definition.Version, g.s.document, kind)
}

// commands returns how often the undo of a visit was commanded.
func (g *game) commands(slot events.Slot) int {
	n := 0
	for i := range g.history {
		if was := &g.history[i].Slot; was.Kind == events.Undo && was.Step == slot.Step && was.Visit == slot.Visit {
			n++
		}
	}
	return n
}

func (g *game) undone(slot events.Slot) {
	result := events.Completed
	if slot.Again < 3 && rapid.IntRange(0, 9).Draw(g.T, "undo luck") == 0 {
		result = events.Failed
	}
	g.write(slot, result, "")
}

func (g *game) work(slot events.Slot) {
	n := rapid.IntRange(0, 2).Draw(g.T, "n")
	if g.writes > 60 { // loops are left
		n = 0
	}
	switch rapid.IntRange(0, 11).Draw(g.T, "luck") {
	case 0:
		g.write(slot, events.Rejected, `{"error":{"code":"bad"}}`)
	case 1:
		g.write(slot, events.Failed, `{"error":{"code":"broken"}}`)
	default:
		var context map[events.StepID]json.RawMessage
		for i := range g.history {
			e := &g.history[i]
			if past, err := events.ParseData(e.Data); err == nil && (e.Slot.Kind == events.Submitted || e.Result == events.Completed) {
				context = events.With(context, e.Slot.Step, past.Output)
			}
		}
		data, err := events.Data{Context: context, Output: fmt.Appendf(nil, `{"n":%d}`, n)}.Marshal()
		if err != nil {
			g.Fatal(err)
		}
		g.write(slot, events.Completed, string(data))
	}
}

// play plays until the document has ended.
func (g *game) play() {
	defer g.halt()
	g.replace()
	g.write(g.slot(events.Submitted), 0, `{"output":{}}`)
	cancel := rapid.IntRange(-20, 15).Draw(g.T, "cancel")
	for step := 0; ; step++ {
		g.settle()
		if g.state.Phase() == saga.Ended {
			break
		}
		moves := g.moves()
		if len(moves) == 0 || step > 500 {
			g.Fatalf("stuck in phase %s (%s) after %d events", g.state.Phase(), g.state.Reason, len(g.history))
		}
		before := rapid.IntRange(0, 3).Draw(g.T, "coordinator")
		if before == 0 {
			g.halt()
		}
		if step == cancel {
			g.write(g.slot(events.Cancel), 0, "")
		} else {
			moves[rapid.IntRange(0, len(moves)-1).Draw(g.T, "move")]()
		}
		if before < 2 { // with the move, or at once behind it
			g.replace()
		}
	}
	g.replace() // one that reads the end decides nothing
	g.s.pause(20 * time.Millisecond)
	events := len(g.history)
	if g.read(); len(g.history) != events {
		g.Fatalf("%d events after the end, %d before", len(g.history), events)
	}
}

// check compares what was undone with a plain record of what was done.
func (g *game) check() {
	r := record{g: g}
	for i := range g.history {
		before := r.state
		r.state = g.s.definition.Fold(r.state, &g.history[i])
		r.take(&g.history[i], &before)
	}
	switch last := &g.history[len(g.history)-1]; {
	case last.Slot.Kind != events.Ended || g.state.Anomalies != 0:
		g.Fatalf("the last event is %s, %d anomalies", last.ID(), g.state.Anomalies)
	case last.Result != events.Completed && len(r.effects) > 0:
		g.Fatalf("ended %s, but %v was not undone", last.Result, r.effects)
	}
	for _, name := range r.effects {
		if slices.Contains(r.failed, name) {
			g.Fatalf("the effect of %s is left, which did not complete", name)
		}
	}
}

// A record has what was done and not undone, in order.
type record struct {
	g               *game
	state           saga.State
	effects, failed []string
}

func (r *record) take(e *events.Event, before *saga.State) {
	d := r.g.s.definition
	at, ok := d.Node(e.Slot.Step)
	if !ok || d.Nodes[at].Undo == nil {
		return
	}
	name := fmt.Sprintf("%s.%d", e.Slot.Step, e.Slot.Visit)
	switch e.Slot.Kind {
	case events.Outcome:
		i := r.visit(at, e.Slot.Visit)
		if d.Nodes[at].Loop != nil && i >= 0 && r.state.Visit(i).Item() == 0 || e.Result == events.Rejected {
			return
		}
		r.inside(i)
		r.effects = append(r.effects, name)
		if e.Result != events.Completed {
			r.failed = append(r.failed, name)
		}
	case events.Undo:
		switch {
		case !slices.Contains(r.effects, name):
			r.g.Fatalf("undo of %s, which was not done: %v", name, r.effects)
		case before.Verdict != 0 && e.Slot.Again == 1 && r.effects[len(r.effects)-1] != name:
			r.g.Fatalf("undo of %s, want the last of %v", name, r.effects)
		}
	case events.Undone:
		if e.Result == events.Completed {
			r.effects = slices.DeleteFunc(r.effects, func(s string) bool { return s == name })
		}
	case events.Redo, events.Submitted, events.Cancel, events.Compensate, events.Ended, events.Forgotten, events.Changed, events.Migrate:
	}
}

func (r *record) visit(node, number int) int {
	for i := r.state.Visits() - 1; i >= 0; i-- {
		if v := r.state.Visit(i); v.Node() == node && v.Number() == number {
			return i
		}
	}
	return -1
}

// inside takes out what lies in a completed sub-process: its own undo stands
// for that.
func (r *record) inside(scope int) {
	r.effects = slices.DeleteFunc(r.effects, func(name string) bool {
		for i := range r.state.Visits() {
			v := r.state.Visit(i)
			if fmt.Sprintf("%s.%d", r.g.s.definition.Nodes[v.Node()].ID, v.Number()) != name {
				continue
			}
			kept := v.Status() == saga.Recalled || v.Status() == saga.Undoing || v.Status() == saga.UndoFailed
			for at, ok := v.Parent(); ok; at, ok = r.state.Visit(at).Parent() {
				if at == scope {
					return !kept
				}
			}
		}
		return false
	})
}

// some runs a share of the checks that rapid was asked for. In a bubble it does
// not make a failure smaller, for it measures how long it may by the clock.
func some(t *testing.T, share int, check func(t *rapid.T)) {
	t.Helper()
	set := func(name, value string) (was string) {
		was = flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
		return was
	}
	checks := flag.Lookup("rapid.checks").Value.String()
	asked, err := strconv.Atoi(checks)
	if err != nil {
		t.Fatal(err)
	}
	set("rapid.checks", strconv.Itoa(max(1, asked/share)))
	shrink := set("rapid.shrinktime", "1ns")
	defer func() {
		set("rapid.checks", checks)
		set("rapid.shrinktime", shrink)
	}()
	rapid.Check(undated{t}, check)
}

// undated hides when a test must be done, for a bubble has another clock.
type undated struct{ rapid.TB }

func TestRandomProcessesEndAndAreUndoneInReverseInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		some(t, 1, func(rt *rapid.T) {
			log := memlog.New(memlog.Config{Shards: 1})
			s := &stage{T: t, snapshots: unsaved{}, catalog: catalog.New(log), poll: 10 * time.Millisecond, twice: true, pause: func(d time.Duration) {
				<-time.After(d)
				synctest.Wait()
			}}
			s.log, s.wait = shifted{storyLog: log, clock: &s.clock}, s.clock.Move
			g := newGame(rt, s)
			g.play()
			g.check()
		})
	})
}

func TestRandomProcessesEndAndAreUndoneInReverseOnNATS(t *testing.T) {
	b := newBench(t)
	some(t, 4, func(rt *rapid.T) {
		s := &stage{T: t, snapshots: b.log.Snapshots(), catalog: b.catalog, poll: time.Millisecond, twice: true, pause: func(d time.Duration) { <-time.After(d) }}
		s.log, s.wait = shifted{storyLog: b.log, clock: &s.clock}, s.clock.Move
		g := newGame(rt, s)
		g.play()
		g.check()
	})
}
