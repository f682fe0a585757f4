package einvoice

// ubl reads a UBL Invoice or CreditNote, by the binding of EN 16931-3-2
// (CEN/TS 16931-3-2).
func (m *mapper) ubl(root *node) Invoice {
	inv := Invoice{
		Profile:      root.value("CustomizationID"),
		Process:      root.value("ProfileID"),
		Number:       root.value("ID"),
		Type:         root.value("InvoiceTypeCode|CreditNoteTypeCode"),
		Date:         m.date(root, "IssueDate"),
		DueDate:      m.date(root, "DueDate"),
		TaxPointDate: m.date(root, "TaxPointDate"),
		TaxPointCode: root.value("InvoicePeriod", "DescriptionCode"),
		Currency:     root.value("DocumentCurrencyCode"),
		TaxCurrency:  root.value("TaxCurrencyCode"),
		Seller:       m.ublParty(root.at("AccountingSupplierParty", "Party")),
		Buyer:        m.ublParty(root.at("AccountingCustomerParty", "Party")),
		Payee:        m.ublPartyIfAny(root.at("PayeeParty")),
		TaxAgent:     m.ublPartyIfAny(root.at("TaxRepresentativeParty")),
		Period:       m.ublPeriod(root.at("InvoicePeriod")),
		References: References{
			Buyer:    root.value("BuyerReference"),
			Project:  root.value("ProjectReference", "ID"),
			Contract: root.value("ContractDocumentReference", "ID"),
			Order:    root.value("OrderReference", "ID"),
			Sales:    root.value("OrderReference", "SalesOrderID"),
			Receipt:  root.value("ReceiptDocumentReference", "ID"),
			Despatch: root.value("DespatchDocumentReference", "ID"),
			Tender:   root.value("OriginatorDocumentReference", "ID"),
		},
	}
	for _, n := range root.all("Note") {
		inv.Notes = append(inv.Notes, Note{Text: n.prose()})
	}
	for _, n := range root.all("BillingReference") {
		ref := n.at("InvoiceDocumentReference")
		inv.References.Preceding = append(inv.References.Preceding, Preceding{Number: ref.value("ID"), Date: m.date(ref, "IssueDate")})
	}
	for _, n := range root.all("AdditionalDocumentReference") {
		inv.Attachments = append(inv.Attachments, SupportFile{
			ID: n.value("ID"), Name: n.value("DocumentDescription"), URL: n.value("Attachment", "ExternalReference", "URI"),
		})
	}
	m.ublDelivery(&inv, root.at("Delivery"))
	m.ublPayment(&inv, root)
	m.ublTotals(&inv, root)
	for _, n := range root.all("AllowanceCharge") {
		inv.Adjustments = append(inv.Adjustments, m.ublAdjustment(n))
	}
	if lines := root.all("InvoiceLine|CreditNoteLine"); len(lines) > 0 {
		inv.Lines = make([]Line, len(lines))
		for i, n := range lines {
			inv.Lines[i] = m.ublLine(n)
		}
	}
	return inv
}

func (m *mapper) ublDelivery(inv *Invoice, n *node) {
	inv.Delivery.Date = m.date(n, "ActualDeliveryDate")
	location := n.at("DeliveryLocation")
	if name := n.value("DeliveryParty", "PartyName", "Name"); location != nil || name != "" {
		inv.Delivery.To = &Party{Name: name, Address: ublAddress(location.at("Address"))}
		if id := m.identifier(location.at("ID")); id.ID != "" {
			inv.Delivery.To.IDs = []Identifier{id}
		}
	}
}

func (m *mapper) ublPayment(inv *Invoice, root *node) {
	inv.Payment.Terms = root.prose("PaymentTerms", "Note")
	for _, n := range root.all("PaymentMeans") {
		account := n.at("PayeeFinancialAccount")
		inv.Payment.Means = append(inv.Payment.Means, PaymentMeans{
			Code: n.value("PaymentMeansCode"), Text: n.at("PaymentMeansCode").attr("name"),
			Account: account.value("ID"), Name: account.value("Name"),
			Bank:    account.value("FinancialInstitutionBranch", "ID"),
			Card:    n.value("CardAccount", "PrimaryAccountNumberID"),
			Debited: n.value("PaymentMandate", "PayerFinancialAccount", "ID"),
		})
		inv.Payment.Reference = firstOf(inv.Payment.Reference, n.value("PaymentID"))
		inv.Payment.Mandate = firstOf(inv.Payment.Mandate, n.value("PaymentMandate", "ID"))
		inv.DueDate = firstOf(inv.DueDate, m.date(n, "PaymentDueDate"))
	}
	for _, id := range inv.Seller.IDs {
		if id.Scheme == "SEPA" {
			inv.Payment.Creditor = id.ID
		}
	}
}

func (m *mapper) ublTotals(inv *Invoice, root *node) {
	n := root.at("LegalMonetaryTotal")
	inv.Totals = Totals{
		Lines:      m.decimal(n, "LineExtensionAmount"),
		Allowances: m.decimal(n, "AllowanceTotalAmount"),
		Charges:    m.decimal(n, "ChargeTotalAmount"),
		TaxBasis:   m.decimal(n, "TaxExclusiveAmount"),
		Grand:      m.decimal(n, "TaxInclusiveAmount"),
		Prepaid:    m.decimal(n, "PrepaidAmount"),
		Rounding:   m.decimal(n, "PayableRoundingAmount"),
		Due:        m.decimal(n, "PayableAmount"),
	}
	for _, total := range root.all("TaxTotal") {
		amount := total.at("TaxAmount")
		switch amount.attr("currencyID") {
		case "", inv.Currency:
			inv.Totals.Tax = m.decimal(amount)
			for _, sub := range total.all("TaxSubtotal") {
				inv.Taxes = append(inv.Taxes, m.ublTax(sub))
			}
		case inv.TaxCurrency:
			inv.Totals.TaxInCurrency = m.decimal(amount)
		}
	}
}

func (m *mapper) ublTax(n *node) Tax {
	category := n.at("TaxCategory")
	return Tax{
		Type: category.value("TaxScheme", "ID"), Category: category.value("ID"), Rate: m.decimal(category, "Percent"),
		Basis: m.decimal(n, "TaxableAmount"), Amount: m.decimal(n, "TaxAmount"),
		Exemption: category.value("TaxExemptionReason"), ExemptionCode: category.value("TaxExemptionReasonCode"),
	}
}

func (m *mapper) ublAdjustment(n *node) Adjustment {
	return Adjustment{
		Charge: isTrue(n.value("ChargeIndicator")),
		Amount: m.decimal(n, "Amount"), Base: m.decimal(n, "BaseAmount"), Percent: m.decimal(n, "MultiplierFactorNumeric"),
		Reason: n.value("AllowanceChargeReason"), ReasonCode: n.value("AllowanceChargeReasonCode"),
		Category: n.value("TaxCategory", "ID"), Rate: m.decimal(n, "TaxCategory", "Percent"),
	}
}

func (m *mapper) ublPeriod(n *node) Period {
	return Period{Start: m.date(n, "StartDate"), End: m.date(n, "EndDate")}
}

func (m *mapper) ublPartyIfAny(n *node) *Party {
	if n == nil {
		return nil
	}
	p := m.ublParty(n)
	return &p
}

func (m *mapper) ublParty(n *node) Party {
	legal, contact := n.at("PartyLegalEntity"), n.at("Contact")
	trading := n.value("PartyName", "Name")
	p := Party{
		Name:         firstOf(legal.value("RegistrationName"), trading),
		TradingName:  trading,
		LegalID:      m.identifier(legal.at("CompanyID")),
		Electronic:   m.identifier(n.at("EndpointID")),
		Address:      ublAddress(n.at("PostalAddress")),
		Contact:      contact.value("Name"),
		ContactPhone: contact.value("Telephone"),
		ContactEmail: contact.value("ElectronicMail"),
		Description:  legal.value("CompanyLegalForm"),
	}
	for _, id := range n.all("PartyIdentification") {
		p.IDs = append(p.IDs, m.identifier(id.at("ID")))
	}
	for _, tax := range n.all("PartyTaxScheme") {
		if tax.value("TaxScheme", "ID") == "VAT" {
			p.VATID = tax.value("CompanyID")
		} else {
			p.TaxNumber = tax.value("CompanyID")
		}
	}
	return p
}

func ublAddress(n *node) *Address {
	if n == nil {
		return nil
	}
	a := &Address{
		PostCode: n.value("PostalZone"), City: n.value("CityName"),
		Subdivision: n.value("CountrySubentity"), Country: n.value("Country", "IdentificationCode"),
	}
	for _, line := range []string{n.value("StreetName"), n.value("AdditionalStreetName"), n.value("AddressLine", "Line")} {
		if line != "" {
			a.Lines = append(a.Lines, line)
		}
	}
	return a
}

func (m *mapper) ublLine(n *node) Line {
	item, price := n.at("Item"), n.at("Price")
	tax := item.at("ClassifiedTaxCategory")
	quantity := n.at("InvoicedQuantity|CreditedQuantity")
	line := Line{
		ID: n.value("ID"), Note: n.prose("Note"),
		Name: item.value("Name"), Description: item.prose("Description"),
		SellerID: item.value("SellersItemIdentification", "ID"), BuyerID: item.value("BuyersItemIdentification", "ID"),
		StandardID: m.identifier(item.at("StandardItemIdentification", "ID")),
		Quantity:   m.decimal(quantity), Unit: quantity.attr("unitCode"),
		Price: m.decimal(price, "PriceAmount"), PriceBase: m.decimal(price, "BaseQuantity"),
		GrossPrice: m.decimal(price, "AllowanceCharge", "BaseAmount"),
		Total:      m.decimal(n, "LineExtensionAmount"),
		Category:   tax.value("ID"), Rate: m.decimal(tax, "Percent"),
		Period: m.ublPeriod(n.at("InvoicePeriod")),
	}
	for _, a := range n.all("AllowanceCharge") {
		line.Adjustments = append(line.Adjustments, m.ublAdjustment(a))
	}
	return line
}
