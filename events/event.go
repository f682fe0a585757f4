package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// MaxData is the greatest length of an event's data, in bytes. Anything
// bigger goes to the file store, with a [File] in its place.
const MaxData = 256 << 10

// MaxTogether is how many events can be written all or none.
const MaxTogether = 500

// SourceCoordinator is the source of what a coordinator writes.
const SourceCoordinator = "/docsaga/coordinator"

// SourceOperator is the source of what a person decides through docsaga.
const SourceOperator = "/docsaga/operator"

// SourceNotices is what the source of a visit's outcome begins with that a
// message or signal has decided, and of a submission that one has made; its id
// follows.
const SourceNotices = "/docsaga/notices/"

// SourceTimers is what the source of a submission begins with that a timer start
// event has made; the step follows.
const SourceTimers = "/docsaga/timers/"

// SourceService returns the source of what the named service writes.
func SourceService(name string) string { return "/docsaga/services/" + name }

var (
	// ErrBadEvent reports bytes that are not an event of docsaga.
	ErrBadEvent = errors.New("not a docsaga event")
	// ErrTooLarge reports data of more than [MaxData] bytes. Put what is big
	// into the file store.
	ErrTooLarge = errors.New("event data is too large")
	// ErrTaken reports that a slot holds another writer's event. Read it and
	// decide anew.
	ErrTaken = errors.New("slot is taken")
	// ErrBusy reports that so much waits already that nothing more is taken
	// now. Nothing was kept: try again later.
	ErrBusy = errors.New("too many documents wait")
	// ErrUnsigned reports an event that is not signed as it must be. Its slot
	// is taken all the same.
	ErrUnsigned = errors.New("not signed as it must be")
	// ErrNotFound reports that what was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict reports that a name already stands for something else.
	ErrConflict = errors.New("already exists with other content")
)

// SignedAttributes names the extension attributes that a signature covers
// besides those of every CloudEvent.
const SignedAttributes = "causationid,sagadefinition,sagaversion,sagaworker"

// signed returns the attribute that says what the signature covers.
func (e *Event) signed() string {
	if e.Signature == "" {
		return ""
	}
	return SignedAttributes
}

// An Event is one message of the saga log.
type Event struct {
	Slot   Slot      // where it stands
	Result Result    // what it decides; zero for a command and a submission
	Source string    // who wrote it, a URI reference
	Time   time.Time // the writer's clock, in milliseconds
	Cause  string    // id of the event that it follows from; empty for a submission
	Worker string    // nonce of the writer: tells its own event from another's
	Trace  string    // W3C traceparent, or empty
	Data   []byte    // JSON, see [Data]

	// Signature is the base64 of a DSSE envelope by who wrote it, or empty; see
	// package signed.
	Signature string

	Position Position  // set by the log
	At       time.Time // when the log stored it, by the log's clock
}

// ID returns the event's id, unique in the log.
func (e *Event) ID() string { return e.Slot.ID() }

// Type returns the CloudEvents type: docsaga.<step>.<word>. The word is the
// result for an outcome and for document.ended, undone or undo-failed for an
// undone, and the kind for a command or a submission.
func (e *Event) Type() string {
	return SubjectRoot + "." + string(e.Slot.Step) + "." + e.word()
}

func (e *Event) word() string {
	switch e.Slot.Kind {
	case Outcome, Ended:
		return e.Result.String()
	case Undone:
		if e.Result == Failed {
			return "undo-failed"
		}
		return "undone"
	case Redo, Undo, Submitted, Cancel, Compensate, Forgotten, Changed, Migrate:
		return e.Slot.Kind.String()
	}
	return ""
}

// resultOf reads the result back from an event's type.
func resultOf(slot Slot, typ string) (Result, error) {
	word, ok := strings.CutPrefix(typ, SubjectRoot+"."+string(slot.Step)+".")
	if !ok {
		return 0, fmt.Errorf("type %.100q in a slot of step %s", typ, slot.Step)
	}
	return resultOfWord(slot.Kind, word)
}

// resultOfWord reads the result back from the last word of a type.
func resultOfWord(kind Kind, word string) (Result, error) {
	switch kind {
	case Outcome, Ended:
		if r, ok := parseResult(word); ok {
			return r, nil
		}
	case Undone:
		if word == "undone" {
			return Completed, nil
		}
		if word == "undo-failed" {
			return Failed, nil
		}
	case Redo, Undo, Submitted, Cancel, Compensate, Forgotten, Changed, Migrate:
		if word == kind.String() {
			return 0, nil
		}
	}
	return 0, fmt.Errorf("type ends in %.100q in a slot %s", word, kind)
}

// Check returns nil if the event can be written.
func (e *Event) Check() error {
	if err := e.Slot.Check(); err != nil {
		return fmt.Errorf("events: %w: %w", err, ErrBadEvent)
	}
	if result, err := resultOfWord(e.Slot.Kind, e.word()); err != nil || result != e.Result {
		return fmt.Errorf("events: result %d in slot %s: %w", e.Result, e.ID(), ErrBadEvent)
	}
	if e.Source == "" {
		return fmt.Errorf("events: %s: source is missing: %w", e.ID(), ErrBadEvent)
	}
	if !isPlain(e.Cause) || !isPlain(e.Worker) || !isPlain(e.Trace) || !isPlain(e.Signature) {
		return fmt.Errorf("events: %s: cause, worker, trace or signature holds other than printable ASCII: %w", e.ID(), ErrBadEvent)
	}
	if !isTime(e.Time) {
		return fmt.Errorf("events: %s: time is not in the years 1 to 9999: %w", e.ID(), ErrBadEvent)
	}
	if len(e.Data) > MaxData {
		return fmt.Errorf("events: %s: %d bytes of data, at most %d: %w", e.ID(), len(e.Data), MaxData, ErrTooLarge)
	}
	if len(e.Data) > 0 && !json.Valid(e.Data) {
		return fmt.Errorf("events: %s: data is not JSON: %w", e.ID(), ErrBadEvent)
	}
	return nil
}

// isTime reports whether t has a form in RFC 3339.
func isTime(t time.Time) bool {
	year := t.UTC().Year()
	return 1 <= year && year <= 9999
}

// TraceOf returns the trace that the event of an id belongs to, which what it
// leads to belongs to as well; empty if none is known.
func TraceOf(history []Event, id string) string {
	for i := range history {
		if e := &history[i]; e.Trace != "" && e.ID() == id {
			return e.Trace
		}
	}
	return ""
}

// Data is an event's payload.
type Data struct {
	// Output is what the step made. That of document.submitted is what was
	// submitted.
	Output json.RawMessage `json:"output,omitempty"`
	// Context holds the outputs of the steps on the way here, keyed by step;
	// "document" is the submission's.
	Context map[StepID]json.RawMessage `json:"context,omitempty"`
	// Start is the start event at which a submitted document begins, if that is
	// not the one where its definition begins of itself. It stands in
	// document.submitted only.
	Start StepID `json:"start,omitempty"`
	// Error says why, if the result is not completed.
	Error *Error `json:"error,omitempty"`
	// By says who asked for it, if a person did.
	By *By `json:"by,omitempty"`
	// State is that with which a document goes on that is migrated. It stands in
	// document.migrate only, and holds nothing of what was submitted or put out.
	State json.RawMessage `json:"state,omitempty"`
	// Erased says that there was more, until the document was forgotten.
	Erased bool `json:"erased,omitempty"`
	// Routes say how each event of a forgotten document led on, by its id. They
	// stand in document.forgotten only.
	Routes map[string]Route `json:"routes,omitempty"`
	// Route is the event's own of them, where its data is erased.
	Route Route `json:"route,omitempty"`
}

// An Error is the reason of an outcome that is not completed.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message,omitempty"`
}

// By is the person behind a command, and why.
type By struct {
	Actor  string `json:"actor"`
	Reason string `json:"reason,omitempty"`
}

// A Route is what the expressions that lead on from an event came to, in the
// order in which they were asked: of a condition 1 or 0, of a loop how many
// items it has, of a timer when it goes off, 1 more than the milliseconds since
// 1970, or 0 for never; -1 for what cannot be evaluated; -2 less its number for
// the start event that a submission names. It says which way a document went, and holds nothing
// of what decided that.
type Route []int64

// ParseData reads an event's payload. No payload is the zero Data.
func ParseData(raw []byte) (Data, error) {
	var d Data
	if len(raw) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return Data{}, fmt.Errorf("events: data: %w: %w", err, ErrBadEvent)
	}
	return d, nil
}

// Marshal returns the payload as JSON.
func (d Data) Marshal() ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("events: data: %w", err)
	}
	return raw, nil
}

// With returns a context that holds step's output besides what is in context,
// which it leaves as it is.
func With(context map[StepID]json.RawMessage, step StepID, output json.RawMessage) map[StepID]json.RawMessage {
	next := make(map[StepID]json.RawMessage, len(context)+1)
	maps.Copy(next, context)
	if len(output) > 0 {
		next[step] = output
	}
	return next
}
