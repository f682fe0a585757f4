package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// Start loads the shard's snapshot, if there is one, and returns where it ends.
func (c *Coordinator) Start(ctx context.Context, number int) (uint64, error) {
	s := c.shards[number]
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.load(ctx, s); err != nil && !errors.Is(err, events.ErrNotFound) {
		c.conf.Logger.Warn("snapshot left aside; the shard is read from its beginning", "shard", number, "error", err)
		s.empty()
	}
	target, err := c.log.Last(ctx, number)
	if err != nil {
		return 0, fmt.Errorf("coordinator: end of shard %d: %w", number, err)
	}
	s.target = target
	if s.seq > target {
		return 0, fmt.Errorf("coordinator: shard %d ends at %d, its snapshot at %d: the log has lost events", number, target, s.seq)
	}
	if s.seq == target {
		tasks, touches := c.catchUp(s)
		if err := c.touch(ctx, touches); err != nil {
			return 0, err
		}
		return s.seq, c.enqueue(ctx, tasks)
	}
	return s.seq, nil
}

// Apply folds the next messages of a shard, and decides about the documents
// that they touched.
func (c *Coordinator) Apply(ctx context.Context, number int, batch []events.Delivery) error {
	tasks, touches, err := c.fold(ctx, c.shards[number], batch)
	if err != nil {
		return err
	}
	if err := c.touch(ctx, touches); err != nil {
		return err
	}
	if err := c.enqueue(ctx, tasks); err != nil {
		return err
	}
	if err := c.save(ctx, c.shards[number], uint64(c.conf.SnapshotEvery)); err != nil {
		c.conf.Logger.Warn("snapshot", "shard", number, "error", err)
	}
	return nil
}

func (c *Coordinator) fold(ctx context.Context, s *shard, batch []events.Delivery) ([]task, []Touch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	touched := make([]*document, 0, len(batch))
	defer func() {
		for _, doc := range touched {
			doc.touched = false
		}
	}()
	for i := range batch {
		seq := batch[i].Event.Position.Seq
		if seq <= s.seq {
			continue
		}
		e, ok := batch[i].Fact()
		if batch[i].Bad != nil {
			c.conf.Logger.Error("message is no event", "shard", s.number, "seq", seq, "error", batch[i].Bad)
		}
		if ok && (e.Slot.Kind != events.Forgotten || s.documents[e.Slot.Document] != nil) { // else it had ended, as it must
			doc, err := c.foldOne(ctx, s, e)
			if err != nil {
				return nil, nil, err
			}
			if doc != nil && !doc.touched {
				doc.touched = true
				touched = append(touched, doc)
			}
		}
		s.seq = seq
	}
	if !s.live {
		if s.seq < s.target {
			return nil, nil, nil
		}
		tasks, touches := c.catchUp(s)
		return tasks, touches, nil
	}
	tasks := c.decide(s, touched, c.conf.Now())
	if c.conf.Tracer.On() {
		trace(tasks, batch)
	}
	return tasks, c.touched(touched), nil
}

// trace notes to which traces tasks belong whose causes are in a batch.
func trace(tasks []task, batch []events.Delivery) {
	traces := make(map[string]string, len(batch))
	for i := range batch {
		if e := &batch[i].Event; e.Trace != "" {
			traces[e.ID()] = e.Trace
		}
	}
	for i := range tasks {
		tasks[i].trace = traces[tasks[i].cause]
	}
}

// catchUp decides about every open document: the log has been read as far as
// it went at the start.
func (c *Coordinator) catchUp(s *shard) ([]task, []Touch) {
	s.live = true
	all := s.all()
	return c.decide(s, all, c.conf.Now()), c.touched(all)
}

// foldOne folds an event into its document. It returns nil for a document that
// was not submitted: nothing is decided about it, and all that is kept is that
// there is something to read when it is.
func (c *Coordinator) foldOne(ctx context.Context, s *shard, e *events.Event) (*document, error) {
	id := e.Slot.Document
	doc := s.documents[id]
	if doc == nil {
		var err error
		if doc, err = c.open(ctx, s, e); err != nil {
			return nil, err
		}
		s.documents[doc.id] = doc
	}
	if doc.definition == nil {
		return doc, nil
	}
	if err := c.migrate(ctx, doc, e); err != nil {
		return nil, err
	}
	if doc.definition == nil {
		s.deadlines.set(doc, time.Time{})
		return doc, nil
	}
	if !doc.follows(e) {
		c.conf.Logger.Error("document was submitted to two definitions, past the log's checks", "event", e.ID(), "definition", e.Slot.Definition)
		if state := doc.state(); !state.Submitted() || state.Phase() == saga.Ended {
			delete(s.documents, id)
			return nil, nil
		}
		return doc, nil
	}
	doc.called(e, c.conf.Outside != nil)
	state, ok := c.foldSafely(doc, e)
	if !ok {
		s.deadlines.set(doc, time.Time{})
		return doc, nil
	}
	if !state.Submitted() {
		s.strays.add(id)
		delete(s.documents, id)
		s.deadlines.set(doc, time.Time{})
		return nil, nil
	}
	if state.Phase() == saga.Ended {
		delete(s.documents, id)
		s.deadlines.set(doc, time.Time{})
		return doc, nil
	}
	at, _ := state.Deadline()
	s.deadlines.set(doc, at)
	return doc, nil
}

// follows reports whether an event is of the definition that the document
// follows, or was migrated from.
func (d *document) follows(e *events.Event) bool {
	if e.Slot.Definition != d.definition.Name || e.Slot.Version == d.definition.Version {
		return e.Slot.Definition == d.definition.Name
	}
	state := d.state()
	return state.Moved() || e.Slot.Kind == events.Migrate
}

// ref returns the definition that the document follows.
func (d *document) ref() events.DefinitionRef {
	return events.DefinitionRef{Name: d.definition.Name, Version: d.definition.Version}
}

// migrate gives a document the version that an event leads it to.
func (c *Coordinator) migrate(ctx context.Context, doc *document, e *events.Event) error {
	ref := doc.ref().After(e)
	if ref == doc.ref() {
		return nil
	}
	definition, err := c.definitions.Get(ctx, ref.Name, ref.Version)
	if err == nil {
		doc.definition, doc.migrated = definition, true
		return nil
	}
	if ctx.Err() != nil || !errors.Is(err, events.ErrNotFound) && !errors.Is(err, saga.ErrBadDefinition) {
		return fmt.Errorf("coordinator: %w", err)
	}
	c.setAside(doc.id, err)
	doc.definition = nil
	return nil
}

// open returns a document that is not in memory: a new one, or one that has
// ended and that something late is said about, or one that something was said
// about too early.
func (c *Coordinator) open(ctx context.Context, s *shard, e *events.Event) (*document, error) {
	// The id is a part of its message's subject, which is not to be kept for it.
	doc := &document{id: events.DocumentID(strings.Clone(string(e.Slot.Document))), place: -1}
	ref, history, err := c.past(ctx, s, e)
	if err != nil {
		return nil, err
	}
	doc.definition, err = c.definitions.Get(ctx, ref.Name, ref.Version)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, events.ErrNotFound) && !errors.Is(err, saga.ErrBadDefinition) {
			return nil, fmt.Errorf("coordinator: %w", err)
		}
		c.setAside(doc.id, err)
		doc.definition = nil
		return doc, nil
	}
	if history == nil {
		return doc, nil
	}
	var state saga.State
	for i := range history {
		state = doc.definition.Fold(state, &history[i])
	}
	doc.keep(&state)
	if e.Slot.Kind != events.Submitted {
		c.conf.Logger.Warn("event of a document that is not open", "event", e.ID(), "phase", state.Phase())
	}
	return doc, nil
}

// past returns what happened to a document before an event, nil if that is new,
// and the definition that it followed then, which may be another version than
// the event's.
func (c *Coordinator) past(ctx context.Context, s *shard, e *events.Event) (events.DefinitionRef, []events.Event, error) {
	ref := events.DefinitionRef{Name: e.Slot.Definition, Version: e.Slot.Version}
	if e.Slot.Kind == events.Submitted && !s.strays.has(e.Slot.Document) {
		return ref, nil, nil
	}
	history, err := c.history(ctx, e.Slot.Document)
	if err != nil {
		return ref, nil, err
	}
	history = slices.DeleteFunc(history, func(h events.Event) bool { return h.Position.Seq >= e.Position.Seq })
	ref = events.Began(append(slices.Clip(history), *e))
	for i := range history {
		ref = ref.After(&history[i])
	}
	return ref, events.Own(history, ref), nil
}

// decide returns what is to be written about those of the given documents that
// are open.
func (c *Coordinator) decide(s *shard, docs []*document, now time.Time) []task {
	var tasks []task
	for _, doc := range docs {
		if doc.definition == nil || s.documents[doc.id] != doc {
			continue
		}
		state := doc.state()
		for _, x := range c.decideSafely(doc, &state, now) {
			if doc.held(&x) {
				continue
			}
			tasks = append(tasks, task{definition: doc.definition, document: doc.id, decision: x, cause: doc.definition.Cause(&state, doc.id), seq: state.Seq})
		}
	}
	return tasks
}

// due decides about the documents whose deadline has passed.
func (c *Coordinator) due(s *shard, now time.Time) []task {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		return nil
	}
	var late []*document
	for len(s.deadlines) > 0 && s.deadlines[0].due <= now.UnixMilli() {
		late = append(late, s.deadlines[0])
		s.deadlines.set(s.deadlines[0], time.Time{})
	}
	return c.decide(s, late, now)
}
