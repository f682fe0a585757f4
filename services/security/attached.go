package security

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/security/scan"
)

// What may be looked at of the PDFs within a PDF, by pdfium; the scan of the
// bytes has bounds of its own. Beyond depth and number they are flagged as not
// scanned; beyond the time, which may pass with other documents, the document
// is one that takes too long.
const (
	maxDepth = 4                // of one within another
	maxInner = 20               // in one document
	maxTime  = 45 * time.Second // for all of them
)

var errTooLong = errors.New("the attached PDFs take too long to look at")

// An inside looks at what only pdfium can unpack: what was encrypted, and the
// embedded files.
type inside struct {
	*Handler
	look  *look
	left  int // PDFs that may still be looked at
	until time.Time
}

func (h *Handler) inside(ctx context.Context, l *look, report pdfium.Report) error {
	in := inside{Handler: h, look: l, left: maxInner, until: time.Now().Add(maxTime)}
	return in.unpacked(ctx, report, 1)
}

// unpacked looks at the parts of a report, of which depth files are around.
func (in *inside) unpacked(ctx context.Context, report pdfium.Report, depth int) error {
	if report.Decrypted != nil {
		if err := in.conf.Clamd.scan(ctx, report.Decrypted, in.look); err != nil {
			return err
		}
	}
	for _, a := range report.Attachments {
		if len(a.Content) == 0 {
			continue
		}
		if err := in.conf.Clamd.scan(ctx, a.Content, in.look); err != nil {
			return err
		}
		if scan.TypeOf(a.Content) != "pdf" {
			continue
		}
		if err := in.pdf(ctx, a, depth); err != nil {
			return err
		}
	}
	return nil
}

// pdf looks at an attachment that is a PDF as at the document itself.
func (in *inside) pdf(ctx context.Context, a pdfium.Attachment, depth int) error {
	if depth > maxDepth || in.left == 0 {
		in.look.find(scan.Unscanned, 0, "PDFs within PDFs, too many or too deep")
		return nil
	}
	in.left--
	timed, cancel := context.WithDeadlineCause(ctx, in.until, errTooLong)
	defer cancel()
	report, err := in.pdfium.Inspect(timed, a.Content, pdfium.Want{
		Scripts: true, Attachments: true, Decrypted: true, Limits: in.conf.Reading,
	})
	kind, about := kindOf(err)
	switch {
	case errors.Is(err, pdfium.ErrPassword), errors.Is(err, pdfium.ErrEncryption):
		in.look.find(scan.Unscanned, 0, "an attached PDF opens only with a password")
		return nil
	case kind == Unreadable:
		in.look.find(scan.Unscanned, 0, fmt.Sprintf("an attached PDF: %.200v", err))
		return nil
	case errors.Is(err, errTooLong):
		in.look.find(Timeout, 0, errTooLong.Error())
		return nil
	case about:
		in.look.find(kind, 0, fmt.Sprintf("an attached PDF: %.200v", err))
		return nil
	case err != nil:
		return err
	}
	if len(report.Scripts) > 0 {
		in.look.find(scan.JavaScript, 0, "a script of an attached PDF")
	}
	switch {
	case report.Decrypted != nil:
		in.look.scanned(scan.Scan(report.Decrypted, in.conf.Limits))
	case report.Encryption > 0:
		in.look.find(UnsupportedEncryption, 0, "the decrypted copy of an attached PDF could not be made")
	}
	in.look.unread(report)
	for _, inner := range report.Attachments {
		in.look.attached(inner, in.conf.Limits)
	}
	return in.unpacked(ctx, report, depth+1)
}
