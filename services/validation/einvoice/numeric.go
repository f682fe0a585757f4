package einvoice

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// NumericJSON returns the invoice as its JSON form is, but with amounts, rates
// and quantities as numbers, for expressions that compute with them.
func (inv *Invoice) NumericJSON() ([]byte, error) {
	raw, err := json.Marshal(inv)
	if err != nil {
		return nil, fmt.Errorf("einvoice: write numbers: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("einvoice: write numbers: %w", err)
	}
	toNumbers(tree, reflect.TypeFor[Invoice]())
	if raw, err = json.Marshal(tree); err != nil {
		return nil, fmt.Errorf("einvoice: write numbers: %w", err)
	}
	return raw, nil
}

// toNumbers replaces in an object what is a Decimal in the struct that it was
// made of.
func toNumbers(object map[string]any, made reflect.Type) {
	for field := range made.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value, ok := object[name]
		if !ok {
			continue
		}
		of := field.Type
		for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		switch value := value.(type) {
		case string:
			if of == reflect.TypeFor[Decimal]() {
				object[name] = json.Number(value)
			}
		case map[string]any:
			toNumbers(value, of)
		case []any:
			for _, element := range value {
				if element, ok := element.(map[string]any); ok {
					toNumbers(element, of)
				}
			}
		}
	}
}
