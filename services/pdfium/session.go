package pdfium

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	gopdfium "github.com/klippa-app/go-pdfium"
	pdfiumerrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// A session is one file, open.
type session struct {
	pdfium gopdfium.Pdfium
	doc    references.FPDF_DOCUMENT
	want   Want
	report Report
}

func (s *session) open(pdf []byte) error {
	opened, err := s.pdfium.OpenDocument(&requests.OpenDocument{File: &pdf})
	switch {
	case err == nil:
		s.doc = opened.Document
		return nil
	case errors.Is(err, pdfiumerrors.ErrPassword):
		return ErrPassword
	case errors.Is(err, pdfiumerrors.ErrSecurity):
		return ErrEncryption
	case trapped(err):
		return fmt.Errorf("%w: open: %s", ErrCrashed, firstLine(err))
	default:
		return fmt.Errorf("%w: %v", ErrUnreadable, err) //nolint:errorlint // for a person; nobody asks for pdfium's own error
	}
}

// read fills the report. A part that cannot be read becomes a fault; only a
// trap of the module ends it.
func (s *session) read() error {
	pages, err := s.pdfium.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: s.doc})
	if err != nil {
		return fmt.Errorf("%w: page count: %s", ErrCrashed, firstLine(err))
	}
	s.report.Pages = pages.PageCount
	if pages.PageCount > s.want.Limits.Pages {
		return fmt.Errorf("%d pages, limit %d: %w", pages.PageCount, s.want.Limits.Pages, ErrTooManyPages)
	}
	parts := []struct {
		name   string
		wanted bool
		read   func() error
	}{
		{"encryption", true, s.readEncryption},
		{"metadata", true, s.readMetadata},
		{"attachments", s.want.Attachments, s.readAttachments},
		{"scripts", s.want.Scripts, s.readScripts},
		{"signatures", s.want.Signatures, s.readSignatures},
		{"outline", s.want.Outline, s.readOutline},
		{"pages", s.want.Text || s.want.Forms || len(s.want.Pictures) > 0, s.readPages},
		{"decrypted", s.want.Decrypted, s.readDecrypted},
	}
	for _, part := range parts {
		if !part.wanted {
			continue
		}
		if err := part.read(); err != nil {
			if trapped(err) {
				return fmt.Errorf("%w: %s: %s", ErrCrashed, part.name, firstLine(err))
			}
			s.fault(part.name, err)
		}
	}
	return nil
}

// trapped reports whether err means that the module is broken and not only
// that a call has no answer.
func trapped(err error) bool {
	if errors.Is(err, ErrCrashed) {
		return true
	}
	text := err.Error() // neither library has a type for it
	return strings.Contains(text, "wasm error") || strings.Contains(text, "panic occurred") ||
		strings.Contains(text, "module closed") || strings.Contains(text, "out of memory") ||
		strings.Contains(text, "could not write file data") || strings.Contains(text, "malloc")
}

// firstLine leaves out the stack of the module.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return clip(line, 500)
}

func (s *session) fault(part string, err error) {
	if len(s.report.Faults) < 32 {
		s.report.Faults = append(s.report.Faults, fmt.Sprintf("%s: %.200v", part, err))
	}
}

func (s *session) cut(part string) {
	if !slices.Contains(s.report.Cut, part) {
		s.report.Cut = append(s.report.Cut, part)
	}
}

func (s *session) page(i int) requests.Page {
	return requests.Page{ByIndex: &requests.PageByIndex{Document: s.doc, Index: i}}
}

func (s *session) readEncryption() error {
	revision, err := s.pdfium.FPDF_GetSecurityHandlerRevision(&requests.FPDF_GetSecurityHandlerRevision{Document: s.doc})
	if err != nil {
		return err
	}
	s.report.Encryption = max(0, revision.SecurityHandlerRevision)
	return nil
}

// readMetadata reads the entries of the information dictionary, if there is
// one.
func (s *session) readMetadata() error {
	s.report.Metadata = make(map[string]string)
	for _, tag := range []string{"Title", "Author", "Subject", "Keywords", "Creator", "Producer", "CreationDate", "ModDate", "Trapped"} {
		meta, err := s.pdfium.FPDF_GetMetaText(&requests.FPDF_GetMetaText{Document: s.doc, Tag: tag})
		if err != nil {
			if trapped(err) {
				return err
			}
			continue // there is none
		}
		if meta.Value != "" {
			s.report.Metadata[tag] = clip(meta.Value, 4<<10)
		}
	}
	return nil
}

func (s *session) readDecrypted() error {
	if s.report.Encryption == 0 {
		return nil
	}
	limit := &limitedBuffer{limit: 256 << 20}
	_, err := s.pdfium.FPDF_SaveAsCopy(&requests.FPDF_SaveAsCopy{
		Document: s.doc, Flags: requests.SaveFlagRemoveSecurity, FileWriter: limit,
	})
	if err != nil {
		return err
	}
	s.report.Decrypted = limit.data
	return nil
}

// clip returns at most n bytes of s, whole characters only.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:n], "")
}

type limitedBuffer struct {
	data  []byte
	limit int
}

// Write appends p, or fails with [ErrTooLarge].
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(b.data)+len(p) > b.limit {
		return 0, ErrTooLarge
	}
	b.data = append(b.data, p...)
	return len(p), nil
}
