package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// jobs returns the visits that an event asks this service to do. The event
// alone tells, unless a hop from it goes through a join or into a loop, or it
// is a command, which may have come too late, or the caller wants it: then the
// document's history up to it is folded.
func (r *Runner) jobs(ctx context.Context, d *saga.Definition, e *events.Event, fold bool) ([]job, error) {
	redo := e.Slot.Kind == events.Redo
	reach, cued := r.reach(d, e.Slot.Step)
	if !cued && !redo {
		return nil, nil
	}
	before := d.Before(e)
	base := job{definition: d, cue: e, vars: saga.Vars{Step: e.Slot.Step, Data: e.Data, Now: e.At}}
	if base.context, base.unread = e.Onward(); base.unread != nil {
		base.context = json.RawMessage("{}")
	}
	if fold || reach > saga.Direct || redo {
		base.folded = true
		history, err := r.history(ctx, e)
		if err != nil || history == nil {
			return nil, err
		}
		if before, err = base.replay(history); err != nil {
			return nil, err
		}
	}
	if redo {
		if err := base.command(); err != nil {
			return nil, err
		}
	}
	after := d.Fold(before, e)
	opened := saga.Opened(&before, &after)
	if redo && len(opened) == 0 {
		opened = d.Brought(&after, e.Slot)
	}
	return r.opened(base, &after, opened)
}

// opened returns the visits of this service among those that the cue has opened.
func (r *Runner) opened(base job, after *saga.State, opened []saga.Opening) ([]job, error) {
	jobs := make([]job, 0, len(opened))
	for _, o := range opened {
		if node := &base.definition.Nodes[o.Node]; node.Service == r.service {
			j := base
			j.node, j.slot = node, base.cue.Slot.Of(events.Outcome)
			j.slot.Step, j.slot.Visit = node.ID, o.Number
			if err := j.inLoop(after, o.Visit); err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// inLoop adds what the visit sees of the loops that it lies in.
func (j *job) inLoop(after *saga.State, visit int) error {
	items := j.definition.Items(after, visit, j.vars)
	if len(items) == 0 {
		return nil
	}
	merged := make(map[events.StepID]json.RawMessage)
	if err := json.Unmarshal(j.context, &merged); err != nil {
		return fmt.Errorf("runner: context of %s: %w", j.slot.ID(), err)
	}
	maps.Copy(merged, items)
	raw, err := j.carry(merged)
	if err != nil {
		return err
	}
	j.vars = saga.Vars{Data: raw, Names: j.vars.Names, Now: j.vars.Now}
	return nil
}

// reach returns what it takes to know which of this service's steps an outcome
// of the given step cues, or false if it cues none.
func (r *Runner) reach(d *saga.Definition, from events.StepID) (reach saga.Reach, cued bool) {
	for _, h := range d.Hops() {
		if h.From != from {
			continue
		}
		if n, ok := d.Node(h.To); ok && d.Nodes[n].Service == r.service {
			reach, cued = max(reach, h.Reach), true
		}
	}
	return reach, cued
}

// command makes what a redo carries the context, if it carries any: what the
// visit saw that is done anew.
func (j *job) command() error {
	data, err := events.ParseData(j.cue.Data)
	if err != nil {
		j.unread = err
	}
	if data.Context == nil {
		return nil
	}
	raw, err := j.carry(data.Context)
	if err != nil {
		return err
	}
	j.vars, j.unread = saga.Vars{Data: raw, Now: j.cue.At}, nil
	return nil
}

// carry makes what is merged the context, and returns it as data too.
func (j *job) carry(merged map[events.StepID]json.RawMessage) ([]byte, error) {
	if merged == nil {
		merged = make(map[events.StepID]json.RawMessage)
	}
	var err error
	if j.context, err = json.Marshal(merged); err != nil {
		return nil, fmt.Errorf("runner: context of %s: %w", j.cue.ID(), err)
	}
	return events.RawData{Context: j.context}.Marshal()
}

// replay folds what came before the cue. The context becomes what all
// completed steps put out until then: branches met.
func (j *job) replay(history []events.Event) (saga.State, error) {
	var before saga.State
	merged := make(map[events.StepID]json.RawMessage)
	history = events.Own(history, events.DefinitionRef{Name: j.definition.Name, Version: j.definition.Version})
	for i := range history {
		e := &history[i]
		if e.Position.Seq > j.cue.Position.Seq {
			break
		}
		if e.Result == events.Completed && e.Slot.Kind == events.Outcome || e.Slot.Kind == events.Submitted {
			data, err := events.ParseData(e.Data)
			if err != nil {
				j.unread = fmt.Errorf("%s: %w", e.ID(), err)
			}
			merged[e.Slot.Step] = data.Output
		}
		if e.Position.Seq < j.cue.Position.Seq {
			before = j.definition.Fold(before, e)
		}
	}
	raw, err := j.carry(merged)
	if err != nil {
		return before, err
	}
	j.vars = saga.Vars{Data: raw, Now: j.cue.At}
	return before, nil
}
