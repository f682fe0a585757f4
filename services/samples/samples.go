// Package samples makes the documents that docsaga is tried and tested with:
// a few that show what it does ([Builtin]), one of each kind of hostile and
// broken file ([Hostile]), and the builders they are made by, for tests that
// want another of the kind ([Document], [Invoice], [EInvoice]).
//
// Everything is written by this package itself, byte by byte, from fixed
// seeds: the same call returns the same bytes, and no file of anybody else is
// needed. The PDF syntax is that of ISO 32000-2, the invoices are those of
// EN 16931 in its two syntaxes (UN/CEFACT CII D16B and OASIS UBL 2.1), and the
// joining of the two is that of Factur-X 1.0 and ZUGFeRD 2. What is written
// claims no PDF/A conformance, for it embeds no fonts.
package samples

import (
	"fmt"

	"github.com/docsaga/docsaga/events"
)

// The states that a document can end in.
const (
	Completed = "completed"
	Rejected  = "rejected"
)

// The steps of the flow pdf-validation.
const (
	stepLocation   events.StepID = "location"
	stepSecurity   events.StepID = "security"
	stepParsing    events.StepID = "parsing"
	stepValidation events.StepID = "validation"
)

// A Want is how a document should end in the flow pdf-validation under the
// default policy. Step and Reason say where and why it stopped, and are empty
// if it completed.
type Want struct {
	State  string        // [Completed] or [Rejected]
	Step   events.StepID // such as "security"
	Reason string        // such as "active-content"
}

// String returns the end in words, such as "rejected by security: encrypted".
func (w Want) String() string {
	if w.Step == "" {
		return w.State
	}
	return fmt.Sprintf("%s by %s: %s", w.State, w.Step, w.Reason)
}

// A Sample is one document and how it should end.
type Sample struct {
	Name    string // a file name, such as "invoice.pdf"
	Content []byte
	Want    Want
}

// Builtin returns the samples of `docsaga run`: one document for each of the
// commonest ends.
func Builtin() []Sample {
	wrong := Example()
	wrong.Number = "2026-0043"
	wrong.Totals.Gross, wrong.Totals.Due = "999.00", "999.00" // BR-CO-15: net and tax make 476.00
	note, script, secret := deliveryNote(7), deliveryNote(8), deliveryNote(9)
	script.Catalog = `/OpenAction << /S /JavaScript /JS (app.alert\("Hello from the document"\);) >>`
	secret.Encryption, secret.Password = AES256, "a password that nobody knows"
	return []Sample{
		{Name: "invoice.pdf", Content: EInvoice(Example()), Want: ends()},
		{Name: "delivery-note.pdf", Content: note.PDF(), Want: ends()},
		{Name: "invoice-wrong-totals.pdf", Content: EInvoice(wrong), Want: stops(stepValidation, "invoice-rules")},
		{Name: "javascript.pdf", Content: script.PDF(), Want: stops(stepSecurity, "active-content")},
		{Name: "password.pdf", Content: secret.PDF(), Want: stops(stepSecurity, "encrypted")},
		{Name: "not-a-pdf.pdf", Content: []byte("This is a text file. Its name says that it is a PDF.\n"), Want: stops(stepLocation, "not-a-pdf")},
	}
}

func ends() Want { return Want{State: Completed} }

func stops(step events.StepID, reason string) Want {
	return Want{State: Rejected, Step: step, Reason: reason}
}

// deliveryNote returns a plain document of one page.
func deliveryNote(number int) Document {
	title := fmt.Sprintf("Delivery note %d", number)
	return Document{Title: title, Pages: []string{title + `

From  Hafen Werkzeuge GmbH, Am Kai 4, 20457 Hamburg
To    Café Müller, Lindenstraße 12, 04109 Leipzig

 2  torque wrench 20-100 Nm
10  hex key set, metric

Received in good order: ______________________`}}
}
