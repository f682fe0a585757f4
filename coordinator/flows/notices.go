package flows

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A notice is a message or signal that may still be told. Its data is left in
// the log.
type notice struct {
	events.Notice
	claims int         // how many stand
	target events.Slot // of the last claim
	void   bool        // the last claim came too late
	busy   bool        // a job is about it
	since  time.Time   // when the last claim was seen
}

// doubt is how long a claim of another may be without its outcome until it is
// looked after.
const doubt = 2 * time.Second

func workerOf(notice string) string { return "notice-" + notice }

func sourceOf(notice string) string { return events.SourceNotices + notice }

// posted takes note of a notice or a claim.
func (f *Flows) posted(p *events.Posting, now time.Time) {
	if p.Claim > 0 {
		if n := f.byID[p.Notice.ID]; n != nil && !n.busy && p.Claim > n.claims {
			n.claims, n.target, n.void, n.since = p.Claim, p.Slot, false, now
		}
		return
	}
	if f.byID[p.Notice.ID] != nil || !now.Before(p.Notice.Expires()) {
		return
	}
	n := &notice{Notice: p.Notice}
	n.Data = nil
	f.byID[n.ID] = n
	f.kept[n.Name] = append(f.kept[n.Name], n)
	if !n.Signal {
		f.match(n)
		return
	}
	for _, w := range f.waits[n.Name] {
		f.signal(n, w)
	}
	for _, s := range f.starts {
		f.signalStart(n, s)
	}
}

func (f *Flows) remove(n *notice) {
	delete(f.byID, n.ID)
	f.kept[n.Name] = slices.DeleteFunc(f.kept[n.Name], func(other *notice) bool { return other == n })
	if len(f.kept[n.Name]) == 0 {
		delete(f.kept, n.Name)
	}
}

// look forgets what is too old, looks after claims whose outcome is not known,
// starts what is due, and asks after calls.
func (f *Flows) look(now time.Time) {
	f.ask(now)
	for _, s := range f.starts {
		f.due(s, now)
	}
	for _, n := range f.byID {
		switch {
		case n.busy:
		case n.claims > 0 && !n.void:
			if now.Sub(n.since) >= doubt {
				f.settle(n, n.claims, n.target, nil)
			}
		case !now.Before(n.Expires()):
			f.conf.Logger.Info("nobody waited for a message or signal", "notice", n.ID, "name", n.Name, "signal", n.Signal)
			f.remove(n)
		case !n.Signal:
			f.match(n)
		}
	}
}

// match looks for somebody to tell a message to: who waits for its key before
// who waits for any, the longest wait first; and else a definition that it
// starts.
func (f *Flows) match(n *notice) {
	if n.busy || n.claims > 0 && !n.void {
		return
	}
	var best *wait
	for _, w := range f.waits[n.Name] {
		if w.hears(n) && (best == nil || before(w, best)) {
			best = w
		}
	}
	if best != nil {
		best.busy = true
		f.settle(n, n.claims+1, best.slot, best)
		return
	}
	for _, s := range f.starts {
		if _, ok := startOf(s.definition, saga.MessageTrigger, n.Name); ok {
			f.settle(n, n.claims+1, s.slot(startedBy(n.ID, "")), nil)
			return
		}
	}
}

func (w *wait) hears(n *notice) bool {
	return w.ready && !w.busy && !w.signal && (w.any || w.key == n.Key)
}

func before(a, b *wait) bool {
	if a.any != b.any {
		return b.any
	}
	if !a.opened.Equal(b.opened) {
		return a.opened.Before(b.opened)
	}
	return a.slot.ID() < b.slot.ID()
}

// listen looks whether something is kept for a visit that waits.
func (f *Flows) listen(w *wait) {
	for _, n := range f.kept[w.name] {
		switch {
		case w.signal && n.Signal:
			f.signal(n, w)
		case !n.Signal && !n.busy && (n.claims == 0 || n.void) && w.hears(n):
			w.busy = true
			f.settle(n, n.claims+1, w.slot, w)
			return
		}
	}
}

// settle makes a claim, unless it stands, and does what the standing one says.
func (f *Flows) settle(n *notice, number int, slot events.Slot, w *wait) {
	n.busy = true
	meta := n.Notice
	f.do(func(ctx context.Context) func() {
		standing, err := f.notices.Claim(ctx, meta, number, slot)
		told := false
		if err == nil {
			told, err = f.tell(ctx, meta.ID, standing)
		}
		return func() {
			n.busy = false
			if w != nil && (err != nil || standing != slot) {
				w.busy = false
			}
			switch {
			case errors.Is(err, errExpired):
				f.remove(n)
			case err != nil && isFinal(err):
				f.conf.Logger.Error("message or signal is left aside", "notice", n.ID, "error", err)
				f.remove(n)
			case err != nil:
				if ctx.Err() == nil {
					f.conf.Logger.Warn("tell; it is tried again", "notice", n.ID, "slot", slot.ID(), "error", err)
				}
				n.since = f.conf.Now()
			case told:
				f.remove(n)
			default:
				n.claims, n.target, n.void = number, standing, true
				f.match(n)
			}
			if w != nil && !w.busy {
				f.listen(w)
			}
		}
	})
}

// errExpired reports a notice that is not kept any more.
var errExpired = errors.New("it has expired")

// tellIfKept is tell, which is nothing if the notice has expired.
func (f *Flows) tellIfKept(ctx context.Context, id string, slot events.Slot) error {
	if _, err := f.tell(ctx, id, slot); !errors.Is(err, errExpired) {
		return err
	}
	return nil
}

// tell writes into a slot what a notice says, and reports whether that is what
// stands there, and somebody waited for it.
func (f *Flows) tell(ctx context.Context, id string, slot events.Slot) (bool, error) {
	n, err := f.notices.Notice(ctx, id)
	if errors.Is(err, events.ErrNotFound) {
		return false, errExpired
	}
	if err != nil {
		return false, err
	}
	if slot.Kind == events.Submitted {
		return true, f.begin(ctx, &n, slot)
	}
	for {
		p, err := f.read(ctx, slot.Document)
		if err != nil {
			return false, err
		}
		if at, ok := p.at(slot); ok {
			return p.history[at].Worker == workerOf(id) && p.told(at), nil
		}
		i, node, ok := p.visit(slot)
		if !ok || !isWaiting(p.state.Visit(i).Status()) || n.Signal && !p.before(&n, i) {
			return false, nil
		}
		e, err := p.outcome(slot, node, answer{result: events.Completed, output: n.Data, source: sourceOf(id), worker: workerOf(id)})
		if err != nil {
			return false, err
		}
		if _, err := f.log.Write(ctx, e); err != nil && !errors.Is(err, events.ErrTaken) {
			return false, fmt.Errorf("flows: %w", err)
		}
	}
}

// before reports whether a visit was open when a signal was told. One that
// the signal itself has led to was not.
func (p *picture) before(n *events.Notice, visit int) bool {
	opened := p.opened[visit]
	for i := range opened + 1 {
		if p.history[i].Worker == workerOf(n.ID) {
			return false
		}
	}
	return !p.history[opened].At.After(n.At)
}

// signal tells a signal to a visit.
func (f *Flows) signal(n *notice, w *wait) {
	if !w.ready || !w.signal || w.opened.After(n.At) {
		return
	}
	id, slot := n.ID, w.slot
	f.try("tell a signal", slot.ID(), func(ctx context.Context) error { return f.tellIfKept(ctx, id, slot) })
}

// Tell tells others what a throw or end event tells. It is no notice twice: its
// id is that of the outcome.
func (f *Flows) Tell(ctx context.Context, d *saga.Definition, e *events.Event) error {
	node, _ := d.Node(e.Slot.Step)
	n := &d.Nodes[node]
	sum := sha256.Sum256([]byte(e.ID()))
	out := events.Notice{
		ID: "n-" + hex.EncodeToString(sum[:16]), Signal: n.Trigger == saga.SignalTrigger, Name: n.Event,
		Source: "/docsaga/documents/" + e.ID(), TTL: events.DefaultNoticeTTL,
	}
	vars := saga.Vars{Step: n.ID, Data: e.Data, Now: e.Time}
	var err error
	if n.Key != nil && !out.Signal {
		if out.Key, err = keyOf(n.Key, vars); err != nil {
			return &coordinator.TellError{Code: saga.ReasonKey, Err: err}
		}
	}
	if len(n.Inputs) > 0 {
		if out.Data, err = saga.Map(n.Inputs, vars); err != nil {
			return &coordinator.TellError{Code: saga.CodeExpression, Err: fmt.Errorf("flows: data of %s: %w", e.ID(), err)}
		}
	}
	if _, err := f.notices.Tell(ctx, out); err != nil && !errors.Is(err, events.ErrConflict) {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}
