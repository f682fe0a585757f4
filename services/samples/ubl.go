package samples

// UBL returns the invoice as an OASIS UBL 2.1 Invoice, or, if its type is 381,
// as a CreditNote.
func (i Invoice) UBL() []byte {
	kind := "Invoice"
	if i.Type == "381" {
		kind = "CreditNote"
	}
	due := ublDate("cbc:DueDate", i.Payment.Due)
	if kind == "CreditNote" {
		due = element{} // a credit note has no place for it
	}
	parts := []element{
		leaf("cbc:CustomizationID", i.profile()),
		leaf("cbc:ID", i.Number),
		ublDate("cbc:IssueDate", i.Issued),
		due,
		leaf("cbc:"+kind+"TypeCode", i.Type),
		leaf("cbc:Note", i.Note),
		leaf("cbc:DocumentCurrencyCode", i.Currency),
		leaf("cbc:BuyerReference", i.Reference),
		el("cac:AccountingSupplierParty", ublParty(i.Seller)),
		el("cac:AccountingCustomerParty", ublParty(i.Buyer)),
		el("cac:Delivery", ublDate("cbc:ActualDeliveryDate", i.Delivered)),
		el("cac:PaymentMeans",
			leaf("cbc:PaymentMeansCode", i.Payment.Means),
			leaf("cbc:PaymentID", i.Number),
			el("cac:PayeeFinancialAccount", leaf("cbc:ID", i.Payment.IBAN))),
		el("cac:PaymentTerms", leaf("cbc:Note", i.Payment.Terms)),
	}
	parts = append(parts, each(i.Allowances, i.ublAllowance)...)
	taxes := append([]element{i.amount("cbc:TaxAmount", i.Totals.Tax)}, each(i.Taxes, i.ublTax)...)
	parts = append(parts, el("cac:TaxTotal", taxes...), i.ublTotals())
	parts = append(parts, each(i.Lines, func(l Line) element { return i.ublLine(kind, l) })...)
	root := el(kind, parts...)
	root.attrs = []string{
		"xmlns", "urn:oasis:names:specification:ubl:schema:xsd:" + kind + "-2",
		"xmlns:cac", "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
		"xmlns:cbc", "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
	}
	return root.document()
}

func ublDate(name, date string) element { return leaf(name, isoDate(date)) }

// isoDate writes YYYYMMDD as YYYY-MM-DD, and anything else as it is.
func isoDate(date string) string {
	if len(date) != 8 {
		return date
	}
	return date[:4] + "-" + date[4:6] + "-" + date[6:]
}

func (i Invoice) amount(name, value string) element {
	return leaf(name, value, "currencyID", i.Currency)
}

func ublParty(p Party) element {
	return el("cac:Party",
		el("cac:PostalAddress",
			leaf("cbc:StreetName", p.Street),
			leaf("cbc:CityName", p.City),
			leaf("cbc:PostalZone", p.Postcode),
			el("cac:Country", leaf("cbc:IdentificationCode", p.Country))),
		ublTaxScheme(p.VAT, "VAT"),
		ublTaxScheme(p.TaxID, "TAX"),
		el("cac:PartyLegalEntity", leaf("cbc:RegistrationName", p.Name)))
}

func ublTaxScheme(id, scheme string) element {
	if id == "" {
		return element{}
	}
	return el("cac:PartyTaxScheme", leaf("cbc:CompanyID", id), el("cac:TaxScheme", leaf("cbc:ID", scheme)))
}

func ublCategory(name, category, rate, exemption string) element {
	return el(name,
		leaf("cbc:ID", category),
		leaf("cbc:Percent", rate),
		leaf("cbc:TaxExemptionReason", exemption),
		el("cac:TaxScheme", leaf("cbc:ID", "VAT")))
}

func (i Invoice) ublTax(t Tax) element {
	return el("cac:TaxSubtotal",
		i.amount("cbc:TaxableAmount", t.Basis),
		i.amount("cbc:TaxAmount", t.Amount),
		ublCategory("cac:TaxCategory", t.Category, t.Rate, t.Exemption))
}

func (i Invoice) ublAllowance(a Allowance) element {
	indicator := "false"
	if a.Charge {
		indicator = "true"
	}
	return el("cac:AllowanceCharge",
		leaf("cbc:ChargeIndicator", indicator),
		leaf("cbc:AllowanceChargeReason", a.Reason),
		i.amount("cbc:Amount", a.Amount),
		ublCategory("cac:TaxCategory", a.Category, a.Rate, ""))
}

func (i Invoice) ublTotals() element {
	return el("cac:LegalMonetaryTotal",
		i.amount("cbc:LineExtensionAmount", i.Totals.Lines),
		i.amount("cbc:TaxExclusiveAmount", i.Totals.Net),
		i.amount("cbc:TaxInclusiveAmount", i.Totals.Gross),
		i.amount("cbc:AllowanceTotalAmount", i.Totals.Allowances),
		i.amount("cbc:ChargeTotalAmount", i.Totals.Charges),
		i.amount("cbc:PrepaidAmount", i.Totals.Prepaid),
		i.amount("cbc:PayableRoundingAmount", i.Totals.Rounding),
		i.amount("cbc:PayableAmount", i.Totals.Due))
}

func (i Invoice) ublLine(kind string, l Line) element {
	quantity := "cbc:InvoicedQuantity"
	if kind == "CreditNote" {
		quantity = "cbc:CreditedQuantity"
	}
	return el("cac:"+kind+"Line",
		leaf("cbc:ID", l.ID),
		leaf(quantity, l.Quantity, "unitCode", l.Unit),
		i.amount("cbc:LineExtensionAmount", l.Total),
		el("cac:Item",
			leaf("cbc:Name", l.Name),
			ublCategory("cac:ClassifiedTaxCategory", l.Category, l.Rate, "")),
		el("cac:Price", i.amount("cbc:PriceAmount", l.Price)))
}
