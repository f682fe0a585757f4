package einvoice

import "fmt"

func headerRules() []Rule {
	return []Rule{
		required("BR-1", "An invoice has a specification identifier (BT-24).", Reject, inAny,
			func(inv *Invoice) string { return inv.Profile }),
		required("BR-2", "An invoice has a number (BT-1).", Reject, inAny,
			func(inv *Invoice) string { return inv.Number }),
		required("BR-3", "An invoice has an issue date (BT-2).", Reject, inAny,
			func(inv *Invoice) string { return inv.Date }),
		required("BR-4", "An invoice has a type code (BT-3).", Reject, inAny,
			func(inv *Invoice) string { return inv.Type }),
		required("BR-5", "An invoice has a currency code (BT-5).", Reject, inAny,
			func(inv *Invoice) string { return inv.Currency }),
		required("BR-6", "An invoice has the seller's name (BT-27).", Reject, inAny,
			func(inv *Invoice) string { return inv.Seller.Name }),
		required("BR-7", "An invoice has the buyer's name (BT-44).", Reject, inAny,
			func(inv *Invoice) string { return inv.Buyer.Name }),
		required("BR-12", "An invoice has the sum of its line net amounts (BT-106).", Reject, inBreakdown|inZUGFeRD1,
			func(inv *Invoice) string { return inv.Totals.Lines.String() }),
		required("BR-13", "An invoice has its total without tax (BT-109).", Reject, inAny,
			func(inv *Invoice) string { return inv.Totals.TaxBasis.String() }),
		required("BR-14", "An invoice has its total with tax (BT-112).", Reject, inAny,
			func(inv *Invoice) string { return inv.Totals.Grand.String() }),
		required("BR-15", "An invoice has the amount due for payment (BT-115).", Reject, inModern,
			func(inv *Invoice) string { return inv.Totals.Due.String() }),
		{"BR-16", "An invoice has at least one line (BG-25).", Reject, inLines | inZUGFeRD1, func(inv *Invoice) string {
			return missing(len(inv.Lines) > 0, "a line")
		}},
		{"BR-55", "Each reference to a preceding invoice has its number (BT-25).", Warn, inBreakdown, func(inv *Invoice) string {
			for _, p := range inv.References.Preceding {
				if p.Number == "" {
					return "a number is missing"
				}
			}
			return ""
		}},
		{"BR-29", "The invoicing period does not end (BT-74) before it starts (BT-73).", Warn, inBreakdown, func(inv *Invoice) string {
			return inv.Period.backwards()
		}},
	}
}

// backwards compares dates as text, which is right for YYYY-MM-DD.
func (p Period) backwards() string {
	if p.Start != "" && p.End != "" && p.End < p.Start {
		return fmt.Sprintf("from %.10s to %.10s", p.Start, p.End)
	}
	return ""
}

func partyRules() []Rule {
	return []Rule{
		{"BR-8", "An invoice has the seller's postal address (BG-5).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Seller.Address != nil, "the address")
		}},
		required("BR-9", "The seller's address has a country code (BT-40).", Warn, inModern,
			func(inv *Invoice) string { return inv.Seller.country() }),
		{"BR-10", "An invoice has the buyer's postal address (BG-8).", Warn, inLines, func(inv *Invoice) string {
			return missing(inv.Buyer.Address != nil, "the address")
		}},
		{"BR-11", "The buyer's address has a country code (BT-55).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Buyer.Address == nil || inv.Buyer.country() != "", "the country")
		}},
		{"BR-17", "A payee that is not the seller has a name (BT-59).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Payee == nil || inv.Payee.Name != "", "the name")
		}},
		{"BR-18", "A tax representative has a name (BT-62).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.TaxAgent == nil || inv.TaxAgent.Name != "", "the name")
		}},
		{"BR-19", "A tax representative has a postal address (BG-12).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.TaxAgent == nil || inv.TaxAgent.Address != nil, "the address")
		}},
		{"BR-20", "A tax representative's address has a country code (BT-69).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.TaxAgent == nil || inv.TaxAgent.country() != "", "the country")
		}},
		{"BR-56", "A tax representative has a VAT identifier (BT-63).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.TaxAgent == nil || inv.TaxAgent.VATID != "", "the VAT identifier")
		}},
		{"BR-57", "A deliver-to address has a country code (BT-80).", Warn, inBreakdown, func(inv *Invoice) string {
			to := inv.Delivery.To
			return missing(to == nil || to.Address == nil || to.Address.Country != "", "the country")
		}},
		{"BR-62", "The seller's electronic address has a scheme (BT-34).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Seller.Electronic.ID == "" || inv.Seller.Electronic.Scheme != "", "the scheme")
		}},
		{"BR-63", "The buyer's electronic address has a scheme (BT-49).", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Buyer.Electronic.ID == "" || inv.Buyer.Electronic.Scheme != "", "the scheme")
		}},
		{"BR-CO-26", "The seller has an identifier (BT-29), a registration (BT-30) or a VAT identifier (BT-31).", Warn, inBreakdown, func(inv *Invoice) string {
			s := inv.Seller
			return missing(len(s.IDs) > 0 || s.LegalID.ID != "" || s.VATID != "", "any of them")
		}},
		required("BR-DE-15", "An XRechnung has a buyer reference (BT-10).", Warn, inXRechnung,
			func(inv *Invoice) string { return inv.References.Buyer }),
	}
}

func (p *Party) country() string {
	if p.Address == nil {
		return ""
	}
	return p.Address.Country
}

func lineRules() []Rule {
	return []Rule{
		everyLine("BR-21", "Each line has an identifier (BT-126).", inLines, func(l Line) string {
			return missing(l.ID != "", "the identifier")
		}),
		everyLine("BR-22", "Each line has an invoiced quantity (BT-129).", inLines, func(l Line) string {
			return missing(!l.Quantity.IsZero(), "the quantity")
		}),
		everyLine("BR-23", "Each invoiced quantity has a unit (BT-130).", inLines, func(l Line) string {
			return missing(l.Quantity.IsZero() || l.Unit != "", "the unit")
		}),
		everyLine("BR-24", "Each line has a net amount (BT-131).", inLines, func(l Line) string {
			return missing(!l.Total.IsZero(), "the net amount")
		}),
		everyLine("BR-25", "Each line has an item name (BT-153).", inLines, func(l Line) string {
			return missing(l.Name != "", "the item name")
		}),
		everyLine("BR-26", "Each line has an item net price (BT-146).", inLines, func(l Line) string {
			return missing(!l.Price.IsZero(), "the net price")
		}),
		everyLine("BR-27", "An item net price (BT-146) is not negative.", inLines, func(l Line) string {
			return notNegative(l.Price)
		}),
		everyLine("BR-28", "An item gross price (BT-148) is not negative.", inLines, func(l Line) string {
			return notNegative(l.GrossPrice)
		}),
		everyLine("BR-30", "A line's period does not end (BT-135) before it starts (BT-134).", inLines, func(l Line) string {
			return l.Period.backwards()
		}),
		everyLine("BR-64", "An item standard identifier (BT-157) has a scheme.", inLines, func(l Line) string {
			return missing(l.StandardID.ID == "" || l.StandardID.Scheme != "", "the scheme")
		}),
		everyLine("BR-CO-4", "Each line has a VAT category (BT-151).", inLines, func(l Line) string {
			return missing(l.Category != "", "the category")
		}),
	}
}

func notNegative(amount Decimal) string {
	if amount.Sign() < 0 {
		return "it is " + amount.String()
	}
	return ""
}

// everyAdjustment makes a rule that holds for each allowance, or each charge,
// of the document by itself. Logistics charges are not of EN 16931.
func everyAdjustment(id, text string, charge bool, broken func(Adjustment) string) Rule {
	return Rule{id, text, Warn, inBreakdown, func(inv *Invoice) string {
		for i, a := range inv.Adjustments {
			if a.Charge == charge && !a.Logistics {
				if detail := broken(a); detail != "" {
					return fmt.Sprintf("number %d: %s", i+1, detail)
				}
			}
		}
		return ""
	}}
}

// lineAdjustments makes the same for those of lines.
func lineAdjustments(id, text string, charge bool, broken func(Adjustment) string) Rule {
	return everyLine(id, text, inLines, func(l Line) string {
		for _, a := range l.Adjustments {
			if a.Charge == charge {
				if detail := broken(a); detail != "" {
					return detail
				}
			}
		}
		return ""
	})
}

func adjustmentRules() []Rule {
	amount := func(a Adjustment) string { return missing(!a.Amount.IsZero(), "the amount") }
	category := func(a Adjustment) string { return missing(a.Category != "", "the VAT category") }
	reason := func(a Adjustment) string { return missing(a.Reason != "" || a.ReasonCode != "", "a reason") }
	return []Rule{
		everyAdjustment("BR-31", "Each document allowance has an amount (BT-92).", false, amount),
		everyAdjustment("BR-32", "Each document allowance has a VAT category (BT-95).", false, category),
		everyAdjustment("BR-33", "Each document allowance has a reason (BT-97) or its code (BT-98).", false, reason),
		everyAdjustment("BR-36", "Each document charge has an amount (BT-99).", true, amount),
		everyAdjustment("BR-37", "Each document charge has a VAT category (BT-102).", true, category),
		everyAdjustment("BR-38", "Each document charge has a reason (BT-104) or its code (BT-105).", true, reason),
		lineAdjustments("BR-41", "Each line allowance has an amount (BT-136).", false, amount),
		lineAdjustments("BR-42", "Each line allowance has a reason (BT-139) or its code (BT-140).", false, reason),
		lineAdjustments("BR-43", "Each line charge has an amount (BT-141).", true, amount),
		lineAdjustments("BR-44", "Each line charge has a reason (BT-144) or its code (BT-145).", true, reason),
	}
}
