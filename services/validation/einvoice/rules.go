package einvoice

import "fmt"

// A Severity says what a broken rule means for the invoice.
type Severity string

// The severities of a rule.
const (
	Reject Severity = "reject" // the invoice is refused
	Warn   Severity = "warn"   // it is taken, and the finding is kept with it
	Off    Severity = "off"    // the rule is not looked at
)

// A Rule is one rule that an invoice may break.
type Rule struct {
	ID       string   // as EN 16931-1 writes it, such as "BR-CO-10"
	Text     string   // what must hold
	Severity Severity // unless configured otherwise

	in     levels
	broken func(inv *Invoice) string // what is wrong; "" if the rule holds
}

// Applies reports whether the rule is meant for invoices of a level.
func (r Rule) Applies(level Level) bool { return r.in&level.set() != 0 }

// A Finding is a rule that an invoice breaks. It holds amounts, codes and line
// numbers, and no text from a person.
type Finding struct {
	Rule     string   `json:"rule"`
	Text     string   `json:"text"`
	Detail   string   `json:"detail,omitempty"`
	Severity Severity `json:"severity"`
}

// Rules returns the built-in rules in the order in which they are checked.
//
// Those that refuse by default are the ones that leave no usable invoice: a
// header field that is missing, or totals that do not add up. The others warn.
func Rules() []Rule {
	groups := [][]Rule{
		headerRules(), partyRules(), lineRules(), adjustmentRules(),
		sumRules(), totalRules(), taxRules(), paymentRules(), codeRules(), decimalRules(),
	}
	for _, category := range taxCategories() {
		groups = append(groups, category.rules())
	}
	var all []Rule
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

// Check returns what inv breaks of the rules that apply to its level. The
// severity of a rule is that of severities by its id, or else its own.
func Check(inv *Invoice, rules []Rule, severities map[string]Severity) []Finding {
	var findings []Finding
	for _, rule := range rules {
		severity, configured := severities[rule.ID]
		if !configured {
			severity = rule.Severity
		}
		if severity == Off || !rule.Applies(inv.Level) {
			continue
		}
		if detail := rule.broken(inv); detail != "" {
			findings = append(findings, Finding{rule.ID, rule.Text, detail, severity})
		}
	}
	return findings
}

// required makes a rule that a field holds something.
func required(id, text string, severity Severity, in levels, field func(*Invoice) string) Rule {
	return Rule{id, text, severity, in, func(inv *Invoice) string {
		if field(inv) == "" {
			return "missing"
		}
		return ""
	}}
}

// everyLine makes a rule that holds for each line by itself. Lines that only
// group or inform are left out, and so are the text lines of ZUGFeRD 1.0.
func everyLine(id, text string, in levels, broken func(Line) string) Rule {
	return Rule{id, text, Warn, in, func(inv *Invoice) string {
		for i, line := range inv.Lines {
			if line.counts() {
				if detail := broken(line); detail != "" {
					return fmt.Sprintf("line %d: %s", i+1, detail)
				}
			}
		}
		return ""
	}}
}

// counts reports whether the line's amount is part of the invoice. EXTENDED
// has lines that only head a group of lines, or inform.
func (l Line) counts() bool { return l.Role != "GROUP" && l.Role != "INFORMATION" }

// missing returns "missing" and the thing's name if it is not there.
func missing(present bool, name string) string {
	if present {
		return ""
	}
	return name + " is missing"
}

// differ returns what differs if an amount is neither what was computed nor
// that to the cent, as the norm's own Schematron has it. Half a cent below zero
// is rounded away from zero by some and up by XPath.
func differ(stated, computed Decimal) string {
	cents := computed.Round(2)
	if stated.Equal(computed) || stated.Equal(cents) {
		return ""
	}
	if up := cents.Add(percent()); computed.Sign() < 0 && up.Sub(computed).Equal(computed.Sub(cents)) && stated.Equal(up) {
		return ""
	}
	return fmt.Sprintf("stated %s, computed %s", stated, computed)
}
