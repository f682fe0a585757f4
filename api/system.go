package api

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"log/slog"

	"github.com/docsaga/docsaga/coordinator/tasks"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admission"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga/catalog"
)

// A Log is the saga log.
type Log interface {
	Shards() int
	Write(ctx context.Context, e events.Event) (events.Event, error)
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

// Files is the file store of the log.
type Files interface {
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
}

// A Waiter says when the projections are at a position.
type Waiter interface {
	Wait(ctx context.Context, position events.Position) error
}

// Records are what documents became.
type Records interface {
	// Record returns the record of a document as JSON, or events.ErrNotFound.
	Record(ctx context.Context, document events.DocumentID) (json.RawMessage, error)
	// Records returns a page of them, and where the next one begins.
	Records(ctx context.Context, q RecordQuery) (page []json.RawMessage, next string, err error)
}

// A RecordQuery selects records. Empty fields do not restrict.
type RecordQuery struct {
	Kind   string // invoice, form or document
	Number string // of the invoice
	Party  string // part of a name, or a VAT identifier
	From   string // date, YYYY-MM-DD
	To     string
	Limit  int
	After  string
}

// A Gate says whether more documents are taken now.
type Gate interface {
	// Check returns nil if that many more are, and counts them, or an error
	// that wraps events.ErrBusy.
	Check(ctx context.Context, documents int) error
}

// A System is what the API stands on.
type System struct {
	Log         Log
	Files       Files
	Definitions *catalog.Catalog
	Target      catalog.Target // where definitions are deployed to
	Status      *sqlstore.Store
	Positions   Waiter
	Operator    Operator
	Records     Records          // or nil
	Tasks       *tasks.Desk      // or nil
	Notices     Notices          // or nil
	Gate        Gate             // or nil, for one that is always open
	Queues      admission.Queues // or nil: what waits is not told then
}

// Config adjusts a [Server]. The zero Config is a good one for a machine of
// one's own.
type Config struct {
	// Keys are who may do what; without any, only this machine is served.
	Keys Keys
	// Issuer checks tokens that are given instead of a key, or is nil.
	Issuer *Issuer
	// MaxUpload is the greatest size of a document, in bytes; default 64 MiB.
	MaxUpload int64
	// Rate is how many requests a second each key or address may make on
	// average, with ten times as many at once; default 200.
	Rate float64
	// Definition is what a document follows if its submission does not say;
	// default pdf-validation.
	Definition string
	// Hosts are further names that this server is called by, without port.
	Hosts []string
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
	// Tracer makes a span of each submission; nil for none.
	Tracer *tracing.Tracer
}

func (c Config) withDefaults() Config {
	if c.MaxUpload <= 0 {
		c.MaxUpload = 64 << 20
	}
	if c.Rate <= 0 {
		c.Rate = 200
	}
	if c.Definition == "" {
		c.Definition = "pdf-validation"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}
