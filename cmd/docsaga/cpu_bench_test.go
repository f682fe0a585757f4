package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/location"
	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/records"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/validation"
)

// BenchmarkPipelineOverItsHandlers is what the pipeline costs in processor
// time, NATS, coordinator, projections and children included, over good
// e-invoices, as a multiple of what its five handlers cost if one is called
// after another in one process, with files in memory and no log at all. Each
// invoice comes four times, so that starting up does not count for much.
func BenchmarkPipelineOverItsHandlers(b *testing.B) {
	paths := slices.Repeat(goodInvoices(b), 4)
	callHandlers(b, paths[:1]) // so that the reader is compiled, and kept on disk
	runPipeline(b, paths[:1])
	var bare, whole time.Duration
	for b.Loop() {
		bare += costOf(func() { callHandlers(b, paths) })
		whole += costOf(func() { runPipeline(b, paths) })
	}
	documents := float64(b.N * len(paths))
	b.ReportMetric(float64(bare.Microseconds())/documents/1000, "handlers-cpu-ms/doc")
	b.ReportMetric(float64(whole.Microseconds())/documents/1000, "pipeline-cpu-ms/doc")
	b.ReportMetric(float64(whole)/float64(bare), "pipeline/handlers")
}

// costOf returns the processor time that f takes in this process and in those
// that it starts and waits for.
func costOf(f func()) time.Duration {
	runtime.GC()
	before := familyTime()
	f()
	return familyTime() - before
}

func familyTime() (total time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u) // cannot fail for these
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// goodInvoices returns the corpus's, or as many samples.
func goodInvoices(b *testing.B) (paths []string) {
	b.Helper()
	dir := filepath.Join(orElse(os.Getenv("DOCSAGA_CORPUS"), filepath.Join("..", "..", "..", "shared", "corpus")), "pdf")
	list, err := os.Open(filepath.Join(dir, "expected.jsonl"))
	if err != nil {
		b.Log("NOT OVER THE CORPUS, but over samples. Put it at ../shared/corpus or name it by DOCSAGA_CORPUS.")
		dir = b.TempDir()
		for i := range 48 {
			invoice := samples.Example()
			invoice.Number = strconv.Itoa(i)
			paths = append(paths, filepath.Join(dir, invoice.Number+".pdf"))
			if err := os.WriteFile(paths[i], samples.EInvoice(invoice), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		return paths
	}
	defer list.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ File, Category string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			b.Fatal(err)
		}
		if e.Category == "01-einvoice-valid" {
			path, err := filepath.Abs(filepath.Join(dir, e.File))
			if err != nil {
				b.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	return paths
}

// roots returns the directories of files.
func roots(paths []string) (dirs []string) {
	for _, path := range paths {
		dirs = append(dirs, filepath.Dir(path))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// runPipeline does what `docsaga run` does, but for the report.
func runPipeline(b *testing.B, paths []string) {
	b.Helper()
	a := &app{out: io.Discard, errOut: io.Discard}
	a.settings = settings{durability: "strict", shards: 4, replicas: 1, roots: roots(paths), maxBytes: 64 << 20, logger: slog.New(slog.DiscardHandler)}
	a.settings.data = b.TempDir()
	sys, err := a.embed(b.Context(), a.settings.data, "")
	if err != nil {
		b.Fatal(err)
	}
	defer sys.close()
	drawn, err := drawing("")
	if err != nil {
		b.Fatal(err)
	}
	d, err := sys.deploy(b.Context(), drawn)
	if err != nil {
		b.Fatal(err)
	}
	t := newTracker()
	err = sys.host(b.Context(), everything(), func(ctx context.Context) error {
		for _, path := range paths {
			s := submission{document: newDocumentID(), input: map[string]any{"location": path}}
			t.expect(s.document)
			if _, err := s.submit(ctx, sys.log, d); err != nil {
				return err
			}
		}
		return t.wait(ctx, func(int) {})
	}, t)
	if err != nil {
		b.Fatal(err)
	}
}

// callHandlers has each document go through the five handlers.
func callHandlers(b *testing.B, paths []string) {
	b.Helper()
	files := &memoryFiles{content: make(map[string][]byte)}
	store, err := records.Open(b.Context(), filepath.Join(b.TempDir(), "records.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // the benchmark is over
	conf := pdfiumtest.Config(b)
	conf.Size = runtime.GOMAXPROCS(0)
	pool, err := pdfium.New(conf)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var g errgroup.Group
	g.Go(func() error { return pool.Run(ctx) })
	steps := handlers(b, paths, files, store, pool)
	for i, path := range paths {
		document := events.DocumentID("d" + strconv.Itoa(i))
		outputs := map[string]any{"location": path}
		for _, s := range steps {
			input, err := json.Marshal(s.input(outputs))
			if err != nil {
				b.Fatal(err)
			}
			output, err := s.handler.Do(b.Context(), runner.Visit{Document: document, Step: events.StepID(s.name), Number: 1, Attempt: 1, Input: input})
			if err != nil {
				b.Fatalf("%s: %s: %v", path, s.name, err)
			}
			outputs[s.name] = output
		}
	}
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		b.Fatal(err)
	}
}

// A bareStep is a handler without what is around it.
type bareStep struct {
	name    string
	handler runner.Handler
	input   func(outputs map[string]any) any
}

func handlers(b *testing.B, paths []string, files *memoryFiles, store *records.Store, pool *pdfium.Pool) []bareStep {
	b.Helper()
	locate, err := location.New(location.Config{Roots: roots(paths)}, files)
	if err != nil {
		b.Fatal(err)
	}
	secure, err := security.New(security.Config{}, files, pool)
	if err != nil {
		b.Fatal(err)
	}
	parse, err := parsing.New(parsing.Config{}, files, pool)
	if err != nil {
		b.Fatal(err)
	}
	validate, err := validation.New(validation.Config{Ledger: store}, files)
	if err != nil {
		b.Fatal(err)
	}
	all := func(outputs map[string]any) any { return outputs }
	file := func(outputs map[string]any) any {
		return map[string]any{"file": outputs["location"].(location.Output).File}
	}
	return []bareStep{
		{"location", locate, all},
		{"security", secure, file},
		{"parsing", parse, file},
		{"validation", validate, all},
		{"records", records.New(store, files), all},
	}
}

// memoryFiles is a file store in memory.
type memoryFiles struct {
	mu      sync.Mutex
	content map[string][]byte
}

func (m *memoryFiles) Put(_ context.Context, _ events.DocumentID, _ events.StepID, mediaType string, r io.Reader) (events.File, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return events.File{}, err
	}
	sum := sha256.Sum256(content)
	f := events.File{Ref: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content)), MediaType: mediaType}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content[f.Ref] = content
	return f, nil
}

func (m *memoryFiles) Open(_ context.Context, _ events.DocumentID, f events.File) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return io.NopCloser(bytes.NewReader(m.content[f.Ref])), nil
}

func (m *memoryFiles) Last(context.Context, events.DocumentID, events.StepID) (events.File, error) {
	return events.File{}, events.ErrNotFound
}

func (m *memoryFiles) Release(context.Context, events.DocumentID, events.StepID) error { return nil }
