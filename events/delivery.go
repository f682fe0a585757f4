package events

import (
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
	Message       // as the log holds it
	Receipt
}

// A Message is what the log holds at a position, whether it is an event or
// not. It must not be changed.
type Message struct {
	Subject string
	Header  Header
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

// CodeMalformed is the reason of a visit whose slot holds a message that is no
// event.
const CodeMalformed = "malformed"

// Fact returns the event of a delivery as all readers must understand it. A
// message in a slot decides it, whatever it says: one that is no event stands
// for a failure with the code [CodeMalformed]. It returns false if the message
// is in no slot, or in one that nothing follows from, such as that of a change
// of the system.
func (d *Delivery) Fact() (*Event, bool) {
	if d.Event.Slot.Kind == Changed {
		return nil, false
	}
	if d.Bad == nil {
		return &d.Event, true
	}
	switch d.Event.Slot.Kind {
	case Outcome, Undone, Ended:
		e := d.Event
		e.Result, e.Data = Failed, []byte(`{"error":{"code":"`+CodeMalformed+`"}}`)
		return &e, true
	case Redo, Undo, Submitted, Cancel, Compensate, Forgotten:
		return &d.Event, true
	case Changed:
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
