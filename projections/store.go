package projections

import (
	"context"
	"errors"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

var (
	// ErrMoved reports that a store is not where its writer left it: another
	// writer has gone on, or the store was rebuilt. Read the cursor and what
	// is needed anew.
	ErrMoved = errors.New("projections have moved")
	// ErrBadPage reports a page token that was not given out, or not for that
	// filter.
	ErrBadPage = errors.New("page token is not of this list")
)

// A Store keeps what a [Projector] makes.
type Store interface {
	// Cursor returns the last sequence of a shard that the rows follow from.
	Cursor(ctx context.Context, shard int) (uint64, error)
	// Load returns the records of those documents that have one.
	Load(ctx context.Context, documents []events.DocumentID) ([]*Record, error)
	// Save keeps the changes and moves the cursor, both or neither. It fails
	// with an error that wraps [ErrMoved] if the cursor is not at the changes'
	// beginning.
	Save(ctx context.Context, c *Changes) error
}

// A Record is all that is kept of a document.
type Record struct {
	Document
	Folded   saga.State
	Troubles []Trouble

	changedSteps    []int // indexes in Steps
	changedTroubles []int
	touched         bool
}

// Changes are what the events of a shard in (From, To] have changed.
type Changes struct {
	Shard    int
	From, To uint64

	Records  []*Record // their rows are to be replaced, but not Steps and Troubles
	Steps    []StepRow
	Troubles []Trouble
	// Forgotten are documents of which no former row may be left anywhere.
	Forgotten []events.DocumentID
	Tallies   map[Tally]int64 // to be added
	Totals    map[Total]int64 // to be added; may be negative
}

// A StepRow is a step of a document.
type StepRow struct {
	Of *Record
	*Step
}
