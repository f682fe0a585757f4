package einvoice

import "fmt"

func taxRules() []Rule {
	return []Rule{
		{"BR-CO-18", "An invoice has at least one tax breakdown group (BG-23).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(len(inv.Taxes) > 0, "a group")
		}},
		everyTax("BR-45", "Each tax group has a taxable amount (BT-116).", func(t Tax) string {
			return missing(!t.Basis.IsZero(), "the taxable amount")
		}),
		everyTax("BR-46", "Each tax group has a tax amount (BT-117).", func(t Tax) string {
			return missing(!t.Amount.IsZero(), "the tax amount")
		}),
		everyTax("BR-47", "Each tax group has a VAT category (BT-118).", func(t Tax) string {
			return missing(t.Category != "", "the category")
		}),
		everyTax("BR-48", "Each tax group has a rate (BT-119), except outside the scope of VAT.", func(t Tax) string {
			return missing(!t.Rate.IsZero() || t.Category == "O", "the rate")
		}),
		everyTax("BR-CO-17", "A tax amount (BT-117) is its taxable amount (BT-116) times its rate (BT-119), to the cent.", func(t Tax) string {
			if t.Amount.IsZero() || t.Basis.IsZero() || t.Rate.IsZero() {
				return "" // BR-45, BR-46 or BR-48 says so
			}
			return t.wrongAmount()
		}),
		{"BR-CO-3", "The tax point date (BT-7) and its code (BT-8) exclude each other.", Warn, inBreakdown, func(inv *Invoice) string {
			if inv.TaxPointDate != "" && inv.TaxPointCode != "" {
				return "both are given"
			}
			return ""
		}},
		{"BR-CO-9", "A VAT identifier begins with its country's code; Greece's is EL.", Warn, inBreakdown, func(inv *Invoice) string {
			ids := []string{inv.Seller.VATID, inv.Buyer.VATID}
			if inv.TaxAgent != nil {
				ids = append(ids, inv.TaxAgent.VATID)
			}
			for _, id := range ids {
				if id != "" && (len(id) < 2 || !isCountry(id[:2])) {
					return "one does not"
				}
			}
			return ""
		}},
	}
}

func everyTax(id, text string, broken func(Tax) string) Rule {
	return Rule{id, text, Warn, inBreakdown, func(inv *Invoice) string {
		for i, tax := range inv.Taxes {
			if detail := broken(tax); detail != "" {
				return fmt.Sprintf("group %d: %s", i+1, detail)
			}
		}
		return ""
	}}
}

// wrongAmount compares the tax amount with basis times rate. Half a cent may
// be rounded either way.
func (t Tax) wrongAmount() string {
	exact := t.Basis.Mul(t.Rate).Mul(percent())
	if within(t.Amount, exact, "0.005") {
		return ""
	}
	return fmt.Sprintf("stated %s, computed %s", t.Amount, exact.Round(2))
}

func percent() Decimal {
	d, _ := ParseDecimal("0.01") // it is one
	return d
}

// A taxCategory is a VAT category and what its rules ask for. They are the
// same family for each (EN 16931-1, clauses BR-S, BR-Z, BR-E, BR-AE, BR-IC,
// BR-G, BR-O, BR-IG and BR-IP).
type taxCategory struct {
	family string // as in the rules' ids
	code   string // UNTDID 5305
	name   string
	taxed  bool // the rate is above 0
	zero   bool // if taxed, the rate may be 0 as well
	many   bool // one breakdown group for each rate
	reason bool // an exemption reason is needed; else it is not allowed
	none   bool // no rate is given
}

func taxCategories() []taxCategory {
	return []taxCategory{
		{family: "S", code: "S", name: "standard rated", taxed: true, many: true},
		{family: "Z", code: "Z", name: "zero rated"},
		{family: "E", code: "E", name: "exempt", reason: true},
		{family: "AE", code: "AE", name: "reverse charge", reason: true},
		{family: "IC", code: "K", name: "intra-community", reason: true},
		{family: "G", code: "G", name: "export", reason: true},
		{family: "O", code: "O", name: "not subject to VAT", reason: true, none: true},
		{family: "IG", code: "L", name: "taxed in the Canary Islands", taxed: true, zero: true, many: true},
		{family: "IP", code: "M", name: "taxed in Ceuta and Melilla", taxed: true, zero: true, many: true},
	}
}

func (c taxCategory) rules() []Rule {
	rule := func(number, text string, in levels, broken func(*Invoice) string) Rule {
		return Rule{"BR-" + c.family + "-" + number, text, Warn, in, broken}
	}
	rules := []Rule{
		rule("1", "What is "+c.name+" has its tax breakdown group.", inLines, c.brokenGroups),
		rule("2", "With a line that is "+c.name+" the tax identifiers are given, or for O not given.", inLines, c.brokenIDs),
		everyLine("BR-"+c.family+"-5", "The rate of a line that is "+c.name+" fits it.", inLines, func(l Line) string {
			if l.Category != c.code {
				return ""
			}
			return c.brokenRate(l.Rate)
		}),
		rule("6", "The rate of an allowance that is "+c.name+" fits it.", inLines, func(inv *Invoice) string {
			return c.brokenAdjustment(inv, false)
		}),
		rule("7", "The rate of a charge that is "+c.name+" fits it.", inLines, func(inv *Invoice) string {
			return c.brokenAdjustment(inv, true)
		}),
		rule("8", "The taxable amount that is "+c.name+" is that of its lines, allowances and charges.", inStandard, c.brokenBasis),
		rule("9", "The tax amount of what is "+c.name+" fits its rate.", inBreakdown, c.brokenTax),
		rule("10", "An exemption reason is given where one is needed, and only there.", inBreakdown, c.brokenReason),
	}
	if c.code == "K" {
		rules = append(rules,
			rule("11", "An intra-community supply has a delivery date (BT-72) or a period (BG-14).", inLines, func(inv *Invoice) string {
				return missing(!inv.taxedAs("K") || inv.Delivery.Date != "" || inv.Period != Period{}, "the date")
			}),
			rule("12", "An intra-community supply has a deliver-to country (BT-80).", inLines, func(inv *Invoice) string {
				return missing(!inv.taxedAs("K") || inv.Delivery.To != nil && inv.Delivery.To.country() != "", "the country")
			}))
	}
	return rules
}

// taxedAs reports whether the tax breakdown has the category.
func (inv *Invoice) taxedAs(code string) bool {
	for _, tax := range inv.Taxes {
		if tax.Category == code {
			return true
		}
	}
	return false
}

// uses reports whether a line, an allowance or a charge has the category.
func (c taxCategory) uses(inv *Invoice) bool {
	for _, l := range inv.Lines {
		if l.counts() && l.Category == c.code {
			return true
		}
	}
	for _, a := range inv.Adjustments {
		if a.Category == c.code {
			return true
		}
	}
	return false
}

func (c taxCategory) brokenGroups(inv *Invoice) string {
	groups := 0
	for _, tax := range inv.Taxes {
		if tax.Category == c.code {
			groups++
		}
	}
	switch {
	case c.uses(inv) && groups == 0:
		return "the group is missing"
	case !c.many && groups > 1:
		return fmt.Sprintf("%d groups of category %s", groups, c.code)
	}
	return ""
}

// brokenIDs looks at the seller's identifiers, and for supplies on which the
// buyer owes the tax at the buyer's.
func (c taxCategory) brokenIDs(inv *Invoice) string {
	if !c.uses(inv) {
		return ""
	}
	seller := inv.Seller.VATID != "" || inv.TaxAgent != nil && inv.TaxAgent.VATID != ""
	buyer := inv.Buyer.VATID != ""
	switch c.code {
	case "O":
		if seller || buyer {
			return "there is a VAT identifier"
		}
		return ""
	case "AE":
		return missing((seller || inv.Seller.TaxNumber != "") && (buyer || inv.Buyer.LegalID.ID != ""), "an identifier of seller or buyer")
	case "K":
		return missing(seller && buyer, "a VAT identifier of seller or buyer")
	case "G":
		return missing(seller, "the seller's VAT identifier")
	}
	return missing(seller || inv.Seller.TaxNumber != "", "the seller's identifier")
}

func (c taxCategory) brokenRate(rate Decimal) string {
	switch {
	case c.none && !rate.IsZero():
		return "there is a rate"
	case c.none:
		return ""
	case rate.IsZero():
		return "the rate is missing"
	case rate.Sign() < 0, c.taxed && !c.zero && rate.Sign() == 0, !c.taxed && rate.Sign() != 0:
		return "the rate is " + rate.String()
	}
	return ""
}

func (c taxCategory) brokenAdjustment(inv *Invoice, charge bool) string {
	for _, a := range inv.Adjustments {
		if a.Charge == charge && a.Category == c.code {
			if detail := c.brokenRate(a.Rate); detail != "" {
				return detail
			}
		}
	}
	return ""
}

// brokenBasis adds up what is taxed alike. A group of a category with many
// rates takes what has its rate.
func (c taxCategory) brokenBasis(inv *Invoice) string {
	for _, tax := range inv.Taxes {
		if tax.Category != c.code || tax.Basis.IsZero() {
			continue
		}
		alike := func(category string, rate Decimal) bool {
			return category == c.code && (!c.many || rate.Equal(tax.Rate))
		}
		var sum Decimal
		for _, l := range inv.Lines {
			if l.counts() && alike(l.Category, l.Rate) {
				sum = sum.Add(l.Total)
			}
		}
		for _, a := range inv.Adjustments {
			if !alike(a.Category, a.Rate) {
				continue
			}
			if a.Charge {
				sum = sum.Add(a.Amount)
			} else {
				sum = sum.Sub(a.Amount)
			}
		}
		if detail := differ(tax.Basis, sum); detail != "" {
			return detail
		}
	}
	return ""
}

func (c taxCategory) brokenTax(inv *Invoice) string {
	for _, tax := range inv.Taxes {
		switch {
		case tax.Category != c.code:
		case c.taxed && !tax.Basis.IsZero() && !tax.Rate.IsZero():
			if detail := tax.wrongAmount(); detail != "" {
				return detail
			}
		case !c.taxed && tax.Amount.Sign() != 0:
			return "the amount is " + tax.Amount.String()
		}
	}
	return ""
}

func (c taxCategory) brokenReason(inv *Invoice) string {
	for _, tax := range inv.Taxes {
		given := tax.Exemption != "" || tax.ExemptionCode != ""
		switch {
		case tax.Category != c.code || given == c.reason:
		case given:
			return "there is a reason"
		default:
			return "the reason is missing"
		}
	}
	return ""
}
