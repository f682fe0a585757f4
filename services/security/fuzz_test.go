package security

import (
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
)

// FuzzCheck feeds what stands in a signature, which may be anything.
func FuzzCheck(f *testing.F) {
	f.Add([]byte("%PDF-1.7 <30> rest"), []byte{0x30}, "adbe.pkcs7.detached", 0, 9, 13, 5)
	f.Add([]byte("0123456789"), []byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), "ETSI.CAdES.detached", 0, 3, 5, 5)
	f.Add([]byte(""), []byte(nil), "", -1, 1<<40, 1<<62, -5)
	f.Fuzz(func(t *testing.T, data, contents []byte, filter string, a, b, c, d int) {
		got := check(data, pdfium.Signature{SubFilter: filter, Contents: contents, ByteRange: []int{a, b, c, d}})
		if got.State == "" || got.State == Intact && len(data) == 0 {
			t.Errorf("a signature over %d bytes of %d is %+v", len(contents), len(data), got)
		}
	})
}
