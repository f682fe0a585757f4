package console_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/console"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga/catalog"
)

// BenchmarkPages measures pages and answers with 100,000 documents in the
// projections: the p99 of a request, in milliseconds.
func BenchmarkPages(b *testing.B) {
	handler := full(b, 100_000)
	for _, path := range []string{
		"/", "/?state=rejected", "/?text=000777", "/?text=nothing-is-like-this", "/documents/doc-050000",
		"/v1/documents", "/v1/documents?state=completed&reason=", "/v1/documents?reason=invoice-rules&step=validation", "/v1/documents/doc-050000", "/v1/counts", "/v1/incidents",
	} {
		b.Run("path="+path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "http://127.0.0.1"+path, nil)
				r.RemoteAddr = "127.0.0.1:1"
				w := httptest.NewRecorder()
				began := time.Now()
				handler.ServeHTTP(w, r)
				took = append(took, time.Since(began))
				if w.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", path, w.Code, w.Body)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// full returns a server of so many documents.
func full(b *testing.B, documents int) http.Handler {
	b.Helper()
	log := memlog.New(memlog.Config{})
	status, err := sqlstore.Open(b.Context(), filepath.Join(b.TempDir(), "status.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = status.Close() })
	drawn, err := os.ReadFile("../cmd/docsaga/definitions/pdf-validation.bpmn")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := catalog.Deploy(b.Context(), log, drawn); err != nil {
		b.Fatal(err)
	}
	definitions := catalog.New(log)
	p := projections.New(status, definitions)
	seqs, batches := make([]uint64, log.Shards()), make([][]events.Delivery, log.Shards())
	write := func(e events.Event) {
		shard := events.Shard(e.Slot.Document, log.Shards())
		seqs[shard]++
		e.Source, e.Position, e.At = "/test", events.Position{Shard: shard, Seq: seqs[shard]}, time.Unix(int64(1_700_000_000+seqs[shard]), 0).UTC()
		batches[shard] = append(batches[shard], events.Delivery{Event: e})
		if len(batches[shard]) == 5000 {
			if err := p.Apply(b.Context(), shard, batches[shard]); err != nil {
				b.Fatal(err)
			}
			batches[shard] = nil
		}
		if e.Slot.Document == "doc-050000" {
			if _, err := log.Write(b.Context(), e); err != nil {
				b.Fatal(err)
			}
		}
	}
	for i := range documents {
		id := events.DocumentID(fmt.Sprintf("doc-%06d", i))
		write(events.Event{Slot: events.DocumentSlot("pdf-validation", 1, id, events.Submitted), Data: fmt.Appendf(nil, `{"output":{"location":"https://example.com/","name":"Invoice %d.pdf"}}`, i)})
		for n, step := range []events.StepID{"location", "security", "parsing", "validation", "records"} {
			e := events.Event{Slot: events.Slot{Definition: "pdf-validation", Version: 1, Document: id, Step: step, Visit: 1, Kind: events.Outcome, Again: 1}, Result: events.Completed}
			if n == 3 && i%10 == 0 {
				e.Result, e.Data = events.Rejected, []byte(`{"error":{"code":"invoice-rules"}}`)
				write(e)
				break
			}
			write(e)
		}
		e := events.Event{Slot: events.DocumentSlot("pdf-validation", 1, id, events.Ended), Result: events.Completed}
		if i%10 == 0 {
			e.Result = events.Rejected
		}
		if i%100 != 1 {
			write(e)
		}
	}
	for shard, batch := range batches {
		if err := p.Apply(b.Context(), shard, batch); err != nil {
			b.Fatal(err)
		}
	}
	system := api.System{
		Log: log, Files: log.Files(), Definitions: definitions, Target: log, Status: status, Positions: p,
	}
	conf := api.Config{Rate: 1e9, Logger: slog.New(slog.DiscardHandler)}
	c, err := console.New(api.New(system, api.NewHub(log.Last), conf), console.Config{})
	if err != nil {
		b.Fatal(err)
	}
	return c.Handler()
}
