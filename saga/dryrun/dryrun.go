package dryrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// MaxEvents is how many events a run may have; a definition that loops for
// ever is stopped there.
const MaxEvents = 1000

// maxCalls is how deep definitions may call each other.
const maxCalls = 8

// ErrTooLong reports a run of more than [MaxEvents] events.
var ErrTooLong = errors.New("dryrun: too many events; the definition may loop for ever")

// Options say what a run begins with. The zero Options is a good one.
type Options struct {
	Variables   json.RawMessage             // a JSON object: what is submitted
	Script      *Script                     // nil: messages come by themselves
	Definitions map[string]*saga.Definition // those that may be called, by name
	Start       time.Time                   // zero: 2026-01-01T00:00:00Z
}

// A Result is where a document came.
type Result struct {
	// State is completed, rejected, failed, cancelled, or if the document did
	// not end incident or waiting.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Trace has the ids of elements in order of completion.
	Trace []string `json:"trace"`
	// Undone has the ids of the steps that were undone, in that order.
	Undone []string `json:"undone,omitempty"`
	// Variables are the members of all outputs, a later one in place of an
	// earlier, and of what was submitted.
	Variables map[string]json.RawMessage `json:"variables"`
}

// Run runs a definition to its end, or until nothing can happen.
func Run(d *saga.Definition, opt Options) (Result, error) { return run(d, opt, 0) }

func run(d *saga.Definition, opt Options, depth int) (Result, error) {
	if opt.Start.IsZero() {
		opt.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	r := &runner{d: d, opt: opt, now: opt.Start, depth: depth, context: make(map[events.StepID]json.RawMessage)}
	r.result.Trace, r.result.Variables = []string{}, make(map[string]json.RawMessage)
	if opt.Script != nil {
		r.messages, r.signals = slices.Clone(opt.Script.Messages), slices.Clone(opt.Script.Signals)
	}
	variables := opt.Variables
	if len(variables) == 0 {
		variables = json.RawMessage("{}")
	}
	if err := json.Unmarshal(variables, &r.result.Variables); err != nil {
		return r.result, fmt.Errorf("dryrun: variables: want a JSON object: %w", err)
	}
	start, err := r.begins()
	if err == nil {
		err = r.put(events.DocumentSlot(d.Name, d.Version, document, events.Submitted), 0, events.Data{Output: variables, Start: start})
	}
	for err == nil && r.state.Phase() != saga.Ended {
		if len(r.history) > MaxEvents {
			r.end()
			return r.result, ErrTooLong
		}
		var moved bool
		if moved, err = r.step(); !moved {
			break
		}
	}
	r.end()
	return r.result, err
}

// ErrNoStart reports that a script names a start event that is not there.
var ErrNoStart = errors.New("dryrun: no such start event")

// begins returns the step of the start event that the script names.
func (r *runner) begins() (events.StepID, error) {
	if r.opt.Script == nil || r.opt.Script.Start == "" || r.depth > 0 {
		return "", nil
	}
	var names []string
	for _, i := range r.d.Starts() {
		n := &r.d.Nodes[i]
		if n.Drawn() == r.opt.Script.Start {
			return n.ID, nil
		}
		names = append(names, n.Drawn())
	}
	return "", fmt.Errorf("%w as %q; there are %q", ErrNoStart, r.opt.Script.Start, names)
}

const document events.DocumentID = "dry-run"

type runner struct {
	d        *saga.Definition
	opt      Options
	depth    int
	state    saga.State
	history  []events.Event
	now      time.Time
	context  map[events.StepID]json.RawMessage
	messages []Message
	signals  []Message
	result   Result
}

func (r *runner) end() {
	r.result.Reason = r.state.Reason
	switch r.state.Phase() {
	case saga.Ended:
		r.result.State = r.state.Verdict.String()
	case saga.Incident:
		r.result.State = "incident"
	case saga.Unknown, saga.Running, saga.Compensating:
		r.result.State = "waiting"
	}
}

// step makes one thing happen, and reports whether something could.
func (r *runner) step() (bool, error) {
	if moved, err := r.decided(); moved || err != nil {
		return moved, err
	}
	for i := range r.state.Visits() {
		if moved, err := r.play(i); moved || err != nil {
			return moved, err
		}
	}
	if at, ok := r.state.Deadline(); ok {
		if r.opt.Script == nil && r.repeats(at) {
			if moved, err := r.deliverAny(); moved || err != nil {
				return moved, err
			}
		}
		r.now = at
		return r.decided()
	}
	if r.opt.Script == nil {
		return r.deliverAny()
	}
	return false, nil
}

// repeats reports whether all that goes off then has gone off twice before,
// and so may do for ever.
func (r *runner) repeats(at time.Time) bool {
	for i := range r.state.Visits() {
		v := r.state.Visit(i)
		if due, ok := v.Deadline(); ok && due.Equal(at) && (v.Status() != saga.Watching || v.Item() < 3) {
			return false
		}
	}
	return true
}

// decided writes the first decision that is due.
func (r *runner) decided() (bool, error) {
	due := r.d.Decide(&r.state, r.now)
	if len(due) == 0 {
		return false, nil
	}
	result, data, err := r.d.Settle(due[0], r.history)
	if err != nil {
		return false, fmt.Errorf("dryrun: %s: %w", due[0].Step, err)
	}
	if err := r.put(due[0].Slot(r.d, document), result, data); err != nil {
		return false, err
	}
	if due[0].Kind == events.Outcome && result == events.Completed {
		r.thrown(due[0].Step)
	}
	return true, nil
}

// thrown passes on the message or signal that a step tells.
func (r *runner) thrown(step events.StepID) {
	i, _ := r.d.Node(step)
	n := &r.d.Nodes[i]
	if n.Kind != saga.Throw && n.Kind != saga.End {
		return
	}
	switch n.Trigger {
	case saga.MessageTrigger:
		r.messages = append(r.messages, Message{Name: n.Event})
	case saga.SignalTrigger:
		r.signals = append(r.signals, Message{Name: n.Event})
	case saga.NoTrigger, saga.TimerTrigger, saga.ErrorTrigger, saga.EscalationTrigger, saga.CompensationTrigger, saga.TerminateTrigger:
	}
}

// play does what somebody does about a visit.
func (r *runner) play(i int) (bool, error) {
	v := r.state.Visit(i)
	n := &r.d.Nodes[v.Node()]
	slot := events.Slot{
		Definition: r.d.Name, Version: r.d.Version, Document: document,
		Step: n.ID, Visit: v.Number(), Kind: events.Outcome, Again: 1,
	}
	open := v.Status() == saga.Open
	switch {
	case v.Status() == saga.Undoing:
		slot.Kind = events.Undone
		r.result.Undone = append(r.result.Undone, n.Drawn())
		return true, r.put(slot, events.Completed, events.Data{})
	case open && (n.Kind == saga.Service || n.Kind == saga.User):
		return r.work(n, slot, i)
	case open && n.Kind == saga.Call:
		return true, r.call(n, slot, i)
	case open, v.Status() == saga.Watching:
		return r.deliver(n, slot, i)
	}
	return false, nil
}

// scripted returns what the script says that a visit does.
func (r *runner) scripted(n *saga.Node, visit int) Play {
	if r.opt.Script == nil {
		return Play{}
	}
	plays := r.opt.Script.Steps[n.Drawn()]
	if len(plays) == 0 {
		return Play{}
	}
	return plays[min(visit, len(plays))-1]
}

func (r *runner) work(n *saga.Node, slot events.Slot, i int) (bool, error) {
	visit := slot.Visit
	if n.Loop != nil {
		visit = r.state.Visit(i).Item()
	}
	play := r.scripted(n, visit)
	switch {
	case play.Wait:
		return false, nil
	case play.Reject != "":
		return true, r.put(slot, events.Rejected, events.Data{Error: &events.Error{Code: play.Reject}})
	case play.Fail != "":
		return true, r.put(slot, events.Failed, events.Data{Error: &events.Error{Code: play.Fail}})
	}
	return true, r.complete(n, slot, i, play.Output)
}

// complete writes that a visit is done, with what its step keeps of an output.
func (r *runner) complete(n *saga.Node, slot events.Slot, i int, output json.RawMessage) error {
	context := r.contextOf(i)
	if len(n.Outputs) > 0 {
		raw, err := events.Data{Context: context, Output: output}.Marshal()
		if err != nil {
			return err
		}
		if output, err = saga.Map(n.Outputs, saga.Vars{Step: n.ID, Data: raw, Now: r.now}); err != nil {
			return r.put(slot, events.Failed, events.Data{Error: &events.Error{Code: saga.CodeExpression, Message: err.Error()}})
		}
	}
	return r.put(slot, events.Completed, events.Data{Context: context, Output: output})
}

// contextOf returns what is known when a visit is done.
func (r *runner) contextOf(i int) map[events.StepID]json.RawMessage {
	context := r.context
	raw, err := events.Data{Context: context}.Marshal()
	if err != nil {
		return context
	}
	for step, names := range r.d.Items(&r.state, i, saga.Vars{Data: raw, Now: r.now}) {
		context = events.With(context, step, names)
	}
	return context
}

// call runs a called definition.
func (r *runner) call(n *saga.Node, slot events.Slot, i int) error {
	name := n.Calls
	if n.CallsBy != nil {
		raw, err := events.Data{Context: r.contextOf(i)}.Marshal()
		if err == nil {
			raw, err = n.CallsBy.Eval(saga.Vars{Data: raw, Now: r.now})
		}
		if err != nil || json.Unmarshal(raw, &name) != nil {
			return r.put(slot, events.Failed, events.Data{Error: &events.Error{Code: saga.CodeExpression}})
		}
	}
	called := r.opt.Definitions[name]
	play := r.scripted(n, slot.Visit)
	if called == nil || r.depth >= maxCalls || play.Output != nil || play.Reject != "" || play.Fail != "" {
		_, err := r.work(n, slot, i)
		return err
	}
	variables, err := json.Marshal(r.result.Variables)
	if err != nil {
		return err
	}
	opt := r.opt
	opt.Variables, opt.Start = variables, r.now
	child, err := run(called, opt, r.depth+1)
	if err != nil {
		return err
	}
	switch child.State {
	case events.Rejected.String():
		return r.put(slot, events.Rejected, events.Data{Error: &events.Error{Code: child.Reason}})
	case events.Completed.String():
	default:
		return r.put(slot, events.Failed, events.Data{Error: &events.Error{Code: child.State}})
	}
	output, err := json.Marshal(child.Variables)
	if err != nil {
		return err
	}
	return r.complete(n, slot, i, output)
}

// put writes an event into the log of the run.
func (r *runner) put(slot events.Slot, result events.Result, data events.Data) error {
	if data.Context == nil && slot.Kind == events.Outcome {
		data.Context = r.context
	}
	raw, err := data.Marshal()
	if err != nil {
		return err
	}
	e := events.Event{
		Slot: slot, Result: result, Source: "/docsaga/dry-run", Time: r.now, At: r.now, Data: raw,
		Position: events.Position{Seq: uint64(len(r.history) + 1)},
	}
	r.history = append(r.history, e)
	if slot.Kind == events.Submitted || result == events.Completed && slot.Kind == events.Outcome {
		r.keep(slot.Step, data.Output)
	}
	var passed []int
	r.state, passed = r.d.Trace(r.state, &e)
	for _, n := range passed {
		r.result.Trace = append(r.result.Trace, r.d.Nodes[n].Drawn())
	}
	return nil
}

// keep adds an output to what is known.
func (r *runner) keep(step events.StepID, output json.RawMessage) {
	if len(output) == 0 {
		return
	}
	r.context = events.With(r.context, step, output)
	var members map[string]json.RawMessage
	if json.Unmarshal(output, &members) != nil {
		return
	}
	maps.Copy(r.result.Variables, members)
}
