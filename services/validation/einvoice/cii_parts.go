package einvoice

func (m *mapper) ciiPartyIfAny(n *node) *Party {
	if n == nil {
		return nil
	}
	p := m.ciiParty(n)
	return &p
}

func (m *mapper) ciiParty(n *node) Party {
	contact := n.at("DefinedTradeContact")
	p := Party{
		Name:         n.value("Name"),
		TradingName:  n.value("SpecifiedLegalOrganization", "TradingBusinessName"),
		LegalID:      m.identifier(n.at("SpecifiedLegalOrganization", "ID")),
		Electronic:   m.identifier(n.at("URIUniversalCommunication", "URIID")),
		Contact:      firstOf(contact.value("PersonName"), contact.value("DepartmentName")),
		ContactPhone: contact.value("TelephoneUniversalCommunication", "CompleteNumber"),
		ContactEmail: contact.value("EmailURIUniversalCommunication", "URIID|CompleteNumber"),
		Description:  n.prose("Description"),
	}
	for _, id := range n.all("ID|GlobalID") {
		if v := m.identifier(id); v.ID != "" {
			p.IDs = append(p.IDs, v)
		}
	}
	for _, tax := range n.all("SpecifiedTaxRegistration") {
		switch id := m.identifier(tax.at("ID")); id.Scheme {
		case "VA", "VAT":
			p.VATID = id.ID
		case "FC":
			p.TaxNumber = id.ID
		}
	}
	if a := n.at("PostalTradeAddress"); a != nil {
		p.Address = &Address{
			PostCode: a.value("PostcodeCode"), City: a.value("CityName"),
			Subdivision: a.value("CountrySubDivisionName"), Country: a.value("CountryID"),
		}
		for _, line := range a.all("LineOne|LineTwo|LineThree") {
			if text := line.value(); text != "" {
				p.Address.Lines = append(p.Address.Lines, text)
			}
		}
	}
	return p
}

func (m *mapper) ciiLine(n *node) Line {
	document := n.at("AssociatedDocumentLineDocument")
	product := n.at("SpecifiedTradeProduct")
	price := n.at("SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement")
	quantity := n.at("SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery", "BilledQuantity")
	settlement := n.at("SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement")
	tax := settlement.at("ApplicableTradeTax")
	line := Line{
		ID:          document.value("LineID"),
		Parent:      document.value("ParentLineID"),
		Role:        document.value("LineStatusReasonCode"),
		Note:        document.prose("IncludedNote", "Content"),
		Name:        product.value("Name"),
		Description: product.prose("Description"),
		SellerID:    product.value("SellerAssignedID"),
		BuyerID:     product.value("BuyerAssignedID"),
		StandardID:  m.identifier(product.at("GlobalID")),
		Quantity:    m.decimal(quantity),
		Unit:        quantity.attr("unitCode"),
		Price:       m.decimal(price, "NetPriceProductTradePrice", "ChargeAmount"),
		GrossPrice:  m.decimal(price, "GrossPriceProductTradePrice", "ChargeAmount"),
		PriceBase:   m.decimal(price, "NetPriceProductTradePrice", "BasisQuantity"),
		Total: m.decimal(settlement,
			"SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation", "LineTotalAmount"),
		Category: tax.value("CategoryCode"),
		Rate:     m.decimal(tax, "RateApplicablePercent|ApplicablePercent"),
		Period:   m.ciiPeriod(settlement.at("BillingSpecifiedPeriod")),
	}
	for _, a := range settlement.all("SpecifiedTradeAllowanceCharge") {
		line.Adjustments = append(line.Adjustments, m.ciiAdjustment(a))
	}
	return line
}
