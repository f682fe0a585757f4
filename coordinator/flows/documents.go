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

// A document is one that waits or calls.
type document struct {
	waits map[events.Slot]*wait
	calls map[events.Slot]saga.Status // what was done about them last
	done  bool                        // it was called and has done its work

	parent string // the source of its submission, if it was called
	// asks has the slots of calls between it and documents that it asks after,
	// and those documents' tips when it last did.
	asks map[events.Slot]uint64
}

// A wait is a visit that waits for a message or signal.
type wait struct {
	slot   events.Slot
	name   string
	signal bool
	any    bool // any message of the name will do
	key    string
	opened time.Time
	ready  bool // its key is known
	busy   bool // a message was claimed for it
}

// touched takes note of where a document is.
func (f *Flows) touched(t *coordinator.Touch) {
	doc := f.documents[t.Document]
	if t.Forget || t.State.Phase() == saga.Ended {
		if doc != nil {
			f.drop(t.Document, doc)
		}
		if !t.Forget {
			f.release(t)
		}
		if !t.Forget && t.Parent != "" {
			f.try("outcome of a call", t.Document, func(ctx context.Context) error { return f.returned(ctx, t.Document, t.Parent) })
		}
		return
	}
	if doc == nil {
		doc = &document{waits: make(map[events.Slot]*wait), calls: make(map[events.Slot]saga.Status)}
		f.documents[t.Document] = doc
		if t.Parent != "" {
			if slot, _, err := coordinator.ParseCall(t.Document, t.Parent); err == nil {
				doc.parent, doc.asks = t.Parent, map[events.Slot]uint64{slot: 0}
			}
			f.try("look at the caller", t.Document, func(ctx context.Context) error { return f.orphaned(ctx, t.Document, t.Parent) })
		}
	}
	if t.Parent != "" && !doc.done && isDone(t.Definition, &t.State) {
		doc.done = true
		f.try("outcome of a call", t.Document, func(ctx context.Context) error { return f.returned(ctx, t.Document, t.Parent) })
	}
	seen := make(map[events.Slot]bool)
	for i := range t.State.Visits() {
		v := t.State.Visit(i)
		n := &t.Definition.Nodes[v.Node()]
		slot := events.Slot{
			Definition: t.Definition.Name, Version: t.Definition.Version, Document: t.Document,
			Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1,
		}
		switch {
		case n.Kind == saga.Call:
			f.called(doc, slot, n, v.Status())
		case isCatch(n) && isWaiting(v.Status()):
			seen[slot] = true
			if doc.waits[slot] == nil {
				f.await(doc, n, slot)
			}
		}
	}
	for slot, w := range doc.waits {
		if !seen[slot] {
			f.forget(doc, w)
		}
	}
	f.asked(t.Document, doc)
}

// isCatch reports whether visits of a node wait for a message or signal.
func isCatch(n *saga.Node) bool {
	if n.Trigger != saga.MessageTrigger && n.Trigger != saga.SignalTrigger {
		return false
	}
	return n.Kind == saga.Catch || n.Kind == saga.Boundary || n.Kind == saga.Start
}

func (f *Flows) drop(id events.DocumentID, doc *document) {
	for _, w := range doc.waits {
		f.forget(doc, w)
	}
	delete(f.documents, id)
	delete(f.asking, id)
}

func (f *Flows) forget(doc *document, w *wait) {
	delete(doc.waits, w.slot)
	delete(f.waits[w.name], w.slot)
	if len(f.waits[w.name]) == 0 {
		delete(f.waits, w.name)
	}
}

// await finds out what a visit waits for, and then looks whether that is there.
func (f *Flows) await(doc *document, n *saga.Node, slot events.Slot) {
	w := &wait{slot: slot, name: n.Event, signal: n.Trigger == saga.SignalTrigger, any: n.Key == nil}
	doc.waits[slot] = w
	if f.waits[w.name] == nil {
		f.waits[w.name] = make(map[events.Slot]*wait)
	}
	f.waits[w.name][slot] = w
	f.find("what a document waits for", slot.ID(), func(ctx context.Context) (func(), error) {
		p, err := f.read(ctx, slot.Document)
		if err != nil {
			return nil, err
		}
		i, n, ok := p.visit(slot)
		if !ok {
			return nil, nil
		}
		opened := p.history[p.opened[i]].At
		key, why := p.key(slot, i, n)
		if why != nil {
			return func() { f.unkeyed(slot, why) }, nil //nolint:nilerr // it becomes an incident
		}
		return func() {
			w.opened, w.key, w.ready = opened, key, true
			if doc.waits[slot] == w {
				f.listen(w)
			}
		}, nil
	})
}

// unkeyed makes an incident of a visit that waits for a message whose key cannot
// be evaluated.
func (f *Flows) unkeyed(slot events.Slot, why error) {
	f.conf.Logger.Warn("a document waits for a message whose key is not known", "slot", slot.ID(), "error", why)
	f.try("make an incident", slot.ID(), func(ctx context.Context) error {
		p, err := f.read(ctx, slot.Document)
		if err != nil {
			return err
		}
		i, n, ok := p.visit(slot)
		if !ok || !isWaiting(p.state.Visit(i).Status()) {
			return nil
		}
		e, err := p.outcome(slot, n, answer{
			result: events.Failed, failed: &events.Error{Code: saga.ReasonKey, Message: why.Error()},
			source: events.SourceCoordinator, worker: "flows",
		})
		if err != nil {
			return err
		}
		if _, err := f.log.Write(ctx, e); err != nil && !errors.Is(err, events.ErrTaken) {
			return fmt.Errorf("flows: %w", err)
		}
		return nil
	})
}

// called begins a call that is open, stops one that was cancelled, and undoes
// one that must be undone.
func (f *Flows) called(doc *document, slot events.Slot, n *saga.Node, s saga.Status) {
	if doc.calls[slot] == s {
		return
	}
	delete(doc.asks, slot)
	if s == saga.Open || s == saga.Undoing && n.Undo != nil && n.Undo.Child {
		if doc.asks == nil {
			doc.asks = make(map[events.Slot]uint64)
		}
		doc.asks[slot] = 0
	}
	switch s {
	case saga.Open:
		f.try("call", slot.ID(), func(ctx context.Context) error { return f.call(ctx, slot) })
	case saga.Stopped, saga.Late:
		f.try("cancel a call", slot.ID(), func(ctx context.Context) error { return f.cancel(ctx, slot) })
	case saga.Undoing:
		if n.Undo != nil && n.Undo.Child {
			f.try("undo a call", slot.ID(), func(ctx context.Context) error { return f.undo(ctx, slot) })
		}
	case saga.Joining, saga.Done, saga.Refused, saga.Broken, saga.Waiting, saga.UndoFailed, saga.Reverted, saga.Recalled,
		saga.Closed, saga.Watching, saga.Leaving, saga.Looping:
	}
	doc.calls[slot] = s
}
