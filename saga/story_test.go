package saga_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

var update = flag.Bool("update", false, "rewrite the golden stories")

// A story is a flow and what happens to a document in it. A coordinator writes
// at once what is due; a line that begins with => says what became of it.
func TestStories(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "stories", "*.txt"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := tell(t, string(raw))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(string(raw), got); diff != "" {
				t.Errorf("the story goes otherwise (-want +got):\n%s", diff)
			}
		})
	}
}

// flow makes a file of what is drawn in its process.
func flow(content string) []byte {
	return []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
<error id="E" errorCode="bad"/><escalation id="X" escalationCode="look"/><message id="M" name="paid"/><signal id="S" name="stop"/>
<message id="K" name="keyed"><extensionElements><zeebe:subscription correlationKey="=order"/></extensionElements></message>
<process id="story" isExecutable="true">` + content + `</process></definitions>`)
}

func tell(t *testing.T, text string) string {
	t.Helper()
	drawn, lines, ok := strings.Cut(text, "\n---\n")
	if !ok {
		t.Fatal("no line --- between the flow and what happens")
	}
	d, err := bpmn.Parse(flow(drawn), 1)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString(drawn + "\n---\n")
	teller := &teller{t: t, d: d, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=>") {
			out.WriteString(line + "\n=> " + teller.line(line) + "\n")
		}
	}
	return out.String()
}

type teller struct {
	t       *testing.T
	d       *saga.Definition
	s       saga.State
	history []events.Event
	now     time.Time
	passed  []string
	wrote   []string
}

// line makes one line happen and tells what became of the document.
func (w *teller) line(line string) string {
	w.passed, w.wrote = nil, nil
	words := strings.SplitN(line, " ", 3)
	rest := ""
	if len(words) > 2 {
		rest = words[2]
	}
	switch words[0] {
	case "submit":
		w.put(events.DocumentSlot("story", 1, "d", events.Submitted), 0, events.Data{Output: []byte(strings.TrimPrefix(line, "submit "))})
	case "start": // as message, signal and timer start events do
		w.put(events.DocumentSlot("story", 1, "d", events.Submitted), 0, events.Data{Output: json.RawMessage(rest), Start: events.StepID(words[1])})
	case "cancel":
		w.put(events.DocumentSlot("story", 1, "d", events.Cancel), 0, events.Data{})
	case "compensate":
		w.put(events.DocumentSlot("story", 1, "d", events.Compensate), 0, events.Data{})
	case "wait":
		pause, err := time.ParseDuration(words[1])
		if err != nil {
			w.t.Fatal(err)
		}
		w.now = w.now.Add(pause)
	default:
		w.step(words[0], words[1], rest)
	}
	w.coordinate()
	return w.told()
}

func (w *teller) step(name, word, rest string) {
	step, number, numbered := strings.Cut(name, ".")
	visit := 1
	if numbered {
		var err error
		if visit, err = strconv.Atoi(number); err != nil {
			w.t.Fatal(err)
		}
	}
	slot := events.Slot{Definition: "story", Version: 1, Document: "d", Step: events.StepID(step), Visit: visit, Kind: events.Outcome, Again: 1}
	results := map[string]events.Result{
		"completed": events.Completed, "rejected": events.Rejected, "failed": events.Failed, "cancelled": events.Cancelled,
		"undone": events.Completed, "undone-2": events.Completed, "undo-failed": events.Failed,
	}
	result, data := results[word], events.Data{}
	switch word {
	case "completed":
		data.Output = json.RawMessage(rest)
	case "rejected", "failed":
		data.Error = &events.Error{Code: rest}
	case "undone", "undo-failed":
		slot.Kind = events.Undone
	case "redo":
		slot.Kind = events.Redo
	case "undo-2":
		slot.Kind, slot.Again = events.Undo, 2
	case "undone-2":
		slot.Kind, slot.Again = events.Undone, 2
	case "cancelled":
	default:
		w.t.Fatalf("what is %q?", word)
	}
	w.put(slot, result, data)
}

func (w *teller) put(slot events.Slot, result events.Result, data events.Data) {
	for i := range w.history {
		past, err := events.ParseData(w.history[i].Data)
		if err != nil {
			w.t.Fatal(err)
		}
		if w.history[i].Result == events.Completed || w.history[i].Slot.Kind == events.Submitted {
			data.Context = events.With(data.Context, w.history[i].Slot.Step, past.Output)
		}
	}
	raw, err := data.Marshal()
	if err != nil {
		w.t.Fatal(err)
	}
	e := events.Event{
		Slot: slot, Result: result, Source: "/story", Data: raw, At: w.now,
		Position: events.Position{Seq: uint64(len(w.history) + 1)},
	}
	w.history = append(w.history, e)
	before := w.s
	var passed []int
	w.s, passed = w.d.Trace(w.s, &e)
	w.forget(before, e)
	for _, n := range passed {
		w.passed = append(w.passed, string(w.d.Nodes[n].ID))
	}
}

// forget checks that the event leads to the same state when its data is erased.
func (w *teller) forget(before saga.State, e events.Event) {
	_, route := w.d.Route(before, &e)
	var err error
	if e.Data, err = e.Outside().Erase(route); err != nil {
		w.t.Fatal(err)
	}
	if got := w.d.Fold(before, &e); got != w.s {
		w.t.Fatalf("%s folded without its data, by route %v: %+v, want %+v", e.ID(), route, got, w.s)
	}
}

// coordinate writes what is due until nothing is.
func (w *teller) coordinate() {
	for {
		due := w.d.Decide(&w.s, w.now)
		if len(due) == 0 {
			return
		}
		x := due[0]
		result, data, err := w.d.Settle(x, w.history)
		if err != nil {
			w.t.Fatal(err)
		}
		slot := x.Slot(w.d, "d")
		w.put(slot, result, data)
		e := events.Event{Slot: slot, Result: result}
		said := strings.TrimPrefix(e.Type(), "docsaga.")
		if x.Kind != events.Ended {
			said = strings.TrimSuffix(strings.Replace(said, ".", fmt.Sprintf(".%d ", x.Visit), 1), " ")
		}
		if len(data.Output) > 0 && x.Kind == events.Outcome {
			said += " " + string(data.Output)
		}
		w.wrote = append(w.wrote, said)
	}
}

func (w *teller) told() string {
	var open, undo []string
	for i := range w.s.Visits() {
		v := w.s.Visit(i)
		name := fmt.Sprintf("%s.%d", w.d.Nodes[v.Node()].ID, v.Number())
		if v.Item() > 0 && w.d.Nodes[v.Node()].Loop != nil {
			name += fmt.Sprintf("(item %d)", v.Item())
		}
		switch v.Status() {
		case saga.Open:
			open = append(open, name)
		case saga.Joining, saga.Leaving, saga.Looping, saga.Undoing, saga.UndoFailed, saga.Waiting, saga.Watching, saga.Recalled:
			open = append(open, name+" "+v.Status().String())
		case saga.Done, saga.Refused, saga.Broken, saga.Late, saga.Stopped, saga.Reverted, saga.Closed:
		}
	}
	for _, v := range w.d.ToUndo(&w.s) {
		undo = append(undo, fmt.Sprintf("%s.%d", w.d.Nodes[v.Node()].ID, v.Number()))
	}
	var told strings.Builder
	told.WriteString(w.s.Phase().String())
	if w.s.Phase() == saga.Ended {
		told.WriteString(" " + w.s.Verdict.String())
	}
	if w.s.Reason != "" {
		told.WriteString(" (" + strings.TrimPrefix(string(w.s.StopStep)+" ", " ") + w.s.Reason + ")")
	}
	for _, part := range []struct {
		name string
		list []string
	}{{"passed", w.passed}, {"coordinator", w.wrote}, {"open", open}, {"to undo", undo}} {
		if len(part.list) > 0 {
			told.WriteString("; " + part.name + " " + strings.Join(part.list, ", "))
		}
	}
	if w.s.Anomalies > 0 {
		fmt.Fprintf(&told, "; anomalies %d", w.s.Anomalies)
	}
	return told.String()
}
