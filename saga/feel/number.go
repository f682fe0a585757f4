package feel

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Number is a decimal of at most 34 significant digits, with an exponent from
// -6143 to 6144 (IEEE 754 decimal128). The zero Number is 0. There is no
// infinity and no NaN.
type Number struct {
	d *apd.Decimal // never changed once it is here; nil is 0
}

// decimal128 is the arithmetic of FEEL numbers, DMN 1.5 section 10.3.2.3.1.
//
//nolint:gochecknoglobals // a constant, which apd wants by pointer; never written
var decimal128 = apd.Context{
	Precision:   34,
	MaxExponent: 6144,
	MinExponent: -6143,
	Rounding:    apd.RoundHalfEven,
}

// Int returns i as a Number.
func Int(i int64) Number {
	return Number{apd.New(i, 0)}
}

// ParseNumber reads a decimal such as -12.50 or 1e3, rounding it to 34 digits.
// One of more than a thousand characters is refused.
func ParseNumber(s string) (Number, error) {
	if len(s) > 1000 || !decimalText(s) {
		return Number{}, fmt.Errorf("feel: number %.40q: not a decimal", s)
	}
	d, cond, err := decimal128.NewFromString(s)
	n, ok := finite(d, cond)
	if err != nil || !ok {
		return Number{}, fmt.Errorf("feel: number %.40q: out of range", s)
	}
	return n, nil
}

// decimalText says whether s has the shape of a decimal, which keeps out the
// NaN, Infinity and empty texts that apd reads as well.
func decimalText(s string) bool {
	s = strings.TrimPrefix(s, "-")
	i, digits := 0, 0
	for ; i < len(s) && (isDigit(s[i]) || s[i] == '.'); i++ {
		if s[i] != '.' {
			digits++
		}
	}
	if digits == 0 || strings.Count(s[:i], ".") > 1 {
		return false
	}
	if i == len(s) {
		return true
	}
	if s[i] != 'e' && s[i] != 'E' {
		return false
	}
	exp := s[i+1:]
	if exp != "" && (exp[0] == '+' || exp[0] == '-') {
		exp = exp[1:]
	}
	for j := range len(exp) {
		if !isDigit(exp[j]) {
			return false
		}
	}
	return exp != "" && len(exp) <= 9
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// finite accepts the result of an operation unless it over- or underflowed or
// had no meaning.
func finite(d *apd.Decimal, cond apd.Condition) (Number, bool) {
	const bad = apd.Overflow | apd.InvalidOperation | apd.DivisionByZero |
		apd.DivisionUndefined | apd.DivisionImpossible | apd.SystemOverflow | apd.SystemUnderflow
	if d == nil || cond&bad != 0 || d.Form != apd.Finite {
		return Number{}, false
	}
	return Number{d}, true
}

// dec returns the decimal of n, which must not be changed.
func (n Number) dec() *apd.Decimal {
	if n.d == nil {
		return apd.New(0, 0)
	}
	return n.d
}

// Kind returns KindNumber.
func (Number) Kind() Kind { return KindNumber }

// String returns n with no trailing zeros, so that equal numbers have the same
// text; with an exponent only where it would be longer than 40 digits without.
func (n Number) String() string {
	if n.d == nil || n.d.IsZero() {
		return "0"
	}
	var r apd.Decimal
	r.Reduce(n.d)
	if digits := r.NumDigits(); r.Exponent > 0 && digits+int64(r.Exponent) > 40 || r.Exponent < -40 {
		return r.Text('E')
	}
	return r.Text('f')
}

// Int64 returns n if it is a whole number that an int64 holds.
func (n Number) Int64() (int64, bool) {
	if n.d == nil {
		return 0, true
	}
	if n.d.Exponent > 20 {
		return 0, n.d.IsZero()
	}
	i, err := n.d.Int64()
	return i, err == nil
}

// Float64 returns the float nearest to n.
func (n Number) Float64() float64 {
	f, err := n.dec().Float64()
	if err != nil {
		return math.NaN()
	}
	return f
}

// Cmp returns -1, 0 or 1 as n is less than, equal to or greater than m.
func (n Number) Cmp(m Number) int { return n.dec().Cmp(m.dec()) }

func (n Number) isInt() bool {
	_, ok := n.Int64()
	if ok {
		return true
	}
	var r apd.Decimal
	r.Reduce(n.dec())
	return r.Exponent >= 0
}

type binaryOp func(c *apd.Context, d, x, y *apd.Decimal) (apd.Condition, error)

// calc returns x op y, or false where that is no number.
func calc(op binaryOp, x, y Number) (Number, bool) {
	var d apd.Decimal
	cond, err := op(&decimal128, &d, x.dec(), y.dec())
	if err != nil {
		return Number{}, false
	}
	return finite(&d, cond)
}

func add(x, y Number) (Number, bool) { return addDecimals((*apd.Context).Add, x, y) }
func sub(x, y Number) (Number, bool) { return addDecimals((*apd.Context).Sub, x, y) }
func mul(x, y Number) (Number, bool) { return calc((*apd.Context).Mul, x, y) }
func quo(x, y Number) (Number, bool) { return calc((*apd.Context).Quo, x, y) }

// pow returns x to the power y. A whole power goes by squaring, which is exact
// as long as the digits fit.
func pow(x, y Number) (Number, bool) {
	if i, ok := y.Int64(); ok && -9999 <= i && i <= 9999 {
		return powInt(x, i)
	}
	return powReal(x.dec(), y.dec())
}

func powInt(x Number, y int64) (Number, bool) {
	if y < 0 {
		p, ok := powInt(x, -y)
		if !ok {
			return Number{}, false
		}
		return quo(Int(1), p)
	}
	// Three guard digits keep the rounding of the squarings out of the result.
	wide := decimal128
	wide.Precision += 3 + 4
	r, sq := apd.New(1, 0), new(apd.Decimal).Set(x.dec())
	for ; y > 0; y >>= 1 {
		if y&1 == 1 {
			if cond, err := wide.Mul(r, r, sq); err != nil || cond.Overflow() {
				return Number{}, false
			}
		}
		if y > 1 {
			if cond, err := wide.Mul(sq, sq, sq); err != nil || cond.Overflow() {
				return Number{}, false
			}
		}
	}
	var d apd.Decimal
	cond, err := decimal128.Round(&d, r)
	if err != nil {
		return Number{}, false
	}
	return finite(&d, cond)
}

func neg(x Number) Number {
	if x.d == nil || x.d.IsZero() {
		return Number{}
	}
	return Number{new(apd.Decimal).Neg(x.d)}
}

// scaleTo rounds n to so many digits after the point (before it if negative).
func scaleTo(n Number, scale int64, how apd.Rounder) (Number, bool) {
	if scale < -6111 || scale > 6176 {
		return Number{}, false
	}
	d := n.dec()
	if d.Exponent >= int32(-scale) {
		return n, true
	}
	c := decimal128
	c.Rounding = how
	c.Precision = uint32(d.NumDigits()) + 2
	var r apd.Decimal
	cond, err := c.Quantize(&r, d, int32(-scale))
	if err != nil {
		return Number{}, false
	}
	return finite(&r, cond)
}

// floorOf returns the greatest whole number that is not above n.
func floorOf(n Number) Number {
	r, _ := scaleTo(n, 0, apd.RoundFloor)
	return r
}

func numberFromFloat(f float64) (Number, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Number{}, fmt.Errorf("feel: number %v: not finite", f)
	}
	return ParseNumber(strconv.FormatFloat(f, 'g', -1, 64))
}

// truncated returns n without what is after the point.
func truncated(n Number) Number {
	r, _ := scaleTo(n, 0, apd.RoundDown)
	return r
}
