package verbs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/writer"
	"github.com/docsaga/docsaga/saga"
)

// A Verb is what an operator can ask for.
type Verb string

// The verbs.
const (
	Cancel     Verb = "cancel"
	Retry      Verb = "retry"
	Resolve    Verb = "resolve"
	Compensate Verb = "compensate"
)

var (
	// ErrUnfit reports that a verb does not fit where the document is. The
	// error says where that is, and which verb would fit.
	ErrUnfit = errors.New("does not fit the document's state")
	// ErrBadCommand reports a command that is wrong whatever the document.
	ErrBadCommand = errors.New("not a command")
)

// A Command is a verb with all that it needs.
type Command struct {
	Verb Verb
	By   events.By // who asks, and why; both are needed
	// Step is the step whose incident is meant, for retry and resolve. It may
	// be empty if the document has only one.
	Step events.StepID

	// What follows is for the resolving of a failed step.

	Result events.Result   // Completed, which is the default, or Rejected
	Output json.RawMessage // what the step would have put out, or nil
	Error  *events.Error   // why it is rejected; needed then
}

// Check returns nil, or an error that wraps [ErrBadCommand].
func (c *Command) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("verbs: %s: %s: %w", c.Verb, fmt.Sprintf(format, args...), ErrBadCommand)
	}
	switch c.Verb {
	case Cancel, Compensate:
		if c.Step != "" {
			return bad("it is about the document, not about step %s", c.Step)
		}
	case Retry, Resolve:
		if c.Step != "" && events.CheckID(c.Step) != nil {
			return bad("step %.80q", string(c.Step))
		}
	default:
		return bad("want %s, %s, %s or %s", Cancel, Retry, Resolve, Compensate)
	}
	switch {
	case c.By.Actor == "" || c.By.Reason == "":
		return bad("who asks for it and why must be said")
	case c.Verb != Resolve && (c.Result != 0 || c.Output != nil || c.Error != nil):
		return bad("only a resolve has an outcome")
	case c.Result != 0 && c.Result != events.Completed && c.Result != events.Rejected:
		return bad("a step can be resolved as completed or rejected, not %s", c.Result)
	case c.Result == events.Rejected && (c.Error == nil || c.Error.Code == ""):
		return bad("a rejection needs a code")
	case c.Result != events.Rejected && c.Error != nil:
		return bad("only a rejection has a code")
	case c.Output != nil && !json.Valid(c.Output):
		return bad("the output is not JSON")
	}
	return nil
}

// A Log is where an operator reads what happened and writes what is asked.
type Log interface {
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
	Write(ctx context.Context, e events.Event) (events.Event, error)
	// Tip returns the sequence of the last message about a document.
	Tip(ctx context.Context, document events.DocumentID) (uint64, error)
	// WriteTogether writes all of the events or none, which it does if the tip of
	// their document is another.
	WriteTogether(ctx context.Context, tip uint64, list []events.Event) error
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// An Operator does what people ask. Its methods may be called at once.
type Operator struct {
	log         Log
	definitions Definitions
	worker      string
}

// New returns an operator on a log.
func New(log Log, definitions Definitions) *Operator {
	return &Operator{log: log, definitions: definitions, worker: writer.New()}
}

// Done says what stands for a command in the log.
type Done struct {
	Document events.DocumentID
	Event    events.Event // its Position is zero if it was only planned
	// Already says that the event stood before, written for the same verb.
	Already bool
}

// Plan returns the event that Do would write, without writing it, and fails
// as Do would.
func (o *Operator) Plan(ctx context.Context, document events.DocumentID, c Command) (Done, error) {
	if err := c.Check(); err != nil {
		return Done{Document: document}, err
	}
	p, err := o.look(ctx, document)
	if err != nil {
		return Done{Document: document}, err
	}
	return p.plan(&c)
}

// Do writes the command's event. It fails with an error that wraps
// [ErrUnfit], or [events.ErrNotFound] if nobody knows the document. The same
// command again returns what stands, as Already.
func (o *Operator) Do(ctx context.Context, document events.DocumentID, c Command) (Done, error) {
	done, err := o.Plan(ctx, document, c)
	if err != nil || done.Already {
		return done, err
	}
	done.Event.Worker, done.Event.Time = o.worker, time.Now().UTC().Truncate(time.Millisecond)
	standing, err := o.log.Write(ctx, done.Event)
	switch {
	case err == nil:
		done.Event = standing
		return done, nil
	case errors.Is(err, events.ErrTaken) && same(&done.Event, &standing):
		done.Event, done.Already = standing, true
		return done, nil
	case errors.Is(err, events.ErrTaken):
		return done, fmt.Errorf("verbs: %s %s: %s was written by %s meanwhile: %w", c.Verb, document, standing.ID(), standing.Source, ErrUnfit)
	}
	return done, fmt.Errorf("verbs: %s %s: %w", c.Verb, document, err)
}

// same reports whether what stands says what was to be written: a command in a
// command's slot is the same command, whoever gave it.
func same(want, standing *events.Event) bool {
	switch want.Slot.Kind {
	case events.Outcome, events.Undone, events.Ended:
		return standing.Source == events.SourceOperator && standing.Result == want.Result
	case events.Redo, events.Undo, events.Submitted, events.Cancel, events.Compensate, events.Forgotten, events.Changed, events.Migrate:
	}
	return true
}

// ToUndo returns what a compensation would undo now, in that order.
func (o *Operator) ToUndo(ctx context.Context, document events.DocumentID) ([]Undoing, error) {
	p, err := o.look(ctx, document)
	if err != nil {
		return nil, err
	}
	list := []Undoing{}
	for _, v := range p.definition.ToUndo(&p.state) {
		n := &p.definition.Nodes[v.Node()]
		list = append(list, Undoing{Step: n.ID, Visit: v.Number(), Outcome: v.Status().String(), Service: n.Undo.Service})
	}
	return list, nil
}

// An Undoing is a visit that would be undone.
type Undoing struct {
	Step    events.StepID `json:"step"`
	Visit   int           `json:"visit"`
	Outcome string        `json:"outcome"`
	Service string        `json:"service"` // that does the undo; empty if nobody has to
}
