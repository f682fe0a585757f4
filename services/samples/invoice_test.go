package samples

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// values returns the text of every element, keyed by the local names on the
// way to it.
func values(t *testing.T, document []byte) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	d := xml.NewDecoder(strings.NewReader(string(document)))
	var path []string
	for {
		token, err := d.Token()
		if token == nil {
			if len(path) > 0 {
				t.Fatal(err)
			}
			return all
		}
		switch e := token.(type) {
		case xml.StartElement:
			path = append(path, e.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if s := strings.TrimSpace(string(e)); s != "" {
				key := strings.Join(path, "/")
				all[key] = append(all[key], s)
			}
		}
	}
}

// full is an invoice with everything that can be said.
func full() Invoice {
	i := Example()
	i.Profile = "urn:x"
	i.Allowances = []Allowance{{Amount: "10.00", Reason: "A < B", Category: "S", Rate: "19"}, {Charge: true, Amount: "5.00", Category: "S", Rate: "7"}}
	i.Lines[1].Category, i.Lines[1].Rate = "E", "0"
	i.Taxes = []Tax{{Category: "E", Rate: "0", Exemption: "none of it"}}
	i.Totals.Prepaid, i.Totals.Rounding = "1.00", "0.01"
	return i.Totalled()
}

func TestCIIHoldsEveryTermInItsPlace(t *testing.T) {
	got := values(t, full().CII())
	const (
		root       = "CrossIndustryInvoice/"
		trade      = root + "SupplyChainTradeTransaction/"
		agreement  = trade + "ApplicableHeaderTradeAgreement/"
		settlement = trade + "ApplicableHeaderTradeSettlement/"
		sums       = settlement + "SpecifiedTradeSettlementHeaderMonetarySummation/"
		line       = trade + "IncludedSupplyChainTradeLineItem/"
	)
	wantValues(t, got, map[string]string{
		root + "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID": "urn:x",
		root + "ExchangedDocument/ID":                                                                 "2026-0042",
		root + "ExchangedDocument/TypeCode":                                                           "380",
		root + "ExchangedDocument/IssueDateTime/DateTimeString":                                       "20260105",
		agreement + "BuyerReference":                                                                  "04011000-12345-67",
		agreement + "SellerTradeParty/Name":                                                           "Hafen Werkzeuge GmbH",
		agreement + "SellerTradeParty/SpecifiedTaxRegistration/ID":                                    "22/123/45678 DE123456789",
		agreement + "BuyerTradeParty/PostalTradeAddress/CountryID":                                    "DE",
		settlement + "InvoiceCurrencyCode":                                                            "EUR",
		settlement + "SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID": "DE89370400440532013000",
		settlement + "ApplicableTradeTax/BasisAmount":                                                 "190.00 200.00 5.00",
		settlement + "ApplicableTradeTax/CalculatedAmount":                                            "36.10 0.00 0.35",
		settlement + "ApplicableTradeTax/ExemptionReason":                                             "none of it",
		settlement + "SpecifiedTradeAllowanceCharge/ChargeIndicator/Indicator":                        "false true",
		settlement + "SpecifiedTradeAllowanceCharge/ActualAmount":                                     "10.00 5.00",
		settlement + "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString":                      "20260204",
		sums + "LineTotalAmount":                                                                      "400.00", sums + "ChargeTotalAmount": "5.00", sums + "AllowanceTotalAmount": "10.00",
		sums + "TaxBasisTotalAmount": "395.00", sums + "TaxTotalAmount": "36.45", sums + "GrandTotalAmount": "431.45",
		sums + "TotalPrepaidAmount": "1.00", sums + "RoundingAmount": "0.01", sums + "DuePayableAmount": "430.46",
		line + "SpecifiedTradeProduct/Name":                                         "Torque wrench 20-100 Nm Hex key set, metric",
		line + "SpecifiedLineTradeDelivery/BilledQuantity":                          "2 10",
		line + "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount": "100.00 20.00",
		line + "SpecifiedLineTradeSettlement/ApplicableTradeTax/CategoryCode":       "S E",
	})
}

func TestUBLHoldsEveryTermInItsPlace(t *testing.T) {
	got := values(t, full().UBL())
	const sums = "Invoice/LegalMonetaryTotal/"
	wantValues(t, got, map[string]string{
		"Invoice/CustomizationID": "urn:x", "Invoice/ID": "2026-0042", "Invoice/IssueDate": "2026-01-05", "Invoice/DueDate": "2026-02-04",
		"Invoice/InvoiceTypeCode": "380", "Invoice/DocumentCurrencyCode": "EUR",
		"Invoice/AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName": "Hafen Werkzeuge GmbH",
		"Invoice/AccountingSupplierParty/Party/PartyTaxScheme/CompanyID":          "DE123456789 22/123/45678",
		"Invoice/AccountingCustomerParty/Party/PostalAddress/CityName":            "Leipzig",
		"Invoice/PaymentMeans/PayeeFinancialAccount/ID":                           "DE89370400440532013000",
		"Invoice/AllowanceCharge/ChargeIndicator":                                 "false true",
		"Invoice/AllowanceCharge/AllowanceChargeReason":                           "A < B",
		"Invoice/TaxTotal/TaxAmount":                                              "36.45",
		"Invoice/TaxTotal/TaxSubtotal/TaxableAmount":                              "190.00 200.00 5.00",
		"Invoice/TaxTotal/TaxSubtotal/TaxCategory/TaxExemptionReason":             "none of it",
		sums + "LineExtensionAmount":                                              "400.00", sums + "TaxExclusiveAmount": "395.00", sums + "TaxInclusiveAmount": "431.45",
		sums + "PrepaidAmount": "1.00", sums + "PayableRoundingAmount": "0.01", sums + "PayableAmount": "430.46",
		"Invoice/InvoiceLine/InvoicedQuantity": "2 10", "Invoice/InvoiceLine/LineExtensionAmount": "200.00 200.00",
		"Invoice/InvoiceLine/Item/ClassifiedTaxCategory/ID": "S E", "Invoice/InvoiceLine/Price/PriceAmount": "100.00 20.00",
	})
	credit := full()
	credit.Type = "381"
	got = values(t, credit.UBL())
	wantValues(t, got, map[string]string{
		"CreditNote/CreditNoteTypeCode": "381", "CreditNote/CreditNoteLine/CreditedQuantity": "2 10", "CreditNote/PaymentTerms/Note": "30 days net",
	})
	if due, ok := got["CreditNote/DueDate"]; ok {
		t.Errorf("a credit note has the due date %v", due)
	}
}

// wantValues compares; the values of elements that are there many times are
// joined by spaces.
func wantValues(t *testing.T, got map[string][]string, want map[string]string) {
	t.Helper()
	for path, w := range want {
		if g := strings.Join(got[path], " "); g != w {
			t.Errorf("%s: %q, want %q", path, g, w)
		}
	}
}

func TestWhatIsEmptyIsLeftOut(t *testing.T) {
	i := Invoice{Number: "1", Lines: []Line{{}}}
	for _, document := range [][]byte{i.CII(), i.UBL()} {
		got := values(t, document)
		var paths []string
		for path, v := range got {
			if !slices.Contains([]string{ProfileEN16931, "1", "VAT", "false"}, v[0]) {
				paths = append(paths, path)
			}
		}
		if len(paths) > 0 || strings.Contains(string(document), "Agreement") {
			t.Errorf("%v\n%s", paths, document)
		}
	}
}

func TestBadDecimalsCountAsZeroAndAreWrittenAsTheyAre(t *testing.T) {
	i := Example()
	i.Lines[0].Price = "a lot"
	i = i.Totalled()
	if i.Totals.Net != "200.00" || !strings.Contains(string(i.CII()), ">a lot<") {
		t.Errorf("net %s; %s", i.Totals.Net, i.CII())
	}
	if Example().Lines[0].Price != "100.00" {
		t.Error("a change of one example changed the next")
	}
}

func TestManyLinesKeepTheRules(t *testing.T) {
	i := ManyLines(1000)
	if len(i.Lines) != 1000 || i.Totals.Lines != i.Taxes[0].Basis || i.Lines[999].Total != "50.25" {
		t.Errorf("%d lines, totals %+v, taxes %+v", len(i.Lines), i.Totals, i.Taxes)
	}
	if again := i.Totalled(); again.Totals != i.Totals {
		t.Errorf("totalled again: %+v, want %+v", again.Totals, i.Totals)
	}
}
