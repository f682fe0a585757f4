package events

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A Delivery is an event handed to one worker of a service, until it is
// acknowledged. It may be handed out again, to another worker too, when its
// ack wait has run out.
type Delivery struct {
	Event   Event
	Bad     error // why the message is no event; nil if it is one
	Attempt int   // how often it was handed out, from 1
	Again   bool  // a queue that was lost since may have handed it out already
	// Removed is how many messages stood between this one and the one before it
	// that were taken out of the log after they were archived; see package
	// removed. Only what follows the log says so.
	Removed uint64
	Message // as the log holds it
	Receipt
}

// A Message is what the log holds at a position, whether it is an event or
// not. It must not be changed.
type Message struct {
	Subject string
	Header  HeaderLines
	Data    []byte
}

// A Receipt says what became of a delivery.
type Receipt interface {
	// Ack ends the delivery: it is not handed out again.
	Ack() error
	// Nak hands it out again after the delay.
	Nak(delay time.Duration) error
	// Working starts the ack wait anew.
	Working() error
}

// A Pattern selects the slots of one step and kind of one version of a
// definition, in all documents and visits.
type Pattern struct {
	Definition string
	Version    int
	Step       StepID
	Kind       Kind
	Again      int // from 1
}

// Subject returns the subject, with wildcards, that covers the pattern's slots.
func (p Pattern) Subject() string {
	kind := p.Kind.String()
	if p.Again > 1 {
		kind += "-" + strconv.Itoa(p.Again)
	}
	return SubjectRoot + ".*." + p.Definition + "." + strconv.Itoa(p.Version) + ".*." + string(p.Step) + ".*." + kind
}

// The reasons of a visit whose slot holds a message that is no event for who
// reads it.
const (
	CodeMalformed = "malformed"
	CodeUnsigned  = "unsigned" // see [ErrUnsigned]
)

// Fact returns the event of a delivery as all readers must understand it. A
// message in a slot decides it, whatever it says: one that is no event stands
// for a failure with the code [CodeMalformed], one that is not signed as it
// must be for one with [CodeUnsigned]. It returns false if the message is in no
// slot, or in one that nothing follows from: that of a change of the system, or
// of a command that nobody has signed.
func (d *Delivery) Fact() (*Event, bool) {
	if d.Event.Slot.Kind == Changed {
		return nil, false
	}
	if d.Bad == nil {
		return &d.Event, true
	}
	unsigned := errors.Is(d.Bad, ErrUnsigned)
	switch d.Event.Slot.Kind {
	case Outcome, Undone, Ended:
		e, code := d.Event, CodeMalformed
		if unsigned {
			code = CodeUnsigned
		}
		e.Result, e.Data = Failed, []byte(`{"error":{"code":"`+code+`"}}`)
		return &e, true
	case Submitted:
		return &d.Event, true
	case Redo, Undo, Cancel, Compensate, Migrate:
		return &d.Event, !unsigned
	case Forgotten, Changed: // what erases must be said plainly
	}
	return nil, false
}

// Told returns what a history says of a delivery: the [Delivery.Fact], or the
// change of the system that it is.
func (d *Delivery) Told() (*Event, bool) {
	if d.Bad == nil && d.Event.Slot.Kind == Changed {
		return &d.Event, true
	}
	return d.Fact()
}

// A Guard signs what is written to a log, and checks what is read from it.
type Guard interface {
	// Sign signs an event that is about to be written.
	Sign(e *Event) error
	// Check returns an error that wraps [ErrUnsigned] if the event, decoded
	// from the message, is not signed as it must be.
	Check(e *Event, m Message) error
}

// Guarded returns the event and the error of [Decode] as a guard lets them
// pass: of an event that it refuses only Slot, Position and At are left. A nil
// guard lets all pass.
func Guarded(guard Guard, e Event, bad error, m Message) (Event, error) {
	if guard == nil || bad != nil {
		return e, bad
	}
	return checked(guard, e, m)
}

// checked is apart, for it moves the event to the heap.
func checked(guard Guard, e Event, m Message) (Event, error) {
	if err := guard.Check(&e, m); err != nil {
		return Event{Slot: e.Slot, Position: e.Position, At: e.At}, fmt.Errorf("events: %s: %w: %w", e.ID(), ErrBadEvent, err)
	}
	return e, nil
}
