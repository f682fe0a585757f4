package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
)

// strictServer returns an API on a log of its own, each write of which is on
// disk before it is acknowledged.
func strictServer(b *testing.B, seal bool) http.Handler {
	b.Helper()
	quiet := slog.New(slog.DiscardHandler)
	broker, err := embedded.Start(embedded.Config{Dir: b.TempDir(), Durability: natslog.Strict, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(broker.Stop)
	nc, err := broker.Connect()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	if err := natslog.Provision(b.Context(), nc, natslog.Config{Durability: natslog.Strict}); err != nil {
		b.Fatal(err)
	}
	log, err := natslog.Open(b.Context(), nc, natslog.Options{Logger: quiet, Seal: seal})
	if err != nil {
		b.Fatal(err)
	}
	drawn, err := os.ReadFile("../cmd/docsaga/definitions/pdf-validation.bpmn")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := catalog.Deploy(b.Context(), log, drawn); err != nil {
		b.Fatal(err)
	}
	system := api.System{Log: log, Files: log.Files(), Definitions: catalog.New(log), Target: log}
	return api.New(system, api.NewHub(log.Last), api.Config{Rate: 1e9, Logger: quiet}).Handler()
}

// BenchmarkSubmission measures how long a submission of a 100 KiB file takes,
// in milliseconds, and beside it how long the disk takes for one write of 4 KiB:
// a submission waits for two, of a sealed document for three.
func BenchmarkSubmission(b *testing.B) {
	for _, seal := range []bool{false, true} {
		b.Run(fmt.Sprintf("seal=%v", seal), func(b *testing.B) {
			handler := strictServer(b, seal)
			content := make([]byte, 100<<10)
			source := rand.NewChaCha8([32]byte{1})
			var took, disk []time.Duration
			file, err := os.Create(filepath.Join(b.TempDir(), "probe"))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close() //nolint:errcheck // only a probe
			for b.Loop() {
				_, _ = source.Read(content) // never fails
				body, contentType := upload(b, string(content))
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "http://127.0.0.1/v1/documents", bytes.NewReader(body.Bytes()))
				r.RemoteAddr = "127.0.0.1:1"
				r.Header.Set("Content-Type", contentType)
				w := httptest.NewRecorder()
				began := time.Now()
				handler.ServeHTTP(w, r)
				took = append(took, time.Since(began))
				if w.Code != http.StatusAccepted {
					b.Fatalf("%d %s", w.Code, w.Body)
				}
				began = time.Now()
				if _, err := file.WriteAt(content[:4096], 0); err != nil || file.Sync() != nil {
					b.Fatal("the disk", err)
				}
				disk = append(disk, time.Since(began))
			}
			for name, list := range map[string][]time.Duration{"": took, "disk-": disk} {
				slices.Sort(list)
				for _, p := range []int{50, 99} {
					b.ReportMetric(float64(list[len(list)*p/100].Microseconds())/1000, fmt.Sprintf("%sp%d-ms", name, p))
				}
			}
		})
	}
}
