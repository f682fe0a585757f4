package samples

import (
	"bytes"
	"fmt"
	"strings"
)

// invoices are hybrid invoices whose XML is broken, hostile or wrong.
func invoices() []Kind {
	embeds := func(name string, content func([]byte) []byte, want Want, also ...Want) Kind {
		return kind(name, func() []byte {
			i := Example()
			return EInvoiceDocument(i, File{Name: "factur-x.xml", MediaType: "text/xml", Relationship: "Alternative", Content: content(i.CII())}).PDF()
		}, want, also...)
	}
	says := func(name string, change func(*Invoice), want Want, also ...Want) Kind {
		return kind(name, func() []byte {
			i := Example()
			change(&i)
			return EInvoice(i)
		}, want, also...)
	}
	always := func(content string) func([]byte) []byte { return func([]byte) []byte { return []byte(content) } }
	swap := func(old, with string) func([]byte) []byte {
		return func(xml []byte) []byte { return bytes.Replace(xml, []byte(old), []byte(with), 1) }
	}
	declared := `encoding="UTF-8"?>`
	return []Kind{
		says("invoice-amount-1e400", func(i *Invoice) { i.Totals.Gross = "1e400" }, badRules(), badXML()),
		says("invoice-amount-digits", func(i *Invoice) { i.Totals.Gross = strings.Repeat("9", 100_000) }, badRules(), badXML()),
		says("invoice-amount-nan", func(i *Invoice) { i.Totals.Gross = "NaN" }, badRules(), badXML()),
		says("invoice-amount-text", func(i *Invoice) { i.Totals.Gross = "a lot" }, badRules(), badXML()),
		says("invoice-date-impossible", func(i *Invoice) { i.Issued = "20260231" }, badRules(), badXML(), ends()),
		kind("invoice-lines-20k", func() []byte { return EInvoice(ManyLines(20_000)) }, ends(), badXML(), slow()),
		says("invoice-no-lines", func(i *Invoice) { i.Lines = nil }, badRules()),
		says("invoice-no-number", func(i *Invoice) { i.Number = "" }, badRules()),
		kind("invoice-twice", func() []byte {
			i := Example()
			d := EInvoiceDocument(i, File{Name: "factur-x.xml", MediaType: "text/xml", Content: i.CII()})
			i.Number = "another"
			d.Files = append(d.Files, File{Name: "factur-x.xml", MediaType: "text/xml", Content: i.CII()})
			return d.PDF()
		}, ends(), badXML(), badRules()),
		says("invoice-wrong-tax", func(i *Invoice) { i.Taxes[0].Amount = "7.60" }, badRules()),
		says("invoice-wrong-total", func(i *Invoice) { i.Totals.Gross = "476.01" }, badRules()),
		embeds("xml-bytes-not-utf8", swap("Hafen", "H\xe4fen"), badXML()),
		embeds("xml-cut", func(xml []byte) []byte { return xml[:len(xml)/2] }, badXML()),
		embeds("xml-deep", always(strings.Repeat("<a>", 200_000)+strings.Repeat("</a>", 200_000)), badXML(), ends()),
		embeds("xml-empty", always(""), badXML(), ends()),
		embeds("xml-encoding-missing", swap(declared, `encoding=""?>`), badXML(), ends()),
		embeds("xml-encoding-unknown", swap(declared, `encoding="x-nobody"?>`), badXML()),
		embeds("xml-encoding-wrong", swap(declared, `encoding="UTF-16"?>`), badXML(), ends()),
		embeds("xml-entity-bomb", func(xml []byte) []byte { return withDTD(xml, laughs()) }, badXML()),
		embeds("xml-entity-file", func(xml []byte) []byte { return withDTD(xml, `<!ENTITY x SYSTEM "file:///etc/passwd">`) }, badXML()),
		embeds("xml-entity-web", func(xml []byte) []byte { return withDTD(xml, `<!ENTITY % p SYSTEM "http://127.0.0.1/x.dtd"> %p;`) }, badXML()),
		embeds("xml-latin-1", latin1XML, ends(), badXML()),
		embeds("xml-long-text", swap("Thank you", strings.Repeat("Thank you ", 1_000_000)), ends(), badXML(), badRules()),
		embeds("xml-many-attributes", swap("<ram:ID>", "<ram:ID "+attributes(100_000)+">"), ends(), badXML(), badRules()),
		embeds("xml-not-xml", always("\x00\x01\x02 not XML"), badXML(), ends()),
		embeds("xml-other-root", always("<?xml version=\"1.0\"?><order><id>1</id></order>"), badXML(), ends()),
		embeds("xml-ubl", func([]byte) []byte { return Example().UBL() }, ends(), badXML()),
		embeds("xml-utf-16", utf16XML, ends(), badXML()),
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `a%d="" `, i)
	}
	return b.String()
}

// withDTD gives an XML document a document type, and uses its entity x as a
// note.
func withDTD(xml []byte, declarations string) []byte {
	s := strings.Replace(string(xml), "?>\n", "?>\n<!DOCTYPE rsm:CrossIndustryInvoice [ "+declarations+" ]>\n", 1)
	return []byte(strings.Replace(s, "Thank you", "&x; Thank you", 1))
}

// laughs declares an entity x of 10^9 times "ha".
func laughs() string {
	var b strings.Builder
	b.WriteString(`<!ENTITY l0 "ha">`)
	for i := range 9 {
		fmt.Fprintf(&b, `<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	return b.String() + `<!ENTITY x "&l9;">`
}

func utf16XML(xml []byte) []byte {
	return append([]byte{0xfe, 0xff}, utf16BE(strings.Replace(string(xml), "UTF-8", "UTF-16", 1))...)
}

func latin1XML(xml []byte) []byte {
	var b []byte
	for _, r := range strings.Replace(string(xml), "UTF-8", "ISO-8859-1", 1) {
		b = append(b, byte(min(r, 0xff)))
	}
	return b
}
