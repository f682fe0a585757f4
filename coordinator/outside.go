package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A Touch says where a document is.
type Touch struct {
	Definition *saga.Definition
	Document   events.DocumentID
	State      saga.State
	Parent     string // the source of its submission, if it was called
	Forget     bool   // another coordinator decides about it from now on
}

// An Outside is what goes on between documents: messages, signals and calls.
// Of a document that was called it writes the end, if that is completed.
type Outside interface {
	// Concerns reports whether it wants to know of the documents of a
	// definition. Of those that were called it is told anyway.
	Concerns(d *saga.Definition) bool
	// Touch is told of a document when the coordinator begins to decide about
	// it, and after each of its events, the last included. It may wait.
	Touch(ctx context.Context, t Touch) error
	// Tell tells others what a throw event tells, whose outcome is e and is
	// written when Tell has returned nil. It may get the same again. An error that
	// is a TellError makes the outcome failed.
	Tell(ctx context.Context, d *saga.Definition, e *events.Event) error
}

// A TellError says that a throw event cannot tell what it is to tell, however
// often it is tried: its outcome is failed, with that code.
type TellError struct {
	Code string
	Err  error
}

// Error says why.
func (e *TellError) Error() string { return e.Code + ": " + e.Err.Error() }

// Unwrap returns why.
func (e *TellError) Unwrap() error { return e.Err }

// tell tells others what an outcome tells, before it is written; if it cannot
// be told, the outcome becomes failed.
func (c *Coordinator) tell(ctx context.Context, t *task, e *events.Event) error {
	if c.conf.Outside == nil || e.Result != events.Completed || !t.tells() {
		return nil
	}
	err := c.conf.Outside.Tell(ctx, t.definition, e)
	var cannot *TellError
	if !errors.As(err, &cannot) {
		return err
	}
	e.Result = events.Failed
	e.Data, err = events.Data{Error: &events.Error{Code: cannot.Code, Message: cannot.Err.Error()}}.Marshal()
	return err
}

// tells reports whether an outcome is that of a step that tells others.
func (t *task) tells() bool {
	if t.decision.Kind != events.Outcome || t.decision.Result != events.Completed {
		return false
	}
	node, ok := t.definition.Node(t.decision.Step)
	if !ok {
		return false
	}
	n := &t.definition.Nodes[node]
	return (n.Kind == saga.Throw || n.Kind == saga.End) && (n.Trigger == saga.MessageTrigger || n.Trigger == saga.SignalTrigger)
}

func (c *Coordinator) touch(ctx context.Context, touches []Touch) error {
	for _, t := range touches {
		if err := c.conf.Outside.Touch(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// touched returns what the outside is told of the documents, if it wants to
// know. The caller holds the shard's lock.
func (c *Coordinator) touched(docs []*document) []Touch {
	if c.conf.Outside == nil {
		return nil
	}
	var touches []Touch
	for _, doc := range docs {
		if doc.definition != nil && (doc.parent != "" || doc.migrated || c.conf.Outside.Concerns(doc.definition)) {
			touches = append(touches, Touch{Definition: doc.definition, Document: doc.id, State: doc.state(), Parent: doc.parent})
		}
	}
	return touches
}

// called notes that a document was called by another.
func (d *document) called(e *events.Event, outside bool) {
	if outside && e.Slot.Kind == events.Submitted {
		d.parent = caller(d.id, e.Source)
	}
}

// held reports whether a decision is left to the Outside: a document that was
// called and has done its work ends with its caller, for until then it may have
// to be undone.
func (d *document) held(x *saga.Decision) bool {
	return d.parent != "" && IsDone(x)
}

// IsDone reports whether a decision is that a document ends completed.
func IsDone(x *saga.Decision) bool { return x.Kind == events.Ended && x.Result == events.Completed }

// forgotten tells the outside that a shard's documents are another's now.
func (c *Coordinator) forgotten(ctx context.Context, s *shard) {
	if c.conf.Outside == nil {
		return
	}
	last, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s.mu.Lock()
	touches := c.touched(s.all())
	s.mu.Unlock()
	for i := range touches {
		touches[i].Forget = true
	}
	if err := c.touch(last, touches); err != nil {
		c.conf.Logger.Warn("documents of a shard that was handed over are still watched", "shard", s.number, "error", err)
	}
}
