package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/saga"
)

// lost deals with a slot that another attempt has written.
func (r *Runner) lost(ctx context.Context, j *job, standing *events.Event) error {
	if err := r.takeBack(ctx, j, standing); err != nil {
		return err
	}
	if j.folded || standing.Position.Seq >= j.cue.Position.Seq {
		return nil
	}
	// It was taken before its time, so the cue has opened the visit after it.
	jobs, err := r.jobs(ctx, j.definition, j.cue, true)
	if err != nil {
		return err
	}
	for i := range jobs {
		if other := &jobs[i]; other.node == j.node {
			other.of(j.delivery)
			other.attempt, other.handed, other.again = j.attempt, j.handed, j.again
			_, err := r.do(ctx, other)
			return err
		}
	}
	return nil
}

// takeBack undoes at once what this service may have done, if the slot holds
// no success, or one that is to be undone: the document went another way. It is
// tried as often as an undo may be; nobody waits for it, and if the document
// stops, the undo is commanded all the same.
func (r *Runner) takeBack(ctx context.Context, j *job, standing *events.Event) error {
	if j.node.Undo == nil || j.node.Undo.Service != r.service {
		return nil
	}
	if standing.Result == events.Completed {
		_, commanded, err := r.standing(ctx, j.slot.Of(events.Undo))
		if err != nil || !commanded {
			return err // an undo that comes later finds what was done
		}
	}
	visit, err := j.visit()
	if err != nil {
		return nil //nolint:nilerr // without an input nothing was done
	}
	if max(j.attempt, j.handed) > r.undoBound(j.node) {
		r.conf.Logger.Error("what came too late could not be undone; it is left as it is", "slot", j.slot.ID(), "result", standing.Result.String(), "attempts", j.attempt-1)
		return nil
	}
	if data, err := events.ParseData(standing.Data); err == nil && standing.Result == events.Completed {
		visit.Output = data.Output
	}
	ctx, span := r.conf.Tracer.Start(ctx, r.traced(j, tracing.Undo))
	if err := r.callUndo(ctx, j, visit); err != nil {
		span.End(tracing.Again, codeOf(err))
		return fmt.Errorf("runner: undo after %s was %s: %w", j.slot.ID(), standing.Result, err)
	}
	span.End(events.Completed.String(), "")
	return nil
}

// undoBound returns how often an undo may be begun; see [Runner.bound].
func (r *Runner) undoBound(n *saga.Node) int { return 2*r.retries(n) + r.conf.Crashes }

// undo does what an undo command asks for and writes what became of it.
func (r *Runner) undo(ctx context.Context, definition *saga.Definition, d *events.Delivery) error {
	e := &d.Event
	node, ok := definition.Node(e.Slot.Step)
	if !ok {
		return nil
	}
	slot := e.Slot
	slot.Kind = events.Undone
	if d.Attempt > 1 || d.Again {
		if _, taken, err := r.standing(ctx, slot); err != nil || taken {
			return err
		}
	}
	j := &job{definition: definition, node: &definition.Nodes[node], slot: slot, cue: e, delivery: d, attempt: d.Attempt, unread: d.Bad}
	ctx, j.span = r.conf.Tracer.Start(ctx, r.traced(j, tracing.Undo))
	result, answer := events.Completed, events.RawData{}
	switch most := 2 * r.retries(j.node); {
	case d.Attempt > r.undoBound(j.node):
		result, answer.Error = events.Failed, &events.Error{Code: CodePoison, Message: fmt.Sprintf("handed out %d times without an end", d.Attempt)}
	default:
		err := r.undoCommanded(ctx, j)
		if err != nil && (d.Attempt < most || ctx.Err() != nil) {
			j.span.End(tracing.Again, codeOf(err))
			return err
		}
		if err != nil {
			result, answer.Error = events.Failed, &events.Error{Code: CodeError, Message: err.Error()}
		}
	}
	result, raw, err := fit(result, &answer)
	if err != nil {
		j.span.End(tracing.Again, CodeError)
		return fmt.Errorf("runner: %s: %w", slot.ID(), err)
	}
	j.event = r.made(j, result, raw)
	_, err = r.log.Write(ctx, j.event)
	ended(j.span, &j.event, answer.Error, err)
	if err != nil && !errors.Is(err, events.ErrTaken) {
		return fmt.Errorf("runner: %w", err)
	}
	return nil
}

// undoCommanded calls the handler with what the command carries.
func (r *Runner) undoCommanded(ctx context.Context, j *job) error {
	data, err := events.ParseData(j.cue.Data)
	if err == nil {
		err = j.unread
	}
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	j.vars = saga.Vars{Data: j.cue.Data, Now: j.cue.At}
	if _, err := j.carry(data.Context); err != nil {
		return err
	}
	visit, err := j.visit()
	if err != nil {
		return err
	}
	visit.Output = data.Output
	return r.callUndo(ctx, j, visit)
}

func (r *Runner) callUndo(ctx context.Context, j *job, v Visit) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.conf.Timeout)
	defer cancel()
	r.begin(j, r.conf.Timeout)
	defer r.keeper.end(j.delivery)
	defer r.recovered(&err)
	return r.handler.Undo(ctx, v)
}
