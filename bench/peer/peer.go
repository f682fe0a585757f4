// Package peer measures an engine other than docsaga at what `docsaga bench`
// measures: five steps that do nothing, one after another, each recorded, for
// each document. It knows no engine: a command hands its own to [Main].
package peer

import "context"

// Steps is how many steps a document has.
const Steps = 5

// An Engine takes documents. Its methods are called by many at once.
type Engine interface {
	// Run returns when the document has gone through all steps, or has failed.
	Run(ctx context.Context, document string) error
	// Recorded returns how many completed steps of a document that went through
	// are on the engine's record, read from where it would survive a crash. It
	// fails if the record does not say that the document is through.
	Recorded(ctx context.Context, document string) (int, error)
	// Stop ends the engine. Nothing runs when it is called.
	Stop()
}

// A Start starts an engine on databases of the site's, with room for so many
// documents under way at once.
type Start func(ctx context.Context, site *Site, open int) (Engine, error)

// A Peer is an engine that can be measured.
type Peer struct {
	Start Start
	Open  int // documents under way at once that suit it best
}

// A Round is what measuring gave.
type Round struct {
	PerSecond float64 `json:"documentsPerSecond"` // as fast as they go through
	CPU       float64 `json:"cpuMicrosecondsPerDocument"`
	Memory    float64 `json:"residentMiB"` // at the end, PostgreSQL included
	Rate      float64 `json:"rate"`        // documents a second at which the next two were measured
	P50       float64 `json:"p50ms"`       // from when a document was due until it was through
	P99       float64 `json:"p99ms"`
}
