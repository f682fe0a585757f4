package verbs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A Move asks that a document goes on in another version of its definition.
type Move struct {
	To int
	By events.By // who asks, and why; both are needed
}

// Moved says what a migration does, or would do.
type Moved struct {
	Document  events.DocumentID `json:"document"`
	From      int               `json:"from"`
	To        int               `json:"to"`
	Obstacles []saga.Obstacle   `json:"obstacles,omitempty"` // why it cannot be done
	Carried   []saga.Carried    `json:"carried"`
	Notes     []string          `json:"notes,omitempty"`
	// Already says that the document follows that version.
	Already bool         `json:"already,omitempty"`
	Event   events.Event `json:"-"` // its Position is not set
}

// attempts is how often a migration is planned anew when the document moves on
// meanwhile.
const attempts = 5

// PlanMove returns what Move would do, without doing it. Obstacles are no error.
func (o *Operator) PlanMove(ctx context.Context, document events.DocumentID, m Move) (Moved, error) {
	moved, _, err := o.planMove(ctx, document, m)
	return moved, err
}

// Move migrates a document: the event that says so, the outcomes that close
// its open slots in the old version, and the commands that open them in the new one
// are written together or not at all, so a service or a person that decides a
// step meanwhile has either done so before, and is seen, or finds its slot
// taken. What anybody else writes about the document meanwhile, such as a cancel,
// has it planned anew. It fails with an error that wraps [ErrUnfit] if there are obstacles.
func (o *Operator) Move(ctx context.Context, document events.DocumentID, m Move) (Moved, error) {
	if m.By.Actor == "" || m.By.Reason == "" {
		return Moved{Document: document}, fmt.Errorf("verbs: migrate %s: who asks for it and why must be said: %w", document, ErrBadCommand)
	}
	for range attempts {
		// Before the history is read: what comes between is planned on, but refused.
		tip, err := o.log.Tip(ctx, document)
		if err != nil {
			return Moved{Document: document, To: m.To}, fmt.Errorf("verbs: migrate %s: %w", document, err)
		}
		moved, list, err := o.planMove(ctx, document, m)
		if err != nil || moved.Already {
			return moved, err
		}
		if len(moved.Obstacles) > 0 {
			first := moved.Obstacles[0]
			where := "the document"
			if first.Step != "" {
				where = fmt.Sprintf("%s.%d", first.Step, first.Visit)
			}
			return moved, fmt.Errorf("verbs: migrate %s to version %d: %s: %s: %w", document, m.To, where, first.Message, ErrUnfit)
		}
		if err = o.log.WriteTogether(ctx, tip, list); err == nil {
			return moved, o.repeat(ctx, tip, &list[0])
		}
		if !errors.Is(err, events.ErrTaken) {
			return moved, fmt.Errorf("verbs: migrate %s: %w", document, err)
		}
	}
	return Moved{Document: document, To: m.To}, fmt.Errorf("verbs: migrate %s: it moved on each of %d times that it was looked at; try again: %w", document, attempts, ErrUnfit)
}

// repeat gives again, in the new version, the commands to stop that stand
// between the tip that a migration was planned on and its head. A log of several
// replicas does not see a message that is under way but not yet decided, and
// lets the migration in behind it.
func (o *Operator) repeat(ctx context.Context, tip uint64, head *events.Event) error {
	history, err := o.log.History(ctx, head.Slot.Document)
	if err != nil && !errors.Is(err, events.ErrBadEvent) {
		return fmt.Errorf("verbs: %s was migrated, but not seen whether it was stopped meanwhile: %w", head.Slot.Document, err)
	}
	for i := range history {
		was := &history[i]
		if was.Slot == head.Slot {
			return nil
		}
		if was.Position.Seq <= tip || was.Slot.Kind != events.Cancel && was.Slot.Kind != events.Compensate {
			continue
		}
		e := events.Event{
			Slot: was.Slot, Source: events.SourceOperator, Cause: head.ID(), Worker: o.worker,
			Time: time.Now().UTC().Truncate(time.Millisecond), Trace: was.Trace, Data: was.Data,
		}
		e.Slot.Version, _ = head.Target()
		if _, err := o.log.Write(ctx, e); err != nil && !errors.Is(err, events.ErrTaken) {
			return fmt.Errorf("verbs: %s was migrated, but %s, which came just before, was not repeated: %w", head.Slot.Document, was.ID(), err)
		}
	}
	return nil
}

func (o *Operator) planMove(ctx context.Context, document events.DocumentID, m Move) (Moved, []events.Event, error) {
	moved := Moved{Document: document, To: m.To, Carried: []saga.Carried{}}
	p, err := o.look(ctx, document)
	if err != nil {
		return moved, nil, err
	}
	moved.From = p.definition.Version
	if moved.Already = moved.From == m.To; moved.Already {
		return moved, nil, nil
	}
	if slices.ContainsFunc(p.history, func(e events.Event) bool { return e.Slot.Version == m.To }) {
		moved.Obstacles = []saga.Obstacle{{Message: fmt.Sprintf("it has left version %d before, and its slots there are closed", m.To)}}
		return moved, nil, nil
	}
	to, err := o.definitions.Get(ctx, p.definition.Name, m.To)
	if err != nil {
		return moved, nil, fmt.Errorf("verbs: migrate %s: %w", document, err)
	}
	plan := p.definition.Migrate(to, &p.state)
	moved.Obstacles, moved.Carried, moved.Notes = plan.Obstacles, append(moved.Carried, plan.Carried...), plan.Notes
	if len(plan.Obstacles) > 0 {
		return moved, nil, nil
	}
	list, err := p.move(&m, to, &plan, o.worker)
	switch {
	case errors.Is(err, events.ErrTooLarge), len(list) > events.MaxTogether:
		moved.Obstacles = []saga.Obstacle{{Message: "it has more open visits, or more to carry, than can be written together"}}
		return moved, nil, nil
	case err != nil:
		return moved, nil, err
	}
	moved.Event = list[0]
	return moved, list, nil
}

// move makes the events of a migration.
func (p *picture) move(m *Move, to *saga.Definition, plan *saga.Migration, worker string) ([]events.Event, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	context := p.merged()
	head := events.Event{Slot: events.DocumentSlot(p.definition.Name, p.definition.Version, p.document, events.Migrate), Cause: p.definition.Cause(&p.state, p.document)}
	head.Slot.Visit = to.Version
	raw, err := events.Data{State: plan.State, Context: context, By: &m.By}.Marshal()
	if err != nil {
		return nil, err
	}
	if len(raw)+len(plan.State) > events.MaxData { // the state stands beside what is sealed
		return nil, fmt.Errorf("verbs: migrate %s: %w", p.document, events.ErrTooLarge)
	}
	head.Data = raw
	list := []events.Event{head}
	closed, err := events.Data{Error: &events.Error{Code: saga.ReasonMigrated}, By: &m.By}.Marshal()
	if err != nil {
		return nil, err
	}
	for _, x := range plan.Close {
		list = append(list, events.Event{Slot: x.Slot(p.definition, p.document), Result: x.Result, Cause: head.ID(), Data: closed})
	}
	vars, err := events.Data{Context: context}.Marshal()
	if err != nil {
		return nil, err
	}
	for _, x := range plan.Redo {
		given := context
		if items := plan.Items(to, x, saga.Vars{Data: vars}); len(items) > 0 {
			given = maps.Clone(context)
			maps.Copy(given, items)
		}
		raw, err := events.Data{Context: given, By: &m.By}.Marshal()
		if err != nil {
			return nil, err
		}
		list = append(list, events.Event{Slot: x.Slot(to, p.document), Cause: head.ID(), Data: raw})
	}
	for i := range list {
		list[i].Source, list[i].Worker, list[i].Time = events.SourceOperator, worker, now
		if err := list[i].Check(); err != nil {
			return nil, fmt.Errorf("verbs: migrate %s: %w", p.document, err)
		}
	}
	return list, nil
}
