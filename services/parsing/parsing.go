// Package parsing is the service that takes a PDF apart: pages, text,
// metadata, attachments, form fields, outline, a picture of the first page.
// What is large goes to the file store; the event holds claim checks.
//
// It reads nothing itself: pdfium does, in a child process, under a deadline.
// What cannot be read so is rejected with the reason why.
package parsing

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/runner"
)

// The reasons of a rejection.
const (
	ReasonUnreadable = "unreadable"          // not a PDF, broken beyond repair, or pdfium crashes on it
	ReasonTimeout    = "timeout"             // it takes longer than the deadline
	ReasonTooLarge   = runner.ReasonTooLarge // more bytes or pages, or more memory to read it, than the limit
	ReasonEncrypted  = "encrypted"           // it opens only with a password
)

// Files is where the document's bytes are, and where the parts go.
type Files interface {
	runner.Opener
	// Put keeps what r holds as a file of the step.
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	// Release removes all files of the step; that there are none is no error.
	Release(ctx context.Context, document events.DocumentID, step events.StepID) error
}

// An Inspector reads a PDF; it is a [pdfium.Pool].
type Inspector interface {
	Inspect(ctx context.Context, pdf []byte, want pdfium.Want) (pdfium.Report, error)
}

// Config adjusts a [Handler]. The zero Config is a good one.
type Config struct {
	MaxSize     int64         // bytes of a file; default 100 MiB
	PictureSide int           // longest side of the first page's picture in pixels; default 640, at most 4000
	Layout      bool          // keep where the text stands, too
	Limits      pdfium.Limits // of what is read
}

// A Handler is the parsing service, a [runner.Handler].
type Handler struct {
	conf   Config
	files  Files
	pdfium Inspector
}

// New returns a handler that reads from and writes to files, and has pool take
// the documents apart.
func New(conf Config, files Files, pool Inspector) (*Handler, error) {
	if conf.MaxSize < 0 || conf.PictureSide < 0 || conf.PictureSide > 4000 {
		return nil, errors.New("parsing: the greatest size of a file or a picture is out of range")
	}
	if conf.MaxSize == 0 {
		conf.MaxSize = 100 << 20
	}
	if conf.PictureSide == 0 {
		conf.PictureSide = 640
	}
	return &Handler{conf: conf, files: files, pdfium: pool}, nil
}

// Do takes the file in the visit's input, {"file": {...}}, apart and returns
// an [Output], or a rejection with one of the reasons of this package.
func (h *Handler) Do(ctx context.Context, v runner.Visit) (any, error) {
	data, err := runner.ReadFile(ctx, h.files, v, h.conf.MaxSize)
	if err != nil {
		return nil, err
	}
	report, err := h.pdfium.Inspect(ctx, data, pdfium.Want{
		Text: true, Runs: h.conf.Layout, Attachments: true, Forms: true, Outline: true,
		Pictures: []int{0}, Side: h.conf.PictureSide, Limits: h.conf.Limits,
	})
	if err != nil {
		return nil, outcome(v.Document, err)
	}
	out, err := h.store(ctx, v, report)
	if err != nil {
		return nil, fmt.Errorf("parsing: keep the parts of %s: %w", v.Document, err)
	}
	return out, nil
}

// Undo removes the files that the step has put into the store.
func (h *Handler) Undo(ctx context.Context, v runner.Visit) error {
	if err := h.files.Release(ctx, v.Document, v.Owner()); err != nil {
		return fmt.Errorf("parsing: undo %s: %w", v.Document, err)
	}
	return nil
}

// outcome returns the rejection for an error about the file, and any other
// error as it is.
func outcome(document events.DocumentID, err error) error {
	for _, known := range []struct {
		err    error
		reason string
	}{
		{pdfium.ErrUnreadable, ReasonUnreadable},
		{pdfium.ErrCrashed, ReasonUnreadable},
		{pdfium.ErrTimeout, ReasonTimeout},
		{pdfium.ErrMemory, ReasonTooLarge},
		{pdfium.ErrTooManyPages, ReasonTooLarge},
		{pdfium.ErrTooLarge, ReasonTooLarge},
		{pdfium.ErrPassword, ReasonEncrypted},
		{pdfium.ErrEncryption, ReasonEncrypted},
	} {
		if errors.Is(err, known.err) {
			return runner.Reject(known.reason, "%.300v", err)
		}
	}
	return fmt.Errorf("parsing: read %s: %w", document, err)
}
