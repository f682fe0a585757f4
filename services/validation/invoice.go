package validation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// maxCandidates bounds how many attachments of one document are read.
const maxCandidates = 20

// found is what the attachments hold.
type found struct {
	invoice  *einvoice.Invoice
	source   string // the attachment's name
	embedded string // as in Output.EmbeddedXML
	warnings []string
}

// find reads the attachments that may be invoices, the most modern first, and
// returns the first invoice. An attachment that has the name of an invoice and
// cannot be read is a rejection, unless there is another.
func (h *Handler) find(ctx context.Context, v runner.Visit, attachments []Attachment) (found, error) {
	var f found
	var unreadable error
	for _, a := range candidates(attachments) {
		inv, err := h.read(ctx, v, a)
		name := label(a.Name)
		var broken *contentError
		switch {
		case errors.Is(err, einvoice.ErrNotInvoice):
			if rank(a.Name) < rankOther {
				f.embedded = EmbeddedNotAnInvoice
				f.warnings = append(f.warnings, fmt.Sprintf("attachment %s is not an invoice of a known vocabulary", name))
			}
		case errors.As(err, &broken) && rank(a.Name) == rankOther:
			f.warnings = append(f.warnings, fmt.Sprintf("attachment %s cannot be read as XML", name))
		case errors.As(err, &broken):
			f.warnings = append(f.warnings, fmt.Sprintf("attachment %s cannot be read", name))
			unreadable = runner.Reject(ReasonInvoiceUnreadable, "attachment %s: %s", name, broken.Error())
		case err != nil:
			return f, fmt.Errorf("read attachment %s: %w", name, err)
		case f.invoice == nil:
			f.invoice, f.source = &inv, a.Name
		case inv.Number != f.invoice.Number || !inv.Totals.Grand.Equal(f.invoice.Totals.Grand):
			f.warnings = append(f.warnings, fmt.Sprintf("attachment %s is another invoice than %s", name, label(f.source)))
		}
	}
	switch {
	case f.invoice != nil:
		f.embedded = ""
	case unreadable != nil:
		f.embedded = EmbeddedUnreadable
		return f, unreadable
	}
	return f, nil
}

// A contentError is what is wrong with the bytes of an attachment, in contrast
// to the store that they come from.
type contentError struct{ err error }

// Error returns what is wrong, at most 200 characters: the XML reader quotes
// names, which may be of any length.
func (e *contentError) Error() string {
	text := []rune(strings.TrimPrefix(e.err.Error(), "einvoice: "))
	return string(text[:min(len(text), 200)])
}

// Unwrap returns the error of the XML reader.
func (e *contentError) Unwrap() error { return e.err }

// read reads one attachment as an invoice.
func (h *Handler) read(ctx context.Context, v runner.Visit, a Attachment) (einvoice.Invoice, error) {
	if a.File == nil {
		return einvoice.Invoice{}, &contentError{errors.New("it could not be taken out of the PDF")}
	}
	body, err := h.files.Open(ctx, v.Document, *a.File)
	if err != nil {
		return einvoice.Invoice{}, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	source := &sourceReader{ctx: ctx, from: body}
	inv, err := einvoice.Read(source, h.conf.Limits)
	switch {
	case source.err != nil:
		return inv, source.err
	case err != nil:
		return inv, &contentError{err}
	}
	return inv, nil
}

// A sourceReader remembers what went wrong with the source, and ends with its
// context.
type sourceReader struct {
	ctx  context.Context //nolint:containedctx // lives within one function call
	from io.Reader
	err  error
}

// Read reads from the source.
func (s *sourceReader) Read(p []byte) (int, error) {
	if s.err = context.Cause(s.ctx); s.err != nil {
		return 0, s.err
	}
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// The ranks of names, best first: of Factur-X and ZUGFeRD 2.1 on, of XRechnung
// in ZUGFeRD, of ZUGFeRD 2.0, of ZUGFeRD 1.0, and any other XML.
const (
	rankFacturX = iota
	rankXRechnung
	rankZUGFeRD2
	rankZUGFeRD1
	rankOther
)

func rank(name string) int {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	switch {
	case strings.EqualFold(name, "factur-x.xml"):
		return rankFacturX
	case strings.EqualFold(name, "xrechnung.xml"):
		return rankXRechnung
	case name == "zugferd-invoice.xml":
		return rankZUGFeRD2
	case strings.EqualFold(name, "ZUGFeRD-invoice.xml"):
		return rankZUGFeRD1
	}
	return rankOther
}

// candidates returns the attachments that may be invoices, best first.
func candidates(attachments []Attachment) []Attachment {
	var list []Attachment
	for _, a := range attachments {
		kind := strings.ToLower(a.MediaType)
		if strings.HasSuffix(strings.ToLower(a.Name), ".xml") || strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml") {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b Attachment) int { return rank(a.Name) - rank(b.Name) })
	return list[:min(len(list), maxCandidates)]
}

// label returns a name as it may stand in a message.
func label(name string) string {
	return fmt.Sprintf("%.80q", name)
}

// judge checks the invoice that was found.
func (h *Handler) judge(ctx context.Context, v runner.Visit, f found, out Output) (Output, error) {
	inv := f.invoice
	out.Kind, out.Profile, out.Source, out.Invoice = KindInvoice, inv.Profile, f.source, inv
	findings := einvoice.Check(inv, h.rules, h.conf.Severities)
	more, err := checkRules(inv, h.conf.Rules, h.conf.Severities)
	if err != nil {
		return out, err
	}
	out.Findings = append(findings, more...)
	h.sharpen(out.Findings)
	summary := einvoice.Summarize(inv, out.Findings)
	out.Summary, out.BrokenRules = &summary, summary.BrokenRules
	if err := h.noteDuplicates(ctx, v, &out); err != nil {
		return out, err
	}
	if err := h.claim(ctx, v, &out); err != nil {
		return out, err
	}
	if len(out.BrokenRules) > 0 {
		return out, runner.Reject(ReasonInvoiceRules, "%s", ruleMessage(out.Findings))
	}
	return out, nil
}

// sharpen makes warnings reject in strict mode.
func (h *Handler) sharpen(findings []einvoice.Finding) {
	for i := range findings {
		if _, configured := h.conf.Severities[findings[i].Rule]; h.conf.Strict && !configured {
			findings[i].Severity = einvoice.Reject
		}
	}
}

func ruleMessage(findings []einvoice.Finding) string {
	var parts []string
	for _, f := range findings {
		if f.Severity == einvoice.Reject {
			parts = append(parts, fmt.Sprintf("%s (%s)", f.Rule, f.Detail))
		}
	}
	const most = 10
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	return "breaks " + strings.Join(parts, ", ")
}

// noteDuplicates warns of earlier invoices with the same seller and number.
func (h *Handler) noteDuplicates(ctx context.Context, v runner.Visit, out *Output) error {
	if h.conf.Ledger == nil || out.Invoice.Number == "" {
		return nil
	}
	seller := out.Invoice.Seller
	others, err := h.conf.Ledger.Duplicates(ctx, v.Document, seller.VATID, seller.Name, out.Invoice.Number)
	if err != nil {
		return fmt.Errorf("look for duplicates: %w", err)
	}
	for _, other := range others {
		out.Warnings = append(out.Warnings, fmt.Sprintf("duplicate: document %s has the same seller and invoice number", other))
	}
	return nil
}

// claim puts an invoice that is too large for the event into the file store.
// What is left in the event is its header.
func (h *Handler) claim(ctx context.Context, v runner.Visit, out *Output) error {
	raw, err := json.Marshal(out.Invoice)
	if err != nil {
		return err
	}
	if len(raw) <= h.conf.InlineBytes {
		return nil
	}
	file, err := h.files.Put(ctx, v.Document, v.Owner(), "application/json", bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("store the invoice: %w", err)
	}
	head := *out.Invoice
	head.Lines, head.Notes, head.Attachments, head.Adjustments = nil, nil, nil, nil
	if raw, err = json.Marshal(head); err != nil {
		return err
	}
	if len(raw) > h.conf.InlineBytes { // long texts: leave what identifies it
		head = einvoice.Invoice{
			Syntax: head.Syntax, Level: head.Level, Profile: clip(head.Profile), Number: clip(head.Number), Type: clip(head.Type),
			Date: clip(head.Date), Currency: clip(head.Currency), Totals: head.Totals,
			Seller: einvoice.Party{Name: clip(head.Seller.Name)}, Buyer: einvoice.Party{Name: clip(head.Buyer.Name)},
		}
	}
	out.Invoice, out.InvoiceFile = &head, &file
	out.Profile = clip(out.Profile)
	*out.Summary = clipSummary(*out.Summary)
	return nil
}

func clipSummary(s einvoice.Summary) einvoice.Summary {
	s.Profile, s.Type, s.Number, s.Date = clip(s.Profile), clip(s.Type), clip(s.Number), clip(s.Date)
	s.Seller, s.Buyer, s.Currency = clip(s.Seller), clip(s.Buyer), clip(s.Currency)
	return s
}

// clip shortens a text to 1,000 characters.
func clip(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return string([]rune(text)[:min(most, len([]rune(text)))])
}
