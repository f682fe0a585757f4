package scan_test

import (
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security/scan"
)

// FuzzScan holds that no bytes make the scan panic, take long, or decode more
// than it is allowed to.
func FuzzScan(f *testing.F) {
	for _, seed := range samples.Seeds(16 << 10) {
		f.Add(seed)
	}
	for _, object := range encodings("9 0 <</S/JavaScript/JS(x)>>") {
		f.Add(pdf(object))
	}
	limits := scan.Limits{Stream: 1 << 20, Document: 4 << 20, Objects: 10_000}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		got := scan.Scan(data, limits)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%d bytes took %v", len(data), took)
		}
		if got.Decoded > limits.Document+limits.Stream {
			t.Errorf("decoded %d bytes, the limit is %d", got.Decoded, limits.Document)
		}
		if again := scan.Scan(data, limits); len(again.Findings) != len(got.Findings) {
			t.Errorf("found %d, then %d", len(got.Findings), len(again.Findings))
		}
	})
}
