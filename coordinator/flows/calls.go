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

// CodeCall is the code of a call's outcome when what it calls cannot be called,
// or has not ended well.
const CodeCall = "call"

// maxDepth is how deep documents may call each other.
const maxDepth = 16

// Caller returns the document that called another, by the source of the latter's
// submission, or false if none did.
func Caller(document events.DocumentID, source string) (events.DocumentID, bool) {
	slot, _, err := coordinator.ParseCall(document, source)
	return slot.Document, err == nil
}

// call submits the document of a call, and looks whether it has ended.
func (f *Flows) call(ctx context.Context, slot events.Slot) error {
	p, err := f.read(ctx, slot.Document)
	if err != nil {
		return err
	}
	i, n, ok := p.visit(slot)
	if !ok || p.state.Visit(i).Status() != saga.Open {
		return nil
	}
	e, err := f.submission(ctx, p, slot, i, n)
	if err != nil {
		if ctx.Err() != nil || !errors.Is(err, errCannotCall) {
			return err
		}
		return f.answer(ctx, p, slot, n, answer{result: events.Failed, failed: &events.Error{Code: CodeCall, Message: err.Error()}})
	}
	standing, err := f.log.Write(ctx, e)
	switch {
	case errors.Is(err, events.ErrTaken) && standing.Source == e.Source:
	case errors.Is(err, events.ErrTaken):
		message := fmt.Sprintf("document %s is there already, submitted by %s", e.Slot.Document, standing.Source)
		return f.answer(ctx, p, slot, n, answer{result: events.Failed, failed: &events.Error{Code: CodeCall, Message: message}})
	case err != nil:
		return fmt.Errorf("flows: %w", err)
	}
	// It may have been stopped meanwhile, or have ended while nobody looked.
	if err := f.orphaned(ctx, e.Slot.Document, e.Source); err != nil {
		return err
	}
	return f.returned(ctx, e.Slot.Document, e.Source)
}

// errCannotCall reports a call that fails whenever it is tried.
var errCannotCall = errors.New("it cannot be called")

// submission makes the submission of a call's document. What the step takes
// is what is submitted; if it says nothing, all variables.
func (f *Flows) submission(ctx context.Context, p *picture, slot events.Slot, visit int, n *saga.Node) (events.Event, error) {
	bad := func(err error) (events.Event, error) {
		return events.Event{}, fmt.Errorf("flows: %w: %w", err, errCannotCall)
	}
	depth := 1
	if _, above, err := coordinator.ParseCall(p.document, p.history[0].Source); err == nil {
		depth = above + 1
	}
	if depth > maxDepth {
		return bad(fmt.Errorf("documents call each other more than %d deep", maxDepth))
	}
	vars, err := p.vars(slot, visit)
	if err != nil {
		return bad(err)
	}
	name := n.Calls
	if n.CallsBy != nil {
		if name, _, err = text(n.CallsBy, vars); err != nil {
			return bad(err)
		}
	}
	d, err := f.definitions.Latest(ctx, name)
	if errors.Is(err, events.ErrNotFound) || errors.Is(err, saga.ErrBadDefinition) {
		return bad(err)
	}
	if err != nil {
		return events.Event{}, fmt.Errorf("flows: %w", err)
	}
	data := events.Data{}
	if data.Output, err = p.variables(); len(n.Inputs) > 0 {
		data.Output, err = saga.Map(n.Inputs, vars)
	}
	if err != nil {
		return bad(err)
	}
	e := events.Event{
		Slot:   events.DocumentSlot(d.Name, d.Version, coordinator.CalledBy(slot), events.Submitted),
		Source: coordinator.CallSource(slot, depth), Worker: string(coordinator.CalledBy(slot)), Time: time.Now().UTC().Truncate(time.Millisecond),
		Trace: p.history[p.opened[visit]].Trace,
	}
	if e.Data, err = data.Marshal(); err != nil {
		return bad(err)
	}
	return e, nil
}

// answer writes the outcome of a call.
func (f *Flows) answer(ctx context.Context, p *picture, slot events.Slot, n *saga.Node, a answer) error {
	a.source, a.worker = events.SourceCoordinator, string(coordinator.CalledBy(slot))
	e, err := p.outcome(slot, n, a)
	if err != nil {
		return err
	}
	if _, err := f.log.Write(ctx, e); err != nil && !errors.Is(err, events.ErrTaken) {
		return fmt.Errorf("flows: %w", err)
	}
	return nil
}

// returned makes what a called document came to the outcome of its call, or
// of its undo. The source of a submission may say what is not so: one that no
// call of another has made ends by itself.
func (f *Flows) returned(ctx context.Context, child events.DocumentID, source string) error {
	slot, _, err := coordinator.ParseCall(child, source)
	if err != nil {
		return err
	}
	c, err := f.read(ctx, child)
	if err != nil {
		return err
	}
	done, ended := isDone(c.definition, &c.state), c.state.Phase() == saga.Ended
	if !done && !ended {
		return nil
	}
	p, err := f.caller(ctx, slot)
	if err != nil {
		return err
	}
	if p == nil {
		if done {
			return f.end(ctx, c)
		}
		return nil
	}
	i, n, ok := p.visit(slot)
	switch {
	case p.state.Phase() == saga.Ended && done:
		return f.end(ctx, c)
	case !ok || n.Kind != saga.Call:
		return nil
	case p.state.Visit(i).Status() == saga.Undoing && ended:
		return f.undone(ctx, p, slot, c)
	case p.state.Visit(i).Status() != saga.Open:
		return nil
	}
	return f.result(ctx, p, slot, c)
}

// caller reads the document that a slot's visit belongs to; nil if it was never
// submitted, or if the slot is not that of a call.
func (f *Flows) caller(ctx context.Context, slot events.Slot) (*picture, error) {
	tip, err := f.log.Tip(ctx, slot.Document)
	if err != nil {
		return nil, fmt.Errorf("flows: %w", err)
	}
	if tip == 0 {
		return nil, nil
	}
	p, err := f.read(ctx, slot.Document)
	if err != nil || !p.state.Submitted() {
		return nil, err
	}
	// In the version of the slot: it may since have been migrated.
	d := p.versions[slot.Version]
	if d == nil || d.Name != slot.Definition {
		return nil, nil
	}
	if node, ok := d.Node(slot.Step); !ok || d.Nodes[node].Kind != saga.Call {
		return nil, nil
	}
	return p, nil
}

// result writes the outcome of a call whose document is done, or has ended.
func (f *Flows) result(ctx context.Context, p *picture, slot events.Slot, c *picture) (err error) {
	_, n, _ := p.visit(slot)
	a := answer{result: events.Completed}
	if c.state.Phase() == saga.Ended {
		a.result = c.state.Verdict
	}
	switch a.result {
	case events.Completed:
		if a.output, err = c.variables(); err != nil {
			return err
		}
	case events.Rejected:
		a.failed = &events.Error{Code: c.state.Reason, Message: fmt.Sprintf("%s was rejected at %s", c.document, c.state.StopStep)}
	case events.Failed, events.TimedOut, events.Cancelled:
		a.result = events.Failed
		a.failed = &events.Error{Code: CodeCall, Message: fmt.Sprintf("%s ended %s: %s", c.document, c.state.Verdict, c.state.Reason)}
	}
	return f.answer(ctx, p, slot, n, a)
}

// isDone reports whether a document has done its work and only has to end.
func isDone(d *saga.Definition, s *saga.State) bool {
	due := d.Decide(s, time.Time{})
	return len(due) == 1 && coordinator.IsDone(&due[0])
}
