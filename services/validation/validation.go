// Package validation is the service that says what a document is worth: an
// electronic invoice is read and checked, form fields are held against a
// schema, and text against the templates of known issuers. Anything else passes
// as a plain document.
//
// The step takes what parsing gave,
//
//	{"parsing": {"attachments": [{"name","mediaType","file"}], "attachmentsFile": {file},
//	             "fields": [{"name","type","value","values","checked"}], "fieldsFile": {file},
//	             "textFile": {file}}}
//
// of which all may be missing. attachmentsFile and fieldsFile are JSON files with
// the lists if these were too large for an event; textFile is plain text in UTF-8. It gives an
// [Output]. An invoice is looked for first, then a form, then a template.
//
// It rejects an invoice that breaks a rule of severity reject, an attachment
// that has the name of an invoice but cannot be read, and forms and texts that
// do not hold what their schema or template requires. The rejection carries the
// Output, so that a report can say what the invoice was.
//
// It stores nothing but invoices that are too large for an event, which Undo
// releases.
package validation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// The reasons for which a document is rejected here.
const (
	ReasonInvoiceRules      = "invoice-rules"      // the invoice breaks a rule that refuses
	ReasonInvoiceUnreadable = "invoice-unreadable" // an attachment is named as an invoice and is none that can be read
	ReasonFormFields        = "form-fields"        // a form breaks its schema
	ReasonTextFields        = "text-fields"        // a text lacks what its template requires
)

// The kinds of documents.
const (
	KindInvoice  = "invoice"
	KindForm     = "form"
	KindDocument = "document"
)

// What may be wrong with an attachment, see [Output].
const (
	EmbeddedUnreadable   = "unreadable"
	EmbeddedNotAnInvoice = "not-an-invoice"
)

// DefaultInlineBytes is how large an invoice's JSON may be in the output.
const DefaultInlineBytes = 64 << 10

// Files is the file store. Its methods must be safe for several goroutines.
type Files interface {
	// Open opens a file that a step of the document has put.
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
	// Put stores what r gives for the document and the step, or a visit's
	// [runner.Visit.Owner].
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	// Release removes what the step has put for the document, if anything.
	Release(ctx context.Context, document events.DocumentID, step events.StepID) error
}

// A Ledger knows the invoices that there were before.
type Ledger interface {
	// Duplicates returns other documents with an invoice of the same seller,
	// known by its VAT identifier or else its name, and the same number.
	Duplicates(ctx context.Context, document events.DocumentID, sellerVATID, seller, number string) ([]events.DocumentID, error)
}

// Config says what is checked. The zero Config checks the built-in rules, each
// with its own severity.
type Config struct {
	Limits      einvoice.Limits              // of an invoice's XML
	Severities  map[string]einvoice.Severity // of rules by id, instead of their own
	Strict      bool                         // rules that would warn reject, unless Severities says otherwise
	Rules       []Rule                       // more rules, see [ParseRules]
	Forms       []Form                       // see [ParseForms]; the first that matches counts
	Templates   []Template                   // see [ParseTemplates]; the first that matches counts
	Ledger      Ledger                       // nil: duplicates are not looked for
	InlineBytes int                          // larger invoices go to the file store; default [DefaultInlineBytes]
}

// Input is what the step takes.
type Input struct {
	Parsing struct {
		Attachments     []Attachment `json:"attachments"`
		AttachmentsFile *events.File `json:"attachmentsFile"`
		Fields          []Field      `json:"fields"`
		FieldsFile      *events.File `json:"fieldsFile"`
		TextFile        *events.File `json:"textFile"`
	} `json:"parsing"`
}

// An Attachment is a file embedded in the PDF.
type Attachment struct {
	Name      string       `json:"name"`
	MediaType string       `json:"mediaType"`
	File      *events.File `json:"file"` // nil if parsing could not take it out
}

// A Field is a form field with what was entered.
type Field struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Value   string   `json:"value"`
	Values  []string `json:"values"`  // what is selected in a list
	Checked bool     `json:"checked"` // of a box
}

// Output is what the step gives.
type Output struct {
	Kind    string `json:"kind"`              // invoice, form or document
	Profile string `json:"profile,omitempty"` // of the invoice; or the name of the schema or template
	Source  string `json:"source,omitempty"`  // name of the attachment that the invoice was in

	// EmbeddedXML says what is wrong with an attachment that has the name of an
	// invoice, if there is no other: unreadable or not-an-invoice.
	EmbeddedXML string `json:"embeddedXML,omitempty"`

	// Invoice is the record of the invoice. If its lines do not fit into an
	// event, they are left out here, and InvoiceFile is all of it as JSON.
	Invoice     *einvoice.Invoice `json:"invoice,omitempty"`
	InvoiceFile *events.File      `json:"invoiceFile,omitempty"`
	Summary     *einvoice.Summary `json:"summary,omitempty"`

	// Values are the fields of a form or those that a template found.
	Values map[string]string `json:"values,omitempty"`

	BrokenRules []string           `json:"brokenRules"`        // ids of those that reject
	Findings    []einvoice.Finding `json:"findings,omitempty"` // all broken rules
	Warnings    []string           `json:"warnings,omitempty"` // what else a person should know
}

// A Handler does the step. Its methods may be called by several goroutines.
type Handler struct {
	conf  Config
	rules []einvoice.Rule
	files Files
}

// New returns the handler, or an error if the configuration cannot work.
func New(conf Config, files Files) (*Handler, error) {
	if files == nil {
		return nil, errors.New("validation: no file store")
	}
	if conf.InlineBytes == 0 {
		conf.InlineBytes = DefaultInlineBytes
	}
	if conf.InlineBytes < 0 || conf.InlineBytes > events.MaxData {
		return nil, fmt.Errorf("validation: %d bytes of an invoice in an event: want 1 to %d", conf.InlineBytes, events.MaxData)
	}
	h := &Handler{conf: conf, rules: einvoice.Rules(), files: files}
	known := map[string]bool{}
	for _, rule := range h.rules {
		known[rule.ID] = true
	}
	for _, rule := range conf.Rules {
		if known[rule.ID] {
			return nil, fmt.Errorf("validation: rule %s is there twice", rule.ID)
		}
		known[rule.ID] = true
	}
	for id, severity := range conf.Severities {
		if !known[id] {
			return nil, fmt.Errorf("validation: severity of rule %q: there is no such rule", id)
		}
		if !slices.Contains([]einvoice.Severity{einvoice.Reject, einvoice.Warn, einvoice.Off}, severity) {
			return nil, fmt.Errorf("validation: severity of rule %s is %q: want reject, warn or off", id, severity)
		}
	}
	return h, nil
}

// Do validates the document.
func (h *Handler) Do(ctx context.Context, v runner.Visit) (any, error) {
	var in Input
	if err := json.Unmarshal(v.Input, &in); err != nil {
		return nil, fmt.Errorf("validation: read the input of %s: %w", v.Document, err)
	}
	out, err := h.validate(ctx, v, in)
	if rejection, ok := runner.AsRejection(err); ok {
		rejection.Output = out
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("validation: %s: %w", v.Document, err)
	}
	return out, nil
}

// Undo releases an invoice that was too large for its event.
func (h *Handler) Undo(ctx context.Context, v runner.Visit) error {
	if err := h.files.Release(ctx, v.Document, v.Owner()); err != nil {
		return fmt.Errorf("validation: undo %s: %w", v.Document, err)
	}
	return nil
}

// maxList bounds the JSON of a list that lies in the file store.
const maxList = 16 << 20

// fetch reads the lists that were too large for an event.
func (h *Handler) fetch(ctx context.Context, v runner.Visit, in *Input) error {
	for _, list := range []struct {
		name string
		file *events.File
		into any
	}{
		{"attachments", in.Parsing.AttachmentsFile, &in.Parsing.Attachments},
		{"form fields", in.Parsing.FieldsFile, &in.Parsing.Fields},
	} {
		if list.file == nil {
			continue
		}
		body, err := h.files.Open(ctx, v.Document, *list.file)
		if err != nil {
			return fmt.Errorf("read the list of %s: %w", list.name, err)
		}
		err = errors.Join(json.NewDecoder(io.LimitReader(body, maxList)).Decode(list.into), body.Close())
		if err != nil {
			return fmt.Errorf("read the list of %s: %w", list.name, err)
		}
	}
	return nil
}

// validate tries what the document can be, in order.
func (h *Handler) validate(ctx context.Context, v runner.Visit, in Input) (Output, error) {
	out := Output{Kind: KindDocument, BrokenRules: []string{}}
	if err := h.fetch(ctx, v, &in); err != nil {
		return out, err
	}
	found, err := h.find(ctx, v, in.Parsing.Attachments)
	out.Warnings, out.EmbeddedXML = found.warnings, found.embedded
	switch {
	case err != nil:
		return out, err
	case found.invoice != nil:
		return h.judge(ctx, v, found, out)
	}
	if form, ok := matchForm(h.conf.Forms, in.Parsing.Fields); ok {
		return form.judge(in.Parsing.Fields, out)
	}
	if in.Parsing.TextFile == nil || len(h.conf.Templates) == 0 {
		return out, nil
	}
	text, err := h.text(ctx, v, *in.Parsing.TextFile)
	if err != nil {
		return out, err
	}
	if template, ok := matchTemplate(h.conf.Templates, text); ok {
		return template.judge(text, out)
	}
	return out, nil
}
