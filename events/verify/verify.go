package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Message is a message of a stream as it is stored.
type Message struct {
	Shard   int
	Seq     uint64
	Subject string
	Header  events.HeaderLines
	At      time.Time
	// Unsigned says that readers refuse it, for it is not signed as it must be.
	Unsigned bool
	// Archived says that it was taken out of the log, and comes from an archive.
	Archived bool
}

// A Graph is what must be known of one version of a definition.
type Graph struct {
	// Next says which steps the outcome of a step may lead to. That of the
	// pseudo-step document is the submission.
	Next map[events.StepID][]events.StepID
	// Must holds the steps that have an undo of their own, which must be done
	// when the document does not complete; May those of which it depends.
	Must, May map[events.StepID]bool
	// Recalls says that a document which completes may have undone steps: the
	// definition compensates, or interrupts what is under way.
	Recalls bool
}

// A Submission is a line of the record that a submitter kept.
type Submission struct {
	Document events.DocumentID `json:"document"`
	Answered bool              `json:"answered"`          // the submission was accepted; if not, nobody knows
	Refused  bool              `json:"refused,omitempty"` // but for this: it was refused, and must not be there
	// Poisoned says that the document is there to do harm. Within is in how many
	// seconds another must end beside such ones; 0 for any time.
	Poisoned bool    `json:"poisoned,omitempty"`
	Within   float64 `json:"within,omitempty"`
}

// An Effect is something that a visit left outside the log.
type Effect struct {
	Document events.DocumentID `json:"document"`
	Step     events.StepID     `json:"step"`
	Visit    int               `json:"visit"`
}

// An Extent is how far a shard goes by another's word: the server's, or an
// anchor's.
type Extent struct {
	Shard       int
	First, Last uint64
	Deleted     int
	Anchored    uint64 // the last sequence of the anchor; 0 if there is none
}

// A Breach is one thing that must not be.
type Breach struct {
	Invariant int               `json:"invariant"`
	Document  events.DocumentID `json:"document,omitempty"`
	Detail    string            `json:"detail"`
}

// A Finding is what became of one invariant.
type Finding struct {
	Invariant int    `json:"invariant"`
	Name      string `json:"name"`
	Checked   int    `json:"checked"` // how many things were looked at
	Breaches  int    `json:"breaches"`
	Skipped   string `json:"skipped,omitempty"` // why it was not checked
}

// A Report is the outcome of a check.
type Report struct {
	Documents int            `json:"documents"`
	Messages  int            `json:"messages"`
	Malformed int            `json:"malformed"` // messages in a slot that are no event
	Unsigned  int            `json:"unsigned"`  // those of them that are not signed as they must be
	Open      int            `json:"open"`      // documents that have not ended
	Archived  int            `json:"archived"`  // documents whose steps are not in the log, so that their causes and undos were not checked
	Ended     map[string]int `json:"ended"`     // by result
	Findings  []Finding      `json:"findings"`
	Breaches  []Breach       `json:"breaches"` // the first of each invariant
}

// OK reports whether nothing breaches an invariant.
func (r *Report) OK() bool {
	for _, f := range r.Findings {
		if f.Breaches > 0 {
			return false
		}
	}
	return true
}

// mostBreaches is how many breaches of an invariant are told.
const mostBreaches = 100

// A Config adjusts a [Checker].
type Config struct {
	Shards int
	// Graph returns what a definition says, or false if it is not deployed.
	Graph func(definition string, version int) (*Graph, bool)
	// OpenAfter is the time after which a document that has not ended may be
	// under way still: it counts as open, not as a breach. Zero: none may.
	OpenAfter time.Time
	// Removed says whether a message was taken out of the log after its document
	// was archived, and Archived whether that was done to a document: of such a
	// one the log says no more than that it was submitted and has ended. Nil if
	// the log is whole, or the archived messages are taken in their place.
	Removed  func(shard int, seq uint64) bool
	Archived func(events.DocumentID) bool
}

// A Checker collects messages. Its methods are called by one goroutine.
type Checker struct {
	conf      Config
	documents map[events.DocumentID]*document
	last      []uint64 // of each shard
	gone      []uint64 // messages of each shard that were archived and removed
	steps     map[events.StepID]uint32
	names     []events.StepID
	report    Report
	findings  [11]Finding
}

// New returns a checker that has seen nothing.
func New(conf Config) *Checker {
	c := &Checker{
		conf: conf, documents: make(map[events.DocumentID]*document), last: make([]uint64, conf.Shards), gone: make([]uint64, conf.Shards),
		steps: make(map[events.StepID]uint32), report: Report{Ended: make(map[string]int)},
	}
	for i, name := range [...]string{
		"", "submissions are there once", "every document ends once", "one outcome a visit, one undone a command",
		"an effect exists if and only if its visit stands", "every event has its cause", "what was done is undone in reverse order",
		"sequences are contiguous", "projections equal the fold", "readers never see an older state", "a poisoned document delays no other",
	} {
		c.findings[i] = Finding{Invariant: i, Name: name}
	}
	c.findings[1].Skipped = "no record of submissions was given; only that no document has two"
	c.findings[4].Skipped = "no record of effects was given"
	c.findings[8].Skipped = "no projection was given"
	c.findings[9].Skipped = "no record of readings was given"
	c.findings[10].Skipped = "no record of a poisoned document was given"
	return c
}

// A document is what is known of one.
type document struct {
	definition string
	version    int
	left       []int // versions that it was migrated from
	submitted  int
	events     []event
	at         time.Time // of the last event
	begun      time.Time // when it was submitted
	ended      time.Time // zero if it has not
}

// A reference names an event within its document.
type reference struct {
	step  uint32
	visit uint16
	kind  events.Kind
	again uint8
}

// An event is a message, in 48 bytes.
type event struct {
	seq    uint64
	ref    reference
	cause  reference
	result events.Result
	writer writer
	caused causing
}

// A writer is who wrote an event.
type writer uint8

const (
	service writer = iota
	coordinator
	operator
)

// A causing says whether an event names its cause.
type causing uint8

const (
	named causing = iota
	unnamed
	foreign // it names something that is not of its document
)

func (c *Checker) breach(invariant int, document events.DocumentID, format string, args ...any) {
	f := &c.findings[invariant]
	if f.Breaches++; f.Breaches <= mostBreaches {
		c.report.Breaches = append(c.report.Breaches, Breach{Invariant: invariant, Document: document, Detail: fmt.Sprintf(format, args...)})
	}
}

// Take takes the next message of a shard.
func (c *Checker) Take(m *Message) {
	c.report.Messages++
	c.findings[7].Checked++
	if want := c.last[m.Shard] + 1; m.Seq != want && !c.removed(m.Shard, want, m.Seq) {
		c.breach(7, "", "shard %d: sequence %d comes after %d", m.Shard, m.Seq, want-1)
	}
	c.last[m.Shard] = m.Seq
	if m.Archived {
		c.gone[m.Shard]++
	}
	slot, err := events.ParseSubject(m.Subject)
	if err != nil {
		c.report.Malformed++
		return
	}
	if shard := events.Shard(slot.Document, c.conf.Shards); shard != m.Shard {
		c.breach(3, slot.Document, "%s lies in shard %d, not %d", slot.ID(), m.Shard, shard)
	}
	if slot.Kind == events.Changed {
		return // of the system: no document follows from it
	}
	d := c.documents[slot.Document]
	if d == nil {
		d = &document{definition: slot.Definition, version: slot.Version, events: make([]event, 0, 8)}
		c.documents[slot.Document] = d
	}
	if !d.belongs(&slot) {
		c.breach(1, slot.Document, "it is under %s.%d and under %s.%d", d.definition, d.version, slot.Definition, slot.Version)
	}
	switch {
	case slot.Kind == events.Submitted:
		d.begun = m.At
		if d.submitted++; d.submitted > 1 {
			c.breach(1, slot.Document, "it was submitted %d times", d.submitted)
		}
	case slot.Kind == events.Ended && d.ended.IsZero():
		d.ended = m.At
	}
	d.at = m.At
	d.events = append(d.events, c.event(m, slot))
}

// removed reports whether all messages from one up to another were archived and
// removed, and counts them.
func (c *Checker) removed(shard int, from, to uint64) bool {
	if c.conf.Removed == nil || to < from {
		return false
	}
	for seq := from; seq < to; seq++ {
		if !c.conf.Removed(shard, seq) {
			return false
		}
	}
	c.gone[shard] += to - from
	return true
}

func (c *Checker) archived(id events.DocumentID) bool {
	return c.conf.Archived != nil && c.conf.Archived(id)
}

func (c *Checker) event(m *Message, slot events.Slot) event {
	e := event{seq: m.Seq, ref: reference{c.step(slot.Step), uint16(slot.Visit), slot.Kind, uint8(slot.Again)}} //nolint:gosec // ParseSubject bounds them
	switch source := m.Header.Get("ce-source"); {
	case source == events.SourceCoordinator, strings.HasPrefix(source, events.SourceNotices), strings.HasPrefix(source, events.SourceTimers):
		e.writer = coordinator // what carries messages and starts documents stands beside one
	case source == events.SourceOperator:
		e.writer = operator
	}
	var ok bool
	if m.Unsigned {
		c.report.Unsigned++
	}
	if e.result, ok = result(slot, m.Header.Get("ce-type")); !ok || m.Unsigned || m.Header.Get("ce-specversion") != "1.0" {
		c.report.Malformed++
		e.result = events.Failed // as all readers take it
	}
	cause := m.Header.Get("ce-causationid")
	switch {
	case cause == "":
		e.caused = unnamed
	case !strings.HasPrefix(cause, string(slot.Document)+"."):
		e.caused = foreign
	default:
		// The id of an event is the end of its subject, so a whole subject is
		// made of it to read it.
		of, err := events.ParseSubject(upToDocument(m.Subject) + cause)
		if err != nil {
			e.caused = foreign
			break
		}
		e.cause = reference{c.step(of.Step), uint16(of.Visit), of.Kind, uint8(of.Again)} //nolint:gosec // ParseSubject bounds them
	}
	return e
}

// upToDocument returns the first four tokens of a subject, with their dots.
func upToDocument(subject string) string {
	at := 0
	for range 4 {
		at += strings.IndexByte(subject[at:], '.') + 1
	}
	return subject[:at]
}

func (c *Checker) step(id events.StepID) uint32 {
	n, ok := c.steps[id]
	if !ok {
		n = uint32(len(c.names)) //nolint:gosec // fewer than there are messages
		c.steps[id] = n
		c.names = append(c.names, id)
	}
	return n
}

// result reads what an event decides from its type, docsaga.<step>.<word>.
func result(slot events.Slot, typ string) (events.Result, bool) {
	word, ok := strings.CutPrefix(typ, "docsaga."+string(slot.Step)+".")
	if !ok {
		return 0, false
	}
	switch slot.Kind {
	case events.Outcome, events.Ended:
		for r := events.Completed; r <= events.Cancelled; r++ {
			if r.String() == word {
				return r, true
			}
		}
		return 0, false
	case events.Undone:
		switch word {
		case "undone":
			return events.Completed, true
		case "undo-failed":
			return events.Failed, true
		}
		return 0, false
	case events.Redo, events.Undo, events.Submitted, events.Cancel, events.Compensate, events.Forgotten, events.Changed, events.Migrate:
	}
	return 0, word == slot.Kind.String()
}

// Extent compares a shard with what another says of it. It is called after the
// shard's messages.
func (c *Checker) Extent(x Extent) {
	c.findings[7].Checked++
	if missing := max(x.First, 1) - 1 + uint64(x.Deleted); missing != c.gone[x.Shard] { //nolint:gosec // not negative
		c.breach(7, "", "shard %d begins at %d and %d messages are deleted, %d of them archived", x.Shard, x.First, x.Deleted, c.gone[x.Shard])
	}
	if last := c.last[x.Shard]; last < x.Last {
		c.breach(7, "", "shard %d ends at %d, but must reach %d", x.Shard, last, x.Last)
	}
	if last := c.last[x.Shard]; last < x.Anchored {
		c.breach(7, "", "shard %d ends at %d, and its anchor outside the stream at %d", x.Shard, last, x.Anchored)
	}
}

// Settings notes what is wrong with the streams' settings, on which one event
// a slot rests; nil if nothing is.
func (c *Checker) Settings(err error) {
	c.findings[3].Checked++
	if err != nil {
		c.breach(3, "", "%v", err)
	}
}
