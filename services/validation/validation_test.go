package validation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/validation"
	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// store is a file store in memory for one document.
type store struct {
	mu    sync.Mutex
	files map[string][]byte
	of    map[string]events.StepID
	fail  error // what Open fails with
}

func newStore() *store {
	return &store{files: map[string][]byte{}, of: map[string]events.StepID{}}
}

func (s *store) Open(_ context.Context, _ events.DocumentID, f events.File) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.files[f.Ref]
	switch {
	case s.fail != nil:
		return nil, s.fail
	case !ok:
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func (s *store) Put(_ context.Context, _ events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return events.File{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := sha256.Sum256(content)
	f := events.File{Ref: "sha256:" + hex.EncodeToString(digest[:]), Size: int64(len(content)), MediaType: mediaType}
	s.files[f.Ref], s.of[f.Ref] = content, step
	return f, nil
}

func (s *store) Release(_ context.Context, _ events.DocumentID, step events.StepID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, of := range s.of {
		if of == step {
			delete(s.files, ref)
			delete(s.of, ref)
		}
	}
	return nil
}

// parsed is what parsing gives, in the making.
type parsed struct {
	t     *testing.T
	store *store
	in    validation.Input
}

func parse(t *testing.T) *parsed {
	t.Helper()
	return &parsed{t: t, store: newStore()}
}

func (p *parsed) put(content string) *events.File {
	p.t.Helper()
	f, err := p.store.Put(p.t.Context(), "doc", "parsing", "", strings.NewReader(content))
	if err != nil {
		p.t.Fatal(err)
	}
	return &f
}

func (p *parsed) attach(name, content string) *parsed {
	mediaType := "application/octet-stream"
	if strings.HasPrefix(content, "<") {
		mediaType = "application/xml"
	}
	p.in.Parsing.Attachments = append(p.in.Parsing.Attachments, validation.Attachment{Name: name, MediaType: mediaType, File: p.put(content)})
	return p
}

func (p *parsed) fields(fields ...validation.Field) *parsed {
	p.in.Parsing.Fields = fields
	return p
}

func (p *parsed) text(text string) *parsed {
	p.in.Parsing.TextFile = p.put(text)
	return p
}

func (p *parsed) visit() runner.Visit {
	p.t.Helper()
	raw, err := json.Marshal(p.in)
	if err != nil {
		p.t.Fatal(err)
	}
	return runner.Visit{Document: "doc", Step: "validation", Number: 1, Input: raw}
}

// do validates, and returns the output, also that of a rejection.
func (p *parsed) do(conf validation.Config) (validation.Output, error) {
	p.t.Helper()
	h, err := validation.New(conf, p.store)
	if err != nil {
		p.t.Fatal(err)
	}
	result, err := h.Do(p.t.Context(), p.visit())
	if rejection, ok := runner.AsRejection(err); ok {
		result = rejection.Output
	}
	out, _ := result.(validation.Output)
	return out, err
}

func cii(t *testing.T, replace ...string) string {
	t.Helper()
	raw, err := os.ReadFile("einvoice/testdata/full.cii.xml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(replace...).Replace(string(raw))
}

func wantReason(t *testing.T, err error, code, message string) {
	t.Helper()
	r, ok := runner.AsRejection(err)
	if !ok || r.Code != code || !strings.Contains(r.Message, message) {
		t.Errorf("got %v, want a rejection %s with %q", err, code, message)
	}
}

func TestAGoodInvoicePasses(t *testing.T) {
	out, err := parse(t).attach("delivery.pdf", "x").attach("factur-x.xml", cii(t)).do(validation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if out.Kind != validation.KindInvoice || out.Profile != "urn:cen.eu:en16931:2017" || out.Source != "factur-x.xml" {
		t.Errorf("got kind %s, profile %s, source %s", out.Kind, out.Profile, out.Source)
	}
	if out.Invoice == nil || out.Invoice.Totals.Grand.String() != "182.00" || out.Summary == nil || out.Summary.Total != "182.00" || out.Summary.Lines != 2 {
		t.Errorf("got %+v, %+v", out.Invoice, out.Summary)
	}
	if out.BrokenRules == nil || len(out.BrokenRules)+len(out.Findings)+len(out.Warnings) != 0 {
		t.Errorf("got rules %v, findings %v, warnings %v", out.BrokenRules, out.Findings, out.Warnings)
	}
}

func TestAnInvoiceThatDoesNotAddUpIsRejectedByName(t *testing.T) {
	out, err := parse(t).attach("factur-x.xml", cii(t, "GrandTotalAmount>182.00", "GrandTotalAmount>183.00", "F-2026/17", "")).do(validation.Config{})
	wantReason(t, err, validation.ReasonInvoiceRules, "BR-2 (missing), BR-CO-15 (stated 183.00, computed 182.00), BR-CO-16")
	if strings.Join(out.BrokenRules, " ") != "BR-2 BR-CO-15 BR-CO-16" || out.Summary == nil || out.Summary.Seller != "Seller Example Ltd" {
		t.Errorf("the rejection carries rules %v, summary %+v", out.BrokenRules, out.Summary)
	}
}

func TestAWarningPassesUnlessStrict(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t, "<ram:CountryID>FR</ram:CountryID>", ""))
	out, err := p.do(validation.Config{})
	if err != nil || len(out.Findings) != 2 || out.Findings[0].Rule != "BR-11" || len(out.BrokenRules) != 0 {
		t.Errorf("got %+v, %v; want two warnings", out.Findings, err)
	}
	_, err = p.do(validation.Config{Strict: true})
	wantReason(t, err, validation.ReasonInvoiceRules, "BR-11 (the country is missing), BR-57")
	_, err = p.do(validation.Config{Strict: true, Severities: map[string]einvoice.Severity{"BR-11": einvoice.Warn, "BR-57": einvoice.Off}})
	if err != nil {
		t.Error(err)
	}
}

func TestAPDFWithoutInvoiceIsADocument(t *testing.T) {
	for name, p := range map[string]*parsed{
		"nothing":             parse(t),
		"other files":         parse(t).attach("photo.jpg", "x").attach("formula.xml", "<math/>"),
		"broken XML":          parse(t).attach("formula.xml", "<math>"),
		"another vocabulary":  parse(t).attach("ZUGFeRD-invoice.xml", `<Invoice xmlns="urn:un:unece:uncefact:data:standard:CBFBUY:5"><a>`),
		"a form nobody knows": parse(t).fields(validation.Field{Name: "a", Type: "text", Value: "b"}),
		"a text nobody knows": parse(t).text("hello"),
		"a file not taken out": func() *parsed {
			p := parse(t)
			p.in.Parsing.Attachments = []validation.Attachment{{Name: "a.xml"}}
			return p
		}(),
	} {
		out, err := p.do(validation.Config{})
		if err != nil || out.Kind != validation.KindDocument || out.Invoice != nil || out.BrokenRules == nil {
			t.Errorf("%s: got %+v, %v; want a document", name, out, err)
		}
		if (out.EmbeddedXML == validation.EmbeddedNotAnInvoice) != (name == "another vocabulary") {
			t.Errorf("%s: embedded XML is %q", name, out.EmbeddedXML)
		}
	}
}

func TestAnInvoiceThatCannotBeReadIsRejected(t *testing.T) {
	for want, p := range map[string]*parsed{
		`encoding "UTF-8-W/O-BOM" is not supported`: parse(t).attach("factur-x.xml", cii(t, `"UTF-8"`, `"UTF-8-W/O-BOM"`)),
		"document type declaration":                 parse(t).attach("xrechnung.xml", "<!DOCTYPE x>"+cii(t)),
		"unexpected EOF":                            parse(t).attach("zugferd-invoice.xml", cii(t)[:3000]),
		"over the limit of bytes":                   parse(t).attach("FACTUR-X.XML", cii(t)+strings.Repeat(" ", 1<<16)),
		"no element":                                parse(t).attach("ZUGFeRD-invoice.xml", ""),
		"could not be taken out": func() *parsed {
			p := parse(t)
			p.in.Parsing.Attachments = []validation.Attachment{{Name: "factur-x.xml"}}
			return p
		}(),
	} {
		out, err := p.do(validation.Config{Limits: einvoice.Limits{Bytes: 1 << 16}})
		wantReason(t, err, validation.ReasonInvoiceUnreadable, want)
		if out.EmbeddedXML != validation.EmbeddedUnreadable {
			t.Errorf("%s: embedded XML is %q", want, out.EmbeddedXML)
		}
	}
}

func TestTheMostModernOfSeveralInvoicesCounts(t *testing.T) {
	out, err := parse(t).attach("other.xml", cii(t, "F-2026/17", "other")).attach("ZUGFeRD-invoice.xml", "<broken").
		attach("factur-x.xml", cii(t, "F-2026/17", "modern")).do(validation.Config{})
	if err != nil || out.Source != "factur-x.xml" || out.Summary.Number != "modern" {
		t.Fatalf("got %s, %+v, %v", out.Source, out.Summary, err)
	}
	if len(out.Warnings) != 2 || out.EmbeddedXML != "" || !strings.Contains(out.Warnings[0], "cannot be read") || !strings.Contains(out.Warnings[1], "another invoice") {
		t.Errorf("got warnings %q", out.Warnings)
	}
}

func TestListsTooLargeForAnEventAreFetched(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	list, err := json.Marshal(p.in.Parsing.Attachments)
	if err != nil {
		t.Fatal(err)
	}
	p.in.Parsing.Attachments, p.in.Parsing.AttachmentsFile = nil, p.put(string(list))
	if out, err := p.do(validation.Config{}); err != nil || out.Kind != validation.KindInvoice {
		t.Errorf("got %s, %v", out.Kind, err)
	}
}

func TestAStoreThatIsDownIsTriedAgain(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	down := errors.New("store is down")
	p.store.fail = down
	_, err := p.do(validation.Config{})
	if _, rejected := runner.AsRejection(err); rejected || !errors.Is(err, down) {
		t.Errorf("got %v, want the store's error and no rejection", err)
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	h, err := validation.New(validation.Config{}, p.store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Do(ctx, p.visit()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
}

func TestALargeInvoiceGoesToTheFileStoreAndUndoReleasesIt(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	conf := validation.Config{InlineBytes: 2500}
	out, err := p.do(conf)
	if err != nil || out.InvoiceFile == nil || len(out.Invoice.Lines) != 0 || out.Invoice.Number != "F-2026/17" || out.Summary.Lines != 2 {
		t.Fatalf("got file %v, invoice %+v, %v", out.InvoiceFile, out.Invoice, err)
	}
	var whole einvoice.Invoice
	if err := json.Unmarshal(p.store.files[out.InvoiceFile.Ref], &whole); err != nil || len(whole.Lines) != 2 {
		t.Errorf("the file holds %d lines, %v", len(whole.Lines), err)
	}
	h, err := validation.New(conf, p.store)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.Undo(t.Context(), p.visit()), h.Undo(t.Context(), p.visit())); err != nil {
		t.Fatal(err)
	}
	if _, there := p.store.files[out.InvoiceFile.Ref]; there || len(p.store.files) != 1 {
		t.Errorf("after undo there are %d files, the invoice's: %v", len(p.store.files), there)
	}
}

func TestUndoOfAFailedVisitLeavesTheFileOfTheNext(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	h, err := validation.New(validation.Config{InlineBytes: 2500}, p.store)
	if err != nil {
		t.Fatal(err)
	}
	first, second := p.visit(), p.visit()
	second.Number = 2
	got, err := h.Do(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	ref := got.(validation.Output).InvoiceFile.Ref
	for _, c := range []struct {
		undone runner.Visit
		there  bool
	}{{first, true}, {second, false}} {
		if err := h.Undo(t.Context(), c.undone); err != nil {
			t.Fatal(err)
		}
		if _, there := p.store.files[ref]; there != c.there {
			t.Errorf("after the undo of visit %d the file of visit 2 is there: %v, want %v", c.undone.Number, there, c.there)
		}
	}
}

func TestTheOutputFitsIntoAnEventWhateverTheInvoiceSays(t *testing.T) {
	long := strings.Repeat("very long ", 40_000)
	out, err := parse(t).attach("factur-x.xml", cii(t, "Seller Example Ltd", long, "14 days net", long, "F-2026/17", long)).do(validation.Config{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(out)
	if err != nil || len(raw) > validation.DefaultInlineBytes {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
}

func TestAMessageIsShortWhateverTheAttachmentSays(t *testing.T) {
	_, err := parse(t).attach("factur-x.xml", cii(t)[:500]+"<"+strings.Repeat("x", 100_000)+"></y>").do(validation.Config{})
	wantReason(t, err, validation.ReasonInvoiceUnreadable, "XML syntax error")
	if n := len(err.Error()); n > 400 {
		t.Errorf("the message has %d bytes", n)
	}
}

// ledger knows one invoice.
type ledger struct{ seller, number string }

func (l ledger) Duplicates(_ context.Context, document events.DocumentID, vatID, _, number string) ([]events.DocumentID, error) {
	if vatID != l.seller || number != l.number {
		return nil, nil
	}
	return []events.DocumentID{"earlier-than-" + document}, nil
}

func TestADuplicateIsAWarning(t *testing.T) {
	p := parse(t).attach("factur-x.xml", cii(t))
	out, err := p.do(validation.Config{Ledger: ledger{"DE123456789", "F-2026/17"}})
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "earlier-than-doc") {
		t.Errorf("got %q, %v", out.Warnings, err)
	}
	out, err = p.do(validation.Config{Ledger: ledger{"DE123456789", "F-2026/18"}})
	if err != nil || len(out.Warnings) != 0 {
		t.Errorf("another number: got %q, %v", out.Warnings, err)
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	rule, err := validation.ParseRules([]byte("rules: [{id: BR-1, text: x, holds: 'true'}]"))
	if err != nil {
		t.Fatal(err)
	}
	for want, conf := range map[string]validation.Config{
		"there is no such rule": {Severities: map[string]einvoice.Severity{"BR-99999": einvoice.Off}},
		"want reject, warn":     {Severities: map[string]einvoice.Severity{"BR-1": "fatal"}},
		"is there twice":        {Rules: rule},
		"bytes of an invoice":   {InlineBytes: -1},
	} {
		if _, err := validation.New(conf, newStore()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := validation.New(validation.Config{}, nil); err == nil {
		t.Error("no file store: no error")
	}
}

func ExampleHandler_Do() {
	files := newStore()
	xml, _ := os.ReadFile("einvoice/testdata/full.cii.xml")
	file, _ := files.Put(context.Background(), "doc", "parsing", "application/xml", bytes.NewReader(xml))
	input, _ := json.Marshal(map[string]any{"parsing": map[string]any{
		"attachments": []validation.Attachment{{Name: "factur-x.xml", MediaType: "application/xml", File: &file}},
	}})
	h, _ := validation.New(validation.Config{}, files)
	result, err := h.Do(context.Background(), runner.Visit{Document: "doc", Step: "validation", Number: 1, Input: input})
	if err != nil {
		fmt.Println(err)
		return
	}
	out := result.(validation.Output)
	fmt.Println(out.Kind, out.Summary.Number, out.Summary.Total, out.Summary.Currency)
	// Output: invoice F-2026/17 182.00 EUR
}
