package parsing_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
)

// bench is a parsing service with a document to take apart.
type bench struct {
	files   *memFiles
	handler *parsing.Handler
	visit   runner.Visit
}

func newBench(t *testing.T, conf parsing.Config, pool parsing.Inspector, content []byte) bench {
	t.Helper()
	files := newFiles()
	h, err := parsing.New(conf, files, pool)
	if err != nil {
		t.Fatal(err)
	}
	file, err := files.Put(t.Context(), "d", "location", "application/pdf", bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"file": file})
	if err != nil {
		t.Fatal(err)
	}
	return bench{files: files, handler: h, visit: runner.Visit{Document: "d", Step: "parsing", Number: 1, Input: input}}
}

func (b bench) do(t *testing.T) (*parsing.Output, error) {
	t.Helper()
	got, err := b.handler.Do(t.Context(), b.visit)
	out, _ := got.(*parsing.Output)
	return out, err
}

func reason(err error) string {
	if r, ok := runner.AsRejection(err); ok {
		return r.Code
	}
	return ""
}

func TestAnInvoiceIsTakenApart(t *testing.T) {
	invoice := samples.Example()
	b := newBench(t, parsing.Config{Layout: true}, pdfiumtest.Pool(t, pdfium.Config{}), samples.EInvoice(invoice))
	out, err := b.do(t)
	if err != nil {
		t.Fatal(err)
	}
	if out.Pages != 1 || !out.Text || !strings.Contains(b.files.content(out.TextFile), invoice.Number) {
		t.Errorf("%d pages, text %v: %q, want the invoice's", out.Pages, out.Text, b.files.content(out.TextFile))
	}
	if out.InvoiceXML == nil || out.InvoiceXML.MediaType != "application/xml" || b.files.content(out.InvoiceXML.File) != string(invoice.CII()) {
		t.Errorf("invoice %+v, want the CII", out.InvoiceXML)
	}
	if _, err := png.Decode(strings.NewReader(b.files.content(out.FirstPage))); err != nil {
		t.Errorf("picture of the first page: %v", err)
	}
	var layout []pdfium.PageText
	if err := json.Unmarshal([]byte(b.files.content(out.Layout)), &layout); err != nil || len(layout) != 1 || len(layout[0].Runs) == 0 {
		t.Errorf("layout of %d pages, %v, want the runs of one", len(layout), err)
	}
}

func TestOnlyKnownNamesAreInvoices(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for name, want := range map[string]bool{
		"factur-x.xml": true, "ZUGFeRD-invoice.xml": true, "zugferd-invoice.xml": true, "xrechnung.xml": true,
		"XRECHNUNG.XML": true, "order-x.xml": false, "invoice.xml": false, "factur-x.xml.exe": false,
	} {
		d := samples.Document{Files: []samples.File{{Name: name, Content: []byte("<a/>")}}}
		out, err := newBench(t, parsing.Config{}, pool, d.PDF()).do(t)
		if err != nil || len(out.Attachments) != 1 || (out.InvoiceXML != nil) != want {
			t.Errorf("%s: got %+v, %v, want an invoice: %v", name, out, err, want)
		}
	}
}

func TestWhatIsTooLargeForAnEventGoesToTheStore(t *testing.T) {
	var many []samples.File
	for range 300 {
		many = append(many, samples.File{Name: strings.Repeat("n", 100), Content: []byte("x")})
	}
	b := newBench(t, parsing.Config{}, pdfiumtest.Pool(t, pdfium.Config{}), samples.Document{Files: many}.PDF())
	out, err := b.do(t)
	if err != nil {
		t.Fatal(err)
	}
	var kept []parsing.Attachment
	if err := json.Unmarshal([]byte(b.files.content(out.AttachmentsFile)), &kept); err != nil || len(kept) != 300 || len(out.Attachments) != 0 {
		t.Errorf("%d attachments in the store, %d in the event, %v, want 300 and none", len(kept), len(out.Attachments), err)
	}
	if encoded, err := json.Marshal(out); err != nil || len(encoded) > 8<<10 {
		t.Errorf("an output of %d bytes, %v", len(encoded), err)
	}
}

func TestAShortTextIsNoText(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for text, want := range map[string]bool{"": false, "Page 1 of 1": false, "A sentence that says something.": true} {
		out, err := newBench(t, parsing.Config{}, pool, samples.Document{Pages: []string{text}}.PDF()).do(t)
		if err != nil || out.Text != want {
			t.Errorf("%q: got %+v, %v, want text: %v", text, out, err, want)
		}
	}
}

func TestEachFaultHasItsReason(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.Deadline = time.Second
	pool := pdfiumtest.Pool(t, conf)
	pages := parsing.Config{Limits: pdfium.Limits{Pages: 2}}
	for _, c := range []struct {
		want    string
		conf    parsing.Config
		content []byte
	}{
		{"unreadable", parsing.Config{}, []byte("%PDF-1.7 and no more")},
		{"encrypted", parsing.Config{}, samples.Document{Encryption: samples.AES256, Password: "x"}.PDF()},
		{"too-large", pages, samples.Document{Pages: []string{"1", "2", "3"}}.PDF()},
		{"too-large", parsing.Config{MaxSize: 10}, samples.Document{}.PDF()},
	} {
		if _, err := newBench(t, c.conf, pool, c.content).do(t); reason(err) != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestUndoLeavesNothingOfTheStep(t *testing.T) {
	b := newBench(t, parsing.Config{}, pdfiumtest.Pool(t, pdfium.Config{}), samples.EInvoice(samples.Example()))
	before := len(b.files.bytes)
	if err := b.handler.Undo(t.Context(), b.visit); err != nil {
		t.Errorf("undo before its do: %v", err)
	}
	for range 2 { // a visit may be delivered again
		if _, err := b.do(t); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.files.bytes) <= before {
		t.Fatal("the step has put nothing")
	}
	for range 2 {
		if err := b.handler.Undo(t.Context(), b.visit); err != nil {
			t.Error(err)
		}
		if len(b.files.bytes) != before {
			t.Errorf("%d files are left, want %d", len(b.files.bytes), before)
		}
	}
}

func TestAStoreThatFailsIsTriedAgainAndUndone(t *testing.T) {
	b := newBench(t, parsing.Config{}, pdfiumtest.Pool(t, pdfium.Config{}), samples.EInvoice(samples.Example()))
	b.files.fail = errors.New("disk full")
	if _, err := b.do(t); !errors.Is(err, b.files.fail) || reason(err) != "" {
		t.Errorf("got %v, want the store's error", err)
	}
	b.files.fail = nil
	if _, err := b.do(t); err != nil {
		t.Errorf("the second try: %v", err)
	}
	missing := b.visit
	missing.Input = json.RawMessage(`{"file":{"ref":"sha256:00"}}`)
	if _, err := b.handler.Do(t.Context(), missing); err == nil || reason(err) != "" {
		t.Errorf("a file that is not there: got %v", err)
	}
	missing.Input = json.RawMessage(`no JSON`)
	if _, err := b.handler.Do(t.Context(), missing); err == nil {
		t.Error("an input that is no JSON: got no error")
	}
}

func TestNewRefusesAConfigurationThatCannotWork(t *testing.T) {
	for _, conf := range []parsing.Config{{MaxSize: -1}, {PictureSide: -1}, {PictureSide: 100_000}} {
		if _, err := parsing.New(conf, newFiles(), nil); err == nil {
			t.Errorf("%+v: got no error", conf)
		}
	}
}

var _ parsing.Files = (*memFiles)(nil)
