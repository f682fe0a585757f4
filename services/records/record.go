// Package records is the service that keeps what was learned of a document: the
// header, parties, lines and taxes of an invoice, or the metadata of any other
// document. It keeps them in SQLite, or in PostgreSQL when several processes
// share them, under the same tables.
//
// The step takes what validation, parsing and location gave,
//
//	{"validation": {"kind","profile","invoice":{...}}, "parsing": {...}, "location": {"file","name"}}
//
// and gives {"record": "<document id>", "kind": "invoice"}. The row stands under
// a barrier: it is written once however often the step is done, and no more
// once it was undone.
package records

import (
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Record is what is kept of a document. Amounts are exact decimal numbers in
// plain notation, such as "104.90", or "" if there is none. Dates are
// YYYY-MM-DD, or what the document had there if that is no date.
type Record struct {
	Document events.DocumentID `json:"document"`
	Step     events.StepID     `json:"step"`
	Visit    int               `json:"visit"`
	Kind     string            `json:"kind"` // invoice, form or document
	StoredAt time.Time         `json:"storedAt"`

	Name     string            `json:"name,omitempty"`    // the file's name
	File     *events.File      `json:"file,omitempty"`    // the PDF itself
	Pages    int               `json:"pages,omitempty"`   // how many
	Picture  *events.File      `json:"picture,omitempty"` // of the first page
	Text     *events.File      `json:"text,omitempty"`    // of all pages
	Metadata map[string]string `json:"metadata,omitempty"`
	Values   map[string]string `json:"values,omitempty"` // of a form, or found in the text by a template
	Warnings []string          `json:"warnings,omitempty"`

	Invoice *Invoice `json:"invoice,omitempty"`
}

// An Invoice is an invoice's record. Its JSON form has the names that
// validation's output has.
type Invoice struct {
	Syntax      string           `json:"syntax,omitempty"`
	Profile     string           `json:"profile,omitempty"`
	Level       string           `json:"level,omitempty"`
	Number      string           `json:"number"`
	Type        string           `json:"type,omitempty"`
	Date        string           `json:"date,omitempty"`
	DueDate     string           `json:"dueDate,omitempty"`
	Currency    string           `json:"currency,omitempty"`
	Seller      Party            `json:"seller"`
	Buyer       Party            `json:"buyer"`
	Payee       *Party           `json:"payee,omitempty"`
	Delivery    Delivery         `json:"delivery,omitzero"`
	References  References       `json:"references,omitzero"`
	Notes       []map[string]any `json:"notes,omitempty"`
	Payment     Payment          `json:"payment,omitzero"`
	Adjustments []Adjustment     `json:"adjustments,omitempty"`
	Totals      Totals           `json:"totals"`
	Taxes       []Tax            `json:"taxes,omitempty"`
	Lines       []Line           `json:"lines,omitempty"`
}

// A Party is the seller, the buyer or the payee.
type Party struct {
	Name      string   `json:"name"`
	VATID     string   `json:"vatID,omitempty"`
	TaxNumber string   `json:"taxNumber,omitempty"`
	Address   *Address `json:"address,omitempty"`
	Contact   string   `json:"contact,omitempty"`
	Phone     string   `json:"phone,omitempty"`
	Email     string   `json:"email,omitempty"`
}

// An Address is a postal address; Country is of ISO 3166-1.
type Address struct {
	Lines    []string `json:"lines,omitempty"`
	PostCode string   `json:"postCode,omitempty"`
	City     string   `json:"city,omitempty"`
	Country  string   `json:"country,omitempty"`
}

// Delivery is when the goods went.
type Delivery struct {
	Date string `json:"date,omitempty"`
}

// References are the documents that an invoice refers to.
type References struct {
	Buyer    string `json:"buyer,omitempty"`
	Contract string `json:"contract,omitempty"`
	Order    string `json:"order,omitempty"`
}

// Payment says how to pay.
type Payment struct {
	Terms     string         `json:"terms,omitempty"`
	Reference string         `json:"reference,omitempty"`
	Means     []PaymentMeans `json:"means,omitempty"`
}

// PaymentMeans is one way to pay. Code is of UNTDID 4461.
type PaymentMeans struct {
	Code    string `json:"code,omitempty"`
	Account string `json:"account,omitempty"`
	Name    string `json:"name,omitempty"`
	Bank    string `json:"bank,omitempty"`
}

// An Adjustment is an allowance or a charge.
type Adjustment struct {
	Charge   bool   `json:"charge"`
	Amount   string `json:"amount,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Category string `json:"category,omitempty"`
	Rate     string `json:"rate,omitempty"`
}

// Totals are an invoice's totals, in its currency.
type Totals struct {
	Lines      string `json:"lines,omitempty"`
	Allowances string `json:"allowances,omitempty"`
	Charges    string `json:"charges,omitempty"`
	TaxBasis   string `json:"taxBasis,omitempty"`
	Tax        string `json:"tax,omitempty"`
	Grand      string `json:"grand,omitempty"`
	Prepaid    string `json:"prepaid,omitempty"`
	Due        string `json:"due,omitempty"`
}

// A Tax is one group of the tax breakdown.
type Tax struct {
	Category string `json:"category,omitempty"`
	Rate     string `json:"rate,omitempty"`
	Basis    string `json:"basis,omitempty"`
	Amount   string `json:"amount,omitempty"`
}

// A Line is one invoice line.
type Line struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Quantity string `json:"quantity,omitempty"`
	Unit     string `json:"unit,omitempty"`
	Price    string `json:"price,omitempty"`
	Total    string `json:"total,omitempty"`
	Category string `json:"category,omitempty"`
	Rate     string `json:"rate,omitempty"`
}
