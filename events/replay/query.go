package replay

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Query selects events and says in which order they are read. The zero
// Query selects all that the log holds now, by shard.
type Query struct {
	Filter
	After Positions // only events after these
	Until Positions // only events up to these; a shard that has none is read to its present end
	Order Order
}

// An Order is one of the orders of the package comment.
type Order int

// The orders.
const (
	ByShard Order = iota
	Merged
	Live // by shard up to the present end, then as events come, for ever
)

// A Filter selects events by what they say. An empty field selects all.
type Filter struct {
	Documents   []events.DocumentID
	Definitions []string // <name> or <name>.<version>
	Steps       []events.StepID
	Types       []string  // with * for any characters but a slash, such as docsaga.*.failed
	Since       time.Time // stored at or after
	Before      time.Time // stored before
}

// Check returns an error if the filter cannot be understood.
func (f *Filter) Check() error {
	for _, d := range f.Documents {
		if err := events.CheckID(d); err != nil {
			return fmt.Errorf("replay: document: %w", err)
		}
	}
	for _, s := range f.Steps {
		if err := events.CheckID(s); err != nil {
			return fmt.Errorf("replay: step: %w", err)
		}
	}
	for _, d := range f.Definitions {
		name, version, numbered := strings.Cut(d, ".")
		n, err := strconv.Atoi(version)
		if numbered && (err != nil || n < 1) || events.CheckID(name) != nil {
			return fmt.Errorf("replay: definition %.80q: want <name> or <name>.<version>", d)
		}
	}
	for _, t := range f.Types {
		if _, err := path.Match(t, ""); err != nil {
			return fmt.Errorf("replay: type %.80q: %w", t, err)
		}
	}
	return nil
}

// Selects reports whether the event passes the filter, which was checked.
func (f *Filter) Selects(e *events.Event) bool {
	slot := &e.Slot
	switch {
	case len(f.Documents) > 0 && !slices.Contains(f.Documents, slot.Document),
		len(f.Steps) > 0 && !slices.Contains(f.Steps, slot.Step),
		!f.Since.IsZero() && e.At.Before(f.Since),
		!f.Before.IsZero() && !e.At.Before(f.Before):
		return false
	}
	return f.ofDefinition(slot) && f.ofType(e)
}

func (f *Filter) ofDefinition(slot *events.Slot) bool {
	if len(f.Definitions) == 0 {
		return true
	}
	for _, d := range f.Definitions {
		name, version, numbered := strings.Cut(d, ".")
		if name == slot.Definition && (!numbered || version == strconv.Itoa(slot.Version)) {
			return true
		}
	}
	return false
}

func (f *Filter) ofType(e *events.Event) bool {
	if len(f.Types) == 0 {
		return true
	}
	typ := e.Type()
	for _, pattern := range f.Types {
		if ok, err := path.Match(pattern, typ); ok && err == nil {
			return true
		}
	}
	return false
}

// shards returns which shards can hold what the filter selects.
func (f *Filter) shards(of int) []int {
	var shards []int
	for shard := range of {
		holds := len(f.Documents) == 0
		for _, d := range f.Documents {
			holds = holds || events.Shard(d, of) == shard
		}
		if holds {
			shards = append(shards, shard)
		}
	}
	return shards
}
