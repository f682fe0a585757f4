package einvoice_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

func TestTheNamesOfZUGFeRD1AreRead(t *testing.T) {
	got := read(t, file(t, "zugferd1.xml"))
	want := einvoice.Invoice{
		Syntax: einvoice.ZUGFeRD1, Level: einvoice.LevelZUGFeRD1, Profile: "urn:ferd:CrossIndustryDocument:invoice:1p0:extended",
		Test: true, Number: "Z-1", Type: "380", Date: "2014-03-05", Currency: "EUR",
		Notes:      []einvoice.Note{{Subject: "REG", Text: "Register"}},
		References: einvoice.References{Buyer: "B-7", Order: "O-7"},
		Seller:     einvoice.Party{Name: "Old Seller", VATID: "DE1"},
		Buyer:      einvoice.Party{Name: "Old Buyer"},
		Delivery:   einvoice.Delivery{Date: "2014-03-04"},
		Adjustments: []einvoice.Adjustment{
			{Charge: true, Logistics: true, Amount: num("3.00"), Reason: "Freight", Category: "S", Rate: num("19.00")},
		},
		Totals: einvoice.Totals{
			Lines: num("100.00"), Allowances: num("0.00"), Charges: num("3.00"), TaxBasis: num("103.00"), Tax: num("19.57"), Grand: num("122.57"),
		},
		Taxes: []einvoice.Tax{{Type: "VAT", Category: "S", Rate: num("19.00"), Basis: num("103.00"), Amount: num("19.57")}},
		Lines: []einvoice.Line{
			{Note: "Thank you."},
			{ID: "1", Name: "Thing", Quantity: num("2.0000"), Unit: "C62", Price: num("50.0000"), Total: num("100.00"), Category: "S", Rate: num("19.00")},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if findings := einvoice.Check(&got, einvoice.Rules(), nil); len(findings) > 0 {
		t.Errorf("got %v, want no finding", findings)
	}
	s := einvoice.Summarize(&got, nil)
	if s.Date != "20140305" || s.Total != "122.57" || s.Lines != 2 || s.BrokenRules == nil {
		t.Errorf("got %+v", s)
	}
}

func TestATaxTotalInAnotherCurrencyIsNotTheInvoices(t *testing.T) {
	text := strings.Replace(string(file(t, "zugferd1.xml")), `<ram:InvoiceCurrencyCode>EUR`, `<ram:InvoiceCurrencyCode>`, 1)
	inv := read(t, []byte(text))
	var broken []string
	for _, f := range einvoice.Check(&inv, einvoice.Rules(), nil) {
		broken = append(broken, f.Rule)
	}
	if got := strings.Join(broken, " "); got != "BR-5 BR-CO-15" {
		t.Errorf("got %s, want BR-5 BR-CO-15", got)
	}
}

func TestASummaryIsToTheCent(t *testing.T) {
	for text, want := range map[string]string{"119": "119.00", "-8.790": "-8.79", "0.005": "0.01"} {
		inv := einvoice.Invoice{Totals: einvoice.Totals{Grand: num(text)}, Date: "not a date"}
		if got := einvoice.Summarize(&inv, nil); got.Total != want || got.Date != "not a date" {
			t.Errorf("%s: got %+v", text, got)
		}
	}
	if got := einvoice.Summarize(&einvoice.Invoice{}, []einvoice.Finding{{Rule: "A", Severity: einvoice.Warn}, {Rule: "B", Severity: einvoice.Reject}}); got.Total != "" || len(got.BrokenRules) != 1 {
		t.Errorf("got %+v", got)
	}
}
