package sqlstore_test

import (
	"testing"

	"github.com/docsaga/docsaga/projections"
)

// BenchmarkApply measures how many events a second go into SQLite, in batches
// as the log yields them when there is much to read.
func BenchmarkApply(b *testing.B) {
	s := tell(b, 20_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		s.feed(b, projections.New(openSQLite(b), pdfValidation(b)), func() int { return 500 })
	}
	b.ReportMetric(float64(s.events()*b.N)/b.Elapsed().Seconds(), "events/s")
}
