package flows

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// askEvery is how often a document that calls, or was called, asks after the
// other. What is to be passed on between them is passed on at once by the
// coordinator that sees it; but that may end before it has, and its successor
// looks at open documents only.
const askEvery = 30 * time.Second

// asked takes note of what a document has to ask after: its calls that are open
// or being undone, and the call that it is of.
func (f *Flows) asked(id events.DocumentID, doc *document) {
	if len(doc.asks) > 0 {
		f.asking[id] = doc
	} else {
		delete(f.asking, id)
	}
}

// ask begins a round, if it is time and the last one is through.
func (f *Flows) ask(now time.Time) {
	switch {
	case len(f.asking) == 0 || len(f.toAsk) > 0:
	case f.askedAt.IsZero():
		f.askedAt = now
	case now.Sub(f.askedAt) >= askEvery:
		f.askedAt = now
		f.toAsk = slices.AppendSeq(f.toAsk, maps.Keys(f.asking))
	}
}

// A question is after one document, for the sake of another.
type question struct {
	document events.DocumentID // that asks
	slot     events.Slot       // of the call between the two
	tip      uint64            // the other's, when it was asked after last
	status   saga.Status       // of the call, if it is the document's own
	parent   string            // the source of the document's submission, if it was called
}

// other returns the document that is asked after.
func (q *question) other() events.DocumentID {
	if q.slot.Document == q.document {
		return coordinator.CalledBy(q.slot)
	}
	return q.slot.Document
}

// nextAsk returns the job of the next document that asks; nil if it has
// nothing to ask any more.
func (f *Flows) nextAsk() job {
	id := f.toAsk[0]
	f.toAsk = f.toAsk[1:]
	doc := f.asking[id]
	if doc == nil {
		return nil
	}
	list := make([]question, 0, len(doc.asks))
	for slot, tip := range doc.asks {
		list = append(list, question{document: id, slot: slot, tip: tip, status: doc.calls[slot], parent: doc.parent})
	}
	f.asks++
	return func(ctx context.Context) func() {
		for i := range list {
			q := &list[i]
			if err := f.answered(ctx, q); err != nil && ctx.Err() == nil {
				f.conf.Logger.Warn("ask after a call; it is asked again", "slot", q.slot.ID(), "document", id, "error", err)
			}
		}
		return func() {
			f.asks--
			for i := range list {
				doc.note(&list[i])
			}
		}
	}
}

// note keeps what the other's tip was, if that is still asked.
func (d *document) note(q *question) {
	if _, still := d.asks[q.slot]; still && d.calls[q.slot] == q.status {
		d.asks[q.slot] = q.tip
	}
}

// answered does again what follows from where the other document is, unless
// nothing has happened to it since. It may have been done; then it is nothing.
func (f *Flows) answered(ctx context.Context, q *question) error {
	tip, err := f.log.Tip(ctx, q.other())
	if err != nil || tip == q.tip && tip > 0 {
		return err
	}
	switch {
	case q.slot.Document != q.document:
		err = f.orphaned(ctx, q.document, q.parent)
	case q.status == saga.Undoing:
		err = f.undo(ctx, q.slot)
	default:
		err = f.call(ctx, q.slot)
	}
	if err == nil || isFinal(err) {
		q.tip = tip
	}
	return err
}
