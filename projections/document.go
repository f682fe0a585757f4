package projections

import (
	"time"

	"github.com/docsaga/docsaga/events"
)

// The states of a document.
const (
	Running      = "running"
	Compensating = "compensating" // stopped; what was done is being undone
	Incident     = "incident"     // a person is needed
	Completed    = "completed"
	Rejected     = "rejected"
	Failed       = "failed"
	Cancelled    = "cancelled"
)

// States returns all states, in the order in which people expect them.
func States() []string {
	return []string{Running, Compensating, Incident, Completed, Rejected, Failed, Cancelled}
}

// Terminal reports whether nothing more happens to a document in that state.
func Terminal(state string) bool {
	return state == Completed || state == Rejected || state == Failed || state == Cancelled
}

// A Document is the status of a document at a position of the log.
type Document struct {
	Document    events.DocumentID `json:"document"`
	Name        string            `json:"name"` // as submitted, without control characters; may be empty
	Definition  string            `json:"definition"`
	Version     int               `json:"version"`
	State       string            `json:"state"` // see [States]
	Stop        *Stop             `json:"stop"`  // nil unless it was stopped
	Steps       []Step            `json:"steps"` // in the order in which they were opened
	Source      string            `json:"source"`
	SubmittedAt time.Time         `json:"submittedAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	EndedAt     *time.Time        `json:"endedAt"`
	ForgottenAt *time.Time        `json:"forgottenAt,omitempty"` // what it held is erased since then
	Anomalies   int               `json:"anomalies,omitempty"`   // events that fit nowhere
	Position    events.Position   `json:"position"`              // of the last event that it follows from
}

// At returns the steps that are open, each once.
func (d *Document) At() []events.StepID {
	var at []events.StepID
	for i := range d.Steps {
		if s := &d.Steps[i]; s.EndedAt == nil && (len(at) == 0 || at[len(at)-1] != s.Step) {
			at = append(at, s.Step)
		}
	}
	return at
}

// A Stop says which step stopped a document, and why.
type Stop struct {
	Step   events.StepID `json:"step"` // empty if a person did
	Reason string        `json:"reason"`
}

// A Step is one visit of a document to a step.
type Step struct {
	Step      events.StepID `json:"step"`
	Visit     int           `json:"visit"`
	Item      int           `json:"item,omitempty"` // of a loop, from 1
	Status    string        `json:"status"`         // a saga.Status
	Outcome   string        `json:"outcome"`        // empty while it is open
	Reason    string        `json:"reason,omitempty"`
	Undone    bool          `json:"undone"`
	StartedAt time.Time     `json:"startedAt"` // when the step was cued
	EndedAt   *time.Time    `json:"endedAt"`
	UndoneAt  *time.Time    `json:"undoneAt,omitempty"`

	Number int `json:"-"` // of the visit in the document's state
}

// A Trouble is something about a document that a person must mend.
type Trouble struct {
	Document   events.DocumentID `json:"document"`
	Number     int               `json:"number"` // from 1, in the document
	Definition string            `json:"definition"`
	Version    int               `json:"version"`
	Kind       string            `json:"kind"` // failed, undo-failed, stuck or definition
	Step       events.StepID     `json:"step"`
	Visit      int               `json:"visit"`
	Reason     string            `json:"reason"`
	OpenedAt   time.Time         `json:"openedAt"`
	ClosedAt   *time.Time        `json:"closedAt"`
}

// The kinds of troubles.
const (
	TroubleFailed     = "failed"      // a step failed where the definition says wait
	TroubleUndoFailed = "undo-failed" // an undo failed
	TroubleStuck      = "stuck"       // no token can move
	TroubleDefinition = "definition"  // the definition cannot be had
)

// A Tally counts visits that ended alike.
type Tally struct {
	Definition string
	Version    int
	Step       events.StepID
	Hour       int64 // of the end, since 1970
	Outcome    string
	Reason     string
	Bucket     int // of the duration, see [Bucket]
}

// A Total counts the documents of a definition in a state.
type Total struct {
	Definition string `json:"definition"`
	Version    int    `json:"version"`
	State      string `json:"state"`
}

// A Filter selects documents. The zero Filter selects all of them.
type Filter struct {
	State      string    // exactly; see [States]
	Step       string    // that the document is in or stopped at
	Definition string    // exactly
	Version    int       // exactly; 0 for any
	Reason     string    // why it stopped, exactly
	Text       string    // a part of its id or name, in any case
	Since      time.Time // submitted at or after
	Until      time.Time // submitted before
	Limit      int       // how many at most; 0 means 50, more than [MaxLimit] means that
	Page       string    // a Page.Next of the same filter, or empty for the first page
}

// MaxLimit is how many documents a page may hold.
const MaxLimit = 1000

// A Page is a part of a list of documents, the youngest first.
type Page struct {
	Documents []Document `json:"documents"`
	Next      string     `json:"nextPageToken,omitempty"` // empty if there are no more
}
