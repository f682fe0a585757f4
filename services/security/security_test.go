package security_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/security/scan"
)

func TestAnInvoicePassesAndItsAttachmentIsNamed(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	got, err := visit(t, security.Config{}, pool, samples.EInvoice(samples.Example()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.EmbeddedFiles) != 1 || got.EmbeddedFiles[0].Name != "factur-x.xml" || got.EmbeddedFiles[0].Type != "xml" {
		t.Errorf("embedded files %+v, want factur-x.xml", got.EmbeddedFiles)
	}
	if len(got.ActiveContent) != 0 || got.Encrypted || len(got.Signatures) != 0 {
		t.Errorf("got %+v, want nothing else", got)
	}
}

func TestScriptIsRejectedUnlessThePolicyLetsItPass(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	d := samples.Document{Pages: []string{"x"}, Catalog: "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"}
	_, err := visit(t, security.Config{}, pool, d.PDF())
	if r, ok := runner.AsRejection(err); !ok || r.Code != "active-content" || !strings.HasPrefix(r.Message, "JavaScript, JS") {
		t.Errorf("got %v, want it rejected for its JavaScript", err)
	}
	lenient := security.Policy{scan.JavaScript: security.Flag, scan.JS: security.Allow}
	got, err := visit(t, security.Config{Policy: lenient}, pool, d.PDF())
	if err != nil || !slices.Equal(got.ActiveContent, []string{"JS", "JavaScript"}) {
		t.Errorf("got %v, %v, want it to pass with its active content named", got.ActiveContent, err)
	}
	for _, f := range got.Findings {
		if f.Kind == scan.JavaScript && f.Action != security.Flag || f.Kind == scan.JS && f.Action != security.Allow {
			t.Errorf("finding %+v has not the action of the policy", f)
		}
	}
}

func TestAPasswordIsRejectedAndTheEmptyOneIsNot(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for _, encryption := range encryptions() {
		d := samples.Document{Pages: []string{"text"}, Encryption: encryption, Password: "secret"}
		if _, err := visit(t, security.Config{}, pool, d.PDF()); reason(err) != "encrypted" {
			t.Errorf("encryption %v with a password: got %v, want encrypted", encryption, err)
		}
		d.Password = ""
		got, err := visit(t, security.Config{}, pool, d.PDF())
		if err != nil || !got.Encrypted || !got.ReadableWithoutPassword {
			t.Errorf("encryption %v without: got %+v, %v, want it to pass as encrypted", encryption, got, err)
		}
	}
}

func TestScriptBehindTheEmptyPasswordIsFound(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	inner := samples.Document{Pages: []string{"x"}, Catalog: "/OpenAction << /S /JavaScript /JS (x) >>"}
	for _, encryption := range encryptions() {
		d := samples.Document{Pages: []string{"x"}, Encryption: encryption, Files: []samples.File{{Name: "a.pdf", Content: inner.PDF()}}}
		if _, err := visit(t, security.Config{}, pool, d.PDF()); reason(err) != "active-content" {
			t.Errorf("encryption %v: got %v, want the script in the encrypted attachment found", encryption, err)
		}
	}
}

func TestWhatPdfiumCannotReadPassesOnToParsing(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	got, err := visit(t, security.Config{}, pool, []byte("%PDF-1.7\nnothing follows"))
	if err != nil || !slices.ContainsFunc(got.Findings, func(f security.Finding) bool { return f.Kind == security.Unreadable }) {
		t.Errorf("got %+v, %v, want it to pass, flagged as unreadable", got, err)
	}
}

func TestADocumentIsTriedAgainWhenPdfiumIsNotThere(t *testing.T) {
	pool, err := pdfium.New(pdfiumtest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pool.Run(ctx); err == nil {
		t.Fatal("the pool runs on")
	}
	_, err = visit(t, security.Config{}, pool, samples.EInvoice(samples.Example()))
	if _, rejected := runner.AsRejection(err); err == nil || rejected || !errors.Is(err, pdfium.ErrStopped) {
		t.Errorf("got %v, want an error that is tried again", err)
	}
}

func TestASizeOverTheLimitIsRejected(t *testing.T) {
	if _, err := visit(t, security.Config{MaxSize: 10}, nil, []byte("%PDF-1.7 is longer")); reason(err) != "too-large" {
		t.Errorf("got %v, want too-large", err)
	}
}

func TestMalwareCountsMoreThanScript(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	d := samples.Document{
		Pages: []string{"x"}, Catalog: "/OpenAction << /S /JavaScript /JS (x) >>",
		Files: []samples.File{{Name: "e.com", Content: samples.Eicar()}},
	}
	if _, err := visit(t, security.Config{}, pool, d.PDF()); reason(err) != "malware" {
		t.Errorf("got %v, want malware", err)
	}
}

func TestNewRefusesAConfigurationThatCannotWork(t *testing.T) {
	for name, conf := range map[string]security.Config{
		"unknown kind":   {Policy: security.Policy{"Nonsense": security.Reject}},
		"unknown action": {Policy: security.Policy{scan.JS: "maybe"}},
		"network":        {Clamd: security.Clamd{Network: "pigeon", Address: "x"}},
		"timeout":        {Clamd: security.Clamd{Timeout: -1}},
		"size":           {MaxSize: -1},
	} {
		if _, err := security.New(conf, nil, nil); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestUndoHasNothingToDo(t *testing.T) {
	h, err := security.New(security.Config{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Undo(t.Context(), runner.Visit{Document: "d"}); err != nil {
			t.Error(err)
		}
	}
}
