package einvoice

// cii reads a Cross Industry Invoice. Names with "|" are those of D16B
// (ZUGFeRD 2.x, Factur-X, XRechnung) first, then those of ZUGFeRD 1.0.
func (m *mapper) cii(root *node) Invoice {
	settings := root.at("ExchangedDocumentContext|SpecifiedExchangedDocumentContext")
	document := root.at("ExchangedDocument|HeaderExchangedDocument")
	deal := root.at("SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction")
	inv := Invoice{
		Profile: settings.value("GuidelineSpecifiedDocumentContextParameter", "ID"),
		Process: settings.value("BusinessProcessSpecifiedDocumentContextParameter", "ID"),
		Test:    settings.value("TestIndicator", "Indicator") == "true",
		Number:  document.value("ID"),
		Type:    document.value("TypeCode"),
		Date:    m.ciiDate(document, "IssueDateTime"),
	}
	for _, n := range document.all("IncludedNote") {
		inv.Notes = append(inv.Notes, Note{Subject: n.value("SubjectCode"), Text: n.prose("Content")})
	}
	m.ciiAgreement(&inv, deal.at("ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement"))
	m.ciiDelivery(&inv, deal.at("ApplicableHeaderTradeDelivery|ApplicableSupplyChainTradeDelivery"))
	m.ciiSettlement(&inv, deal.at("ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement"))
	if lines := deal.all("IncludedSupplyChainTradeLineItem"); len(lines) > 0 {
		inv.Lines = make([]Line, len(lines))
		for i, n := range lines {
			inv.Lines[i] = m.ciiLine(n)
		}
	}
	return inv
}

func (m *mapper) ciiDate(n *node, path ...string) string {
	return m.date(n.at(path...), "DateTimeString|DateString|DateTime")
}

func (m *mapper) ciiAgreement(inv *Invoice, n *node) {
	inv.References.Buyer = n.value("BuyerReference")
	inv.References.Order = n.value("BuyerOrderReferencedDocument", "IssuerAssignedID|ID")
	inv.References.Sales = n.value("SellerOrderReferencedDocument", "IssuerAssignedID|ID")
	inv.References.Contract = n.value("ContractReferencedDocument", "IssuerAssignedID|ID")
	inv.References.Project = n.value("SpecifiedProcuringProject", "ID")
	inv.Seller = m.ciiParty(n.at("SellerTradeParty"))
	inv.Buyer = m.ciiParty(n.at("BuyerTradeParty"))
	inv.TaxAgent = m.ciiPartyIfAny(n.at("SellerTaxRepresentativeTradeParty"))
	for _, doc := range n.all("AdditionalReferencedDocument") {
		id := doc.value("IssuerAssignedID|ID")
		if doc.value("TypeCode") == "50" { // UNTDID 1001: a price or tender document
			inv.References.Tender = id
			continue
		}
		inv.Attachments = append(inv.Attachments, SupportFile{ID: id, Name: doc.value("Name"), URL: doc.value("URIID")})
	}
}

func (m *mapper) ciiDelivery(inv *Invoice, n *node) {
	inv.Delivery.Date = m.ciiDate(n, "ActualDeliverySupplyChainEvent", "OccurrenceDateTime")
	inv.Delivery.To = m.ciiPartyIfAny(n.at("ShipToTradeParty"))
	inv.References.Despatch = n.value("DespatchAdviceReferencedDocument", "IssuerAssignedID|ID")
	inv.References.Receipt = n.value("ReceivingAdviceReferencedDocument", "IssuerAssignedID|ID")
}

func (m *mapper) ciiSettlement(inv *Invoice, n *node) {
	inv.Currency, inv.TaxCurrency = n.value("InvoiceCurrencyCode"), n.value("TaxCurrencyCode")
	inv.Payee = m.ciiPartyIfAny(n.at("PayeeTradeParty"))
	inv.Period = m.ciiPeriod(n.at("BillingSpecifiedPeriod"))
	for _, tax := range n.all("ApplicableTradeTax") {
		inv.Taxes = append(inv.Taxes, m.ciiTax(tax))
		if date := m.ciiDate(tax, "TaxPointDate"); date != "" {
			inv.TaxPointDate = date
		}
		if code := tax.value("DueDateTypeCode"); code != "" {
			inv.TaxPointCode = code
		}
	}
	for _, a := range n.all("SpecifiedTradeAllowanceCharge") {
		inv.Adjustments = append(inv.Adjustments, m.ciiAdjustment(a))
	}
	for _, a := range n.all("SpecifiedLogisticsServiceCharge") {
		tax := a.at("AppliedTradeTax")
		inv.Adjustments = append(inv.Adjustments, Adjustment{
			Charge: true, Logistics: true, Reason: a.value("Description"),
			Amount: m.decimal(a, "AppliedAmount"), Category: tax.value("CategoryCode"),
			Rate: m.decimal(tax, "RateApplicablePercent|ApplicablePercent"),
		})
	}
	for _, ref := range n.all("InvoiceReferencedDocument") {
		inv.References.Preceding = append(inv.References.Preceding, Preceding{
			Number: ref.value("IssuerAssignedID|ID"), Date: m.ciiDate(ref, "FormattedIssueDateTime|IssueDateTime"),
		})
	}
	m.ciiPayment(inv, n)
	m.ciiTotals(inv, n.at("SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation"))
}

func (m *mapper) ciiPayment(inv *Invoice, n *node) {
	inv.Payment.Reference = n.value("PaymentReference")
	inv.Payment.Creditor = n.value("CreditorReferenceID")
	for _, terms := range n.all("SpecifiedTradePaymentTerms") {
		if text := terms.prose("Description"); text != "" && inv.Payment.Terms == "" {
			inv.Payment.Terms = text
		}
		if date := m.ciiDate(terms, "DueDateDateTime"); date != "" && inv.DueDate == "" {
			inv.DueDate = date
		}
		if mandate := terms.value("DirectDebitMandateID"); mandate != "" {
			inv.Payment.Mandate = mandate
		}
	}
	for _, way := range n.all("SpecifiedTradeSettlementPaymentMeans") {
		account := way.at("PayeePartyCreditorFinancialAccount")
		inv.Payment.Means = append(inv.Payment.Means, PaymentMeans{
			Code: way.value("TypeCode"), Text: way.value("Information"),
			Account: firstOf(account.value("IBANID"), account.value("ProprietaryID")),
			Name:    account.value("AccountName"),
			Bank:    way.value("PayeeSpecifiedCreditorFinancialInstitution", "BICID"),
			Card:    way.value("ApplicableTradeSettlementFinancialCard", "ID"),
			Debited: way.value("PayerPartyDebtorFinancialAccount", "IBANID"),
		})
	}
}

// ciiTotals reads the totals. TaxTotalAmount may stand twice, once in the
// invoice's and once in the accounting currency; without a currency it is in
// the invoice's.
func (m *mapper) ciiTotals(inv *Invoice, n *node) {
	inv.Totals = Totals{
		Lines:      m.decimal(n, "LineTotalAmount"),
		Allowances: m.decimal(n, "AllowanceTotalAmount"),
		Charges:    m.decimal(n, "ChargeTotalAmount"),
		TaxBasis:   m.ciiInCurrency(n, "TaxBasisTotalAmount", inv.Currency),
		Grand:      m.ciiInCurrency(n, "GrandTotalAmount", inv.Currency),
		Prepaid:    m.decimal(n, "TotalPrepaidAmount"),
		Rounding:   m.decimal(n, "RoundingAmount"),
		Due:        m.decimal(n, "DuePayableAmount"),
	}
	for _, tax := range n.all("TaxTotalAmount") {
		switch currency := tax.attr("currencyID"); {
		case (currency == "" || currency == inv.Currency) && inv.Totals.Tax.IsZero():
			inv.Totals.Tax = m.decimal(tax)
		case currency != "" && currency == inv.TaxCurrency:
			inv.Totals.TaxInCurrency = m.decimal(tax)
		}
	}
}

// ciiInCurrency reads a total that EXTENDED may give a second time in another
// currency: the one in the invoice's currency, else the first.
func (m *mapper) ciiInCurrency(n *node, name, currency string) Decimal {
	for _, total := range n.all(name) {
		if total.attr("currencyID") == currency {
			return m.decimal(total)
		}
	}
	return m.decimal(n, name)
}

func (m *mapper) ciiTax(n *node) Tax {
	return Tax{
		Type: n.value("TypeCode"), Category: n.value("CategoryCode"),
		Rate:   m.decimal(n, "RateApplicablePercent|ApplicablePercent"),
		Basis:  m.decimal(n, "BasisAmount"),
		Amount: m.decimal(n, "CalculatedAmount"),

		Exemption: n.value("ExemptionReason"), ExemptionCode: n.value("ExemptionReasonCode"),
	}
}

func (m *mapper) ciiAdjustment(n *node) Adjustment {
	tax := n.at("CategoryTradeTax")
	return Adjustment{
		Charge:     isTrue(n.value("ChargeIndicator", "Indicator")) || isTrue(n.value("ChargeIndicator")),
		Amount:     m.decimal(n, "ActualAmount"),
		Base:       m.decimal(n, "BasisAmount"),
		Percent:    m.decimal(n, "CalculationPercent"),
		Reason:     n.value("Reason"),
		ReasonCode: n.value("ReasonCode"),
		Category:   tax.value("CategoryCode"),
		Rate:       m.decimal(tax, "RateApplicablePercent|ApplicablePercent"),
	}
}

func isTrue(text string) bool { return text == "true" || text == "1" }

func (m *mapper) ciiPeriod(n *node) Period {
	return Period{Start: m.ciiDate(n, "StartDateTime"), End: m.ciiDate(n, "EndDateTime")}
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
