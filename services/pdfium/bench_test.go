package pdfium_test

import (
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
)

func BenchmarkInspect(b *testing.B) {
	pool := pdfiumtest.Pool(b, pdfium.Config{})
	page := onePage("BT /F 12 Tf 20 50 Td (Rechnung 4711) Tj ET")
	for _, c := range []struct {
		name string
		want pdfium.Want
	}{
		{"want=nothing", pdfium.Want{}},
		{"want=security", pdfium.Want{Scripts: true, Signatures: true, Attachments: true, Decrypted: true}},
		{"want=parsing", pdfium.Want{Text: true, Attachments: true, Forms: true, Outline: true, Pictures: []int{0}, Side: 1000}},
		{"want=layout", pdfium.Want{Runs: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pool.Inspect(b.Context(), page, c.want); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
