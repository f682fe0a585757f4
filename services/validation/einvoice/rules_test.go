package einvoice_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

func num(text string) einvoice.Decimal {
	d, err := einvoice.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// as returns the full invoice with one tax category in place of S, at rate 0.
func as(t *testing.T, category string) einvoice.Invoice {
	t.Helper()
	inv := full(t)
	rate := num("0")
	if category == "O" {
		rate = einvoice.Decimal{}
		inv.Seller.VATID, inv.Buyer.VATID, inv.TaxAgent = "", "", nil
	}
	for i := range inv.Lines {
		inv.Lines[i].Category, inv.Lines[i].Rate = category, rate
	}
	for i := range inv.Adjustments {
		inv.Adjustments[i].Category, inv.Adjustments[i].Rate = category, rate
	}
	inv.Taxes = []einvoice.Tax{{Type: "VAT", Category: category, Rate: rate, Basis: num("160.00"), Amount: num("0.00"), Exemption: "a reason"}}
	if category == "Z" || category == "L" || category == "M" {
		inv.Taxes[0].Exemption = ""
	}
	inv.Totals.Tax, inv.Totals.Grand, inv.Totals.Due = num("0.00"), num("160.00"), num("78.05")
	return inv
}

func TestAGoodInvoiceBreaksNoRule(t *testing.T) {
	for _, category := range []string{"S", "Z", "E", "AE", "K", "G", "O", "L", "M"} {
		inv := full(t)
		if category != "S" {
			inv = as(t, category)
		}
		for _, level := range einvoice.Levels() {
			inv.Level = level
			for _, f := range einvoice.Check(&inv, einvoice.Rules(), nil) {
				t.Errorf("category %s, level %s: %s (%s)", category, level, f.Rule, f.Detail)
			}
		}
	}
}

// breaks are the ways to break each rule, starting from the full invoice. The
// rule may not be the only one that a change breaks.
func breaks() map[string]func(inv *einvoice.Invoice) {
	type inv = *einvoice.Invoice
	return map[string]func(inv){
		"BR-1":     func(i inv) { i.Profile = "" },
		"BR-2":     func(i inv) { i.Number = "" },
		"BR-3":     func(i inv) { i.Date = "" },
		"BR-4":     func(i inv) { i.Type = "" },
		"BR-5":     func(i inv) { i.Currency = "" },
		"BR-6":     func(i inv) { i.Seller.Name = "" },
		"BR-7":     func(i inv) { i.Buyer.Name = "" },
		"BR-8":     func(i inv) { i.Seller.Address = nil },
		"BR-9":     func(i inv) { i.Seller.Address.Country = "" },
		"BR-10":    func(i inv) { i.Buyer.Address = nil },
		"BR-11":    func(i inv) { i.Buyer.Address.Country = "" },
		"BR-12":    func(i inv) { i.Totals.Lines = einvoice.Decimal{} },
		"BR-13":    func(i inv) { i.Totals.TaxBasis = einvoice.Decimal{} },
		"BR-14":    func(i inv) { i.Totals.Grand = einvoice.Decimal{} },
		"BR-15":    func(i inv) { i.Totals.Due = einvoice.Decimal{} },
		"BR-16":    func(i inv) { i.Lines = nil },
		"BR-17":    func(i inv) { i.Payee.Name = "" },
		"BR-18":    func(i inv) { i.TaxAgent.Name = "" },
		"BR-19":    func(i inv) { i.TaxAgent.Address = nil },
		"BR-20":    func(i inv) { i.TaxAgent.Address.Country = "" },
		"BR-21":    func(i inv) { i.Lines[1].ID = "" },
		"BR-22":    func(i inv) { i.Lines[1].Quantity = einvoice.Decimal{} },
		"BR-23":    func(i inv) { i.Lines[1].Unit = "" },
		"BR-24":    func(i inv) { i.Lines[1].Total = einvoice.Decimal{} },
		"BR-25":    func(i inv) { i.Lines[1].Name = "" },
		"BR-26":    func(i inv) { i.Lines[1].Price = einvoice.Decimal{} },
		"BR-27":    func(i inv) { i.Lines[1].Price = num("-20") },
		"BR-28":    func(i inv) { i.Lines[0].GrossPrice = num("-0.01") },
		"BR-29":    func(i inv) { i.Period.End = "2025-12-31" },
		"BR-30":    func(i inv) { i.Lines[0].Period.Start = "2026-01-16" },
		"BR-31":    func(i inv) { i.Adjustments[0].Amount = einvoice.Decimal{} },
		"BR-32":    func(i inv) { i.Adjustments[0].Category = "" },
		"BR-33":    func(i inv) { i.Adjustments[0].Reason, i.Adjustments[0].ReasonCode = "", "" },
		"BR-36":    func(i inv) { i.Adjustments[1].Amount = einvoice.Decimal{} },
		"BR-37":    func(i inv) { i.Adjustments[1].Category = "" },
		"BR-38":    func(i inv) { i.Adjustments[1].Reason = "" },
		"BR-41":    func(i inv) { i.Lines[0].Adjustments[0].Amount = einvoice.Decimal{} },
		"BR-42":    func(i inv) { i.Lines[0].Adjustments[0].Reason = "" },
		"BR-43":    func(i inv) { i.Lines[0].Adjustments[1].Amount = einvoice.Decimal{} },
		"BR-44":    func(i inv) { i.Lines[0].Adjustments[1].ReasonCode = "" },
		"BR-45":    func(i inv) { i.Taxes[1].Basis = einvoice.Decimal{} },
		"BR-46":    func(i inv) { i.Taxes[1].Amount = einvoice.Decimal{} },
		"BR-47":    func(i inv) { i.Taxes[1].Category = "" },
		"BR-48":    func(i inv) { i.Taxes[1].Rate = einvoice.Decimal{} },
		"BR-49":    func(i inv) { i.Payment.Means[0].Code = "" },
		"BR-53":    func(i inv) { i.Totals.TaxInCurrency = einvoice.Decimal{} },
		"BR-55":    func(i inv) { i.References.Preceding[0].Number = "" },
		"BR-56":    func(i inv) { i.TaxAgent.VATID = "" },
		"BR-57":    func(i inv) { i.Delivery.To.Address.Country = "" },
		"BR-61":    func(i inv) { i.Payment.Means[0].Account = "" },
		"BR-62":    func(i inv) { i.Seller.Electronic.Scheme = "" },
		"BR-63":    func(i inv) { i.Buyer.Electronic.Scheme = "" },
		"BR-64":    func(i inv) { i.Lines[0].StandardID.Scheme = "" },
		"BR-CO-3":  func(i inv) { i.TaxPointDate, i.TaxPointCode = "2026-01-31", "5" },
		"BR-CO-4":  func(i inv) { i.Lines[1].Category = "" },
		"BR-CO-9":  func(i inv) { i.Buyer.VATID = "12345678901" },
		"BR-CO-10": func(i inv) { i.Lines[1].Total = num("60.01") },
		"BR-CO-11": func(i inv) { i.Totals.Allowances = num("7.01") },
		"BR-CO-12": func(i inv) { i.Totals.Charges = num("9.99") },
		"BR-CO-13": func(i inv) { i.Totals.TaxBasis = num("160.01") },
		"BR-CO-14": func(i inv) { i.Taxes[0].Amount = num("17.11") },
		"BR-CO-15": func(i inv) { i.Totals.Grand = num("182.01") },
		"BR-CO-16": func(i inv) { i.Totals.Rounding = einvoice.Decimal{} },
		"BR-CO-17": func(i inv) { i.Taxes[1].Amount = num("4.91") },
		"BR-CO-18": func(i inv) { i.Taxes = nil },
		"BR-CO-25": func(i inv) { i.DueDate, i.Payment.Terms = "", "" },
		"BR-CO-26": func(i inv) { i.Seller.IDs, i.Seller.LegalID, i.Seller.VATID = nil, einvoice.Identifier{}, "" },
		"BR-DE-1":  func(i inv) { i.Level, i.Payment.Means = einvoice.LevelXRechnung, nil },
		"BR-DE-15": func(i inv) { i.Level, i.References.Buyer = einvoice.LevelXRechnung, "" },

		"BR-CL-1":  func(i inv) { i.Type = "999" },
		"BR-CL-4":  func(i inv) { i.Currency = "eur" },
		"BR-CL-5":  func(i inv) { i.TaxCurrency = "QQQ" },
		"BR-CL-14": func(i inv) { i.Buyer.Address.Country = "Frankreich" },
		"BR-CL-16": func(i inv) { i.Payment.Means[0].Code = "1 2" },
		"BR-CL-17": func(i inv) { i.Lines[1].Category = "X" },
		"DS-DATE":  func(i inv) { i.Date = "31.01.2026" },

		"DS-LINE-NET": func(i inv) { i.Lines[0].Quantity = num("10.01") },
		"BR-DEC-9":    func(i inv) { i.Totals.Lines = num("157.001") },
		"BR-DEC-10":   func(i inv) { i.Totals.Allowances = num("7.001") },
		"BR-DEC-11":   func(i inv) { i.Totals.Charges = num("10.001") },
		"BR-DEC-12":   func(i inv) { i.Totals.TaxBasis = num("160.001") },
		"BR-DEC-13":   func(i inv) { i.Totals.Tax = num("22.001") },
		"BR-DEC-14":   func(i inv) { i.Totals.Grand = num("182.001") },
		"BR-DEC-16":   func(i inv) { i.Totals.Prepaid = num("82.001") },
		"BR-DEC-17":   func(i inv) { i.Totals.Rounding = num("0.051") },
		"BR-DEC-18":   func(i inv) { i.Totals.Due = num("100.051") },
		"BR-DEC-23":   func(i inv) { i.Lines[1].Total = num("60.001") },

		"BR-S-1":  func(i inv) { i.Taxes[0].Category, i.Taxes[1].Category = "Z", "Z" },
		"BR-S-2":  func(i inv) { i.Seller.VATID, i.Seller.TaxNumber, i.TaxAgent = "", "", nil },
		"BR-S-5":  func(i inv) { i.Lines[1].Rate = num("0") },
		"BR-S-6":  func(i inv) { i.Adjustments[0].Rate = einvoice.Decimal{} },
		"BR-S-7":  func(i inv) { i.Adjustments[1].Rate = num("-7") },
		"BR-S-8":  func(i inv) { i.Taxes[1].Basis = num("70.01") },
		"BR-S-9":  func(i inv) { i.Taxes[1].Amount = num("5.01") },
		"BR-S-10": func(i inv) { i.Taxes[1].Exemption = "no" },
	}
}

// familyBreaks are the ways to break the rules of the other tax categories,
// starting from an invoice of that category.
func familyBreaks(code string) map[string]func(inv *einvoice.Invoice) {
	type inv = *einvoice.Invoice
	rate := num("1") // one that is wrong
	if code == "L" || code == "M" {
		rate = num("-1")
	}
	return map[string]func(inv){
		"1": func(i inv) {
			if i.Taxes = append(i.Taxes, i.Taxes[0]); code == "L" || code == "M" { // any number of groups
				i.Taxes = nil
			}
		},
		"2": func(i inv) {
			i.Seller.VATID, i.Seller.TaxNumber, i.TaxAgent = "", "", nil
			if code == "O" {
				i.Buyer.VATID = "DE1"
			}
		},
		"5": func(i inv) { i.Lines[0].Rate = rate },
		"6": func(i inv) { i.Adjustments[0].Rate = rate },
		"7": func(i inv) { i.Adjustments[1].Rate = rate },
		"8": func(i inv) { i.Taxes[0].Basis = num("1") },
		"9": func(i inv) { i.Taxes[0].Amount = num("0.01") },
		"10": func(i inv) {
			if i.Taxes[0].Exemption != "" {
				i.Taxes[0].Exemption = ""
			} else {
				i.Taxes[0].ExemptionCode = "VATEX-EU-O"
			}
		},
		"11": func(i inv) { i.Delivery.Date, i.Period = "", einvoice.Period{} },
		"12": func(i inv) { i.Delivery.To = nil },
	}
}

func TestEachRuleIsBrokenByWhatItForbids(t *testing.T) {
	ways := breaks()
	families := map[string]string{"Z": "Z", "E": "E", "AE": "AE", "IC": "K", "G": "G", "O": "O", "IG": "L", "IP": "M"}
	for _, rule := range einvoice.Rules() {
		inv := full(t)
		change, ok := ways[rule.ID]
		if !ok {
			family, number, _ := strings.Cut(strings.TrimPrefix(rule.ID, "BR-"), "-")
			inv = as(t, families[family])
			change, ok = familyBreaks(families[family])[number]
		}
		if !ok {
			t.Errorf("%s: no test breaks it", rule.ID)
			continue
		}
		change(&inv)
		findings := einvoice.Check(&inv, einvoice.Rules(), nil)
		at := slices.IndexFunc(findings, func(f einvoice.Finding) bool { return f.Rule == rule.ID })
		if at < 0 {
			t.Errorf("%s: not found broken, but %v", rule.ID, findings)
			continue
		}
		if f := findings[at]; f.Detail == "" || f.Text != rule.Text || f.Severity != rule.Severity {
			t.Errorf("%s: finding %+v", rule.ID, f)
		}
	}
}

func TestTheIslandsTaxesMayHaveAnyRateAndAreReckonedByIt(t *testing.T) {
	for code, family := range map[string]string{"L": "BR-IG-", "M": "BR-IP-"} {
		for amount, right := range map[string]bool{"11.20": true, "0.00": false} {
			inv := as(t, code)
			for i := range inv.Lines {
				inv.Lines[i].Rate = num("7")
			}
			for i := range inv.Adjustments {
				inv.Adjustments[i].Rate = num("7")
			}
			inv.Taxes[0].Rate, inv.Taxes[0].Amount = num("7"), num(amount)
			var got []string
			for _, f := range einvoice.Check(&inv, einvoice.Rules(), nil) {
				if strings.HasPrefix(f.Rule, family) {
					got = append(got, f.Rule)
				}
			}
			if right != (len(got) == 0) || !right && !slices.Equal(got, []string{family + "9"}) {
				t.Errorf("%s with a tax of %s: broken are %v", code, amount, got)
			}
		}
	}
}

func TestTheRulesThatRefuseAreTheOnesOfUsableInvoices(t *testing.T) {
	var got []string
	seen := map[string]bool{}
	for _, rule := range einvoice.Rules() {
		if seen[rule.ID] {
			t.Errorf("%s is there twice", rule.ID)
		}
		seen[rule.ID] = true
		if rule.Severity == einvoice.Reject {
			got = append(got, rule.ID)
		}
		if rule.Text == "" || !strings.HasSuffix(rule.Text, ".") {
			t.Errorf("%s: text %q", rule.ID, rule.Text)
		}
	}
	want := "BR-1 BR-2 BR-3 BR-4 BR-5 BR-6 BR-7 BR-12 BR-13 BR-14 BR-15 BR-16 BR-CO-10 BR-CO-13 BR-CO-14 BR-CO-15 BR-CO-16"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestALevelIsNotHeldToWhatItDoesNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		level  einvoice.Level
		change func(*einvoice.Invoice)
		want   string
	}{
		"MINIMUM without lines, breakdown and prepaid amount": {einvoice.LevelMinimum, func(i *einvoice.Invoice) {
			i.Lines, i.Taxes, i.Totals.Lines, i.Totals.Prepaid, i.Buyer.Address = nil, nil, einvoice.Decimal{}, einvoice.Decimal{}, nil
		}, ""},
		"MINIMUM without total":     {einvoice.LevelMinimum, func(i *einvoice.Invoice) { i.Totals.Grand = einvoice.Decimal{} }, "BR-14"},
		"BASIC WL without lines":    {einvoice.LevelBasicWL, func(i *einvoice.Invoice) { i.Lines = nil }, ""},
		"BASIC WL without line sum": {einvoice.LevelBasicWL, func(i *einvoice.Invoice) { i.Totals.Lines = einvoice.Decimal{} }, "BR-12"},
		"EXTENDED with lines that group": {einvoice.LevelExtended, func(i *einvoice.Invoice) {
			i.Lines = append(i.Lines, einvoice.Line{Role: "GROUP", Total: num("157")}, einvoice.Line{Role: "INFORMATION", Total: num("9")})
		}, ""},
		"EXTENDED with a line too many": {einvoice.LevelExtended, func(i *einvoice.Invoice) {
			extra := i.Lines[1]
			extra.Role = "DETAIL"
			i.Lines = append(i.Lines, extra)
		}, "BR-CO-10"},
		"EXTENDED with a logistics charge": {einvoice.LevelExtended, func(i *einvoice.Invoice) {
			i.Adjustments[1] = einvoice.Adjustment{Charge: true, Logistics: true, Amount: num("10.00")}
		}, ""},
		"XRechnung with more due than it adds up to": {einvoice.LevelXRechnung, func(i *einvoice.Invoice) { i.Totals.Due = num("999") }, "BR-CO-16"},
		"XRechnung's extension with third-party payments": {einvoice.LevelXRechnung, func(i *einvoice.Invoice) {
			i.Totals.Due = num("999")
			i.Profile = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0"
		}, ""},
		"ZUGFeRD 1.0 with lines without amounts": {einvoice.LevelZUGFeRD1, func(i *einvoice.Invoice) {
			i.Lines = []einvoice.Line{{Name: "text"}, {}}
		}, ""},
		"ZUGFeRD 1.0 without amount due": {einvoice.LevelZUGFeRD1, func(i *einvoice.Invoice) { i.Totals.Due = einvoice.Decimal{} }, ""},
		"ZUGFeRD 1.0 with a wrong line":  {einvoice.LevelZUGFeRD1, func(i *einvoice.Invoice) { i.Lines[0].Total = num("1") }, "BR-CO-10"},
		"EN 16931 without amount due":    {einvoice.LevelEN16931, func(i *einvoice.Invoice) { i.Totals.Due = einvoice.Decimal{} }, "BR-15"},
	} {
		inv := full(t)
		inv.Level = c.level
		c.change(&inv)
		var got []string
		for _, f := range einvoice.Check(&inv, einvoice.Rules(), nil) {
			if f.Severity == einvoice.Reject {
				got = append(got, f.Rule)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: rejected by %v, want %q", name, got, c.want)
		}
	}
}

func TestASumIsComparedToTheCent(t *testing.T) {
	for _, c := range []struct {
		lines  []string
		stated string
		right  bool
	}{
		{[]string{"10.005", "10.004"}, "20.01", true},
		{[]string{"10.005", "10.004"}, "20.009", true},
		{[]string{"10.005", "10.004"}, "20.00", false},
		{[]string{"10.005", "10.004"}, "20.008", false},
		{[]string{"10.005"}, "10.01", true},
		{[]string{"10.005"}, "10.00", false},
		{[]string{"-10.005"}, "-10.01", true}, // away from zero
		{[]string{"-10.005"}, "-10.00", true}, // up, as XPath has it
		{[]string{"-10.006"}, "-10.00", false},
		{[]string{"-10.005"}, "-10.02", false},
		{[]string{"-10.00"}, "-9.99", false},
		{[]string{"10.00"}, "10.01", false},
	} {
		inv := einvoice.Invoice{Level: einvoice.LevelEN16931, Totals: einvoice.Totals{Lines: num(c.stated)}}
		for _, amount := range c.lines {
			inv.Lines = append(inv.Lines, einvoice.Line{Total: num(amount)})
		}
		broken := slices.ContainsFunc(einvoice.Check(&inv, einvoice.Rules(), nil), func(f einvoice.Finding) bool { return f.Rule == "BR-CO-10" })
		if broken == c.right {
			t.Errorf("lines %v, stated %s: BR-CO-10 broken: %v, want %v", c.lines, c.stated, broken, !c.right)
		}
	}
}

func TestASeverityCanBeConfigured(t *testing.T) {
	inv := full(t)
	inv.Number, inv.Payment.Means[0].Code = "", ""
	for _, c := range []struct {
		severities map[string]einvoice.Severity
		want       string
	}{
		{nil, "BR-2:reject BR-49:warn"},
		{map[string]einvoice.Severity{"BR-2": einvoice.Warn, "BR-49": einvoice.Reject}, "BR-2:warn BR-49:reject"},
		{map[string]einvoice.Severity{"BR-2": einvoice.Off}, "BR-49:warn"},
	} {
		var got []string
		for _, f := range einvoice.Check(&inv, einvoice.Rules(), c.severities) {
			got = append(got, f.Rule+":"+string(f.Severity))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: got %v, want %s", c.severities, got, c.want)
		}
	}
}

func TestAFindingHoldsNoTextOfTheInvoice(t *testing.T) {
	const secret = "Jane Doe's secret"
	inv := full(t)
	inv.Currency, inv.Type, inv.Date, inv.Seller.VATID, inv.Lines[0].Category = secret, secret, secret, secret, secret
	inv.Buyer.Address.Country, inv.Payment.Means[0].Code = secret, secret
	findings := einvoice.Check(&inv, einvoice.Rules(), nil)
	if len(findings) < 7 {
		t.Fatalf("only %d findings", len(findings))
	}
	for _, f := range findings {
		if strings.Contains(f.Detail, "Jane") {
			t.Errorf("%s: %s", f.Rule, f.Detail)
		}
	}
}
