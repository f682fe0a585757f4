package parsing

import (
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/pdfium"
)

// Output is what the service says of a document. Parts that are too large for
// an event are in a file of the same content as JSON, and their own field is
// empty.
type Output struct {
	Pages    int               `json:"pages"`
	Text     bool              `json:"text"`               // whether it has text worth the name
	TextFile *events.File      `json:"textFile,omitempty"` // UTF-8, a form feed between pages
	Layout   *events.File      `json:"layout,omitempty"`   // JSON, a list of pdfium.PageText with runs
	Metadata map[string]string `json:"metadata,omitempty"` // Title, Author, CreationDate, ...

	FirstPage *events.File `json:"firstPage,omitempty"` // PNG

	Attachments     []Attachment `json:"attachments"`
	AttachmentsFile *events.File `json:"attachmentsFile,omitempty"`
	// InvoiceXML is the attachment that by its name is an e-invoice.
	InvoiceXML *Attachment `json:"invoiceXML,omitempty"`

	FormWidgets int            `json:"formWidgets"` // a group of radio buttons on one page counts once
	FormValues  int            `json:"formValues"`  // those that have a value
	Fields      []pdfium.Field `json:"fields,omitempty"`
	FieldsFile  *events.File   `json:"fieldsFile,omitempty"`

	Outline     []pdfium.OutlineItem `json:"outline,omitempty"`
	OutlineFile *events.File         `json:"outlineFile,omitempty"`

	// Cut names the parts that a limit has shortened, Faults says what could
	// not be read.
	Cut    []string `json:"cut,omitempty"`
	Faults []string `json:"faults,omitempty"`
}

// An Attachment is a file that the document carries.
type Attachment struct {
	Name      string       `json:"name"`
	MediaType string       `json:"mediaType"`      // by its bytes and its name, not by what it claims
	File      *events.File `json:"file,omitempty"` // absent if it is over a limit or unreadable
}
