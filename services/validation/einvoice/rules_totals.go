package einvoice

import "fmt"

// inSums are the levels at which a sum over lines can be made.
const inSums = inLines | inZUGFeRD1

func sumRules() []Rule {
	return []Rule{
		{"BR-CO-10", "The sum of line net amounts (BT-106) is that of the lines (BT-131).", Reject, inSums, brokenLineSum},
		{"BR-CO-11", "The sum of allowances (BT-107) is that of the document's allowances (BT-92).", Warn, inBreakdown, func(inv *Invoice) string {
			return differ(inv.Totals.Allowances, inv.sum(false))
		}},
		{"BR-CO-12", "The sum of charges (BT-108) is that of the document's charges (BT-99).", Warn, inBreakdown, func(inv *Invoice) string {
			return differ(inv.Totals.Charges, inv.sum(true))
		}},
		{"BR-CO-13", "The total without tax (BT-109) is the line sum less allowances plus charges.", Reject, inBreakdown | inZUGFeRD1, func(inv *Invoice) string {
			t := inv.Totals
			if t.TaxBasis.IsZero() || t.Lines.IsZero() {
				return "" // BR-12 or BR-13 says so
			}
			return differ(t.TaxBasis, t.Lines.Sub(t.Allowances).Add(t.Charges))
		}},
		{"BR-CO-14", "The total tax (BT-110) is the sum of the tax breakdown (BT-117).", Reject, inBreakdown | inZUGFeRD1, func(inv *Invoice) string {
			if inv.Totals.Tax.IsZero() || len(inv.Taxes) == 0 {
				return ""
			}
			var sum Decimal
			for _, tax := range inv.Taxes {
				sum = sum.Add(tax.Amount)
			}
			return differ(inv.Totals.Tax, sum)
		}},
		{"BR-CO-15", "The total with tax (BT-112) is that without (BT-109) plus the total tax (BT-110).", Reject, inAny, func(inv *Invoice) string {
			t := inv.Totals
			if t.Grand.IsZero() || t.TaxBasis.IsZero() {
				return "" // BR-13 or BR-14 says so
			}
			return differ(t.Grand, t.TaxBasis.Add(t.Tax))
		}},
		// MINIMUM states no prepaid amount, so that its amount due cannot be computed.
		{"BR-CO-16", "The amount due (BT-115) is the total with tax less what was paid (BT-113) plus rounding (BT-114).", Reject, inBreakdown | inZUGFeRD1, func(inv *Invoice) string {
			t := inv.Totals
			if t.Due.IsZero() || t.Grand.IsZero() || inv.extendsXRechnung() {
				return "" // BR-14 or BR-15 says so; or third parties' payments, which are not read, are due too
			}
			return differ(t.Due, t.Grand.Sub(t.Prepaid).Add(t.Rounding))
		}},
	}
}

// brokenLineSum compares the line total with its lines. The simple profiles of
// ZUGFeRD 1.0 have lines without amounts: no sum can be made of those.
func brokenLineSum(inv *Invoice) string {
	var sum Decimal
	for _, line := range inv.Lines {
		if line.counts() && !line.Total.IsZero() {
			sum = sum.Add(line.Total)
		}
	}
	if sum.IsZero() || inv.Totals.Lines.IsZero() {
		return ""
	}
	return differ(inv.Totals.Lines, sum)
}

// sum adds up the document's allowances or charges.
func (inv *Invoice) sum(charges bool) Decimal {
	var sum Decimal
	for _, a := range inv.Adjustments {
		if a.Charge == charges {
			sum = sum.Add(a.Amount)
		}
	}
	return sum
}

func totalRules() []Rule {
	return []Rule{
		{"BR-53", "With an accounting currency (BT-6), the total tax in it (BT-111) is given.", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.TaxCurrency == "" || inv.TaxCurrency == inv.Currency || !inv.Totals.TaxInCurrency.IsZero(), "the amount")
		}},
		everyLine("DS-LINE-NET", "A line's net amount (BT-131) is quantity times price, less allowances, plus charges, to the cent.", inStandard, func(l Line) string {
			if l.Quantity.IsZero() || l.Price.IsZero() || l.Total.IsZero() {
				return "" // BR-22, BR-24 or BR-26 says so
			}
			net := l.net()
			if within(l.Total, net, "0.01") {
				return ""
			}
			return fmt.Sprintf("stated %s, computed %s", l.Total, net.Round(2))
		}),
	}
}

// net computes the line's net amount. The price is for PriceBase units.
func (l Line) net() Decimal {
	net := l.Quantity.Mul(l.Price)
	if l.PriceBase.Sign() > 0 {
		net = net.Quo(l.PriceBase)
	}
	for _, a := range l.Adjustments {
		if a.Charge {
			net = net.Add(a.Amount)
		} else {
			net = net.Sub(a.Amount)
		}
	}
	return net
}

// within reports whether a and b differ by no more than the tolerance.
func within(a, b Decimal, tolerance string) bool {
	limit, err := ParseDecimal(tolerance)
	if err != nil {
		return false
	}
	difference := a.Sub(b)
	if difference.Sign() < 0 {
		difference = b.Sub(a)
	}
	return difference.Sub(limit).Sign() <= 0
}

// decimalRules are the rules BR-DEC-..: amounts of the document have at most
// two decimals.
func decimalRules() []Rule {
	field := func(id, name string, amount func(*Invoice) Decimal) Rule {
		return Rule{id, "The " + name + " has at most two decimals.", Warn, inBreakdown, func(inv *Invoice) string {
			return twoDecimals(amount(inv))
		}}
	}
	return []Rule{
		field("BR-DEC-9", "sum of line net amounts (BT-106)", func(inv *Invoice) Decimal { return inv.Totals.Lines }),
		field("BR-DEC-10", "sum of allowances (BT-107)", func(inv *Invoice) Decimal { return inv.Totals.Allowances }),
		field("BR-DEC-11", "sum of charges (BT-108)", func(inv *Invoice) Decimal { return inv.Totals.Charges }),
		field("BR-DEC-12", "total without tax (BT-109)", func(inv *Invoice) Decimal { return inv.Totals.TaxBasis }),
		field("BR-DEC-13", "total tax (BT-110)", func(inv *Invoice) Decimal { return inv.Totals.Tax }),
		field("BR-DEC-14", "total with tax (BT-112)", func(inv *Invoice) Decimal { return inv.Totals.Grand }),
		field("BR-DEC-16", "paid amount (BT-113)", func(inv *Invoice) Decimal { return inv.Totals.Prepaid }),
		field("BR-DEC-17", "rounding amount (BT-114)", func(inv *Invoice) Decimal { return inv.Totals.Rounding }),
		field("BR-DEC-18", "amount due (BT-115)", func(inv *Invoice) Decimal { return inv.Totals.Due }),
		everyLine("BR-DEC-23", "A line's net amount (BT-131) has at most two decimals.", inLines, func(l Line) string {
			return twoDecimals(l.Total)
		}),
	}
}

func twoDecimals(amount Decimal) string {
	if amount.Decimals() > 2 && !amount.Equal(amount.Round(2)) {
		return "it is " + amount.String()
	}
	return ""
}
