package projections

import (
	"encoding/json"
	"errors"
	"math/bits"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// The greatest lengths of texts from outside, in characters.
const (
	maxName   = 256
	maxReason = 64
	maxSource = 256
)

// Replay returns the status of a document after the given events of its
// history, all of them of one document and in order. The definitions are those
// that it followed, by version; one that cannot be had is missing.
func Replay(versions map[int]*saga.Definition, history []events.Event) (*Record, error) {
	if len(history) == 0 {
		return nil, events.ErrNotFound
	}
	var r Record
	c := Changes{Tallies: make(map[Tally]int64), Totals: make(map[Total]int64)}
	for i := range history {
		r.apply(versions[r.follows(&history[i]).Version], &history[i], &c)
	}
	return &r, nil
}

// follows returns the definition that the document follows once an event has
// come.
func (r *Record) follows(e *events.Event) events.DefinitionRef {
	if r.Document.Document == "" {
		return events.DefinitionRef{Name: e.Slot.Definition, Version: e.Slot.Version}
	}
	return events.DefinitionRef{Name: r.Definition, Version: r.Version}.After(e)
}

// apply takes the next event of the document. No definition means that it
// cannot be had.
func (r *Record) apply(d *saga.Definition, e *events.Event, c *Changes) {
	before, known, was := r.Folded, r.Document.Document != "", r.total()
	if !known {
		r.Document = Document{
			Document: e.Slot.Document, Definition: e.Slot.Definition, Version: e.Slot.Version,
			SubmittedAt: e.At, Steps: []Step{},
		}
	}
	r.UpdatedAt, r.Position, r.touched = e.At, e.Position, true
	if e.Slot.Kind == events.Forgotten {
		r.Name, r.ForgottenAt = "", new(e.At)
		c.Forgotten = append(c.Forgotten, e.Slot.Document)
	}
	from := r.Version
	r.Version = r.follows(e).Version
	switch {
	case e.Slot.Definition != r.Definition || e.Slot.Version != from && !r.Folded.Moved():
		r.Anomalies++ // a document follows the definition that it came with
	case d == nil:
		r.aside(e)
	default:
		r.Folded = d.Fold(r.Folded, e)
		r.Anomalies += int(r.Folded.Anomalies) - int(before.Anomalies)
		r.submission(e)
		r.visits(d, e, &before, c)
		r.status(e)
	}
	if known {
		c.Totals[was]--
	}
	c.Totals[r.total()]++
}

func (r *Record) total() Total {
	return Total{Definition: r.Definition, Version: r.Version, State: r.State}
}

// aside is what becomes of a document whose definition cannot be had.
func (r *Record) aside(e *events.Event) {
	r.submission(e)
	if e.Slot.Kind == events.Ended {
		r.State, r.EndedAt = e.Result.String(), new(e.At)
		r.closeTroubles(e.At, func(*Trouble) bool { return true })
		return
	}
	if r.State == "" {
		r.State, r.Stop = Incident, &Stop{Reason: TroubleDefinition}
		r.openTrouble(Trouble{Kind: TroubleDefinition, Reason: TroubleDefinition, OpenedAt: e.At})
	}
}

// submission takes what the submitter said.
func (r *Record) submission(e *events.Event) {
	if e.Slot.Kind != events.Submitted || r.Source != "" {
		return
	}
	r.SubmittedAt, r.Source = e.At, clean(e.Source, maxSource)
	var said struct {
		Name     string `json:"name"`
		Location string `json:"location"`
	}
	data, err := events.ParseData(e.Data)
	if err != nil || len(data.Output) == 0 {
		return
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(data.Output, &said); err != nil && !errors.As(err, &wrong) {
		return
	}
	if said.Name == "" && !strings.HasPrefix(said.Location, "upload:") {
		said.Name, _, _ = strings.Cut(said.Location, "?")
		said.Name = path.Base(said.Name)
	}
	r.Name = clean(said.Name, maxName)
}

// status works out the state, and what follows from it.
func (r *Record) status(e *events.Event) {
	s := &r.Folded
	switch s.Phase() {
	case saga.Unknown, saga.Running:
		r.State = Running
	case saga.Compensating:
		r.State = Compensating
	case saga.Incident:
		r.State = Incident
	case saga.Ended:
		r.State = s.Verdict.String()
		if r.EndedAt == nil {
			r.EndedAt = new(e.At)
		}
	}
	r.Stop = nil
	if r.State != Running && r.State != Completed {
		r.Stop = &Stop{Step: s.StopStep, Reason: clean(s.Reason, maxReason)}
	}
	r.stuck(e)
}

// stuck opens and closes the trouble of a document in which no token can move.
func (r *Record) stuck(e *events.Event) {
	open := false
	for i := range r.Troubles {
		open = open || r.Troubles[i].ClosedAt == nil
	}
	switch {
	case r.State != Incident:
		r.closeTroubles(e.At, func(*Trouble) bool { return true })
	case !open:
		r.openTrouble(Trouble{Kind: TroubleStuck, Step: r.Folded.StopStep, Reason: clean(r.Folded.Reason, maxReason), OpenedAt: e.At})
	}
}

// visits brings the steps up to what e has changed.
func (r *Record) visits(d *saga.Definition, e *events.Event, before *saga.State, c *Changes) {
	row := 0
	for i := range r.Folded.Visits() {
		v := r.Folded.Visit(i)
		for row < len(r.Steps) && r.Steps[row].Number < i {
			row++
		}
		has := row < len(r.Steps) && r.Steps[row].Number == i
		if i < before.Visits() && before.Visit(i) == v && e.Slot.Kind != events.Migrate {
			continue
		}
		if has && e.Slot.Kind == events.Migrate && v.Number() > 0 {
			r.Steps[row].Visit = v.Number() // what is open goes on as the next visit
		}
		if !has && v.Status() != saga.Open && v.Rank() == 0 {
			continue // a join, or something else that is no step
		}
		if !has {
			r.insert(row, Step{Step: d.Nodes[v.Node()].ID, Visit: v.Number(), Item: v.Item(), StartedAt: e.At, Number: i})
		}
		r.visit(row, v, e, c)
	}
}

// insert puts a step among the others, by its number.
func (r *Record) insert(row int, s Step) {
	r.Steps = append(r.Steps, Step{})
	copy(r.Steps[row+1:], r.Steps[row:])
	r.Steps[row] = s
	for i, changed := range r.changedSteps {
		if changed >= row {
			r.changedSteps[i]++
		}
	}
}

// visit brings one step up to its visit.
func (r *Record) visit(row int, v saga.Visit, e *events.Event, c *Changes) {
	s := &r.Steps[row]
	s.Status = v.Status().String()
	if v.Rank() > 0 && s.EndedAt == nil {
		r.end(s, e, c)
	}
	if v.Status() == saga.Reverted && !s.Undone {
		s.Undone, s.UndoneAt = true, new(e.At)
	}
	kind := ""
	switch v.Status() { //nolint:exhaustive // the others are no troubles
	case saga.Waiting:
		kind = TroubleFailed
	case saga.UndoFailed:
		kind = TroubleUndoFailed
	}
	mine := func(t *Trouble) bool { return t.Step == s.Step && t.Visit == s.Visit }
	r.closeTroubles(e.At, mine)
	if kind != "" {
		r.openTrouble(Trouble{Kind: kind, Step: s.Step, Visit: s.Visit, Reason: reason(e), OpenedAt: e.At})
	}
	if !slices.Contains(r.changedSteps, row) {
		r.changedSteps = append(r.changedSteps, row)
	}
}

// end closes a step. An outcome that is not e's own follows from it: the
// visit is closed because another is decided.
func (r *Record) end(s *Step, e *events.Event, c *Changes) {
	s.EndedAt, s.Outcome = new(e.At), Cancelled
	if e.Slot.Kind == events.Outcome && e.Slot.Step == s.Step && e.Slot.Visit == s.Visit {
		s.Outcome, s.Reason = e.Result.String(), reason(e)
	} else if s.Status == saga.Done.String() {
		s.Outcome = Completed
	}
	c.Tallies[Tally{
		Definition: r.Definition, Version: r.Version, Step: s.Step, Hour: e.At.Unix() / 3600,
		Outcome: s.Outcome, Reason: s.Reason, Bucket: Bucket(e.At.Sub(s.StartedAt)),
	}]++
}

func (r *Record) openTrouble(t Trouble) {
	t.Document, t.Definition, t.Version, t.Number = r.Document.Document, r.Definition, r.Version, len(r.Troubles)+1
	r.changedTroubles = append(r.changedTroubles, len(r.Troubles))
	r.Troubles = append(r.Troubles, t)
}

func (r *Record) closeTroubles(at time.Time, which func(*Trouble) bool) {
	for i := range r.Troubles {
		if t := &r.Troubles[i]; t.ClosedAt == nil && which(t) {
			t.ClosedAt = new(at)
			r.changedTroubles = append(r.changedTroubles, i)
		}
	}
}

// collect moves what has changed to c.
func (r *Record) collect(c *Changes) {
	c.Records = append(c.Records, r)
	for _, i := range r.changedSteps {
		c.Steps = append(c.Steps, StepRow{Of: r, Step: &r.Steps[i]})
	}
	seen := make(map[int]bool, len(r.changedTroubles))
	for _, i := range r.changedTroubles {
		if !seen[i] {
			c.Troubles = append(c.Troubles, r.Troubles[i])
		}
		seen[i] = true
	}
	r.changedSteps, r.changedTroubles, r.touched = r.changedSteps[:0], r.changedTroubles[:0], false
}

// reason returns the code of an event that says that something went wrong.
func reason(e *events.Event) string {
	if e.Result == events.Completed || e.Result == 0 {
		return ""
	}
	data, err := events.ParseData(e.Data)
	if err != nil || data.Error == nil {
		return ""
	}
	return clean(data.Error.Code, maxReason)
}

// clean returns text from outside as it can be kept and shown: valid UTF-8
// without control and formatting characters, cut to a number of characters.
func clean(s string, most int) string {
	plain := len(s) <= most
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < utf8.RuneSelf-1
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || c == utf8.RuneError || c == '\u2028' || c == '\u2029' {
			continue
		}
		if most--; most < 0 {
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}

// Bucket returns the number of the bucket of a duration. Buckets are an eighth
// of a power of two wide, counted in microseconds: what they say is at most
// one eighth off.
func Bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0)) //nolint:gosec // not negative
	if us < 8 {
		return int(us) //nolint:gosec // below 8
	}
	shift := bits.Len64(us) - 4
	return shift*8 + int(us>>shift) //nolint:gosec // below 16
}

// BucketTime returns the middle of a bucket.
func BucketTime(bucket int) time.Duration {
	if bucket < 8 {
		return time.Duration(bucket) * time.Microsecond
	}
	shift := bucket/8 - 1
	lower := int64(bucket%8+8) << shift
	return time.Duration(lower+int64(1)<<shift/2) * time.Microsecond
}
