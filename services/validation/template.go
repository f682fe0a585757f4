package validation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// maxText is how many bytes of a document's text are looked at.
const maxText = 4 << 20

// A Template finds the fields of one issuer's documents in their text. See
// [ParseTemplates].
type Template struct {
	Name     string
	Issuer   string
	Severity einvoice.Severity // what a required field that is not found means

	match  []*regexp.Regexp
	fixed  map[string]string
	fields []templateField
}

type templateField struct {
	name     string
	required bool
	value    valueType
	find     *regexp.Regexp
}

// ParseTemplates reads templates from YAML, each for the documents of one
// issuer:
//
//	templates:
//	  - name: example-invoice
//	    issuer: Example GmbH
//	    severity: warn                  # the default; or reject
//	    match: ['Example GmbH', 'DE123456789']
//	    fixed: {currency: EUR}
//	    fields:
//	      - {name: number, pattern: 'Rechnungsnummer:\s*(\S+)', required: true}
//	      - {name: date, type: date, layout: 02.01.2006, pattern: 'Datum:\s*(\S+)'}
//	      - {name: total, type: amount, decimal: ',', pattern: 'Gesamt\s+([\d.,]+)'}
//
// Patterns are of RE2, which takes time linear in the text. A document is of
// the template if every pattern of match is found in its text. A field is the
// first group of its pattern where it is first found.
//
// The names number, date, dueDate, currency, buyer, net, tax and total make an
// invoice of the document, with the issuer as its seller, as soon as number and
// total are found.
func ParseTemplates(text []byte) ([]Template, error) {
	var file struct {
		Templates []struct {
			Name     string            `yaml:"name"`
			Issuer   string            `yaml:"issuer"`
			Severity einvoice.Severity `yaml:"severity"`
			Match    []string          `yaml:"match"`
			Fixed    map[string]string `yaml:"fixed"`
			Fields   []struct {
				Name     string `yaml:"name"`
				Required bool   `yaml:"required"`
				Type     string `yaml:"type"`
				Layout   string `yaml:"layout"`
				Decimal  string `yaml:"decimal"`
				Pattern  string `yaml:"pattern"`
			} `yaml:"fields"`
		} `yaml:"templates"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("validation: read templates: %w", err)
	}
	var templates []Template
	for i, f := range file.Templates {
		t := Template{Name: f.Name, Issuer: f.Issuer, Severity: f.Severity, fixed: f.Fixed}
		if t.Severity == "" {
			t.Severity = einvoice.Warn
		}
		if t.Name == "" || len(f.Match) == 0 || t.Severity != einvoice.Reject && t.Severity != einvoice.Warn {
			return nil, fmt.Errorf("validation: template %d %.40q: want a name, patterns to match, and severity reject or warn", i+1, f.Name)
		}
		for _, pattern := range f.Match {
			compiled, err := regexp.Compile(pattern)
			if err != nil {
				return nil, fmt.Errorf("validation: template %s: match: %w", f.Name, err)
			}
			t.match = append(t.match, compiled)
		}
		for _, one := range f.Fields {
			field := templateField{name: one.Name, required: one.Required}
			var err error
			if field.value, err = newValueType(one.Type, one.Layout, one.Decimal); err == nil {
				field.find, err = regexp.Compile(one.Pattern)
			}
			if err == nil && (one.Name == "" || field.find.NumSubexp() < 1) {
				err = errors.New("want a name and a pattern with a group")
			}
			if err != nil {
				return nil, fmt.Errorf("validation: template %s: field %.40q: %w", f.Name, one.Name, err)
			}
			t.fields = append(t.fields, field)
		}
		templates = append(templates, t)
	}
	return templates, nil
}

// matchTemplate returns the first template that the text is of.
func matchTemplate(templates []Template, text string) (Template, bool) {
next:
	for _, t := range templates {
		for _, pattern := range t.match {
			if !pattern.MatchString(text) {
				continue next
			}
		}
		return t, true
	}
	return Template{}, false
}

// judge finds the fields. Messages name fields of the template, never values.
func (t Template) judge(text string, out Output) (Output, error) {
	out.Profile, out.Values = t.Name, map[string]string{}
	maps.Copy(out.Values, t.fixed)
	var broken []string
	for _, field := range t.fields {
		match := field.find.FindStringSubmatch(text)
		if match == nil {
			if field.required {
				broken = append(broken, field.name+" is not found")
			}
			continue
		}
		value, ok := field.value.normal(match[1])
		if !ok {
			broken = append(broken, fmt.Sprintf("%s is no %s", field.name, field.value.name))
			continue
		}
		out.Values[field.name] = clip(value)
	}
	if inv, ok := t.invoice(out.Values); ok {
		summary := einvoice.Summarize(inv, nil)
		out.Kind, out.Invoice, out.Summary = KindInvoice, inv, &summary
	}
	return verdict(out, broken, t.Severity, ReasonTextFields)
}

// invoice makes an invoice of the values, if they are enough for one.
func (t Template) invoice(values map[string]string) (*einvoice.Invoice, bool) {
	if values["number"] == "" || values["total"] == "" {
		return nil, false
	}
	amount := func(name string) einvoice.Decimal {
		number, err := einvoice.ParseDecimal(values[name])
		if err != nil {
			return einvoice.Decimal{} // not given, or declared as text
		}
		return number
	}
	inv := &einvoice.Invoice{
		Profile: t.Name, Number: values["number"], Date: values["date"], DueDate: values["dueDate"], Currency: values["currency"],
		Seller: einvoice.Party{Name: t.Issuer}, Buyer: einvoice.Party{Name: values["buyer"]},
		Totals: einvoice.Totals{TaxBasis: amount("net"), Tax: amount("tax"), Grand: amount("total")},
	}
	return inv, !inv.Totals.Grand.IsZero()
}

// text reads the document's text, up to a limit.
func (h *Handler) text(ctx context.Context, v runner.Visit, file events.File) (string, error) {
	body, err := h.files.Open(ctx, v.Document, file)
	if err != nil {
		return "", fmt.Errorf("read the text: %w", err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(body, maxText))
	if err != nil {
		return "", fmt.Errorf("read the text: %w", err)
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
}
