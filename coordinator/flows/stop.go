package flows

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// child reads the document of a call; nil if there is none, or if what has its
// id was submitted by another.
func (f *Flows) child(ctx context.Context, slot events.Slot) (*picture, error) {
	c, err := f.read(ctx, coordinator.CalledBy(slot))
	if errors.Is(err, events.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if caller, _, err := coordinator.ParseCall(c.document, c.history[0].Source); err != nil || !sameVisit(caller, slot) {
		return nil, nil //nolint:nilerr // it is no document of this call
	}
	return c, nil
}

// sameVisit reports whether two slots are of the same visit, of which the
// document may since have been migrated.
func sameVisit(a, b events.Slot) bool {
	a.Version = b.Version
	return a == b
}

// slot returns a slot of the document as a whole.
func (p *picture) slot(kind events.Kind) events.Slot {
	return events.DocumentSlot(p.definition.Name, p.definition.Version, p.document, kind)
}

// cancel cancels a called document, if it is there and has not ended. Whoever
// submits it later looks whether its call is still open.
func (f *Flows) cancel(ctx context.Context, slot events.Slot) error {
	c, err := f.child(ctx, slot)
	if err != nil || c == nil || c.state.Phase() == saga.Ended {
		return err
	}
	data, err := events.Data{By: &events.By{Actor: "docsaga", Reason: "its call was stopped or is undone"}}.Marshal()
	if err != nil {
		return fmt.Errorf("flows: %w", err)
	}
	return f.write(ctx, events.Event{Slot: c.slot(events.Cancel), Cause: c.definition.Cause(&c.state, c.document), Data: data})
}

// write writes an event as a coordinator does; that its slot is taken is fine.
func (f *Flows) write(ctx context.Context, e events.Event) error {
	e.Source, e.Worker, e.Time = events.SourceCoordinator, "flows", time.Now().UTC().Truncate(time.Millisecond)
	if _, err := f.log.Write(ctx, e); err != nil && !errors.Is(err, events.ErrTaken) {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}

// undo undoes a call: what it called is cancelled and so undoes what it did;
// when that has ended, the call is undone.
func (f *Flows) undo(ctx context.Context, slot events.Slot) error {
	if err := f.cancel(ctx, slot); err != nil {
		return err
	}
	c, err := f.child(ctx, slot)
	if err != nil || c != nil && c.state.Phase() != saga.Ended {
		return err // its end is seen
	}
	p, err := f.read(ctx, slot.Document)
	if err != nil {
		return err
	}
	return f.undone(ctx, p, slot, c)
}

// undone writes what became of the undo of a call, whose document has ended.
// One that has ended completed can no more be undone: a person is needed.
func (f *Flows) undone(ctx context.Context, p *picture, slot events.Slot, c *picture) error {
	e := events.Event{Slot: slot.Of(events.Undone), Result: events.Completed}
	for i := range p.history {
		if was := &p.history[i]; was.Slot.Kind == events.Undo && was.Slot.Step == slot.Step && was.Slot.Visit == slot.Visit {
			e.Slot.Again, e.Cause = was.Slot.Again, was.ID()
		}
	}
	if e.Cause == "" {
		return nil
	}
	if c != nil && c.state.Verdict == events.Completed {
		e.Result = events.Failed
		data, err := events.Data{Error: &events.Error{Code: CodeCall, Message: string(c.document) + " has ended completed"}}.Marshal()
		if err != nil {
			return fmt.Errorf("flows: %w", err)
		}
		e.Data = data
	}
	return f.write(ctx, e)
}

// release ends what a document has called, now that it has ended itself.
func (f *Flows) release(t *coordinator.Touch) {
	for i := range t.State.Visits() {
		v := t.State.Visit(i)
		n := &t.Definition.Nodes[v.Node()]
		if n.Kind != saga.Call || v.Status() == saga.Looping {
			continue
		}
		slot := events.Slot{
			Definition: t.Definition.Name, Version: t.Definition.Version, Document: t.Document,
			Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1,
		}
		f.try("end what was called", slot.ID(), func(ctx context.Context) error {
			c, err := f.child(ctx, slot)
			if err != nil || c == nil || !isDone(c.definition, &c.state) {
				return err
			}
			return f.end(ctx, c)
		})
	}
}

// end ends a called document that has done its work.
func (f *Flows) end(ctx context.Context, c *picture) error {
	return f.write(ctx, events.Event{
		Slot: c.slot(events.Ended), Result: events.Completed, Cause: c.definition.Cause(&c.state, c.document),
	})
}

// orphaned cancels a called document whose call was stopped, and ends one whose
// caller has ended.
func (f *Flows) orphaned(ctx context.Context, child events.DocumentID, parent string) error {
	slot, _, err := coordinator.ParseCall(child, parent)
	if err != nil {
		return err
	}
	e, err := f.log.Read(ctx, slot)
	if errors.Is(err, events.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if e.Result == events.Cancelled || e.Result == events.TimedOut {
		if p, err := f.caller(ctx, slot); err != nil || p == nil {
			return err
		}
		return f.cancel(ctx, slot)
	}
	return f.returned(ctx, child, parent)
}
