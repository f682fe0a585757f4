package validation_test

import (
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/validation"
)

func rules(t *testing.T, text string) []validation.Rule {
	t.Helper()
	parsed, err := validation.ParseRules([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

const ownRules = `
rules:
  - id: ACME-1
    text: Above 100 EUR, the order is named.
    severity: reject
    when: currency = "EUR" and totals.grand > 100
    holds: references.order != null
  - id: ACME-2
    text: No line is above its limit.
    holds: every l in lines satisfies l.total < 100
  - id: ACME-3
    text: Only for another level.
    levels: [extended]
    holds: "false"
  - id: ACME-4
    text: The lines add up.
    holds: sum(lines.total) = totals.lines
`

func TestARuleOfTheUsersOwnNeedsNoGo(t *testing.T) {
	conf := validation.Config{Rules: rules(t, ownRules)}
	out, err := parse(t).attach("factur-x.xml", cii(t)).do(conf)
	if err != nil || len(out.Findings) != 0 {
		t.Errorf("good invoice: got %+v, %v", out.Findings, err)
	}
	_, err = parse(t).attach("factur-x.xml", cii(t, "PO-1", "")).do(conf)
	wantReason(t, err, validation.ReasonInvoiceRules, "ACME-1 (does not hold)")
	out, err = parse(t).attach("factur-x.xml", cii(t, "<ram:LineTotalAmount>97.00", "<ram:LineTotalAmount>100.00", "157.00", "160.00", "TaxBasisTotalAmount>160.00", "TaxBasisTotalAmount>163.00",
		"GrandTotalAmount>182.00", "GrandTotalAmount>185.00", "DuePayableAmount>100.05", "DuePayableAmount>103.05")).do(conf)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range out.Findings {
		if strings.HasPrefix(f.Rule, "ACME") {
			got = append(got, f.Rule+" "+string(f.Severity))
		}
	}
	if strings.Join(got, ",") != "ACME-2 warn" {
		t.Errorf("got %v, want ACME-2 as a warning only", got)
	}
}

func TestARuleThatGivesNoAnswerIsBroken(t *testing.T) {
	conf := validation.Config{Rules: rules(t, "rules: [{id: X-1, text: x, holds: 'number + 1'}]")}
	out, err := parse(t).attach("factur-x.xml", cii(t)).do(conf)
	if err != nil || len(out.Findings) != 1 || out.Findings[0].Detail != "gives neither true nor false" {
		t.Errorf("got %+v, %v", out.Findings, err)
	}
}

const expenses = `
forms:
  - name: travel-expenses
    match: [Employee, Amount]
    fields:
      - {name: Employee, required: true, pattern: '\pL+( \pL+)*'}
      - {name: Amount, type: amount, decimal: ',', required: true}
      - {name: Day, type: date, layout: 02.01.2006}
      - {name: Class, values: ['1', '2']}
      - {name: Nights, type: integer}
      - {name: Receipt, type: bool, required: true}
`

func text(name, value string) validation.Field {
	return validation.Field{Name: name, Type: "text", Value: value}
}

func TestAFormIsHeldAgainstItsSchema(t *testing.T) {
	forms, err := validation.ParseForms([]byte(expenses))
	if err != nil {
		t.Fatal(err)
	}
	ticked := validation.Field{Name: "Receipt", Type: "checkbox", Checked: true}
	class := validation.Field{Name: "Class", Type: "combo", Values: []string{"2"}}
	conf := validation.Config{Forms: forms}
	out, err := parse(t).fields(text("Employee", "Jörg Müller "), text("Amount", "1.234,50"), text("Day", "31.01.2026"), class, ticked, text("Else", "x")).do(conf)
	if err != nil {
		t.Fatal(err)
	}
	if out.Kind != validation.KindForm || out.Profile != "travel-expenses" || len(out.Values) != 5 || out.Values["Amount"] != "1234.50" ||
		out.Values["Day"] != "2026-01-31" || out.Values["Employee"] != "Jörg Müller" || out.Values["Class"] != "2" || out.Values["Receipt"] != "true" {
		t.Errorf("got %+v", out)
	}
	_, err = parse(t).fields(text("Employee", "4711"), text("Amount", ""), text("Day", "2026-01-31"), text("Class", "3"), text("Nights", "1.5")).do(conf)
	wantReason(t, err, validation.ReasonFormFields, "Employee is no text as it should be; Amount is missing; Day is no date as it should be; Class is none of the values it may have")
	wantReason(t, err, validation.ReasonFormFields, "Receipt is missing")
	if r := err.Error(); strings.Contains(r, "4711") {
		t.Errorf("the message names a value: %s", r)
	}
	if out, err := parse(t).fields(text("Employee", "4711")).do(conf); err != nil || out.Kind != validation.KindDocument {
		t.Errorf("another form: got %s, %v", out.Kind, err)
	}
}

const issuers = `
templates:
  - name: example-invoice
    issuer: Example GmbH
    match: ['Example GmbH', 'DE123456789']
    fixed: {currency: EUR}
    fields:
      - {name: number, pattern: 'Rechnungsnummer:\s*(\S+)', required: true}
      - {name: date, type: date, layout: 02.01.2006, pattern: 'Datum:\s*(\S+)'}
      - {name: total, type: amount, decimal: ',', pattern: 'Gesamt\s+([\d.,]+)', required: true}
      - {name: customer, pattern: 'Kunde (\d+)'}
  - name: example-letter
    severity: reject
    match: ['Example GmbH']
    fields:
      - {name: subject, pattern: '(?m)^Betreff: (.+)$', required: true}
`

func TestATextIsReadByItsIssuersTemplate(t *testing.T) {
	templates, err := validation.ParseTemplates([]byte(issuers))
	if err != nil {
		t.Fatal(err)
	}
	conf := validation.Config{Templates: templates}
	out, err := parse(t).text("Example GmbH, DE123456789\nRechnungsnummer: R-77\nDatum: 03.02.2026\nGesamt 1.190,00 EUR\f").do(conf)
	if err != nil {
		t.Fatal(err)
	}
	if out.Kind != validation.KindInvoice || out.Profile != "example-invoice" || out.Invoice.Totals.Grand.String() != "1190.00" ||
		out.Summary.Seller != "Example GmbH" || out.Summary.Date != "20260203" || out.Summary.Currency != "EUR" || out.Values["number"] != "R-77" {
		t.Errorf("got %+v, %+v", out, out.Summary)
	}
	out, err = parse(t).text("Example GmbH, DE123456789\nDatum: gestern").do(conf)
	if err != nil || out.Kind != validation.KindDocument || strings.Join(out.Warnings, "; ") != "number is not found; date is no date; total is not found" {
		t.Errorf("got %s, %q, %v; want a document with warnings", out.Kind, out.Warnings, err)
	}
	_, err = parse(t).text("Example GmbH\nSehr geehrte").do(conf)
	wantReason(t, err, validation.ReasonTextFields, "example-letter: subject is not found")
	if out, err := parse(t).text("Nobody").do(conf); err != nil || out.Kind != validation.KindDocument || out.Profile != "" {
		t.Errorf("an unknown issuer: got %+v, %v", out, err)
	}
}

func TestAMistakeInAConfigurationFileIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		parse func([]byte) error
		text  string
		want  string
	}{
		"rule without id":      {parseRules, "rules: [{text: a, holds: 'true'}]", "no id"},
		"rule without holds":   {parseRules, "rules: [{id: a}]", "what holds"},
		"rule with bad FEEL":   {parseRules, "rules: [{id: a, holds: '1 +'}]", "holds:"},
		"rule with bad when":   {parseRules, "rules: [{id: a, holds: 'true', when: '('}]", "when:"},
		"rule severity":        {parseRules, "rules: [{id: a, holds: 'true', severity: fatal}]", "want reject, warn or off"},
		"rule level":           {parseRules, "rules: [{id: a, holds: 'true', levels: [comfort]}]", "want one of"},
		"rule unknown key":     {parseRules, "rules: [{id: a, hold: 'true'}]", "hold"},
		"no YAML":              {parseRules, "rules: [", "read rules"},
		"form without match":   {parseForms, "forms: [{name: a}]", "fields to match"},
		"form type":            {parseForms, "forms: [{name: a, match: [b], fields: [{name: b, type: money}]}]", "want text, date"},
		"form pattern":         {parseForms, "forms: [{name: a, match: [b], fields: [{name: b, pattern: '('}]}]", "missing closing"},
		"form decimal":         {parseForms, "forms: [{name: a, match: [b], fields: [{name: b, type: amount, decimal: ';'}]}]", "want . or ,"},
		"template match":       {parseTemplates, "templates: [{name: a, match: ['(']}]", "match:"},
		"template no match":    {parseTemplates, "templates: [{name: a}]", "patterns to match"},
		"template no group":    {parseTemplates, "templates: [{name: a, match: [b], fields: [{name: c, pattern: d}]}]", "with a group"},
		"template severity":    {parseTemplates, "templates: [{name: a, match: [b], severity: off}]", "severity"},
		"template unknown key": {parseTemplates, "templates: [{name: a, match: [b], field: []}]", "field"},
	} {
		if err := c.parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func parseRules(text []byte) error     { _, err := validation.ParseRules(text); return err }
func parseForms(text []byte) error     { _, err := validation.ParseForms(text); return err }
func parseTemplates(text []byte) error { _, err := validation.ParseTemplates(text); return err }
