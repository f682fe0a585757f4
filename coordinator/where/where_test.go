package where_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/coordinator/where"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// round goes round through ten steps until somebody cancels it.
func round(t *testing.T) *saga.Definition {
	t.Helper()
	var drawn strings.Builder
	drawn.WriteString(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:z="http://camunda.org/schema/zeebe/1.0"><process id="round" isExecutable="true">
<startEvent id="start"/><sequenceFlow id="f" sourceRef="start" targetRef="gate"/><exclusiveGateway id="gate"/><sequenceFlow id="in" sourceRef="gate" targetRef="s0"/>`)
	for i := range 10 {
		to := fmt.Sprintf("s%d", i+1)
		if i == 9 {
			to = "gate"
		}
		fmt.Fprintf(&drawn, `<serviceTask id="s%d"><extensionElements><z:taskDefinition type="s"/></extensionElements></serviceTask>
<sequenceFlow id="f%d" sourceRef="s%d" targetRef="%s"/>`, i, i, i, to)
	}
	d, err := bpmn.Parse([]byte(drawn.String()+`</process></definitions>`), 1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// log is one document's history.
type log struct {
	events []events.Event
	err    error
}

func (l log) History(context.Context, events.DocumentID) ([]events.Event, error) {
	return l.events, l.err
}

type alone struct{ d *saga.Definition }

func (a alone) Get(_ context.Context, name string, version int) (*saga.Definition, error) {
	if name != a.d.Name || version != a.d.Version {
		return nil, events.ErrNotFound
	}
	return a.d, nil
}

func (l *log) add(slot events.Slot, result events.Result) {
	n := len(l.events) + 1
	l.events = append(l.events, events.Event{
		Slot: slot, Result: result, At: time.Unix(int64(n), 0), Position: events.Position{Seq: uint64(n)},
	})
}

func step(i, visit int) events.Slot {
	return events.Slot{
		Definition: "round", Version: 1, Document: "d", Step: events.StepID(fmt.Sprintf("s%d", i)), Visit: visit, Kind: events.Outcome, Again: 1,
	}
}

func TestEachVisitKnowsTheEventThatOpenedIt(t *testing.T) {
	var l log
	l.add(events.DocumentSlot("round", 1, "d", events.Submitted), 0)
	for turn := range 3 {
		for i := range 10 {
			l.add(step(i, turn+1), events.Completed)
		}
	}
	p, err := where.Is(t.Context(), l, alone{round(t)}, "d")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range p.State.Visits() {
		if p.State.Visit(i).Status() != saga.Open {
			continue
		}
		found++
		// The fourth turn begins with the last outcome of the third. Places of
		// visits that are over are used again.
		if got := p.Opened[i]; got != len(l.events)-1 {
			t.Errorf("visit %d of %s was opened by event %d, want the last, %d", p.State.Visit(i).Number(), p.Definition.Nodes[p.State.Visit(i).Node()].ID, got, len(l.events)-1)
		}
	}
	if found != 1 || p.State.Visits() >= 30 || p.State.Phase() != saga.Running {
		t.Errorf("%d of %d visits are open in phase %s, want one in a state that has not grown", found, p.State.Visits(), p.State.Phase())
	}
}

func TestADocumentFollowsWhatItWasSubmittedTo(t *testing.T) {
	var l log
	foreign := step(0, 1)
	foreign.Definition = "another"
	l.add(foreign, events.Completed)
	l.add(events.DocumentSlot("round", 1, "d", events.Submitted), 0)
	l.add(step(0, 1), events.Completed)
	p, err := where.Is(t.Context(), l, alone{round(t)}, "d")
	if err != nil {
		t.Fatal(err)
	}
	if p.Definition.Name != "round" || p.State.Anomalies != 0 || p.State.Visits() != 2 {
		t.Errorf("it follows %s, with %d visits and %d anomalies; want round, two and none", p.Definition.Name, p.State.Visits(), p.State.Anomalies)
	}
}

func TestWhatCannotBeReadIsSaid(t *testing.T) {
	down := errors.New("down")
	var submitted log
	submitted.add(events.DocumentSlot("unknown", 1, "d", events.Submitted), 0)
	for name, tt := range map[string]struct {
		log      log
		document events.DocumentID
		want     error
	}{
		"nobody knows it":       {log{}, "d", events.ErrNotFound},
		"no id":                 {log{}, "a.b", events.ErrBadID},
		"the log is down":       {log{err: down}, "d", down},
		"no definition":         {submitted, "d", events.ErrNotFound},
		"no event, that is all": {log{err: events.ErrBadEvent}, "d", events.ErrNotFound},
	} {
		if _, err := where.Is(t.Context(), tt.log, alone{round(t)}, tt.document); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
}
