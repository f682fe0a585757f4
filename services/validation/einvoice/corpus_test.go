package einvoice_test

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// corpus returns the directory of the PDF corpus, or skips the test.
func corpus(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("DOCSAGA_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "pdf")
	if _, err := os.Stat(filepath.Join(dir, "expected.jsonl")); err != nil {
		t.Skipf("LEFT OUT: invoices of the corpus are not compared: %v; set DOCSAGA_CORPUS to the corpus", err)
	}
	return dir
}

type expectation struct {
	File  string
	Stop  *struct{ Step, Reason string }
	Facts struct {
		Invoice *einvoice.Summary
	}
}

func expectations(t *testing.T, dir string) []expectation {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []expectation
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e expectation
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// streams returns the streams of a PDF that look like XML, inflated if need
// be. It is enough for the corpus, and no more.
func streams(pdf []byte) [][]byte {
	var found [][]byte
	for {
		_, rest, ok := bytes.Cut(pdf, []byte("stream"))
		if !ok {
			return found
		}
		body, after, ok := bytes.Cut(bytes.TrimLeft(rest, "\r\n"), []byte("endstream"))
		if !ok {
			return found
		}
		if inflated, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			if plain, _ := io.ReadAll(io.LimitReader(inflated, 64<<20)); len(plain) > 0 {
				body = plain
			}
		}
		if head := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))); bytes.HasPrefix(head, []byte("<")) {
			found = append(found, body)
		}
		pdf = after
	}
}

// invoiceOf returns the newest-style invoice in a PDF.
func invoiceOf(pdf []byte) (inv einvoice.Invoice, found bool, err error) {
	for _, body := range streams(pdf) {
		one, e := einvoice.Read(bytes.NewReader(body), einvoice.Limits{})
		switch {
		case e == nil && (!found || inv.Syntax == einvoice.ZUGFeRD1):
			inv, found = one, true
		case e != nil && !errors.Is(e, einvoice.ErrNotInvoice) && bytes.Contains(body, []byte("CrossIndustry")):
			err = e
		}
	}
	return inv, found, err
}

func TestInvoicesOfTheCorpusAreReadToTheCent(t *testing.T) {
	dir := corpus(t)
	compared, agreed := 0, 0
	for _, want := range expectations(t, dir) {
		if want.Facts.Invoice == nil || want.Facts.Invoice.Number == "" {
			continue
		}
		pdf, err := os.ReadFile(filepath.Join(dir, want.File))
		if err != nil {
			t.Fatal(err)
		}
		compared++
		inv, found, err := invoiceOf(pdf)
		if !found {
			t.Errorf("%s: no invoice found: %v", want.File, err)
			continue
		}
		findings := einvoice.Check(&inv, einvoice.Rules(), nil)
		got := einvoice.Summarize(&inv, findings)
		if diff := cmp.Diff(*want.Facts.Invoice, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.File, diff)
			continue
		}
		if rejected := want.Stop != nil; rejected != (len(got.BrokenRules) > 0) {
			t.Errorf("%s: stop is %v, broken rules are %v", want.File, want.Stop, got.BrokenRules)
			continue
		}
		agreed++
		for _, f := range findings {
			t.Logf("%s: %s %s: %s", filepath.Base(want.File), f.Severity, f.Rule, f.Detail)
		}
		for _, p := range inv.Problems {
			t.Logf("%s: %s", filepath.Base(want.File), p)
		}
	}
	if compared < 60 {
		t.Errorf("compared %d invoices, want at least 60", compared)
	}
	t.Logf("%d of %d invoices agree in every field", agreed, compared)
}

func TestThePublishedXMLReadsAsTheOneInThePDF(t *testing.T) {
	dir := corpus(t)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.expected.cii.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d published files, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		pdf, err := os.ReadFile(strings.TrimSuffix(file, ".expected.cii.xml") + ".pdf")
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := invoiceOf(pdf)
		if !found || err != nil {
			t.Errorf("%s: found %v, %v", file, found, err)
			continue
		}
		if diff := cmp.Diff(asJSON(t, want), asJSON(t, got)); diff != "" {
			t.Errorf("%s (-published +embedded):\n%s", filepath.Base(file), diff)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
