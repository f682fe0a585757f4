// Package services_test holds the services to what they have in common, on a
// real file store.
package services_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/services/location"
	"github.com/docsaga/docsaga/services/parsing"
	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/validation"
)

func TestMain(m *testing.M) { pdfiumtest.Main(m) }

// A rig is a server with a log.
type rig struct {
	*testing.T
	server *embedded.Server
	dir    string // that location may read from
	pool   *pdfium.Pool
}

func newRig(t *testing.T) *rig {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	r := &rig{T: t, server: server, dir: t.TempDir(), pool: pdfiumtest.Pool(t, pdfium.Config{})}
	nc, _ := r.files()
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	return r
}

// files returns the file store over a connection of its own.
func (r *rig) files() (*nats.Conn, *natslog.Files) {
	r.Helper()
	nc, err := r.server.Connect()
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(nc.Close)
	log, err := natslog.Open(r.Context(), nc, natslog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil && !errors.Is(err, natslog.ErrNotProvisioned) {
		r.Fatal(err)
	}
	if log == nil {
		return nc, nil
	}
	return nc, log.Files()
}

// left returns how many messages of a step's files there are, complete or not.
func (r *rig) left(step string) (n uint64) {
	r.Helper()
	nc, _ := r.files()
	js, err := jetstream.New(nc)
	if err != nil {
		r.Fatal(err)
	}
	stream, err := js.Stream(r.Context(), "DOCSAGA_FILES")
	if err != nil {
		r.Fatal(err)
	}
	info, err := stream.Info(r.Context(), jetstream.WithSubjectFilter("docsaga-files.d."+step+".>"))
	if err != nil {
		r.Fatal(err)
	}
	for _, count := range info.State.Subjects {
		n += count
	}
	return n
}

// A store is what the services need of the file store.
type store interface {
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	Open(ctx context.Context, document events.DocumentID, f events.File) (io.ReadCloser, error)
	Last(ctx context.Context, document events.DocumentID, step events.StepID) (events.File, error)
	Release(ctx context.Context, document events.DocumentID, step events.StepID) error
}

// A dying store loses its connection, as a process does that is killed: in its
// given Put, when so many bytes of it are read.
type dying struct {
	store
	nc    *nats.Conn
	put   int
	after int
}

func (d *dying) Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	d.put--
	if d.put == 0 {
		ctx2, cancel := context.WithCancel(ctx)
		defer cancel()
		return d.store.Put(ctx2, document, step, mediaType, &deadly{r: r, left: d.after, kill: func() { cancel(); d.nc.Close() }})
	}
	return d.store.Put(ctx, document, step, mediaType, r)
}

type deadly struct {
	r    io.Reader
	left int
	kill func()
}

func (d *deadly) Read(p []byte) (int, error) {
	if d.left <= 0 {
		d.kill()
	}
	n, err := d.r.Read(p[:min(len(p), 64<<10)])
	d.left -= n
	return n, err
}

// A service under test.
type service struct {
	name  string
	make  func(files store) (runner.Handler, error)
	input any
	puts  int // how many files its Do puts
}

func (r *rig) visit(s service) runner.Visit {
	r.Helper()
	input, err := json.Marshal(s.input)
	if err != nil {
		r.Fatal(err)
	}
	return runner.Visit{Document: "d", Definition: "pdf-validation", Version: 1, Step: events.StepID(s.name), Number: 1, Attempt: 1, Input: input}
}

// invoiceXML returns an invoice that does not fit into an event.
func invoiceXML(t *testing.T) []byte {
	t.Helper()
	report, err := pdfiumtest.Pool(t, pdfium.Config{}).Inspect(t.Context(), samples.EInvoice(samples.ManyLines(3000)), pdfium.Want{Attachments: true})
	if err != nil || len(report.Attachments) != 1 {
		t.Fatalf("%d attachments, %v", len(report.Attachments), err)
	}
	return report.Attachments[0].Content
}

// services returns those that put files, with a document that makes each put
// some that take several messages.
func (r *rig) services() []service {
	r.Helper()
	_, files := r.files()
	long := strings.Repeat("This is one of many lines of a long text.\n", 20_000)
	content := samples.Document{Title: "t", Pages: []string{"some text on a page"}, Files: []samples.File{{Name: "a.txt", Content: []byte(long)}, {Name: "b.bin", Content: []byte(long[7:])}}}.PDF()
	content = append(content, strings.Repeat("% a comment\n", 60_000)...)
	if err := os.WriteFile(filepath.Join(r.dir, "a.pdf"), content, 0o600); err != nil {
		r.Fatal(err)
	}
	put := func(mediaType, content string) events.File {
		f, err := files.Put(r.Context(), "d", events.StepDocument, mediaType, strings.NewReader(content))
		if err != nil {
			r.Fatal(err)
		}
		return f
	}
	pdf := put("application/pdf", string(content))
	xml := put("application/xml", string(invoiceXML(r.T)))
	return []service{
		{"location", func(f store) (runner.Handler, error) { return location.New(location.Config{Roots: []string{r.dir}}, f) }, map[string]any{"location": "a.pdf"}, 1},
		{"parsing", func(f store) (runner.Handler, error) { return parsing.New(parsing.Config{}, f, r.pool) }, map[string]any{"file": pdf}, 4},
		{
			"validation", func(f store) (runner.Handler, error) { return validation.New(validation.Config{}, f) },
			map[string]any{"parsing": map[string]any{"attachments": []any{map[string]any{"name": "factur-x.xml", "mediaType": "application/xml", "file": xml}}}},
			1,
		},
	}
}

func TestUndoLeavesNothingTwiceInARowAndBeforeItsDo(t *testing.T) {
	r := newRig(t)
	for _, s := range r.services() {
		t.Run(s.name, func(t *testing.T) {
			_, files := r.files()
			h, err := s.make(files)
			if err != nil {
				t.Fatal(err)
			}
			v := r.visit(s)
			if err := h.Undo(t.Context(), v); err != nil || r.left(s.name) != 0 {
				t.Fatalf("before its Do: %v, %d messages are left", err, r.left(s.name))
			}
			for range 2 {
				if _, err := h.Do(t.Context(), v); err != nil {
					t.Fatal(err)
				}
			}
			if r.left(s.name) < uint64(s.puts)+1 {
				t.Fatalf("Do left %d messages, the test wants more", r.left(s.name))
			}
			for i := range 2 {
				if err := h.Undo(t.Context(), v); err != nil || r.left(s.name) != 0 {
					t.Errorf("undo %d: %v, %d messages are left", i+1, err, r.left(s.name))
				}
			}
			if _, err := h.Do(t.Context(), v); err != nil {
				t.Errorf("Do after its undo, as of a new visit: %v", err)
			}
		})
	}
	if r.left("document") == 0 {
		t.Error("the undo of a step took away the files of another")
	}
}

func TestARetryThatSeesOtherBytesThanTheFirstAttemptIsRejected(t *testing.T) {
	r := newRig(t)
	located := r.services()[0]
	_, files := r.files()
	h, err := located.make(files)
	if err != nil {
		t.Fatal(err)
	}
	v := r.visit(located)
	if _, err := h.Do(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "a.pdf"), samples.Document{Title: "another"}.PDF(), 0o600); err != nil {
		t.Fatal(err)
	}
	v.Attempt = 2
	_, err = h.Do(t.Context(), v)
	if rejected, ok := runner.AsRejection(err); !ok || rejected.Code != location.ReasonContentChanged {
		t.Errorf("got %v, want %s", err, location.ReasonContentChanged)
	}
}

func TestUndoLeavesNothingAfterACrashInTheMiddleOfDo(t *testing.T) {
	r := newRig(t)
	for _, s := range r.services() {
		for put := range s.puts {
			for _, after := range []int{0, 300 << 10} {
				nc, files := r.files()
				h, err := s.make(&dying{store: files, nc: nc, put: put + 1, after: after})
				if err != nil {
					t.Fatal(err)
				}
				v := r.visit(s)
				_, err = h.Do(t.Context(), v)
				if _, rejected := runner.AsRejection(err); rejected {
					t.Errorf("%s, killed in put %d: %v, want an error that is tried again", s.name, put+1, err)
				}
				crashed := r.left(s.name)
				if after > 0 && put == 0 && s.name == "location" && crashed == 0 {
					t.Errorf("%s: the crash left nothing, so this test shows nothing", s.name)
				}
				_, files = r.files()
				if h, err = s.make(files); err != nil {
					t.Fatal(err)
				}
				if err := h.Undo(t.Context(), v); err != nil || r.left(s.name) != 0 {
					t.Errorf("%s, killed in put %d after %d bytes: undo: %v, %d of %d messages are left", s.name, put+1, after, err, r.left(s.name), crashed)
				}
			}
		}
	}
}
