// Package einvoice reads electronic invoices and checks selected rules of
// EN 16931 on them. It is pure: bytes in, an [Invoice] and findings out.
//
// It reads UN/CEFACT Cross Industry Invoice (ZUGFeRD 1.0 and 2.x, Factur-X,
// XRechnung) and OASIS UBL 2.x Invoice and CreditNote. A document type
// declaration is refused, and depth, element count, size and character set
// are limited ([Limits]), so that no input costs more than its limits allow.
//
// The rules are a selection, with the identifiers of EN 16931-1:2017 ("BR-5";
// the Schematron files of the CEN write the same rule "BR-05"). Which apply
// depends on the [Level]: MINIMUM and BASIC WL have no lines, ZUGFeRD 1.0 is
// older than the standard, EXTENDED adds amounts of its own. A document
// without findings therefore is not proven to conform to EN 16931.
package einvoice

// An Invoice is what an electronic invoice says, in the terms of the semantic
// model of EN 16931-1 (the numbers BT-... and BG-... are its). Codes are as
// in the document. Dates are YYYY-MM-DD, or the raw text if it is no date.
type Invoice struct {
	Syntax       Syntax        `json:"syntax"`
	Profile      string        `json:"profile"`                // BT-24, specification identifier
	Level        Level         `json:"level"`                  // what Profile stands for
	Process      string        `json:"process,omitempty"`      // BT-23
	Test         bool          `json:"test,omitempty"`         // says that it is a test (ZUGFeRD)
	Number       string        `json:"number"`                 // BT-1
	Type         string        `json:"type"`                   // BT-3, UNTDID 1001
	Date         string        `json:"date"`                   // BT-2
	DueDate      string        `json:"dueDate,omitempty"`      // BT-9
	TaxPointDate string        `json:"taxPointDate,omitempty"` // BT-7
	TaxPointCode string        `json:"taxPointCode,omitempty"` // BT-8
	Currency     string        `json:"currency"`               // BT-5, ISO 4217
	TaxCurrency  string        `json:"taxCurrency,omitempty"`  // BT-6
	Notes        []Note        `json:"notes,omitempty"`        // BG-1
	References   References    `json:"references,omitzero"`
	Seller       Party         `json:"seller"`                      // BG-4
	Buyer        Party         `json:"buyer"`                       // BG-7
	Payee        *Party        `json:"payee,omitempty"`             // BG-10
	TaxAgent     *Party        `json:"taxRepresentative,omitempty"` // BG-11
	Delivery     Delivery      `json:"delivery,omitzero"`           // BG-13
	Period       Period        `json:"period,omitzero"`             // BG-14
	Payment      Payment       `json:"payment,omitzero"`            // BG-16
	Adjustments  []Adjustment  `json:"adjustments,omitempty"`       // BG-20, BG-21
	Totals       Totals        `json:"totals"`                      // BG-22
	Taxes        []Tax         `json:"taxes,omitempty"`             // BG-23
	Attachments  []SupportFile `json:"attachments,omitempty"`       // BG-24
	Lines        []Line        `json:"lines,omitempty"`             // BG-25

	// Problems are values that could not be read, such as a malformed number.
	// Each is then missing above. They hold no text from a person.
	Problems []string `json:"problems,omitempty"`
}

// A Syntax is the XML vocabulary that an invoice was written in.
type Syntax string

// The syntaxes that [Read] knows.
const (
	CII           Syntax = "CII"            // Cross Industry Invoice D16B
	ZUGFeRD1      Syntax = "ZUGFeRD-1.0"    // its predecessor, of 2014
	UBLInvoice    Syntax = "UBL-Invoice"    // UBL 2.x Invoice
	UBLCreditNote Syntax = "UBL-CreditNote" // UBL 2.x CreditNote
)

// A Note is a free text (BT-22) with its subject (BT-21, UNTDID 4451).
type Note struct {
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
}

// References are the documents that an invoice refers to.
type References struct {
	Buyer     string      `json:"buyer,omitempty"`     // BT-10
	Project   string      `json:"project,omitempty"`   // BT-11
	Contract  string      `json:"contract,omitempty"`  // BT-12
	Order     string      `json:"order,omitempty"`     // BT-13
	Sales     string      `json:"sales,omitempty"`     // BT-14
	Receipt   string      `json:"receipt,omitempty"`   // BT-15
	Despatch  string      `json:"despatch,omitempty"`  // BT-16
	Tender    string      `json:"tender,omitempty"`    // BT-17
	Preceding []Preceding `json:"preceding,omitempty"` // BG-3
}

// Preceding is an earlier invoice that this one corrects or settles (BG-3).
type Preceding struct {
	Number string `json:"number"`         // BT-25
	Date   string `json:"date,omitempty"` // BT-26
}

// A Party is the seller, the buyer, the payee or the tax representative.
type Party struct {
	Name         string       `json:"name"`
	TradingName  string       `json:"tradingName,omitempty"`
	IDs          []Identifier `json:"ids,omitempty"`
	LegalID      Identifier   `json:"legalID,omitzero"`
	VATID        string       `json:"vatID,omitempty"`       // BT-31, BT-48
	TaxNumber    string       `json:"taxNumber,omitempty"`   // BT-32
	Electronic   Identifier   `json:"electronic,omitzero"`   // BT-34, BT-49
	Address      *Address     `json:"address,omitempty"`     // BG-5, BG-8
	Contact      string       `json:"contact,omitempty"`     // BT-41
	ContactPhone string       `json:"phone,omitempty"`       // BT-42
	ContactEmail string       `json:"email,omitempty"`       // BT-43
	Description  string       `json:"description,omitempty"` // BT-33
}

// An Identifier is a number with the scheme that it comes from.
type Identifier struct {
	ID     string `json:"id"`
	Scheme string `json:"scheme,omitempty"`
}

// An Address is a postal address.
type Address struct {
	Lines       []string `json:"lines,omitempty"`
	PostCode    string   `json:"postCode,omitempty"`
	City        string   `json:"city,omitempty"`
	Subdivision string   `json:"subdivision,omitempty"`
	Country     string   `json:"country,omitempty"` // ISO 3166-1 alpha-2
}

// Delivery is where and when the goods went (BG-13).
type Delivery struct {
	Date string `json:"date,omitempty"` // BT-72
	To   *Party `json:"to,omitempty"`   // BG-15 with BT-70 and BT-71
}

// A Period is a time with an inclusive start and end.
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// Payment says how to pay (BG-16 and BT-20).
type Payment struct {
	Terms     string         `json:"terms,omitempty"`     // BT-20
	Reference string         `json:"reference,omitempty"` // BT-83
	Creditor  string         `json:"creditor,omitempty"`  // BT-90
	Mandate   string         `json:"mandate,omitempty"`   // BT-89
	Means     []PaymentMeans `json:"means,omitempty"`
}

// PaymentMeans is one way to pay.
type PaymentMeans struct {
	Code    string `json:"code,omitempty"`    // BT-81, UNTDID 4461
	Text    string `json:"text,omitempty"`    // BT-82
	Account string `json:"account,omitempty"` // BT-84, an IBAN mostly
	Name    string `json:"name,omitempty"`    // BT-85
	Bank    string `json:"bank,omitempty"`    // BT-86, a BIC mostly
	Card    string `json:"card,omitempty"`    // BT-87
	Debited string `json:"debited,omitempty"` // BT-91
}

// An Adjustment is an allowance or a charge, of the document or of a line.
type Adjustment struct {
	Charge     bool    `json:"charge"`
	Logistics  bool    `json:"logistics,omitempty"` // a logistics service charge (EXTENDED, ZUGFeRD 1.0)
	Amount     Decimal `json:"amount,omitzero"`
	Base       Decimal `json:"base,omitzero"`
	Percent    Decimal `json:"percent,omitzero"`
	Reason     string  `json:"reason,omitempty"`
	ReasonCode string  `json:"reasonCode,omitempty"`
	Category   string  `json:"category,omitempty"` // tax category, of the document's only
	Rate       Decimal `json:"rate,omitzero"`
}

// Totals are the document's totals (BG-22), in its currency.
type Totals struct {
	Lines         Decimal `json:"lines,omitzero"`         // BT-106
	Allowances    Decimal `json:"allowances,omitzero"`    // BT-107
	Charges       Decimal `json:"charges,omitzero"`       // BT-108
	TaxBasis      Decimal `json:"taxBasis,omitzero"`      // BT-109
	Tax           Decimal `json:"tax,omitzero"`           // BT-110
	TaxInCurrency Decimal `json:"taxInCurrency,omitzero"` // BT-111, in TaxCurrency
	Grand         Decimal `json:"grand,omitzero"`         // BT-112
	Prepaid       Decimal `json:"prepaid,omitzero"`       // BT-113
	Rounding      Decimal `json:"rounding,omitzero"`      // BT-114
	Due           Decimal `json:"due,omitzero"`           // BT-115
}

// A Tax is one group of the tax breakdown (BG-23).
type Tax struct {
	Type          string  `json:"type,omitempty"`
	Category      string  `json:"category,omitempty"` // BT-118, UNTDID 5305
	Rate          Decimal `json:"rate,omitzero"`      // BT-119, per cent
	Basis         Decimal `json:"basis,omitzero"`     // BT-116
	Amount        Decimal `json:"amount,omitzero"`    // BT-117
	Exemption     string  `json:"exemption,omitempty"`
	ExemptionCode string  `json:"exemptionCode,omitempty"`
}

// A SupportFile names an additional document (BG-24). Its content is not kept.
type SupportFile struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

// A Line is one invoice line (BG-25).
type Line struct {
	ID          string       `json:"id,omitempty"`     // BT-126
	Parent      string       `json:"parent,omitempty"` // line that this is a sub-line of (EXTENDED)
	Role        string       `json:"role,omitempty"`   // DETAIL, GROUP or INFORMATION (EXTENDED)
	Name        string       `json:"name,omitempty"`   // BT-153
	Description string       `json:"description,omitempty"`
	Note        string       `json:"note,omitempty"`
	SellerID    string       `json:"sellerID,omitempty"`    // BT-155
	BuyerID     string       `json:"buyerID,omitempty"`     // BT-156
	StandardID  Identifier   `json:"standardID,omitzero"`   // BT-157
	Quantity    Decimal      `json:"quantity,omitzero"`     // BT-129
	Unit        string       `json:"unit,omitempty"`        // BT-130, UN/ECE rec. 20 and 21
	Price       Decimal      `json:"price,omitzero"`        // BT-146, net
	GrossPrice  Decimal      `json:"grossPrice,omitzero"`   // BT-148
	PriceBase   Decimal      `json:"priceBase,omitzero"`    // BT-149
	Total       Decimal      `json:"total,omitzero"`        // BT-131, net
	Category    string       `json:"category,omitempty"`    // BT-151
	Rate        Decimal      `json:"rate,omitzero"`         // BT-152
	Period      Period       `json:"period,omitzero"`       // BG-26
	Adjustments []Adjustment `json:"adjustments,omitempty"` // BG-27, BG-28
}
