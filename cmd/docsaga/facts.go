package main

import (
	"encoding/json"
	"slices"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/validation"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// facts are what the services found out about a PDF. What no service came to
// is left out.
type facts struct {
	ActiveContent           []string          `json:"active_content,omitzero"`
	Encrypted               bool              `json:"encrypted,omitempty"`
	ReadableWithoutPassword bool              `json:"readable_without_password,omitempty"`
	Signatures              int               `json:"signatures,omitempty"`
	Pages                   *int              `json:"pages,omitempty"`
	Text                    *bool             `json:"text,omitempty"`
	Attachments             []string          `json:"attachments,omitempty"`
	FormWidgets             *int              `json:"form_widgets,omitempty"`
	FormValues              *int              `json:"form_values,omitempty"`
	EmbeddedXML             string            `json:"embedded_xml,omitempty"`
	Invoice                 *einvoice.Summary `json:"invoice,omitempty"`
}

// collectFacts reads the outputs of the five services; what is not theirs, or
// not of their form, is left out.
func collectFacts(outputs map[events.StepID]json.RawMessage) facts {
	var f facts
	if s, ok := output[security.Output](outputs, "security"); ok {
		f.ActiveContent = orEmpty(s.ActiveContent)
		f.Encrypted, f.ReadableWithoutPassword = s.Encrypted, s.ReadableWithoutPassword
		f.Signatures = len(s.Signatures)
	}
	if s, ok := output[security.Output](outputs, "security"); ok && s.Preview != nil {
		f.Pages, f.Text, f.Attachments = &s.Preview.Pages, &s.Preview.Text, slices.Sorted(slices.Values(s.Preview.Attachments))
		if s.Preview.FormWidgets > 0 {
			f.FormWidgets, f.FormValues = &s.Preview.FormWidgets, &s.Preview.FormValues
		}
	}
	if p, ok := output[parsing.Output](outputs, "parsing"); ok {
		f.Pages, f.Text = &p.Pages, &p.Text
		for _, a := range p.Attachments {
			f.Attachments = append(f.Attachments, a.Name)
		}
		slices.Sort(f.Attachments)
		if p.FormWidgets > 0 {
			f.FormWidgets, f.FormValues = &p.FormWidgets, &p.FormValues
		}
	}
	if v, ok := output[validation.Output](outputs, "validation"); ok {
		f.EmbeddedXML, f.Invoice = v.EmbeddedXML, v.Summary
	}
	return f
}

func output[T any](outputs map[events.StepID]json.RawMessage, step events.StepID) (v T, ok bool) {
	raw := outputs[step]
	return v, len(raw) > 0 && json.Unmarshal(raw, &v) == nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
