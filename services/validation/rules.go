package validation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/docsaga/docsaga/saga/feel"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// A Rule is a rule of the user's own, over the invoice as [Output] holds it,
// with amounts as numbers. See [ParseRules].
type Rule struct {
	ID       string
	Text     string
	Severity einvoice.Severity
	Levels   []einvoice.Level // empty: all

	when, holds *feel.Expr // when may be nil
}

// ParseRules reads rules from YAML:
//
//	rules:
//	  - id: ACME-1
//	    text: Above 10,000 EUR, the order is named.
//	    severity: reject            # or warn, the default
//	    levels: [en16931, extended] # all, if it is left out
//	    when: currency = "EUR" and totals.grand > 10000
//	    holds: references.order != null
//
// when and holds are FEEL expressions. The rule is broken if when is true (or
// left out) and holds is anything but true.
func ParseRules(text []byte) ([]Rule, error) {
	var file struct {
		Rules []struct {
			ID       string            `yaml:"id"`
			Text     string            `yaml:"text"`
			Severity einvoice.Severity `yaml:"severity"`
			Levels   []einvoice.Level  `yaml:"levels"`
			When     string            `yaml:"when"`
			Holds    string            `yaml:"holds"`
		} `yaml:"rules"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("validation: read rules: %w", err)
	}
	var rules []Rule
	for i, r := range file.Rules {
		rule := Rule{ID: r.ID, Text: r.Text, Severity: r.Severity, Levels: r.Levels}
		if rule.Severity == "" {
			rule.Severity = einvoice.Warn
		}
		if err := rule.compile(r.When, r.Holds); err != nil {
			return nil, fmt.Errorf("validation: rule %d %.40q: %w", i+1, r.ID, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func (r *Rule) compile(when, holds string) (err error) {
	switch {
	case r.ID == "":
		return errors.New("it has no id")
	case holds == "":
		return errors.New("it does not say what holds")
	case !slices.Contains([]einvoice.Severity{einvoice.Reject, einvoice.Warn, einvoice.Off}, r.Severity):
		return fmt.Errorf("severity %.20q: want reject, warn or off", r.Severity)
	}
	for _, level := range r.Levels {
		if !slices.Contains(einvoice.Levels(), level) {
			return fmt.Errorf("level %.20q: want one of %v", level, einvoice.Levels())
		}
	}
	if r.holds, err = feel.Parse(holds); err != nil {
		return fmt.Errorf("holds: %w", err)
	}
	if when == "" {
		return nil
	}
	if r.when, err = feel.Parse(when); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	return nil
}

// checkRules returns what inv breaks of the user's rules.
func checkRules(inv *einvoice.Invoice, rules []Rule, severities map[string]einvoice.Severity) ([]einvoice.Finding, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	scope, err := scopeOf(inv)
	if err != nil {
		return nil, err
	}
	var findings []einvoice.Finding
	for _, rule := range rules {
		severity, configured := severities[rule.ID]
		if !configured {
			severity = rule.Severity
		}
		if severity == einvoice.Off || len(rule.Levels) > 0 && !slices.Contains(rule.Levels, inv.Level) {
			continue
		}
		if detail := rule.broken(scope); detail != "" {
			findings = append(findings, einvoice.Finding{Rule: rule.ID, Text: rule.Text, Detail: detail, Severity: severity})
		}
	}
	return findings, nil
}

// broken says what is wrong, or nothing.
func (r Rule) broken(scope feel.Scope) string {
	if r.when != nil {
		applies, err := r.when.Eval(scope, feel.Limits{})
		if err != nil {
			return "cannot say whether it applies: " + err.Error()
		}
		if applies != feel.Bool(true) {
			return ""
		}
	}
	switch holds, err := r.holds.Eval(scope, feel.Limits{}); {
	case err != nil:
		return "cannot be decided: " + err.Error()
	case holds == feel.Bool(true):
		return ""
	case holds == feel.Bool(false):
		return "does not hold"
	}
	return "gives neither true nor false"
}

// scopeOf returns the invoice as FEEL sees it, with numbers as numbers.
func scopeOf(inv *einvoice.Invoice) (feel.Scope, error) {
	raw, err := inv.NumericJSON()
	if err != nil {
		return nil, err
	}
	value, err := feel.FromJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("give the invoice to the rules: %w", err)
	}
	scope, ok := value.(feel.Scope)
	if !ok {
		return nil, errors.New("give the invoice to the rules: it is no context")
	}
	return scope, nil
}
