package einvoice_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

func file(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func read(tb testing.TB, raw []byte) einvoice.Invoice {
	tb.Helper()
	inv, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return inv
}

// full returns an invoice that uses everything and breaks no rule.
func full(tb testing.TB) einvoice.Invoice {
	tb.Helper()
	return read(tb, file(tb, "full.cii.xml"))
}

func TestTheSameInvoiceInBothSyntaxesReadsAlike(t *testing.T) {
	cii, ubl := full(t), read(t, file(t, "full.ubl.xml"))
	if cii.Syntax != einvoice.CII || ubl.Syntax != einvoice.UBLInvoice {
		t.Errorf("syntaxes %s and %s", cii.Syntax, ubl.Syntax)
	}
	ubl.Syntax = cii.Syntax
	// UBL gives a payee and a tax representative no name of their own but a
	// party name, which is the trading name of other parties as well.
	ignore := cmpopts.IgnoreFields(einvoice.Party{}, "TradingName")
	if diff := cmp.Diff(cii, ubl, ignore); diff != "" {
		t.Errorf("(-CII +UBL):\n%s", diff)
	}
}

func TestEveryFieldOfTheModelIsRead(t *testing.T) {
	raw, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"number":"F-2026/17"`, `"date":"2026-01-31"`, `"dueDate":"2026-02-14"`, `"taxCurrency":"USD"`, `"level":"en16931"`,
		`"tender":"T-1"`, `"preceding":[{"number":"F-2025/1","date":"2025-12-24"}]`, `"text":"First line\nsecond line"`,
		`"tax":"22.00","taxInCurrency":"25.00","grand":"182.00","prepaid":"82.00","rounding":"0.05","due":"100.05"`,
		`"electronic":{"id":"bill@example.com","scheme":"EM"}`, `"vatID":"FR12345678901"`, `"account":"DE02120300000000202051"`,
		`"priceBase":"10"`, `"adjustments":[{"charge":false,"amount":"5.00","reason":"Discount"},{"charge":true,"amount":"2.00","reasonCode":"PC"}]`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is missing in %s", want, raw)
		}
	}
	var again einvoice.Invoice
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(t), again); diff != "" {
		t.Errorf("after JSON (-want +got):\n%s", diff)
	}
}

func TestACreditNoteIsRead(t *testing.T) {
	note := strings.NewReplacer("Invoice-2", "CreditNote-2", "<Invoice ", "<CreditNote ", "</Invoice>", "</CreditNote>",
		"InvoiceTypeCode>380", "CreditNoteTypeCode>381", "/cbc:InvoiceTypeCode", "/cbc:CreditNoteTypeCode",
		"InvoiceLine>", "CreditNoteLine>", "InvoicedQuantity", "CreditedQuantity").Replace(string(file(t, "full.ubl.xml")))
	got := read(t, []byte(note))
	if got.Syntax != einvoice.UBLCreditNote || got.Type != "381" || len(got.Lines) != 2 || got.Lines[0].Quantity.String() != "10" {
		t.Errorf("got %s of type %q with %d lines", got.Syntax, got.Type, len(got.Lines))
	}
}

func TestEveryCharacterSetGivesTheSameInvoice(t *testing.T) {
	text := strings.Replace(string(file(t, "full.cii.xml")), "Seller Example Ltd", "Säller Example Ltd", 1)
	want := read(t, []byte(text))
	as := func(label string) string { return strings.Replace(text, `encoding="UTF-8"`, `encoding="`+label+`"`, 1) }
	encode := func(enc interface{ Bytes([]byte) ([]byte, error) }, label string) []byte {
		raw, err := enc.Bytes([]byte(as(label)))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for name, raw := range map[string][]byte{
		"UTF-8 with mark":              append([]byte("\xEF\xBB\xBF"), text...),
		"UTF-8 without declaration":    []byte(text[strings.Index(text, "\n")+1:]),
		"UTF-16 little endian":         encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder(), "UTF-16"),
		"UTF-16 big endian":            encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder(), "UTF-16"),
		"UTF-16 big endian, no mark":   encode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder(), "UTF-16BE"),
		"UTF-16 small endian, no mark": encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder(), "utf-16le"),
		"ISO-8859-1":                   encode(charmap.ISO8859_1.NewEncoder(), "ISO-8859-1"),
		"ISO-8859-15":                  encode(charmap.ISO8859_15.NewEncoder(), "iso-8859-15"),
		"Windows-1252":                 encode(charmap.Windows1252.NewEncoder(), "windows-1252"),
	} {
		got, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

const head = `<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100">`

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                    {"", "no element"},
		"blank":                    {" \n ", "no element"},
		"text":                     {"hello", "no element"},
		"cut off":                  {head + "<a>", "unexpected EOF"},
		"wrong end":                {head + "<a></b>", "element <a> closed by </b>"},
		"two roots":                {head + "</rsm:CrossIndustryInvoice><x/>", "more than one root"},
		"unknown encoding":         {`<?xml version="1.0" encoding="UTF-8-W/O-BOM"?>` + head, `encoding "UTF-8-W/O-BOM" is not supported`},
		"UTF-32":                   {"\x00\x00\xFE\xFF\x00\x00\x00<", "UTF-32"},
		"not UTF-8":                {head + "<a>\xFF</a></rsm:CrossIndustryInvoice>", "invalid UTF-8"},
		"document type":            {`<!DOCTYPE x [<!ENTITY a "b">]>` + head, "document type declaration"},
		"document type inside":     {head + `<!DOCTYPE x>`, "document type declaration"},
		"entity":                   {head + "<a>&lol;</a>", "invalid character entity"},
		"too deep":                 {head + strings.Repeat("<a>", 70), "over the limit of 64 levels"},
		"too many attributes":      {head + "<a" + attributes(65) + "/>", "64 attributes"},
		"another vocabulary":       {`<Invoice xmlns="urn:un:unece:uncefact:data:standard:CBFBUY:5"><a>`, "not an invoice"},
		"a page":                   {`<html><body>`, "not an invoice"},
		"UBL without its own name": {`<Invoice><a/></Invoice>`, "not an invoice"},
	} {
		_, err := einvoice.Read(strings.NewReader(c.text), einvoice.Limits{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		if errors.Is(err, einvoice.ErrNotInvoice) != (c.want == "not an invoice") {
			t.Errorf("%s: %v: errors.Is ErrNotInvoice is wrong", name, err)
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="1"`, i)
	}
	return b.String()
}

func TestALimitIsAnErrorAndNotAShorterInvoice(t *testing.T) {
	raw := file(t, "full.cii.xml")
	for name, limits := range map[string]einvoice.Limits{
		"bytes":    {Bytes: int64(len(raw)) - 1},
		"elements": {Elements: 100},
		"lines":    {Lines: 1},
		"depth":    {Depth: 4},
	} {
		if _, err := einvoice.Read(bytes.NewReader(raw), limits); err == nil || !strings.Contains(err.Error(), "over the limit") {
			t.Errorf("%s: got %v, want an error about the limit", name, err)
		}
	}
	if _, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{Bytes: int64(len(raw))}); err != nil {
		t.Errorf("exactly at the limit: %v", err)
	}
}

func TestAMalformedValueIsMissingAndNoted(t *testing.T) {
	text := strings.NewReplacer("<ram:LineTotalAmount>157.00", "<ram:LineTotalAmount>1,57e2", "20260214", "20261399").Replace(string(file(t, "full.cii.xml")))
	got := read(t, []byte(text))
	if !got.Totals.Lines.IsZero() || got.DueDate != "20261399" || len(got.Problems) != 2 {
		t.Errorf("got lines %s, due date %s, problems %q", got.Totals.Lines, got.DueDate, got.Problems)
	}
}

func TestAnEmbeddedFileIsNotKept(t *testing.T) {
	text := strings.Replace(string(file(t, "full.cii.xml")), "YSxiCg==", strings.Repeat("QUFB", 1<<18), 1)
	raw, err := json.Marshal(read(t, []byte(text)))
	if err != nil || len(raw) > 20_000 {
		t.Errorf("%d bytes of JSON, %v; want the file left out", len(raw), err)
	}
}

func TestProfilesHaveTheirLevels(t *testing.T) {
	for profile, want := range map[string]einvoice.Level{
		"urn:factur-x.eu:1p0:minimum":                                                einvoice.LevelMinimum,
		"urn:zugferd.de:2p0:minimum":                                                 einvoice.LevelMinimum,
		"urn:factur-x.eu:1p0:basicwl":                                                einvoice.LevelBasicWL,
		"urn:cen.eu:en16931:2017#compliant#urn:factur-x.eu:1p0:basic":                einvoice.LevelBasic,
		"urn:cen.eu:en16931:2017:compliant:factur-x.eu:1p0:basic":                    einvoice.LevelBasic,
		"urn:cen.eu:en16931:2017":                                                    einvoice.LevelEN16931,
		"urn:cen.eu:en16931:2017:compliant:factur-x.eu:1p0:en16931":                  einvoice.LevelEN16931,
		"urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0": einvoice.LevelEN16931,
		"urn:cen.eu:en16931:2017#conformant#urn:factur-x.eu:1p0:extended":            einvoice.LevelExtended,
		"urn:cen.eu:en16931:2017#conformant#urn:zugferd.de:2p0:extended":             einvoice.LevelExtended,
		"urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0":      einvoice.LevelXRechnung,
		"urn:cen.eu:en16931:2017#compliant#urn:xoev-de:kosit:standard:xrechnung_1.2": einvoice.LevelXRechnung,
		"urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0#conformant#urn:xeinkauf.de:kosit:extension:xrechnung_3.0": einvoice.LevelXRechnung,
		"": einvoice.LevelEN16931,
	} {
		text := strings.Replace(string(file(t, "full.cii.xml")), "urn:cen.eu:en16931:2017", profile, 1)
		if got := read(t, []byte(text)).Level; got != want {
			t.Errorf("%s: got %s, want %s", profile, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, "full.cii.xml"))
	f.Add(file(f, "full.ubl.xml"))
	f.Add([]byte(head + "<a/></rsm:CrossIndustryInvoice>"))
	f.Add([]byte("\xFF\xFE<\x00a\x00>\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		inv, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{Bytes: 1 << 20, Elements: 10_000})
		if err != nil {
			return
		}
		findings := einvoice.Check(&inv, einvoice.Rules(), nil)
		einvoice.Summarize(&inv, findings)
		text, err := json.Marshal(inv)
		if err != nil {
			t.Fatal(err)
		}
		var again einvoice.Invoice
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatalf("its JSON cannot be read: %v", err)
		}
		if _, err := inv.NumericJSON(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	raw := file(b, "full.cii.xml")
	rules := einvoice.Rules()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		inv, err := einvoice.Read(bytes.NewReader(raw), einvoice.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if findings := einvoice.Check(&inv, rules, nil); len(findings) > 0 {
			b.Fatal(findings)
		}
	}
}
