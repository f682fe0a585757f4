package samples_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/samples"
)

func TestMain(m *testing.M) { pdfiumtest.Main(m) }

func TestPdfiumReadsTheInvoice(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for _, lines := range []int{2, 100} {
		i := samples.Example()
		if lines != 2 {
			i = samples.ManyLines(lines)
		}
		r, err := pool.Inspect(t.Context(), samples.EInvoice(i), pdfium.Want{Text: true, Attachments: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Attachments) != 1 || r.Attachments[0].Name != "factur-x.xml" || string(r.Attachments[0].Content) != string(i.CII()) {
			t.Errorf("attachments %+v, want the CII as factur-x.xml", r.Attachments)
		}
		var text strings.Builder
		for _, p := range r.PageTexts {
			text.WriteString(p.Text)
		}
		for _, want := range []string{"Hafen Werkzeuge GmbH", "Café Müller", "Lindenstraße 12", "2026-0042", i.Lines[lines-1].Name, i.Totals.Due + " EUR"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%d lines: the text does not hold %q", lines, want)
			}
		}
	}
}

// TestPdfiumOpensWhatIsMeantToBeOpened keeps a hostile document from being
// merely broken, and a locked one from being open.
func TestPdfiumOpensWhatIsMeantToBeOpened(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for _, k := range samples.Hostile() {
		if k.Large || k.Want.Reason == "decompression-bomb" || k.Want.Reason == "timeout" || k.Want.Step == "location" {
			continue
		}
		r, err := pool.Inspect(t.Context(), k.Content(), pdfium.Want{})
		opens := err == nil && r.Pages > 0
		mayFail := slices.ContainsFunc(k.Also, func(w samples.Want) bool { return w.Step == "parsing" })
		switch k.Want.Reason {
		case "encrypted":
			if !errors.Is(err, pdfium.ErrPassword) && !errors.Is(err, pdfium.ErrEncryption) && !mayFail {
				t.Errorf("%s: %v, want a password to be asked for", k.Name, err)
			}
		case "unreadable":
			if opens && !slices.Contains(k.Also, samples.Want{State: samples.Completed}) {
				t.Errorf("%s opens, want it to be unreadable", k.Name)
			}
		default:
			if !opens && !mayFail {
				t.Errorf("%s: %d pages, %v, want it to open", k.Name, r.Pages, err)
			}
		}
	}
}
