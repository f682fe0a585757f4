package samples

import (
	"math/big"
	"strconv"
)

// ProfileEN16931 is the specification identifier (BT-24) of an invoice that
// follows EN 16931 and no more.
const ProfileEN16931 = "urn:cen.eu:en16931:2017"

// An Invoice is what is said in an e-invoice to be made, in the terms of
// EN 16931. Every value is written as it stands, right or wrong, and what is
// empty is left out; so a test can break any rule. Amounts and quantities are
// decimals such as "100.00", dates are YYYYMMDD.
type Invoice struct {
	Profile   string // BT-24; empty is [ProfileEN16931]
	Number    string // BT-1
	Type      string // BT-3; "380" is an invoice, "381" a credit note
	Issued    string // BT-2
	Delivered string // BT-72
	Currency  string // BT-5
	Note      string // BT-22
	Reference string // BT-10, the buyer's

	Seller, Buyer Party
	Lines         []Line
	Allowances    []Allowance
	Taxes         []Tax
	Totals        Totals
	Payment       Payment
}

// A Party is a seller (BG-4) or a buyer (BG-7).
type Party struct {
	Name     string
	VAT      string // VAT identifier
	TaxID    string // local tax number
	Street   string
	City     string
	Postcode string
	Country  string // ISO 3166-1, two letters
}

// A Line is an invoice line (BG-25).
type Line struct {
	ID       string // BT-126
	Name     string // BT-153
	Quantity string // BT-129
	Unit     string // BT-130, a code such as "C62" (one) or "HUR" (hour)
	Price    string // BT-146, net
	Total    string // BT-131
	Category string // BT-151, such as "S" or "E"
	Rate     string // BT-152, percent
}

// An Allowance is an allowance (BG-20) or a charge (BG-21) on the whole
// document.
type Allowance struct {
	Charge   bool
	Amount   string // BT-92, BT-99
	Reason   string // BT-97, BT-104
	Category string // BT-95, BT-102
	Rate     string // BT-96, BT-103
}

// A Tax is the breakdown of VAT for one category and rate (BG-23).
type Tax struct {
	Category  string // BT-118
	Rate      string // BT-119, percent
	Basis     string // BT-116
	Amount    string // BT-117
	Exemption string // BT-120, the reason
}

// Totals are the sums of the whole document (BG-22).
type Totals struct {
	Lines      string // BT-106
	Allowances string // BT-107
	Charges    string // BT-108
	Net        string // BT-109
	Tax        string // BT-110
	Gross      string // BT-112
	Prepaid    string // BT-113
	Rounding   string // BT-114
	Due        string // BT-115
}

// Payment says how to pay (BG-16) and by when.
type Payment struct {
	Means string // BT-81; "58" is a SEPA transfer
	IBAN  string // BT-84
	Terms string // BT-20
	Due   string // BT-9
}

// Example returns an invoice that keeps the rules: two lines at two rates of
// VAT, 476.00 EUR in all.
func Example() Invoice {
	return Invoice{
		Number: "2026-0042", Type: "380", Issued: "20260105", Delivered: "20260102", Currency: "EUR",
		Note: "Thank you for your order of 2 January.", Reference: "04011000-12345-67",
		Seller: Party{
			Name: "Hafen Werkzeuge GmbH", VAT: "DE123456789", TaxID: "22/123/45678",
			Street: "Am Kai 4", City: "Hamburg", Postcode: "20457", Country: "DE",
		},
		Buyer: Party{
			Name: "Café Müller", VAT: "DE987654321",
			Street: "Lindenstraße 12", City: "Leipzig", Postcode: "04109", Country: "DE",
		},
		Lines: []Line{
			{ID: "1", Name: "Torque wrench 20-100 Nm", Quantity: "2", Unit: "C62", Price: "100.00", Category: "S", Rate: "19"},
			{ID: "2", Name: "Hex key set, metric", Quantity: "10", Unit: "C62", Price: "20.00", Category: "S", Rate: "19"},
		},
		Payment: Payment{Means: "58", IBAN: "DE89370400440532013000", Terms: "30 days net", Due: "20260204"},
	}.Totalled()
}

// Totalled returns the invoice with every amount that follows from the others
// worked out: line totals, the VAT breakdown, and the totals except what is
// prepaid and rounding. Amounts that are no decimals count as zero.
func (i Invoice) Totalled() Invoice {
	lines := make([]Line, len(i.Lines))
	sum := new(big.Rat)
	basis := newBreakdown()
	for n, l := range i.Lines {
		total := rounded(new(big.Rat).Mul(rat(l.Quantity), rat(l.Price)))
		l.Total = cents(total)
		lines[n] = l
		sum.Add(sum, total)
		basis.add(l.Category, l.Rate, total)
	}
	i.Lines = lines
	allowances, charges := new(big.Rat), new(big.Rat)
	for _, a := range i.Allowances {
		amount := rat(a.Amount)
		if a.Charge {
			charges.Add(charges, amount)
			basis.add(a.Category, a.Rate, amount)
		} else {
			allowances.Add(allowances, amount)
			basis.add(a.Category, a.Rate, new(big.Rat).Neg(amount))
		}
	}
	taxes, tax := basis.taxes(i.Taxes)
	i.Taxes = taxes
	net := new(big.Rat).Add(sum, charges)
	net.Sub(net, allowances)
	gross := new(big.Rat).Add(net, tax)
	due := new(big.Rat).Sub(gross, rat(i.Totals.Prepaid))
	due.Add(due, rat(i.Totals.Rounding))
	i.Totals.Lines, i.Totals.Net, i.Totals.Tax = cents(sum), cents(net), cents(tax)
	i.Totals.Gross, i.Totals.Due = cents(gross), cents(due)
	i.Totals.Allowances, i.Totals.Charges = centsOrNone(allowances), centsOrNone(charges)
	return i
}

// A breakdown sums amounts by category and rate of VAT, in the order in which
// they come.
type breakdown struct {
	order []Tax
	basis []*big.Rat
}

func newBreakdown() *breakdown { return &breakdown{} }

func (b *breakdown) add(category, rate string, amount *big.Rat) {
	for i, t := range b.order {
		if t.Category == category && t.Rate == rate {
			b.basis[i].Add(b.basis[i], amount)
			return
		}
	}
	b.order = append(b.order, Tax{Category: category, Rate: rate})
	b.basis = append(b.basis, new(big.Rat).Set(amount))
}

// taxes returns the VAT breakdown and its sum; the exemption reasons are taken
// from old.
func (b *breakdown) taxes(old []Tax) (taxes []Tax, sum *big.Rat) {
	sum = new(big.Rat)
	for i, t := range b.order {
		amount := new(big.Rat).Mul(b.basis[i], rat(t.Rate))
		amount = rounded(amount.Quo(amount, big.NewRat(100, 1)))
		sum.Add(sum, amount)
		t.Basis, t.Amount = cents(b.basis[i]), cents(amount)
		for _, o := range old {
			if o.Category == t.Category && o.Rate == t.Rate {
				t.Exemption = o.Exemption
			}
		}
		taxes = append(taxes, t)
	}
	return taxes, sum
}

func rat(s string) *big.Rat {
	if r, ok := new(big.Rat).SetString(s); ok {
		return r
	}
	return new(big.Rat)
}

func cents(r *big.Rat) string { return r.FloatString(2) }

func rounded(r *big.Rat) *big.Rat { return rat(cents(r)) }

func centsOrNone(r *big.Rat) string {
	if r.Sign() == 0 {
		return ""
	}
	return cents(r)
}

// ManyLines returns [Example] with n lines in place of its own.
func ManyLines(n int) Invoice {
	i := Example()
	i.Lines = make([]Line, n)
	for k := range i.Lines {
		id := strconv.Itoa(k + 1)
		i.Lines[k] = Line{ID: id, Name: "Part " + id, Quantity: strconv.Itoa(k%9 + 1), Unit: "C62", Price: strconv.Itoa(k%50+1) + ".25", Category: "S", Rate: "19"}
	}
	return i.Totalled()
}
