// Package admin keeps in the saga log who changed the system itself: deployed
// a definition, made or altered the log, gave or took a key, set a limit.
//
// Such a change is an event of kind changed under the id
// [events.DocumentAdmin], whose step says what was changed, and whose visit
// counts how often:
//
//	docsaga.41.pdf-validation.3.docsaga-admin.definition.1.changed
//	docsaga.41.docsaga.1.docsaga-admin.keys.2.changed
//
// Its output is what stands since then, and by says who did it and why. No
// reader folds these events; whoever reads the log for itself sees them.
package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/writer"
)

// What can be changed.
const (
	Definition events.StepID = "definition" // a version of a flow is deployed
	Settings   events.StepID = "settings"   // of the log's streams
	Keys       events.StepID = "keys"       // of the HTTP API
	Limits     events.StepID = "limits"     // of what is accepted
	Signers    events.StepID = "signers"    // whose signatures are trusted
	Archive    events.StepID = "archive"    // documents were taken out of the log
)

// A Log takes changes.
type Log interface {
	Write(ctx context.Context, e events.Event) (events.Event, error)
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
}

// A Change is what somebody set.
type Change struct {
	What  events.StepID
	Of    events.DefinitionRef // of Definition only
	State any                  // what stands now, as JSON; no secrets
	By    events.By
}

// system stands for the definition where a change is of none.
func system() events.DefinitionRef { return events.DefinitionRef{Name: "docsaga", Version: 1} }

// Record writes a change to the log, unless the last change of the same thing
// said the same. It returns the event that stands, and whether it is new.
func Record(ctx context.Context, log Log, c Change) (e events.Event, fresh bool, err error) {
	if c.Of == (events.DefinitionRef{}) {
		c.Of = system()
	}
	if c.By.Actor == "" {
		return e, false, fmt.Errorf("admin: change of %s: say who makes it: %w", c.What, events.ErrBadEvent)
	}
	state, err := json.Marshal(c.State)
	if err != nil {
		return e, false, fmt.Errorf("admin: change of %s: %w", c.What, err)
	}
	data, err := events.Data{Output: state, By: &c.By}.Marshal()
	if err != nil {
		return e, false, fmt.Errorf("admin: change of %s: %w", c.What, err)
	}
	e = events.Event{
		Slot:   events.Slot{Definition: c.Of.Name, Version: c.Of.Version, Document: events.DocumentAdmin, Step: c.What, Kind: events.Changed, Again: 1},
		Source: events.SourceOperator, Time: time.Now().UTC().Truncate(time.Millisecond), Worker: writer.New(), Data: data,
	}
	for {
		last, err := Last(ctx, log, c.What, c.Of)
		if err != nil {
			return e, false, err
		}
		if says(last, state) {
			return *last, false, nil
		}
		if e.Slot.Visit = 1; last != nil {
			e.Slot.Visit = last.Slot.Visit + 1
		}
		standing, err := log.Write(ctx, e)
		if err == nil {
			return standing, true, nil
		}
		if !errors.Is(err, events.ErrTaken) {
			return e, false, fmt.Errorf("admin: change of %s: %w", c.What, err)
		}
		// Somebody changed it at the same time: look again.
	}
}

// Last returns the newest change of a thing, or nil if there was none. No
// definition stands for the system itself.
func Last(ctx context.Context, log Log, what events.StepID, of events.DefinitionRef) (*events.Event, error) {
	if of == (events.DefinitionRef{}) {
		of = system()
	}
	history, err := log.History(ctx, events.DocumentAdmin)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	var last *events.Event
	for i := range history {
		s := &history[i].Slot
		if s.Step == what && s.Definition == of.Name && s.Version == of.Version && (last == nil || s.Visit > last.Slot.Visit) {
			last = &history[i]
		}
	}
	return last, nil
}

// says reports whether a change is to this state.
func says(e *events.Event, state []byte) bool {
	if e == nil {
		return false
	}
	d, err := events.ParseData(e.Data)
	return err == nil && bytes.Equal(d.Output, state)
}

// Drawn is the state of a definition that is deployed.
type Drawn struct {
	SHA256 string `json:"sha256"` // of its BPMN
	Bytes  int    `json:"bytes"`
}

// Deployed records that a version of a definition, drawn so, is deployed.
func Deployed(ctx context.Context, log Log, of events.DefinitionRef, drawn []byte, by events.By) error {
	digest := sha256.Sum256(drawn)
	_, _, err := Record(ctx, log, Change{
		What: Definition, Of: of, State: Drawn{SHA256: hex.EncodeToString(digest[:]), Bytes: len(drawn)}, By: by,
	})
	return err
}
