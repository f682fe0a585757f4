package samples

// CII returns the invoice as a UN/CEFACT Cross Industry Invoice (D16B), the
// syntax of Factur-X and ZUGFeRD 2.
func (i Invoice) CII() []byte {
	root := el("rsm:CrossIndustryInvoice",
		el("rsm:ExchangedDocumentContext",
			el("ram:GuidelineSpecifiedDocumentContextParameter", leaf("ram:ID", i.profile()))),
		el("rsm:ExchangedDocument",
			leaf("ram:ID", i.Number),
			leaf("ram:TypeCode", i.Type),
			ciiDate("ram:IssueDateTime", i.Issued),
			el("ram:IncludedNote", leaf("ram:Content", i.Note))),
		el("rsm:SupplyChainTradeTransaction", append(each(i.Lines, ciiLine),
			el("ram:ApplicableHeaderTradeAgreement",
				leaf("ram:BuyerReference", i.Reference),
				ciiParty("ram:SellerTradeParty", i.Seller),
				ciiParty("ram:BuyerTradeParty", i.Buyer)),
			el("ram:ApplicableHeaderTradeDelivery",
				el("ram:ActualDeliverySupplyChainEvent", ciiDate("ram:OccurrenceDateTime", i.Delivered))),
			i.ciiSettlement())...))
	root.attrs = []string{
		"xmlns:rsm", "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
		"xmlns:ram", "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
		"xmlns:udt", "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
	}
	return root.document()
}

func (i Invoice) profile() string {
	if i.Profile == "" {
		return ProfileEN16931
	}
	return i.Profile
}

func ciiDate(name, date string) element {
	return el(name, leaf("udt:DateTimeString", date, "format", "102"))
}

func ciiLine(l Line) element {
	return el("ram:IncludedSupplyChainTradeLineItem",
		el("ram:AssociatedDocumentLineDocument", leaf("ram:LineID", l.ID)),
		el("ram:SpecifiedTradeProduct", leaf("ram:Name", l.Name)),
		el("ram:SpecifiedLineTradeAgreement",
			el("ram:NetPriceProductTradePrice", leaf("ram:ChargeAmount", l.Price))),
		el("ram:SpecifiedLineTradeDelivery", leaf("ram:BilledQuantity", l.Quantity, "unitCode", l.Unit)),
		el("ram:SpecifiedLineTradeSettlement",
			el("ram:ApplicableTradeTax",
				leaf("ram:TypeCode", "VAT"),
				leaf("ram:CategoryCode", l.Category),
				leaf("ram:RateApplicablePercent", l.Rate)),
			el("ram:SpecifiedTradeSettlementLineMonetarySummation", leaf("ram:LineTotalAmount", l.Total))))
}

func ciiParty(name string, p Party) element {
	return el(name,
		leaf("ram:Name", p.Name),
		el("ram:PostalTradeAddress",
			leaf("ram:PostcodeCode", p.Postcode),
			leaf("ram:LineOne", p.Street),
			leaf("ram:CityName", p.City),
			leaf("ram:CountryID", p.Country)),
		el("ram:SpecifiedTaxRegistration", leaf("ram:ID", p.TaxID, "schemeID", "FC")),
		el("ram:SpecifiedTaxRegistration", leaf("ram:ID", p.VAT, "schemeID", "VA")))
}

func (i Invoice) ciiSettlement() element {
	parts := []element{
		leaf("ram:PaymentReference", i.Number),
		leaf("ram:InvoiceCurrencyCode", i.Currency),
		el("ram:SpecifiedTradeSettlementPaymentMeans",
			leaf("ram:TypeCode", i.Payment.Means),
			el("ram:PayeePartyCreditorFinancialAccount", leaf("ram:IBANID", i.Payment.IBAN))),
	}
	parts = append(parts, each(i.Taxes, ciiTax)...)
	parts = append(parts, each(i.Allowances, ciiAllowance)...)
	parts = append(parts,
		el("ram:SpecifiedTradePaymentTerms",
			leaf("ram:Description", i.Payment.Terms),
			ciiDate("ram:DueDateDateTime", i.Payment.Due)),
		el("ram:SpecifiedTradeSettlementHeaderMonetarySummation",
			leaf("ram:LineTotalAmount", i.Totals.Lines),
			leaf("ram:ChargeTotalAmount", i.Totals.Charges),
			leaf("ram:AllowanceTotalAmount", i.Totals.Allowances),
			leaf("ram:TaxBasisTotalAmount", i.Totals.Net),
			leaf("ram:TaxTotalAmount", i.Totals.Tax, "currencyID", i.Currency),
			leaf("ram:RoundingAmount", i.Totals.Rounding),
			leaf("ram:GrandTotalAmount", i.Totals.Gross),
			leaf("ram:TotalPrepaidAmount", i.Totals.Prepaid),
			leaf("ram:DuePayableAmount", i.Totals.Due)))
	return el("ram:ApplicableHeaderTradeSettlement", parts...)
}

func ciiTax(t Tax) element {
	return el("ram:ApplicableTradeTax",
		leaf("ram:CalculatedAmount", t.Amount),
		leaf("ram:TypeCode", "VAT"),
		leaf("ram:ExemptionReason", t.Exemption),
		leaf("ram:BasisAmount", t.Basis),
		leaf("ram:CategoryCode", t.Category),
		leaf("ram:RateApplicablePercent", t.Rate))
}

func ciiAllowance(a Allowance) element {
	indicator := "false"
	if a.Charge {
		indicator = "true"
	}
	return el("ram:SpecifiedTradeAllowanceCharge",
		el("ram:ChargeIndicator", leaf("udt:Indicator", indicator)),
		leaf("ram:ActualAmount", a.Amount),
		leaf("ram:Reason", a.Reason),
		el("ram:CategoryTradeTax",
			leaf("ram:TypeCode", "VAT"),
			leaf("ram:CategoryCode", a.Category),
			leaf("ram:RateApplicablePercent", a.Rate)))
}
