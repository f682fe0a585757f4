// Package security is the service that decides whether a PDF is safe to hand
// on: what it would do by itself, what it carries, whether it can be looked
// into at all.
//
// It takes the union of two views: its own look at the bytes ([scan]), which
// trusts nothing that the file says about itself, and pdfium's, which alone
// sees into encrypted files. What follows from a finding is a [Policy].
//
// Signatures are reported as they stand, present, intact, covering the file or
// an earlier revision, and never as trusted: nobody's certificate is checked.
package security

import (
	"context"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/security/scan"
)

// The reasons of a rejection.
const (
	ReasonMalware       = "malware"
	ReasonBomb          = "decompression-bomb"
	ReasonEncrypted     = "encrypted"
	ReasonActiveContent = "active-content"
	ReasonTooLarge      = runner.ReasonTooLarge // more bytes or pages, or more memory to read it, than the limit
	ReasonTimeout       = "timeout"             // reading it takes longer than the deadline
	ReasonUnreadable    = "unreadable"          // pdfium crashes on it
)

// An Inspector reads a PDF; it is a [pdfium.Pool].
type Inspector interface {
	Inspect(ctx context.Context, pdf []byte, want pdfium.Want) (pdfium.Report, error)
}

// Config adjusts a [Handler]. The zero Config is a good one.
type Config struct {
	MaxSize int64       // bytes of a file; default 100 MiB
	Policy  Policy      // changes to [DefaultPolicy]
	Limits  scan.Limits // of the scan
	Clamd   Clamd       // a virus scanner; none by default

	// Reading bounds what pdfium reads. Where it is less than parsing's, what
	// parsing could read is rejected here.
	Reading pdfium.Limits
}

// A Handler is the security service, a [runner.Handler].
type Handler struct {
	conf   Config
	policy Policy
	files  runner.Opener
	pdfium Inspector
}

// New returns a handler that reads from files, with the help of pool.
func New(conf Config, files runner.Opener, pool Inspector) (*Handler, error) {
	policy, err := conf.Policy.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := conf.Clamd.check(); err != nil {
		return nil, err
	}
	if conf.MaxSize < 0 {
		return nil, errors.New("security: the greatest size of a file must not be negative")
	}
	if conf.MaxSize == 0 {
		conf.MaxSize = 100 << 20
	}
	return &Handler{conf: conf, policy: policy, files: files, pdfium: pool}, nil
}

// Do looks at the file in the visit's input, {"file": {...}}, and returns an
// [Output], or a rejection with one of the reasons of this package.
func (h *Handler) Do(ctx context.Context, v runner.Visit) (any, error) {
	data, err := runner.ReadFile(ctx, h.files, v, h.conf.MaxSize)
	if err != nil {
		return nil, err
	}
	found, err := h.look(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("security: look at %s: %w", v.Document, err)
	}
	out, err := found.decide(h.policy)
	if rejected, ok := runner.AsRejection(err); ok && rejected.Code == ReasonActiveContent {
		out.Preview = h.preview(ctx, data)
		rejected.Output = out
		return nil, rejected
	}
	return out, err
}

// Undo does nothing: looking at a document has no effect.
func (h *Handler) Undo(context.Context, runner.Visit) error { return nil }

// preview tells what a rejected file would have been, for the person who is
// to judge it; nil if it cannot be read.
func (h *Handler) preview(ctx context.Context, data []byte) *Preview {
	report, err := h.pdfium.Inspect(ctx, data, pdfium.Want{
		Text: true, Forms: true, Attachments: true, Limits: h.conf.Reading,
	})
	if err != nil {
		return nil
	}
	p := &Preview{Pages: report.Pages, Text: report.HasText(), FormWidgets: report.Widgets, FormValues: report.Filled}
	for _, a := range report.Attachments[:min(len(report.Attachments), maxEmbedded)] {
		p.Attachments = append(p.Attachments, a.Name)
	}
	return p
}

// look gathers what is known about the file.
func (h *Handler) look(ctx context.Context, data []byte) (*look, error) {
	l := &look{}
	if err := h.conf.Clamd.scan(ctx, data, l); err != nil {
		return nil, err
	}
	l.scanned(scan.Scan(data, h.conf.Limits))
	report, err := h.pdfium.Inspect(ctx, data, pdfium.Want{
		Scripts: true, Signatures: true, Attachments: true, Decrypted: true, Limits: h.conf.Reading,
	})
	kind, about := kindOf(err)
	switch {
	case err == nil:
		h.reported(l, data, report)
		return l, h.inside(ctx, l, report)
	case errors.Is(err, pdfium.ErrPassword):
		l.encrypted = true
		l.find(NeedsPassword, 0, "it opens only with a password")
	case errors.Is(err, pdfium.ErrEncryption):
		l.encrypted = true
		l.find(UnsupportedEncryption, 0, "the encryption is broken or unknown")
	case about:
		l.find(kind, 0, fmt.Sprintf("%.200v", err))
	default:
		return nil, err
	}
	return l, nil
}

// kindOf returns what is found if pdfium gives no report for err, and whether
// err is about the file at all.
func kindOf(err error) (kind scan.Kind, about bool) {
	for _, known := range []struct {
		err  error
		kind scan.Kind
	}{
		{pdfium.ErrUnreadable, Unreadable},
		{pdfium.ErrTimeout, Timeout},
		{pdfium.ErrMemory, TooLarge},
		{pdfium.ErrTooManyPages, TooLarge},
		{pdfium.ErrTooLarge, TooLarge},
		{pdfium.ErrCrashed, Crashed},
	} {
		if errors.Is(err, known.err) {
			return known.kind, true
		}
	}
	return "", false
}

// reported adds what pdfium says.
func (h *Handler) reported(l *look, data []byte, report pdfium.Report) {
	l.encrypted = report.Encryption > 0
	l.readable = l.encrypted
	if len(report.Scripts) > 0 {
		l.find(scan.JavaScript, 0, "a script of the document")
	}
	if l.encrypted {
		if report.Decrypted == nil {
			l.find(UnsupportedEncryption, 0, "the decrypted file could not be made")
		} else {
			l.scanned(scan.Scan(report.Decrypted, h.conf.Limits))
		}
	}
	for _, a := range report.Attachments {
		l.attached(a, h.conf.Limits)
	}
	for _, s := range report.Signatures {
		l.signed(check(data, s))
	}
	l.unread(report)
}
