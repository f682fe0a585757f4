// Package tasks is what people do in a flow: its user tasks, and the undos
// that a person does. It lists those that are open, and writes what became of
// them into their slots, with [events.SourceOperator] as the source and who
// did it in the data.
//
// A task may name an assignee, or candidate users and groups; then only those
// may claim or complete it. Claiming keeps others from a task while somebody
// is at work on it. It is no event: it decides nothing, may be given back, and
// ends with the task. What a form gives must fit the task's JSON Schema, if it
// has one.
package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/writer"
	"github.com/docsaga/docsaga/saga"
)

var (
	// ErrNotAllowed reports that a task is for others.
	ErrNotAllowed = errors.New("the task is for others")
	// ErrBadForm reports that what a form gave does not fit the task. The
	// error says what is wrong, and where.
	ErrBadForm = errors.New("the form's data does not fit the task")
	// ErrNotOpen reports that a task does not wait for anybody.
	ErrNotOpen = errors.New("the task is not open")
)

// A Log is where what happened is read and what people did is written.
type Log interface {
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
	Write(ctx context.Context, e events.Event) (events.Event, error)
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// Claims say who is at work on which task.
type Claims interface {
	// Take claims a task; events.ErrTaken if another has it.
	Take(ctx context.Context, task, by string) (events.Holding, error)
	// Holder returns who has claimed a task, or events.ErrNotFound.
	Holder(ctx context.Context, task string) (events.Holding, error)
	// Release gives a task back; events.ErrTaken if another has it.
	Release(ctx context.Context, task, by string) error
}

// A Ref names a task: a visit of a step. The zero Visit is the only one that is
// open.
type Ref struct {
	Document events.DocumentID
	Step     events.StepID
	Visit    int
}

// A Task is something that waits for a person.
type Task struct {
	Document   events.DocumentID `json:"document"`
	Definition string            `json:"definition"`
	Version    int               `json:"version"`
	Step       events.StepID     `json:"step"`
	Visit      int               `json:"visit"`
	Name       string            `json:"name,omitempty"`
	Undo       bool              `json:"undo,omitempty"` // what was done must be undone
	Since      time.Time         `json:"since"`
	Assignee   string            `json:"assignee,omitempty"`
	Groups     []string          `json:"candidateGroups,omitempty"`
	Users      []string          `json:"candidateUsers,omitempty"`
	Due        *time.Time        `json:"due,omitempty"`
	Form       string            `json:"form,omitempty"`
	Schema     json.RawMessage   `json:"schema,omitempty"` // JSON Schema of what the form gives
	Input      json.RawMessage   `json:"input"`            // what the step takes
	Claim      *events.Holding   `json:"claim,omitempty"`
	Problem    string            `json:"problem,omitempty"` // why it cannot be said for whom it is; then nobody may
}

func (t *Task) key() string {
	return string(t.Document) + "." + string(t.Step) + "." + strconv.Itoa(t.Visit)
}

// An Actor is a person and the groups that the person is in.
type Actor struct {
	Name   string
	Groups []string
}

// May reports whether the task is for a person.
func (t *Task) May(who Actor) bool {
	switch {
	case t.Problem != "":
		return false
	case t.Assignee != "":
		return who.Name == t.Assignee
	case len(t.Users) == 0 && len(t.Groups) == 0:
		return true
	}
	return slices.Contains(t.Users, who.Name) || slices.ContainsFunc(who.Groups, func(g string) bool { return slices.Contains(t.Groups, g) })
}

// A Desk is where people find their tasks. Its methods may be called at once.
type Desk struct {
	log         Log
	definitions Definitions
	claims      Claims
	worker      string
}

// New returns a desk.
func New(log Log, definitions Definitions, claims Claims) *Desk {
	return &Desk{log: log, definitions: definitions, claims: claims, worker: writer.New()}
}

// Open returns the tasks of a document that wait for a person, in order of
// opening. The error wraps [events.ErrNotFound] if nobody knows the document.
func (d *Desk) Open(ctx context.Context, document events.DocumentID) ([]Task, error) {
	p, err := d.look(ctx, document)
	if err != nil {
		return nil, err
	}
	tasks := []Task{}
	for i := range p.state.Visits() {
		if !p.waits(i) {
			continue
		}
		t, err := p.task(i)
		if err != nil {
			return nil, err
		}
		h, err := d.claims.Holder(ctx, t.key())
		if err == nil {
			t.Claim = &h
		} else if !errors.Is(err, events.ErrNotFound) {
			return nil, fmt.Errorf("tasks: %w", err)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// one returns the task that is meant.
func (d *Desk) one(ctx context.Context, ref Ref, who Actor) (Task, error) {
	if who.Name == "" {
		return Task{}, fmt.Errorf("tasks: who does it must be said: %w", ErrNotAllowed)
	}
	open, err := d.Open(ctx, ref.Document)
	if err != nil {
		return Task{}, err
	}
	var found []Task
	for _, t := range open {
		if t.Step == ref.Step && (ref.Visit == 0 || t.Visit == ref.Visit) {
			found = append(found, t)
		}
	}
	switch {
	case len(found) == 0:
		return Task{}, fmt.Errorf("tasks: %s of %s: %w", ref.Step, ref.Document, ErrNotOpen)
	case len(found) > 1:
		return Task{}, fmt.Errorf("tasks: %s of %s: %d visits are open; say which: %w", ref.Step, ref.Document, len(found), ErrNotOpen)
	case !found[0].May(who):
		return found[0], fmt.Errorf("tasks: %s of %s: %s may not: %w", ref.Step, ref.Document, who.Name, ErrNotAllowed)
	}
	return found[0], nil
}

// Claim gives a task to a person, or confirms that it is the person's. If
// another has it, the error wraps [events.ErrTaken].
func (d *Desk) Claim(ctx context.Context, ref Ref, who Actor) (Task, error) {
	t, err := d.one(ctx, ref, who)
	if err != nil {
		return t, err
	}
	h, err := d.claims.Take(ctx, t.key(), who.Name)
	if err != nil {
		return t, fmt.Errorf("tasks: %w", err)
	}
	t.Claim = &h
	return t, nil
}

// Release gives a claimed task back.
func (d *Desk) Release(ctx context.Context, ref Ref, who Actor) error {
	t, err := d.one(ctx, ref, who)
	if err != nil {
		return err
	}
	if err := d.claims.Release(ctx, t.key(), who.Name); err != nil {
		return fmt.Errorf("tasks: %w", err)
	}
	return nil
}

// A Form is what a person gives when a task is done.
type Form struct {
	Output json.RawMessage // JSON; nil is no data
	Reject string          // the code of a business no, or empty
	Reason string          // why, for the log
}

// Complete writes what became of a task. The error wraps [events.ErrTaken] if
// another has claimed it or decided it first, [ErrBadForm] if the data does not
// fit, and [ErrNotAllowed] or [ErrNotOpen].
func (d *Desk) Complete(ctx context.Context, ref Ref, who Actor, form Form) (events.Event, error) {
	t, err := d.one(ctx, ref, who)
	if err != nil {
		return events.Event{}, err
	}
	if t.Claim != nil && t.Claim.By != who.Name {
		return events.Event{}, fmt.Errorf("tasks: %s: %s has claimed it: %w", t.key(), t.Claim.By, events.ErrTaken)
	}
	if form.Reject == "" && !t.Undo {
		if err := fits(&t, form.Output); err != nil {
			return events.Event{}, err
		}
	}
	p, err := d.look(ctx, ref.Document)
	if err != nil {
		return events.Event{}, err
	}
	e, err := p.done(&t, who, form)
	if err != nil {
		return e, err
	}
	e.Worker = d.worker
	standing, err := d.log.Write(ctx, e)
	if err != nil {
		return standing, fmt.Errorf("tasks: complete %s: %w", t.key(), err)
	}
	// A claim that is left over is of a visit that nobody can open again.
	_ = d.claims.Release(ctx, t.key(), who.Name)
	return standing, nil
}
