package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/saga"
)

// Codes of outcomes that the runner itself writes.
const (
	CodeError  = "error"  // the handler failed in every attempt
	CodePoison = "poison" // the delivery was handed out again and again without an end
	CodeInput  = "input"  // the step's input cannot be made from what came before
	CodeOutput = "output" // the output is no JSON, or too large
)

const maxPause = time.Minute

// pause returns how long to wait after an attempt: exponential, with jitter.
func (r *Runner) pause(attempt int) time.Duration {
	pause := r.conf.Backoff << min(attempt-1, 20)
	if pause <= 0 || pause > maxPause {
		pause = maxPause
	}
	return pause/2 + rand.N(pause/2+1)
}

// A job is one visit that the service was asked to do.
type job struct {
	definition *saga.Definition
	node       *saga.Node
	slot       events.Slot // of the outcome
	cue        *events.Event
	vars       saga.Vars       // what the step's inputs are taken from
	context    json.RawMessage // an object: the outputs of the steps before, by step
	unread     error           // why the context cannot be read from what came before
	delivery   *events.Delivery
	attempt    int           // at this visit, from 1
	handed     int           // how often it may have been begun and come to no end
	again      bool          // see [events.Delivery]
	folded     bool          // the history says which visit it is
	alone      bool          // its delivery asks for nothing else
	event      events.Event  // what became of it
	reason     *events.Error // of that
	span       tracing.Span
}

// errSent says that an event is on its way, and that its delivery is answered
// when it stands.
var errSent = errors.New("sent")

// handle does what a delivery asks for. After an error it must come again,
// unless that is errSent.
func (r *Runner) handle(ctx context.Context, d *events.Delivery) error {
	e, ok := d.Fact()
	if d.Bad != nil {
		r.conf.Logger.Error("cue is no event", "event", d.Event.ID(), "error", d.Bad)
	}
	if !ok {
		return nil
	}
	definition, err := r.definition(ctx, e)
	if err != nil {
		return err
	}
	switch {
	case e.Slot.Kind == events.Forgotten:
		return r.forget(ctx, e.Slot.Document)
	case d.Erased():
		return r.forget(ctx, e.Slot.Document) // it had ended before; an attempt that was cut off may have left something
	case d.Bad == nil && events.IsSealed(e.Data):
		return fmt.Errorf("runner: %s is sealed, and its key cannot be had", e.ID())
	case e.Slot.Kind == events.Undo:
		return r.undo(ctx, definition, d)
	}
	jobs, err := r.jobs(ctx, definition, e, false)
	if err != nil {
		return err
	}
	return r.doAll(ctx, jobs, d)
}

// doAll does the visits that a delivery asks for, one after another. Attempts
// at the first are what the log counts: how often it has handed the cue out.
// Each further one has a count of its own, and is tried again in place, for it
// is none of its failures that the cue was handed out for another; how often it
// was begun, and came to no end, is told by the cue's deliveries that found it
// open and all before it decided, less those that the first may have used up.
func (r *Runner) doAll(ctx context.Context, jobs []job, d *events.Delivery) error {
	known := false // that nobody has begun the next job
	for i := range jobs {
		j := &jobs[i]
		j.of(d)
		j.alone = len(jobs) == 1
		if i > 0 {
			j.attempt, j.again = 1, d.Again || d.Attempt > 1
			j.handed = d.Attempt - r.bound(jobs[0].node)
			if known {
				j.handed = 0
			}
		}
		found, err := r.do(ctx, j)
		for i > 0 && err != nil && r.keeper.holds(d) && r.rest(ctx, r.pause(j.attempt)) {
			j.attempt, j.again = j.attempt+1, true
			r.conf.Logger.Warn("visit is tried again", "slot", j.slot.ID(), "attempt", j.attempt, "error", err)
			found, err = r.do(ctx, j)
		}
		if err != nil {
			return err
		}
		known = !found
	}
	return nil
}

// of notes what the delivery of the job's cue says.
func (j *job) of(d *events.Delivery) {
	j.delivery, j.attempt, j.handed, j.again = d, d.Attempt, d.Attempt, d.Again
	if d.Bad != nil { // what it opened is open for all readers, so it must be decided
		j.unread = d.Bad
	}
}

// forget lets the handler erase what it keeps of a document.
func (r *Runner) forget(ctx context.Context, document events.DocumentID) (err error) {
	f, ok := r.handler.(Forgetter)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.conf.Timeout)
	defer cancel()
	defer r.recovered(&err)
	return f.Forget(ctx, document)
}

// ended reports whether the document of a slot has ended. What a visit has come
// to may not be in the log any more then, for the document was archived.
func (r *Runner) ended(ctx context.Context, s events.Slot) (bool, error) {
	_, ended, err := r.standing(ctx, events.DocumentSlot(s.Definition, s.Version, s.Document, events.Ended))
	return ended, err
}

// do does one visit and writes what became of it. It reports whether it found
// it done.
func (r *Runner) do(ctx context.Context, j *job) (found bool, err error) {
	if j.attempt > 1 || j.again {
		if standing, taken, err := r.standing(ctx, j.slot); err != nil {
			return false, err
		} else if taken {
			return true, r.lost(ctx, j, &standing)
		}
		if over, err := r.ended(ctx, j.slot); over || err != nil {
			return true, err
		}
	}
	ctx, j.span = r.conf.Tracer.Start(ctx, r.traced(j, tracing.Do))
	result, data, err := r.attempt(ctx, j)
	if err == nil {
		return false, r.write(ctx, j, result, data)
	}
	j.span.End(tracing.Again, codeOf(err))
	return false, err
}

// traced returns what a span of work on a job is about.
func (r *Runner) traced(j *job, operation tracing.Operation) tracing.Work {
	return tracing.Work{Operation: operation, Event: j.cue, Slot: j.slot, Service: r.service, Attempt: j.attempt}
}

// attempt does a visit once. After an error it is to be tried again.
func (r *Runner) attempt(ctx context.Context, j *job) (events.Result, events.RawData, error) {
	data := events.RawData{Context: j.context}
	result := events.Completed
	visit, err := j.visit()
	switch {
	case err != nil:
		result, data.Error = events.Failed, &events.Error{Code: CodeInput, Message: err.Error()}
	case max(j.attempt, j.handed) > r.bound(j.node):
		result, data.Error = events.Failed, &events.Error{Code: CodePoison, Message: fmt.Sprintf("handed out %d times without an end", j.delivery.Attempt)}
	default:
		data.Output, err = r.call(ctx, j, visit)
		if err == nil {
			data.Output, err = j.mapped(data.Output)
		}
		if rejection, ok := AsRejection(err); ok {
			result, data.Error = events.Rejected, &events.Error{Code: rejection.Code, Message: rejection.Message}
			if data.Output, err = marshal(rejection.Output); err != nil {
				return result, data, err
			}
		} else if err != nil {
			if j.attempt < r.retries(j.node) || ctx.Err() != nil {
				return result, data, err
			}
			result, data.Error = events.Failed, &events.Error{Code: codeOf(err), Message: err.Error()}
		}
	}
	return result, data, nil
}

func (r *Runner) retries(n *saga.Node) int { return orDefault(n.Retries, r.conf.Retries) }

// bound returns how often a visit may be begun. The log counts how often its
// cue was handed out, and that counts: after a handler's error, after a worker
// has died, when a handler does not return, and when a process stops that holds
// it. What a handler is not called for, for the log or the definitions cannot
// be read, does not; see [Runner.before].
func (r *Runner) bound(n *saga.Node) int { return r.retries(n) + r.conf.Crashes }

func (r *Runner) write(ctx context.Context, j *job, result events.Result, data events.RawData) error {
	result, raw, err := fit(result, &data)
	if err != nil {
		j.span.End(tracing.Again, CodeError)
		return fmt.Errorf("runner: %s: %w", j.slot.ID(), err)
	}
	j.event, j.reason = r.made(j, result, raw), data.Error
	if !j.alone || r.sender == nil {
		return r.put(ctx, j)
	}
	r.working.Add(1)
	if !r.sender.Send(ctx, j.event, func(stands bool) { r.sent(ctx, j, stands) }) {
		r.working.Done()
		return r.put(ctx, j)
	}
	return errSent
}

// sent deals with what became of a job's event that was sent.
func (r *Runner) sent(ctx context.Context, j *job, stands bool) {
	defer r.working.Done()
	if !stands {
		r.working.Go(func() { r.finish(j.delivery, r.put(ctx, j)) })
		return
	}
	ended(j.span, &j.event, j.reason, nil)
	r.finish(j.delivery, nil)
}

// put writes a job's event.
func (r *Runner) put(ctx context.Context, j *job) error {
	standing, err := r.log.Write(ctx, j.event)
	ended(j.span, &j.event, j.reason, err)
	if errors.Is(err, events.ErrTaken) {
		return r.lost(ctx, j, &standing)
	}
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	return nil
}

// ended ends a span with what was to be written, and how that went.
func ended(span tracing.Span, e *events.Event, why *events.Error, written error) {
	switch {
	case errors.Is(written, events.ErrTaken):
		span.End(tracing.Lost, "")
	case written != nil:
		span.End(tracing.Again, CodeError)
	case why != nil:
		span.End(e.Result.String(), why.Code)
	default:
		span.End(e.Result.String(), "")
	}
}

// maxMessage is how long the message of a failure may be when its event is too
// large otherwise, in bytes.
const maxMessage = 4 << 10

// fit returns the event's payload. What no event can hold fails the visit; the
// failure must be written in any case, without the context if that alone takes
// too much: branches that meet may bring more than any of them was allowed.
func fit(result events.Result, data *events.RawData) (events.Result, []byte, error) {
	raw, err := data.Marshal()
	if err == nil && len(raw) <= events.MaxData && (len(data.Output) == 0 || json.Valid(data.Output)) {
		return result, raw, nil
	}
	data.Output = nil
	if data.Error == nil {
		result, data.Error = events.Failed, &events.Error{Code: CodeOutput, Message: fmt.Sprintf(
			"output and context take %d bytes, at most %d; put what is big into the file store", len(raw), events.MaxData)}
	}
	if raw, err = data.Marshal(); err != nil || len(raw) <= events.MaxData {
		return result, raw, err
	}
	data.Context = nil
	data.Error = &events.Error{Code: data.Error.Code, Message: data.Error.Message[:min(len(data.Error.Message), maxMessage)]}
	raw, err = data.Marshal()
	return result, raw, err
}

// made returns the event of what became of a job.
func (r *Runner) made(j *job, result events.Result, data []byte) events.Event {
	return events.Event{
		Slot: j.slot, Result: result, Source: r.source, Time: time.Now().UTC().Truncate(time.Millisecond),
		Cause: j.cue.ID(), Worker: r.nonce(), Trace: j.span.Traceparent(j.cue.Trace), Data: data,
	}
}

// nonce tells one attempt's event from that of another, by the same runner
// too: one that finds its like in the slot has not written it, and what it did
// may have come after that was undone.
func (r *Runner) nonce() string {
	var room [64]byte
	return string(strconv.AppendUint(append(append(room[:0], r.worker...), '-'), r.attempts.Add(1), 36))
}

// visit returns what the handler is given.
func (j *job) visit() (Visit, error) {
	v := Visit{
		Document: j.slot.Document, Definition: j.slot.Definition, Version: j.slot.Version,
		Step: j.slot.Step, Number: j.slot.Visit, Attempt: j.attempt,
	}
	err := j.unread
	if err != nil {
		return v, fmt.Errorf("runner: input of %s: %w", j.slot.Step, err)
	}
	if len(j.node.Inputs) > 0 {
		v.Input, err = saga.Map(j.node.Inputs, j.vars)
	} else {
		v.Input = bytes.Clone(j.context) // the handler may do with it as it likes
	}
	if err != nil {
		return v, fmt.Errorf("runner: input of %s: %w", j.slot.Step, err)
	}
	return v, nil
}

// call runs the handler's Do under its deadline; a panic is an error.
func (r *Runner) call(ctx context.Context, j *job, v Visit) (output json.RawMessage, err error) {
	timeout := r.conf.Timeout
	if t := j.node.Timeout; t > 0 {
		timeout = min(timeout, t)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r.begin(j, timeout)
	defer r.keeper.end(j.delivery)
	defer r.recovered(&err)
	if len(r.conf.Middleware) > 0 {
		return r.callWrapped(ctx, j, v)
	}
	out, err := r.handler.Do(ctx, v)
	if err != nil {
		return nil, err
	}
	return marshal(out)
}

// begin notes that a handler is at work on a job.
func (r *Runner) begin(j *job, timeout time.Duration) {
	r.keeper.begin(j.delivery, call{slot: &j.slot, until: time.Now().Add(timeout + r.conf.Drain)})
}

// mapped returns what the step puts out: what its handler returned or, if the
// definition says so, what is made of that.
func (j *job) mapped(output json.RawMessage) (json.RawMessage, error) {
	if len(j.node.Outputs) == 0 {
		return output, nil
	}
	raw, err := events.RawData{Output: output, Context: j.context}.Marshal()
	if err != nil {
		return nil, fmt.Errorf("runner: output of %s: %w", j.slot.Step, err)
	}
	return saga.Map(j.node.Outputs, saga.Vars{Step: j.slot.Step, Data: raw, Now: j.cue.At})
}

func (r *Runner) recovered(err *error) {
	if p := recover(); p != nil {
		r.conf.Logger.Error("handler panicked", "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("runner: handler panicked: %v", p)
	}
}

func marshal(out any) (json.RawMessage, error) {
	switch out := out.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return out, nil
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("runner: output: %w", err)
	}
	return raw, nil
}
