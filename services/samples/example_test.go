package samples_test

import (
	"fmt"

	"github.com/docsaga/docsaga/services/samples"
)

func ExampleBuiltin() {
	for _, s := range samples.Builtin() {
		fmt.Println(s.Name, s.Want)
	}
	// Output:
	// invoice.pdf completed
	// delivery-note.pdf completed
	// invoice-wrong-totals.pdf rejected by validation: invoice-rules
	// javascript.pdf rejected by security: active-content
	// password.pdf rejected by security: encrypted
	// not-a-pdf.pdf rejected by location: not-a-pdf
}

// An invoice is a value: change what is to be wrong, and leave the rest.
func ExampleInvoice() {
	i := samples.Example()
	i.Lines[0].Quantity = "3"
	i = i.Totalled()
	i.Totals.Due = "1.00" // breaks BR-CO-16
	fmt.Println(i.Totals.Net, i.Totals.Tax, i.Totals.Gross, i.Totals.Due)
	fmt.Println(len(samples.EInvoice(i)) > len(i.CII())/4)
	// Output:
	// 500.00 95.00 595.00 1.00
	// true
}
