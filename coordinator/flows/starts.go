package flows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A start is the latest version of a definition, which messages, signals and
// the clock may start documents of.
type start struct {
	definition *saga.Definition
	deployed   time.Time
	timers     []timer
}

// A timer is a timer start event.
type timer struct {
	node *saga.Node
	next time.Time // the zero time if it does not go off any more
}

// slot returns where the submission of a document stands that is started.
func (s *start) slot(document events.DocumentID) events.Slot {
	return events.DocumentSlot(s.definition.Name, s.definition.Version, document, events.Submitted)
}

// startOf returns the start event of a definition that a message or signal sets
// off.
func startOf(d *saga.Definition, by saga.Trigger, name string) (*saga.Node, bool) {
	for _, i := range d.Starts() {
		if n := &d.Nodes[i]; n.Trigger == by && n.Event == name {
			return n, true
		}
	}
	return nil, false
}

// startedBy names the document that a notice starts. A signal starts one of
// each definition.
func startedBy(notice, definition string) events.DocumentID {
	if definition == "" {
		return events.DocumentID(events.JoinID("by", notice))
	}
	return events.DocumentID(events.JoinID("by", notice, definition))
}

// startedAt names the document that a timer starts.
func startedAt(d *saga.Definition, step events.StepID, due time.Time) events.DocumentID {
	at := strings.Replace(due.UTC().Format("20060102T150405.999Z"), ".", "_", 1)
	return events.DocumentID(events.JoinID("at", at, events.DefinitionRef{Name: d.Name, Version: d.Version}.String(), string(step)))
}

// start takes note of a definition. The latest version of each is started.
func (f *Flows) start(d *saga.Definition) {
	if known := f.starts[d.Name]; known != nil && known.definition.Version >= d.Version {
		return
	}
	s := &start{definition: d}
	f.starts[d.Name] = s
	clocked := false
	for _, i := range d.Starts() {
		n := &d.Nodes[i]
		clocked = clocked || n.Trigger == saga.TimerTrigger && n.Clock != nil
		if n.Trigger != saga.MessageTrigger {
			continue
		}
		for _, kept := range f.kept[n.Event] {
			if !kept.Signal {
				f.match(kept)
			}
		}
	}
	if clocked {
		f.wind(s)
	}
}

// wind sets the timers of a definition. What was due since it was deployed is
// started once, for the last time.
func (f *Flows) wind(s *start) {
	f.find("when a definition was deployed", s.definition.Name, func(ctx context.Context) (func(), error) {
		at, err := f.definitions.Deployed(ctx, s.definition.Name, s.definition.Version)
		if err != nil {
			return nil, err
		}
		return func() {
			s.deployed = at.UTC().Truncate(time.Millisecond)
			now := f.conf.Now()
			for _, i := range s.definition.Starts() {
				if n := &s.definition.Nodes[i]; n.Trigger == saga.TimerTrigger && n.Clock != nil {
					s.timers = append(s.timers, timer{node: n})
					f.rewind(s, &s.timers[len(s.timers)-1], now)
				}
			}
		}, nil
	})
}

// rewind starts a document for the last time up to now that a timer went off,
// unless there is one, and finds out when the next time is.
func (f *Flows) rewind(s *start, t *timer, now time.Time) {
	last, next, err := t.node.Clock.Around(saga.Vars{Now: s.deployed}, s.deployed, now)
	t.next = next
	switch {
	case err != nil:
		f.conf.Logger.Error("a timer start event starts nothing", "definition", s.definition.Name, "step", t.node.ID, "error", err)
	case !last.IsZero():
		f.fire(s.definition, t.node.ID, last)
	}
}

// mostBehind is how many documents a timer starts at once that are due since the
// clock was looked at last. If there are more, all but the last are left out.
const mostBehind = 16

// due starts what is due by now.
func (f *Flows) due(s *start, now time.Time) {
	for i := range s.timers {
		t := &s.timers[i]
		for n := 0; !t.next.IsZero() && !now.Before(t.next); n++ {
			at := t.next
			if n == mostBehind {
				at = now
			}
			f.rewind(s, t, at)
		}
	}
}

// fire starts a document, if no later version was deployed meanwhile.
func (f *Flows) fire(d *saga.Definition, step events.StepID, due time.Time) {
	id := startedAt(d, step, due)
	f.try("start by a timer", id, func(ctx context.Context) error {
		latest, err := f.definitions.Latest(ctx, d.Name)
		if errors.Is(err, saga.ErrBadDefinition) || err == nil && latest.Version != d.Version {
			return nil
		}
		if err != nil {
			return fmt.Errorf("flows: %w", err)
		}
		return f.submit(ctx, &events.Event{
			Slot: events.DocumentSlot(d.Name, d.Version, id, events.Submitted), Source: events.SourceTimers + string(step), Worker: string(id),
		}, d, events.Data{Start: step})
	})
}

// signalStart starts a document by a signal, if the definition begins with it.
func (f *Flows) signalStart(n *notice, s *start) {
	if _, ok := startOf(s.definition, saga.SignalTrigger, n.Name); !ok {
		return
	}
	id, slot := n.ID, s.slot(startedBy(n.ID, s.definition.Name))
	f.try("start by a signal", slot.ID(), func(ctx context.Context) error { return f.tellIfKept(ctx, id, slot) })
}

// begin submits the document that a notice starts.
func (f *Flows) begin(ctx context.Context, n *events.Notice, slot events.Slot) error {
	d, err := f.definitions.Get(ctx, slot.Definition, slot.Version)
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	by, data := saga.MessageTrigger, events.Data{Output: n.Data}
	if n.Signal {
		by = saga.SignalTrigger
	}
	if node, ok := startOf(d, by, n.Name); ok {
		data.Start = node.ID
	}
	return f.submit(ctx, &events.Event{Slot: slot, Source: sourceOf(n.ID), Worker: workerOf(n.ID)}, d, data)
}

// submit submits a document that is started by itself. It says where it begins
// if that is not where all do.
func (f *Flows) submit(ctx context.Context, e *events.Event, d *saga.Definition, data events.Data) error {
	if starts := d.Starts(); len(starts) > 0 && d.Nodes[starts[0]].ID == data.Start {
		data.Start = ""
	}
	var err error
	if e.Data, err = data.Marshal(); err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	e.Time = f.conf.Now().UTC().Truncate(time.Millisecond)
	standing, err := f.log.Write(ctx, *e)
	if errors.Is(err, events.ErrTaken) {
		if standing.Source != e.Source {
			return fmt.Errorf("flows: document %s was submitted by %s: %w", e.Slot.Document, standing.Source, events.ErrBadID)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}
