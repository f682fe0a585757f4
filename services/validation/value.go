package validation

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// A valueType says how the text of a value is read.
type valueType struct {
	name    string // text, date, amount, integer or bool
	layout  string // of a date, as package time writes it
	decimal string // of an amount: "." or ","
	pattern *regexp.Regexp
}

func newValueType(name, layout, decimal string) (valueType, error) {
	t := valueType{name: name, layout: layout, decimal: decimal}
	if t.name == "" {
		t.name = "text"
	}
	switch t.name {
	case "text", "date", "amount", "integer", "bool":
	default:
		return t, fmt.Errorf("type %.20q: want text, date, amount, integer or bool", name)
	}
	if t.layout == "" {
		t.layout = time.DateOnly
	}
	if t.decimal == "" {
		t.decimal = "."
	}
	if t.decimal != "." && t.decimal != "," {
		return t, fmt.Errorf("decimal %.20q: want . or ,", decimal)
	}
	return t, nil
}

// normal returns a value in the form that records use: dates as YYYY-MM-DD,
// amounts with a point. It reports whether the text is of the type.
func (t valueType) normal(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if t.pattern != nil && !t.pattern.MatchString(text) {
		return "", false
	}
	switch t.name {
	case "date":
		day, err := time.Parse(t.layout, text)
		return day.Format(time.DateOnly), err == nil
	case "amount":
		number, err := einvoice.ParseDecimal(t.plainNumber(text))
		return number.String(), err == nil
	case "integer":
		number, err := einvoice.ParseDecimal(t.plainNumber(text))
		return number.String(), err == nil && number.Decimals() == 0
	case "bool":
		return text, text == "true"
	}
	return text, true
}

// plainNumber takes the signs for thousands out of a number, in any usual way
// of writing (1.234,56 - 1 234,56 - 1'234.56), and makes the decimal sign a
// point.
func (t valueType) plainNumber(text string) string {
	thousands := ","
	if t.decimal == "," {
		thousands = "."
	}
	return strings.NewReplacer(thousands, "", " ", "", "\u00A0", "", "\u202F", "", "'", "", "’", "", t.decimal, ".").Replace(text)
}
