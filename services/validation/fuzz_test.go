package validation_test

import (
	"testing"

	"github.com/docsaga/docsaga/services/validation"
)

// fuzzConfig feeds what a user may write to one of the readers, which must
// refuse it or take it, and come to an end.
func fuzzConfig[T any](f *testing.F, read func([]byte) ([]T, error), seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := read(text)
		if err != nil && len(list) > 0 {
			t.Errorf("%d entries besides the error %v", len(list), err)
		}
		if len(list) > len(text) {
			t.Errorf("%d entries of %d bytes", len(list), len(text))
		}
	})
}

func FuzzParseRules(f *testing.F) {
	fuzzConfig(f, validation.ParseRules, "- {id: X-1, when: 'invoice.total > 1', message: too much}\n", "rules: []", "{", "- id: [", "&a [*a]")
}

func FuzzParseForms(f *testing.F) {
	fuzzConfig(f, validation.ParseForms, "- {name: leave, fields: [from, to], schema: {type: object}}\n", "- schema: {pattern: '('}", "{", "- &a {x: *a}")
}

func FuzzParseTemplates(f *testing.F) {
	fuzzConfig(f, validation.ParseTemplates, "- {issuer: ACME, match: ACME, fields: {number: 'No\\. (\\d+)'}}\n", "- match: '('", "{", "- [")
}
