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
	Receipt
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
