package validation

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// A Form is the schema of a PDF form. See [ParseForms].
type Form struct {
	Name     string
	Severity einvoice.Severity // what a broken field means

	match  []string // names of fields that must all be there
	fields []formField
}

type formField struct {
	name     string
	required bool
	value    valueType
	values   []string
}

// ParseForms reads form schemas from YAML:
//
//	forms:
//	  - name: travel-expenses
//	    severity: reject              # the default; or warn
//	    match: [Employee, Amount]     # a PDF with all of these fields is this form
//	    fields:
//	      - {name: Employee, required: true, pattern: '\pL+( \pL+)*'}
//	      - {name: Amount, type: amount, decimal: ',', required: true}
//	      - {name: Day, type: date, layout: 02.01.2006}
//	      - {name: Class, values: ['1', '2']}
//	      - {name: Receipt, type: bool, required: true}
//
// A type is text (the default), date, amount, integer or bool. A pattern is of
// RE2 and must match all of the value. A box that is not ticked has no value.
func ParseForms(text []byte) ([]Form, error) {
	var file struct {
		Forms []struct {
			Name     string            `yaml:"name"`
			Severity einvoice.Severity `yaml:"severity"`
			Match    []string          `yaml:"match"`
			Fields   []struct {
				Name     string   `yaml:"name"`
				Required bool     `yaml:"required"`
				Type     string   `yaml:"type"`
				Pattern  string   `yaml:"pattern"`
				Layout   string   `yaml:"layout"`
				Decimal  string   `yaml:"decimal"`
				Values   []string `yaml:"values"`
			} `yaml:"fields"`
		} `yaml:"forms"`
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("validation: read form schemas: %w", err)
	}
	var forms []Form
	for i, f := range file.Forms {
		form := Form{Name: f.Name, Severity: f.Severity, match: f.Match}
		if form.Severity == "" {
			form.Severity = einvoice.Reject
		}
		if form.Name == "" || len(form.match) == 0 || form.Severity != einvoice.Reject && form.Severity != einvoice.Warn {
			return nil, fmt.Errorf("validation: form schema %d %.40q: want a name, fields to match, and severity reject or warn", i+1, f.Name)
		}
		for _, one := range f.Fields {
			field := formField{name: one.Name, required: one.Required, values: one.Values}
			var err error
			if field.value, err = newValueType(one.Type, one.Layout, one.Decimal); err == nil && one.Pattern != "" {
				field.value.pattern, err = regexp.Compile(`\A(?:` + one.Pattern + `)\z`)
			}
			if one.Name == "" {
				err = errors.New("it has no name")
			}
			if err != nil {
				return nil, fmt.Errorf("validation: form schema %s: field %.40q: %w", f.Name, one.Name, err)
			}
			form.fields = append(form.fields, field)
		}
		forms = append(forms, form)
	}
	return forms, nil
}

// matchForm returns the first schema whose fields are all there.
func matchForm(forms []Form, fields []Field) (Form, bool) {
	names := map[string]bool{}
	for _, f := range fields {
		names[f.Name] = true
	}
	for _, form := range forms {
		if !slices.ContainsFunc(form.match, func(name string) bool { return !names[name] }) {
			return form, true
		}
	}
	return Form{}, false
}

// judge holds the values against the schema. Messages name fields of the
// schema, never values.
func (form Form) judge(fields []Field, out Output) (Output, error) {
	out.Kind, out.Profile, out.Values = KindForm, form.Name, map[string]string{}
	given := map[string]string{}
	for _, f := range fields {
		given[f.Name] = f.text()
	}
	var broken []string
	for _, field := range form.fields {
		value := given[field.name]
		switch normal, ok := field.value.normal(value); {
		case value == "" && field.required:
			broken = append(broken, field.name+" is missing")
		case value == "":
		case !ok:
			broken = append(broken, fmt.Sprintf("%s is no %s as it should be", field.name, field.value.name))
		case len(field.values) > 0 && !slices.Contains(field.values, value):
			broken = append(broken, field.name+" is none of the values it may have")
		default:
			out.Values[field.name] = clip(normal)
		}
	}
	return verdict(out, broken, form.Severity, ReasonFormFields)
}

// verdict rejects, or warns of, what is broken.
func verdict(out Output, broken []string, severity einvoice.Severity, reason string) (Output, error) {
	if len(broken) == 0 {
		return out, nil
	}
	if severity == einvoice.Warn {
		out.Warnings = append(out.Warnings, broken...)
		return out, nil
	}
	return out, runner.Reject(reason, "%s: %s", out.Profile, strings.Join(broken, "; "))
}

// text returns what was entered, as one text.
func (f Field) text() string {
	switch {
	case f.Value != "" && f.Type != "checkbox":
		return strings.TrimSpace(f.Value)
	case len(f.Values) > 0:
		return strings.Join(f.Values, ", ")
	case f.Checked:
		return "true"
	}
	return ""
}
