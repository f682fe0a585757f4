package feel

import "github.com/cockroachdb/apd/v3"

// guarded is decimal128 with digits to spare, for what is computed in several
// steps and rounded once.
func guarded() *apd.Context {
	c := decimal128
	c.Precision = 50
	return &c
}

// rounded brings the result of a guarded computation to 34 digits.
func rounded(d *apd.Decimal, err error) (Number, bool) {
	var r apd.Decimal
	if err != nil || d.Form != apd.Finite {
		return Number{}, false
	}
	cond, err := decimal128.Round(&r, d)
	if err != nil {
		return Number{}, false
	}
	return finite(&r, cond)
}

// aligned returns y, or in its place something as good as y when it is added to
// x: next to an x so much greater only its sign counts. The addition would write
// out all the digits between them otherwise.
func aligned(x, y *apd.Decimal) *apd.Decimal {
	const apart = 80 // digits, more than twice the precision
	if x.IsZero() || y.IsZero() {
		return y
	}
	topX, topY := int64(x.Exponent)+x.NumDigits(), int64(y.Exponent)+y.NumDigits()
	if topX-topY <= apart {
		return y
	}
	tiny := apd.New(1, int32(topX-apart))
	tiny.Negative = y.Negative
	return tiny
}

func addDecimals(op binaryOp, x, y Number) (Number, bool) {
	a, b := x.dec(), y.dec()
	switch {
	case b.IsZero():
		return x, true
	case a.IsZero():
		return calc(op, Int(0), y)
	}
	return calc(op, Number{aligned(b, a)}, Number{aligned(a, b)})
}

// exponential returns e to the power x as 10**k * e**r, for which r is less than
// ln 10: the series for a large x would take milliseconds.
func exponential(x *apd.Decimal) (Number, bool) {
	const ln10 = "2.302585092994045684017991454684364207601101488628772976033327900967572609677352480235997205"
	if top := int64(x.Exponent) + x.NumDigits(); top > 6 && !x.IsZero() {
		return Number{}, x.Negative // underflow to 0, or overflow
	}
	wide := *guarded()
	wide.Precision = 70
	tens, _, err := wide.NewFromString(ln10)
	if err != nil {
		return Number{}, false
	}
	ed := apd.MakeErrDecimal(&wide)
	k, r := new(apd.Decimal), new(apd.Decimal)
	ed.Quo(k, x, tens)
	ed.Floor(k, k)
	ed.Mul(r, k, tens)
	ed.Sub(r, aligned(r, x), r)
	wide.Precision = 50
	ed.Exp(r, r)
	shift := ed.Int64(k)
	if ed.Err() != nil || shift > 7000 {
		return Number{}, false
	}
	if shift < -7000 {
		return Number{}, true
	}
	r.Exponent += int32(shift)
	return rounded(r, nil)
}

// powReal returns x to a power that is not whole, as e**(y ln x).
func powReal(x, y *apd.Decimal) (Number, bool) {
	if x.Negative || x.IsZero() {
		return Number{}, x.IsZero() && !y.Negative
	}
	wide := *guarded()
	wide.Precision = 60
	ed := apd.MakeErrDecimal(&wide)
	p := new(apd.Decimal)
	ed.Ln(p, x)
	ed.Mul(p, p, y)
	if ed.Err() != nil {
		return Number{}, false
	}
	return exponential(p)
}

// workOf is what an operation on numbers this far apart costs, in steps.
func workOf(x, y Number) int {
	gap := int(x.dec().Exponent) - int(y.dec().Exponent)
	return max(gap, -gap) / 20
}
