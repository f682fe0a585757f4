package einvoice

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrNotInvoice reports that a document may be XML but is none of the
// vocabularies that this package reads, by its root element.
var ErrNotInvoice = errors.New("not an invoice that can be read")

// The namespaces of UBL's two root elements.
const (
	ublInvoiceSpace    = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
	ublCreditNoteSpace = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
)

// Read reads one invoice. It fails with [ErrNotInvoice] if the root element is
// not one of an invoice; of such a document nothing after the root is looked
// at. Any other error says why the document cannot be read: not well-formed,
// a document type declaration, over a limit, an unsupported encoding, or what
// r returned.
func Read(r io.Reader, limits Limits) (Invoice, error) {
	var syntax Syntax
	root, err := readTree(r, limits, func(name xml.Name) error {
		var known bool
		if syntax, known = syntaxOf(name); !known {
			return fmt.Errorf("root element %.60q: %w", name.Local, ErrNotInvoice)
		}
		return nil
	})
	if err != nil {
		return Invoice{}, fmt.Errorf("einvoice: %w", err)
	}
	if lines := limits.orDefault().Lines; countLines(root) > lines {
		return Invoice{}, fmt.Errorf("einvoice: over the limit of %d lines", lines)
	}
	m := &mapper{}
	var inv Invoice
	switch syntax {
	case CII, ZUGFeRD1:
		inv = m.cii(root)
	case UBLInvoice, UBLCreditNote:
		inv = m.ubl(root)
	}
	if len(inv.Taxes) > maxTaxes { // the rules compare each with each line
		return Invoice{}, fmt.Errorf("einvoice: over the limit of %d tax groups", maxTaxes)
	}
	inv.Syntax, inv.Level, inv.Problems = syntax, levelOf(syntax, inv.Profile), m.problems
	return inv, nil
}

// countLines returns how many lines an invoice of any syntax has.
func countLines(root *node) int {
	deal := root.at("SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction")
	return len(deal.all("IncludedSupplyChainTradeLineItem")) + len(root.all("InvoiceLine|CreditNoteLine"))
}

func syntaxOf(root xml.Name) (Syntax, bool) {
	switch {
	case root.Local == "CrossIndustryInvoice":
		return CII, true
	case root.Local == "CrossIndustryDocument":
		return ZUGFeRD1, true
	case root.Local == "Invoice" && root.Space == ublInvoiceSpace:
		return UBLInvoice, true
	case root.Local == "CreditNote" && root.Space == ublCreditNoteSpace:
		return UBLCreditNote, true
	}
	return "", false
}

// maxTaxes bounds the groups of the tax breakdown.
const maxTaxes = 500

// maxProblems bounds the problems that are kept of one document.
const maxProblems = 20

// A mapper turns nodes into an invoice and notes what it cannot read.
type mapper struct {
	problems []string
}

func (m *mapper) problem(format string, args ...any) {
	if len(m.problems) < maxProblems {
		m.problems = append(m.problems, fmt.Sprintf(format, args...))
	}
}

// decimal reads the number at path. An empty element counts as absent.
func (m *mapper) decimal(n *node, path ...string) Decimal {
	n = n.at(path...)
	text := n.value()
	if text == "" {
		return Decimal{}
	}
	number, err := ParseDecimal(text)
	if err != nil {
		m.problem("%s: %.40q is not a decimal number", n.name.Local, text)
	}
	return number
}

// date returns a date as YYYY-MM-DD. Text that is no date is returned as it
// is, and noted.
func (m *mapper) date(n *node, path ...string) string {
	n = n.at(path...)
	text := n.value()
	for _, layout := range []string{"20060102", time.DateOnly, "2006-01-02Z07:00", "2006-01-02T15:04:05", time.RFC3339} {
		if day, err := time.Parse(layout, text); err == nil {
			return day.Format(time.DateOnly)
		}
	}
	if text != "" {
		m.problem("%s: %.40q is not a date", n.name.Local, text)
	}
	return text
}

func (m *mapper) identifier(n *node) Identifier {
	return Identifier{ID: n.value(), Scheme: n.attr("schemeID")}
}
