package api_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admission"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga/catalog"
)

// strictServer returns an API on a log of its own, each write of which is on
// disk before it is acknowledged.
func strictServer(b *testing.B, seal bool) http.Handler {
	b.Helper()
	system := strictSystem(b, seal)
	return api.New(system, api.NewHub(system.Log.(*natslog.Log).Last), api.Config{Rate: 1e9, Logger: slog.New(slog.DiscardHandler)}).Handler()
}

func strictSystem(b *testing.B, seal bool) api.System {
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
	return api.System{Log: log, Files: log.Files(), Definitions: catalog.New(log), Target: log}
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

// beside writes events of other documents, 8 at once, until the returned
// function is called.
func beside(b *testing.B, log *natslog.Log) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var writing sync.WaitGroup
	for w := range 8 {
		writing.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := events.DocumentID(fmt.Sprintf("other-%d-%d", w, i))
				e := events.Event{Slot: events.DocumentSlot("other", 1, id, events.Submitted), Source: "/other", Worker: "w", Data: []byte(`{}`)}
				if _, err := log.Write(ctx, e); err != nil && ctx.Err() == nil {
					b.Error(err)
				}
			}
		})
	}
	return func() {
		cancel()
		writing.Wait()
	}
}

// BenchmarkSubmissionBesideOthers is BenchmarkSubmission, a hundred a second,
// while eight others write into the log all the time; with what a submission
// waits for if somebody has chosen its id and nobody else asks what waits, and
// without.
func BenchmarkSubmissionBesideOthers(b *testing.B) {
	for _, made := range []bool{false, true} {
		b.Run(fmt.Sprintf("made=%v", made), func(b *testing.B) {
			system := strictSystem(b, false)
			log := system.Log.(*natslog.Log)
			gate := admission.New(log, admission.Config{Most: 1 << 40})
			system.Gate = gate
			handler := api.New(system, api.NewHub(log.Last), api.Config{Rate: 1e9, Logger: slog.New(slog.DiscardHandler)}).Handler()
			ctx, cancel := context.WithCancel(b.Context())
			var running sync.WaitGroup
			if made {
				running.Go(func() { _ = gate.Run(ctx) }) // nil in any case
			}
			stop := beside(b, log)
			content, n := make([]byte, 100<<10), 0
			tick := time.NewTicker(10 * time.Millisecond)
			var took []time.Duration
			for b.Loop() {
				<-tick.C
				n++
				fields := []string{"name", strconv.Itoa(n)}
				if !made {
					fields = append(fields, "document", "d-"+strconv.Itoa(n))
				}
				body, contentType := upload(b, string(content), fields...)
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
			}
			tick.Stop()
			stop()
			cancel()
			running.Wait()
			slices.Sort(took)
			for _, p := range []int{50, 95, 99} {
				b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
			}
		})
	}
}
