package pdfium

import (
	"fmt"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

func (s *session) readWidgets(i int, form references.FPDF_FORMHANDLE) error {
	count, err := s.pdfium.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: s.page(i)})
	if err != nil {
		return err
	}
	if count.Count <= 0 {
		return nil
	}
	// Without this the fields have their names, but not what is selected.
	_, err = s.pdfium.FORM_OnAfterLoadPage(&requests.FORM_OnAfterLoadPage{FormHandle: form, Page: s.page(i)})
	if err != nil {
		return err
	}
	defer func() {
		_, _ = s.pdfium.FORM_OnBeforeClosePage( // the fields are read
			&requests.FORM_OnBeforeClosePage{FormHandle: form, Page: s.page(i)})
	}()
	var fields []Field
	radios := make(map[string]int) // by name, the index in fields
	for k := range min(count.Count, 10*s.want.Limits.Entries) {
		field, found, err := s.readWidget(i, k, form)
		if err != nil {
			if trapped(err) {
				return err
			}
			s.fault(fmt.Sprintf("page %d, annotation %d", i+1, k), err)
		}
		if !found {
			continue
		}
		if at, known := radios[field.Name]; known && field.Type == "radio" {
			fields[at].merge(field)
			continue
		}
		if field.Type == "radio" {
			radios[field.Name] = len(fields)
		}
		fields = append(fields, field)
	}
	for _, field := range fields {
		if field.Type == "radio" && !field.Checked {
			field.Value = "" // pdfium makes one up
		}
		s.report.Widgets++
		if field.Value != "" {
			s.report.Filled++
		}
		if len(s.report.Fields) >= s.want.Limits.Entries {
			s.cut("fields")
			continue
		}
		s.report.Fields = append(s.report.Fields, field)
	}
	return nil
}

// merge adds another button of the same group of radio buttons.
func (f *Field) merge(other Field) {
	f.Checked = f.Checked || other.Checked
	if f.Value == "" || f.Value == "Off" {
		f.Value = other.Value
	}
}

// readWidget reads annotation k of page i, if it is a form widget.
func (s *session) readWidget(i, k int, form references.FPDF_FORMHANDLE) (_ Field, found bool, _ error) {
	annot, err := s.pdfium.FPDFPage_GetAnnot(&requests.FPDFPage_GetAnnot{Page: s.page(i), Index: k})
	if err != nil {
		return Field{}, false, err
	}
	ref := annot.Annotation
	defer func() {
		_, _ = s.pdfium.FPDFPage_CloseAnnot(&requests.FPDFPage_CloseAnnot{Annotation: ref}) // freed with the instance anyway
	}()
	subtype, err := s.pdfium.FPDFAnnot_GetSubtype(&requests.FPDFAnnot_GetSubtype{Annotation: ref})
	if err != nil || subtype.Subtype != enums.FPDF_ANNOT_SUBTYPE_WIDGET {
		return Field{}, false, err
	}
	field := Field{Page: i, Type: "unknown"}
	kind, err := s.pdfium.FPDFAnnot_GetFormFieldType(&requests.FPDFAnnot_GetFormFieldType{FormHandle: form, Annotation: ref})
	if err != nil {
		return field, true, err
	}
	field.Type = fieldType(kind.FormFieldType)
	name, err := s.pdfium.FPDFAnnot_GetFormFieldName(&requests.FPDFAnnot_GetFormFieldName{FormHandle: form, Annotation: ref})
	if err != nil {
		return field, true, err
	}
	field.Name = clip(name.FormFieldName, 1024)
	switch field.Type {
	case "checkbox", "radio":
		checked, err := s.pdfium.FPDFAnnot_IsChecked(&requests.FPDFAnnot_IsChecked{FormHandle: form, Annotation: ref})
		if err != nil {
			return field, true, err
		}
		field.Checked = checked.IsChecked
	case "combo", "list":
		field.Values, err = s.readChoices(form, ref)
		return field, true, err
	}
	if field.Type == "checkbox" {
		return field, true, nil // its value is made up by pdfium
	}
	value, err := s.pdfium.FPDFAnnot_GetFormFieldValue(&requests.FPDFAnnot_GetFormFieldValue{FormHandle: form, Annotation: ref})
	if err == nil {
		field.Value = clip(value.FormFieldValue, 64<<10)
	}
	return field, true, err
}

// readChoices returns the options of a field that are selected, or the text
// that somebody typed instead.
func (s *session) readChoices(form references.FPDF_FORMHANDLE, ref references.FPDF_ANNOTATION) ([]string, error) {
	count, err := s.pdfium.FPDFAnnot_GetOptionCount(&requests.FPDFAnnot_GetOptionCount{FormHandle: form, Annotation: ref})
	if err != nil {
		return nil, err
	}
	var values []string
	for i := range min(count.OptionCount, 1000) {
		selected, err := s.pdfium.FPDFAnnot_IsOptionSelected(
			&requests.FPDFAnnot_IsOptionSelected{FormHandle: form, Annotation: ref, Index: i})
		if err != nil {
			return values, err
		}
		if !selected.IsOptionSelected {
			continue
		}
		label, err := s.pdfium.FPDFAnnot_GetOptionLabel(
			&requests.FPDFAnnot_GetOptionLabel{FormHandle: form, Annotation: ref, Index: i})
		if err != nil {
			return values, err
		}
		values = append(values, clip(label.OptionLabel, 4<<10))
	}
	if len(values) > 0 {
		return values, nil
	}
	typed, err := s.pdfium.FPDFAnnot_GetFormFieldValue(&requests.FPDFAnnot_GetFormFieldValue{FormHandle: form, Annotation: ref})
	if err == nil && typed.FormFieldValue != "" {
		values = []string{clip(typed.FormFieldValue, 4<<10)}
	}
	return values, err
}

func fieldType(t enums.FPDF_FORMFIELD_TYPE) string {
	switch t { //nolint:exhaustive // the XFA kinds are not built in
	case enums.FPDF_FORMFIELD_TYPE_PUSHBUTTON:
		return "button"
	case enums.FPDF_FORMFIELD_TYPE_CHECKBOX:
		return "checkbox"
	case enums.FPDF_FORMFIELD_TYPE_RADIOBUTTON:
		return "radio"
	case enums.FPDF_FORMFIELD_TYPE_COMBOBOX:
		return "combo"
	case enums.FPDF_FORMFIELD_TYPE_LISTBOX:
		return "list"
	case enums.FPDF_FORMFIELD_TYPE_TEXTFIELD:
		return "text"
	case enums.FPDF_FORMFIELD_TYPE_SIGNATURE:
		return "signature"
	default:
		return "unknown"
	}
}
