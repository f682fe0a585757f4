package einvoice

import "strings"

// A Summary is an invoice in one row, as lists and reports show it.
type Summary struct {
	Profile     string   `json:"profile"`
	Type        string   `json:"type"`
	Number      string   `json:"number"`
	Date        string   `json:"date"` // YYYYMMDD, or as it was if it is no date
	Seller      string   `json:"seller"`
	Buyer       string   `json:"buyer"`
	Currency    string   `json:"currency"`
	Total       string   `json:"total"` // with tax, to the cent
	Lines       int      `json:"lines"`
	BrokenRules []string `json:"broken_rules"` // those that refuse the invoice
}

// Summarize returns the summary of inv and the findings on it.
func Summarize(inv *Invoice, findings []Finding) Summary {
	s := Summary{
		Profile: inv.Profile, Type: inv.Type, Number: inv.Number, Date: inv.Date,
		Seller: inv.Seller.Name, Buyer: inv.Buyer.Name,
		Currency: inv.Currency, Total: inv.Totals.Grand.Round(2).String(), Lines: len(inv.Lines),
		BrokenRules: []string{},
	}
	if isDate(s.Date) {
		s.Date = strings.ReplaceAll(s.Date, "-", "")
	}
	for _, f := range findings {
		if f.Severity == Reject {
			s.BrokenRules = append(s.BrokenRules, f.Rule)
		}
	}
	return s
}
