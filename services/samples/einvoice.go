package samples

import (
	"fmt"
	"strings"
)

// EInvoice returns the invoice as a hybrid PDF: one page to be read by people,
// and its CII embedded as factur-x.xml.
func EInvoice(i Invoice) []byte {
	return EInvoiceDocument(i, File{
		Name: "factur-x.xml", MediaType: "text/xml", Relationship: "Alternative", Content: i.CII(),
	}).PDF()
}

// EInvoiceDocument returns the page of the invoice with any file in place of
// the one that [EInvoice] embeds.
func EInvoiceDocument(i Invoice, xml File) Document {
	d := Document{Title: "Invoice " + i.Number, Pages: i.pages(), Files: []File{xml}}
	d.objects = []object{stream("/Type /Metadata /Subtype /XML", []byte(i.xmp(xml.Name)))}
	d.Catalog = fmt.Sprintf("/Metadata %d 0 R ", firstExtra)
	return d
}

// linesPerPage leaves room for the header and the totals.
const linesPerPage = 35

// pages is the visible text of the invoice.
func (i Invoice) pages() []string {
	head := fmt.Sprintf("%s\n%s, %s %s\nVAT %s\n\n\n%s\n%s\n%s %s\n\n\nInvoice %s          %s\n\n%s\n\n",
		i.Seller.Name, i.Seller.Street, i.Seller.Postcode, i.Seller.City, i.Seller.VAT,
		i.Buyer.Name, i.Buyer.Street, i.Buyer.Postcode, i.Buyer.City, i.Number, isoDate(i.Issued), i.Note)
	var pages []string
	var b strings.Builder
	b.WriteString(head)
	for n, l := range i.Lines {
		if n > 0 && n%linesPerPage == 0 {
			pages = append(pages, b.String())
			b.Reset()
		}
		fmt.Fprintf(&b, "%s   %s   %s x %s   %s\n", l.ID, l.Name, l.Quantity, l.Price, l.Total)
	}
	fmt.Fprintf(&b, "\nNet   %s %s\n", i.Totals.Net, i.Currency)
	for _, t := range i.Taxes {
		fmt.Fprintf(&b, "VAT %s %%   %s %s\n", t.Rate, t.Amount, i.Currency)
	}
	fmt.Fprintf(&b, "Total   %s %s\nTo pay   %s %s\n\n%s\nIBAN %s\n",
		i.Totals.Gross, i.Currency, i.Totals.Due, i.Currency, i.Payment.Terms, i.Payment.IBAN)
	return append(pages, b.String())
}

// xmp is the metadata by which Factur-X names the embedded file.
func (i Invoice) xmp(fileName string) string {
	return `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<fx:DocumentType>INVOICE</fx:DocumentType><fx:DocumentFileName>` + escapeXML(fileName) + `</fx:DocumentFileName>
<fx:Version>1.0</fx:Version><fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`
}
