package validation_test

import (
	"fmt"
	"testing"

	"github.com/docsaga/docsaga/services/validation"
)

func TestValuesAreReadInEveryUsualWayOfWriting(t *testing.T) {
	for _, c := range []struct{ kind, text, want string }{
		{"type: amount", "1,234.50", "1234.50"},
		{"type: amount", "1 234.50", "1234.50"},
		{"type: amount", "1'234.50", "1234.50"},
		{"type: amount, decimal: ','", "1.234,50", "1234.50"},
		{"type: amount, decimal: ','", "1\u202f234,50", "1234.50"},
		{"type: amount, decimal: ','", "-0,5", "-0.5"},
		{"type: amount", "12 EUR", ""},
		{"type: integer", "12,000", "12000"},
		{"type: integer", "1.5", ""},
		{"type: date", "2026-02-28", "2026-02-28"},
		{"type: date", "2026-02-29", ""},
		{"type: date, layout: '2.1.2006'", "3.2.2026", "2026-02-03"},
		{"type: text", " a b ", "a b"},
		{"pattern: '[A-Z]+'", "ABC", "ABC"},
		{"pattern: '[A-Z]+'", "ABC1", ""},
		{"pattern: 'a|b'", "ab", ""},
	} {
		forms, err := validation.ParseForms(fmt.Appendf(nil, "forms: [{name: f, severity: warn, match: [x], fields: [{name: x, %s}]}]", c.kind))
		if err != nil {
			t.Fatal(err)
		}
		out, err := parse(t).fields(text("x", c.text)).do(validation.Config{Forms: forms})
		if err != nil || out.Values["x"] != c.want || (len(out.Warnings) == 0) != (c.want != "") {
			t.Errorf("%s %q: got %q, warnings %q, %v; want %q", c.kind, c.text, out.Values["x"], out.Warnings, err, c.want)
		}
	}
}
