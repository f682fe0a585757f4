package einvoice

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// maxDigits bounds the digits of a number that is read, so that no
// computation on it can grow.
const maxDigits = 38

// A Decimal is an exact decimal number, or none: the zero Decimal is absent,
// which is not the number 0. Its JSON form is a string in plain notation,
// such as "104.90". A Decimal does not change.
type Decimal struct {
	number *apd.Decimal
}

// ParseDecimal reads a number as XML Schema's xs:decimal writes it: an
// optional sign, digits, and an optional point; no exponent. It takes at most
// 38 digits, as [Decimal.String] writes them.
func ParseDecimal(s string) (Decimal, error) {
	digits := strings.TrimLeft(s, "+-")
	whole, fraction, _ := strings.Cut(digits, ".")
	count := max(1, len(whole)) + len(fraction) // .5 is written 0.5
	if len(s)-len(digits) > 1 || whole+fraction == "" || count > maxDigits || strings.Trim(whole+fraction, "0123456789") != "" {
		return Decimal{}, fmt.Errorf("einvoice: %.40q is not a decimal number", s)
	}
	number, _, err := apd.NewFromString(s)
	if err != nil {
		return Decimal{}, fmt.Errorf("einvoice: %.40q is not a decimal number: %w", s, err)
	}
	return Decimal{number}, nil
}

// IsZero reports whether there is no number. The number 0 is a number.
func (d Decimal) IsZero() bool { return d.number == nil }

// Sign returns -1, 0 or 1. An absent number counts as 0.
func (d Decimal) Sign() int { return d.value().Sign() }

// Equal reports whether both are the same number; 1.0 equals 1.00, and an
// absent number equals 0.
func (d Decimal) Equal(other Decimal) bool { return d.value().Cmp(other.value()) == 0 }

// Add returns the sum. An absent number counts as 0.
func (d Decimal) Add(other Decimal) Decimal {
	return d.apply(other, func(c *apd.Context, r, x, y *apd.Decimal) (apd.Condition, error) { return c.Add(r, x, y) })
}

// Sub returns the difference. An absent number counts as 0.
func (d Decimal) Sub(other Decimal) Decimal {
	return d.apply(other, func(c *apd.Context, r, x, y *apd.Decimal) (apd.Condition, error) { return c.Sub(r, x, y) })
}

// Mul returns the product. An absent number counts as 0.
func (d Decimal) Mul(other Decimal) Decimal {
	return d.apply(other, func(c *apd.Context, r, x, y *apd.Decimal) (apd.Condition, error) { return c.Mul(r, x, y) })
}

// Quo returns the quotient to 38 digits, or an absent number if other is 0.
func (d Decimal) Quo(other Decimal) Decimal {
	if other.Sign() == 0 {
		return Decimal{}
	}
	return d.apply(other, func(c *apd.Context, r, x, y *apd.Decimal) (apd.Condition, error) { return c.Quo(r, x, y) })
}

// Round returns the number with the given count of decimals, halves rounded
// away from zero. An absent number stays absent.
func (d Decimal) Round(decimals int32) Decimal {
	if d.number == nil {
		return d
	}
	result := new(apd.Decimal)
	if _, err := arithmetic().Quantize(result, d.number, -decimals); err != nil {
		return d // more than 76 digits: cannot come from numbers that were read
	}
	return Decimal{result}
}

// Decimals returns how many digits stand after the point.
func (d Decimal) Decimals() int { return max(0, -int(d.value().Exponent)) }

// String returns the number in plain notation, or "" if there is none.
func (d Decimal) String() string {
	if d.number == nil {
		return ""
	}
	return d.number.Text('f')
}

// MarshalJSON returns the number as a string, or null if there is none.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d.number == nil {
		return []byte("null"), nil
	}
	return []byte(`"` + d.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON wrote; a JSON number is read as well.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*d = Decimal{}
		return nil
	}
	s := string(text)
	if text[0] == '"' {
		if err := json.Unmarshal(text, &s); err != nil {
			return fmt.Errorf("einvoice: read a decimal number: %w", err)
		}
	}
	number, err := ParseDecimal(s)
	if err != nil {
		return err
	}
	*d = number
	return nil
}

func (d Decimal) value() *apd.Decimal {
	if d.number == nil {
		return new(apd.Decimal)
	}
	return d.number
}

func (d Decimal) apply(other Decimal, operation func(c *apd.Context, r, x, y *apd.Decimal) (apd.Condition, error)) Decimal {
	result := new(apd.Decimal)
	if _, err := operation(arithmetic(), result, d.value(), other.value()); err != nil {
		return Decimal{} // out of 76 digits: cannot come from numbers that were read
	}
	return Decimal{result}
}

func arithmetic() *apd.Context {
	c := apd.BaseContext.WithPrecision(2 * maxDigits)
	c.Rounding = apd.RoundHalfUp
	return c
}
