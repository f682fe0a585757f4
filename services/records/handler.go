package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/barrier"
	"github.com/docsaga/docsaga/services/runner"
)

// ReasonUndone is the reason of a visit that is done after it was undone.
const ReasonUndone = "undone"

// maxInvoice bounds the JSON of an invoice that is read from the file store.
const maxInvoice = 64 << 20

// Files is where validation put an invoice that was too large for an event.
type Files interface {
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
}

// Input is what the step takes: of what other steps gave, what a record is
// made of.
type Input struct {
	Validation struct {
		Kind        string            `json:"kind"`
		Invoice     *Invoice          `json:"invoice"`
		InvoiceFile *events.File      `json:"invoiceFile"`
		Values      map[string]string `json:"values"`
		Warnings    []string          `json:"warnings"`
	} `json:"validation"`
	Parsing struct {
		Pages    int               `json:"pages"`
		Picture  *events.File      `json:"firstPage"`
		Text     *events.File      `json:"textFile"`
		Metadata map[string]string `json:"metadata"`
	} `json:"parsing"`
	Location struct {
		File *events.File `json:"file"`
		Name string       `json:"name"`
	} `json:"location"`
}

// Output is what the step gives.
type Output struct {
	Record events.DocumentID `json:"record"` // get it by this id
	Kind   string            `json:"kind"`
}

// A Handler does the step. Its methods may be called by several goroutines.
type Handler struct {
	store *Store
	files Files
}

// New returns a handler that keeps records in store. files may be nil if
// validation puts every invoice into its event.
func New(store *Store, files Files) *Handler { return &Handler{store, files} }

// Do stores the document's record. A visit that was undone before is rejected
// with [ReasonUndone].
func (h *Handler) Do(ctx context.Context, v runner.Visit) (any, error) {
	record, err := h.extract(ctx, v)
	if err != nil {
		return nil, err
	}
	err = h.store.within(ctx, func(tx *sql.Tx) error {
		first, err := barrier.Do(ctx, tx, v)
		if err != nil || !first {
			return err
		}
		return insert(ctx, tx, record)
	})
	switch {
	case errors.Is(err, barrier.ErrUndone):
		return nil, runner.Reject(ReasonUndone, "the record of visit %d was undone before it was stored", v.Number)
	case err != nil:
		return nil, fmt.Errorf("records: store %s: %w", v.Document, err)
	}
	return Output{Record: v.Document, Kind: record.Kind}, nil
}

// Undo removes the visit's record, now or as soon as it would be stored.
func (h *Handler) Undo(ctx context.Context, v runner.Visit) error {
	err := h.store.within(ctx, func(tx *sql.Tx) error {
		needed, err := barrier.Undo(ctx, tx, v)
		if err != nil || !needed {
			return err
		}
		return remove(ctx, tx, v)
	})
	if err != nil {
		return fmt.Errorf("records: undo %s: %w", v.Document, err)
	}
	return nil
}

// extract makes the record of what the earlier steps gave.
func (h *Handler) extract(ctx context.Context, v runner.Visit) (Record, error) {
	var in Input
	if err := json.Unmarshal(v.Input, &in); err != nil {
		return Record{}, fmt.Errorf("records: read the input of %s: %w", v.Document, err)
	}
	r := Record{
		Document: v.Document, Step: v.Step, Visit: v.Number, StoredAt: time.Now().UTC(),
		Kind: in.Validation.Kind, Name: in.Location.Name, File: in.Location.File,
		Pages: in.Parsing.Pages, Picture: in.Parsing.Picture, Text: in.Parsing.Text, Metadata: in.Parsing.Metadata,
		Values: in.Validation.Values, Warnings: in.Validation.Warnings, Invoice: in.Validation.Invoice,
	}
	if r.Kind == "" {
		r.Kind = "document" // a flow without validation
	}
	if in.Validation.InvoiceFile == nil {
		return r, nil
	}
	if h.files == nil {
		return Record{}, fmt.Errorf("records: read the invoice of %s: it lies in the file store, and none is configured", v.Document)
	}
	body, err := h.files.Open(ctx, v.Document, *in.Validation.InvoiceFile)
	if err != nil {
		return Record{}, fmt.Errorf("records: read the invoice of %s: %w", v.Document, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	r.Invoice = &Invoice{}
	if err := json.NewDecoder(io.LimitReader(body, maxInvoice)).Decode(r.Invoice); err != nil {
		return Record{}, fmt.Errorf("records: read the invoice of %s: %w", v.Document, err)
	}
	return r, nil
}
