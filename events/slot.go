package events

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// SubjectRoot is the first token of every slot's subject.
	SubjectRoot = "docsaga"
	// Partitions is how many partitions the documents of an epoch are spread over.
	Partitions = 64
	// MaxVisit is the greatest number of a visit.
	MaxVisit = 65535
	// MaxVersion is the greatest version of a definition.
	MaxVersion = 1<<31 - 1
)

// ErrBadSubject reports a subject that is not that of a slot.
var ErrBadSubject = errors.New("not the subject of a slot")

// A Slot is a place in the saga log that takes one event ever.
type Slot struct {
	Definition string
	Version    int
	Document   DocumentID
	Step       StepID
	Visit      int // from 1
	Kind       Kind
	Again      int // from 1; above 1 only for a command given again, and its undone
}

// DocumentSlot returns the slot of a kind that belongs to the document as a whole.
func DocumentSlot(definition string, version int, document DocumentID, kind Kind) Slot {
	return Slot{Definition: definition, Version: version, Document: document, Step: StepDocument, Visit: 1, Kind: kind, Again: 1}
}

// Of returns the slot of another kind for the same visit.
func (s Slot) Of(kind Kind) Slot {
	s.Kind, s.Again = kind, 1
	return s
}

// Partition returns the partition of a document: FNV-1a mod [Partitions].
func Partition(document DocumentID) int {
	hash := uint32(2166136261)
	for i := range len(document) {
		hash = (hash ^ uint32(document[i])) * 16777619
	}
	return int(hash % Partitions)
}

// Shard returns which of the given number of shards holds a document.
func Shard(document DocumentID, shards int) int { return Partition(document) % shards }

// Subject returns the slot's subject. It does not check the slot; see [Slot.Check].
func (s Slot) Subject() string {
	b := make([]byte, 0, 128)
	b = append(b, SubjectRoot...)
	b = append(b, '.')
	p := Partition(s.Document)
	b = append(b, byte('0'+p/10), byte('0'+p%10), '.')
	b = append(b, s.Definition...)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(s.Version), 10)
	b = append(b, '.')
	return string(s.appendID(b))
}

// ID returns the id of the slot's event: the subject's last four tokens.
func (s Slot) ID() string { return string(s.appendID(make([]byte, 0, 96))) }

func (s Slot) appendID(b []byte) []byte {
	b = append(b, s.Document...)
	b = append(b, '.')
	b = append(b, s.Step...)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(s.Visit), 10)
	b = append(b, '.')
	b = append(b, s.Kind.String()...)
	if s.Again > 1 {
		b = append(b, '-', byte('0'+s.Again))
	}
	return b
}

// Check returns nil if the slot can exist.
func (s Slot) Check() error {
	if err := CheckID(s.Definition); err != nil {
		return fmt.Errorf("definition: %w", err)
	}
	if err := CheckID(s.Document); err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if err := CheckID(s.Step); err != nil {
		return fmt.Errorf("step: %w", err)
	}
	numbered := s.Kind == Undo || s.Kind == Undone
	switch {
	case s.Version < 1 || s.Version > MaxVersion:
		return fmt.Errorf("version %d: want 1 to %d", s.Version, MaxVersion)
	case s.Visit < 1 || s.Visit > MaxVisit:
		return fmt.Errorf("visit %d: want 1 to %d", s.Visit, MaxVisit)
	case s.Kind < Outcome || s.Kind > Migrate:
		return fmt.Errorf("unknown kind %d", s.Kind)
	case s.Again < 1 || s.Again > MaxAgain || s.Again > 1 && !numbered:
		return fmt.Errorf("%s number %d: want 1, or up to %d for undo and undone", s.Kind, s.Again, MaxAgain)
	case s.Kind.OfDocument() != (s.Step == StepDocument) || s.Step == StepDocument && s.Visit != 1 && s.Kind != Migrate:
		return fmt.Errorf("step %s visit %d has no slot %s", s.Step, s.Visit, s.Kind)
	case (s.Kind == Changed) != (s.Document == DocumentAdmin):
		return fmt.Errorf("document %s has no slot %s: %s is kept for changes of the system", s.Document, s.Kind, DocumentAdmin)
	}
	return nil
}

// ParseSubject returns the slot of a subject, or an error that wraps
// [ErrBadSubject]. What it accepts, [Slot.Subject] writes back the same.
func ParseSubject(subject string) (Slot, error) {
	tokens, ok := cutTokens(subject)
	if !ok {
		return Slot{}, fmt.Errorf("events: subject %.200q: want 8 tokens that begin with %s: %w", subject, SubjectRoot, ErrBadSubject)
	}
	var s Slot
	s.Definition, s.Document, s.Step = tokens[2], DocumentID(tokens[4]), StepID(tokens[5])
	version, okVersion := parseNumber(tokens[3])
	visit, okVisit := parseNumber(tokens[6])
	s.Version, s.Visit = version, visit
	s.Kind, s.Again, ok = parseKind(tokens[7])
	if !ok || !okVersion || !okVisit {
		return Slot{}, fmt.Errorf("events: subject %.200q: version, visit or kind: %w", subject, ErrBadSubject)
	}
	if err := s.Check(); err != nil {
		return Slot{}, fmt.Errorf("events: subject %.200q: %w: %w", subject, err, ErrBadSubject)
	}
	p := Partition(s.Document)
	if t := tokens[1]; len(t) != 2 || t[0] != byte('0'+p/10) || t[1] != byte('0'+p%10) {
		return Slot{}, fmt.Errorf("events: subject %.200q: partition of %s is %02d: %w", subject, s.Document, p, ErrBadSubject)
	}
	return s, nil
}

func cutTokens(subject string) (tokens [8]string, ok bool) {
	for i := range 7 {
		if tokens[i], subject, ok = strings.Cut(subject, "."); !ok {
			return tokens, false
		}
	}
	tokens[7] = subject
	return tokens, tokens[0] == SubjectRoot && !strings.Contains(subject, ".")
}

// parseNumber reads a number without sign or leading zeros.
func parseNumber(token string) (int, bool) {
	if len(token) == 0 || len(token) > 10 || token[0] == '0' {
		return 0, false
	}
	n := 0
	for i := range len(token) {
		c := token[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
