package location

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// pdf is enough of a PDF for this service.
const pdf = "%PDF-1.7\nthe rest does not matter here\n%%EOF\n"

// A memory is a file store.
type memory struct {
	mu    sync.Mutex
	files map[string]string // content by document/step/ref
	puts  int
}

func newMemory() *memory { return &memory{files: map[string]string{}} }

func (m *memory) Put(_ context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	content, err := inChunks(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	if err != nil {
		return events.File{}, fmt.Errorf("memory: put: %w", err)
	}
	f := events.File{Ref: "sha256:" + sum(string(content)), Size: int64(len(content)), MediaType: mediaType}
	m.files[fmt.Sprintf("%s/%s/%s", document, step, f.Ref)] = string(content)
	return f, nil
}

// inChunks reads as a store does that keeps chunks.
func inChunks(r io.Reader) (content []byte, err error) {
	chunk := make([]byte, 4096)
	for {
		n, err := io.ReadFull(r, chunk)
		content = append(content, chunk[:n]...)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return content, nil
		}
		if err != nil {
			return content, err
		}
	}
}

func (m *memory) Open(_ context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, content := range m.files {
		if strings.HasPrefix(key, string(document)+"/") && strings.HasSuffix(key, "/"+file.Ref) {
			return io.NopCloser(strings.NewReader(content)), nil
		}
	}
	return nil, fmt.Errorf("memory: open: %w", events.ErrNotFound)
}

func (m *memory) Last(_ context.Context, document events.DocumentID, step events.StepID) (events.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := fmt.Sprintf("%s/%s/", document, step)
	for key, content := range m.files {
		if ref, ok := strings.CutPrefix(key, prefix); ok {
			return events.File{Ref: ref, Size: int64(len(content))}, nil
		}
	}
	return events.File{}, fmt.Errorf("memory: last: %w", events.ErrNotFound)
}

func (m *memory) Release(_ context.Context, document events.DocumentID, step events.StepID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.files {
		if strings.HasPrefix(key, fmt.Sprintf("%s/%s/", document, step)) {
			delete(m.files, key)
		}
	}
	return nil
}

func sum(content string) string {
	s := sha256.Sum256([]byte(content))
	return hex.EncodeToString(s[:])
}

func visit(t *testing.T, in Input) runner.Visit {
	t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return runner.Visit{Document: "d1", Definition: "pdf-validation", Version: 1, Step: "location", Number: 1, Attempt: 1, Input: raw}
}

// do runs the step with a fresh store and returns what came of it.
func do(t *testing.T, conf Config, in Input) (Output, *memory, error) {
	t.Helper()
	files := newMemory()
	h, err := New(conf, files)
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Do(t.Context(), visit(t, in))
	if err != nil {
		return Output{}, files, err
	}
	return out.(Output), files, nil
}

// wantStored checks that content came through.
func wantStored(t *testing.T, conf Config, in Input, content string) Output {
	t.Helper()
	out, files, err := do(t, conf, in)
	if err != nil {
		t.Fatalf("%s: %v", in.Location, err)
	}
	want := events.File{Ref: "sha256:" + sum(content), Size: int64(len(content)), MediaType: MediaTypePDF}
	if out.File != want || out.MediaType != MediaTypePDF {
		t.Errorf("output %+v, want file %+v", out, want)
	}
	if got := files.files["d1/location/"+want.Ref]; got != content {
		t.Errorf("stored %d bytes, want %d", len(got), len(content))
	}
	return out
}

// wantRejected checks that the step says no, for the reason, and stores
// nothing. It returns the message.
func wantRejected(t *testing.T, conf Config, in Input, reason string) string {
	t.Helper()
	_, files, err := do(t, conf, in)
	r, ok := runner.AsRejection(err)
	if !ok || r.Code != reason {
		t.Fatalf("%.100s: %v, want %s", in.Location, err, reason)
	}
	if len(files.files) > 0 {
		t.Errorf("%.100s was rejected, but is in the file store", in.Location)
	}
	return r.Message
}

// wantRetry checks that the step fails in a way that is tried again, because
// of cause, and stores nothing. It returns the message.
func wantRetry(t *testing.T, conf Config, in Input, cause error) string {
	t.Helper()
	_, files, err := do(t, conf, in)
	if r, ok := runner.AsRejection(err); ok || !errors.Is(err, ErrUnreachable) || !errors.Is(err, cause) {
		t.Fatalf("%.100s: %v (rejection %v), want ErrUnreachable by %v", in.Location, err, r, cause)
	}
	if len(files.files) > 0 {
		t.Errorf("%s failed, but is in the file store", in.Location)
	}
	return err.Error()
}

// root makes a directory with one file a.pdf.
func root(t *testing.T) (dir string, conf Config) {
	t.Helper()
	dir = t.TempDir()
	write(t, filepath.Join(dir, "a.pdf"), pdf)
	return dir, Config{Roots: []string{dir}}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestContentIsJudgedBeforeItIsStored(t *testing.T) {
	dir, conf := root(t)
	conf.MaxBytes = 5000
	at := func(n int) string { return strings.Repeat("x", n) + "%PDF-1.4" }
	for name, c := range map[string]struct{ content, reason string }{
		"empty":                 {"", ReasonNotAPDF},
		"one byte":              {"%", ReasonNotAPDF},
		"text":                  {"hello", ReasonNotAPDF},
		"marker without dash":   {"%PDF\n1 0 obj", ReasonNotAPDF},
		"only the marker":       {"%PDF-", ""},
		"marker at 1023":        {at(1023), ""},
		"marker at 1024":        {at(1024), ReasonNotAPDF},
		"HTML":                  {"\n<!DOCTYPE html><html>%PDX-", ReasonNotAPDF},
		"just within the limit": {"%PDF-" + strings.Repeat("y", 4995), ""},
		"one byte too many":     {"%PDF-" + strings.Repeat("y", 4996), ReasonTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(dir, "x.pdf"), c.content)
			in := Input{Location: filepath.Join(dir, "x.pdf")}
			if c.reason != "" {
				wantRejected(t, conf, in, c.reason)
			} else {
				wantStored(t, conf, in, c.content)
			}
		})
	}
}

func TestContentThatIsNoPDFNeverReachesTheStore(t *testing.T) {
	dir, conf := root(t)
	write(t, filepath.Join(dir, "x.pdf"), strings.Repeat("no", 10_000))
	_, files, err := do(t, conf, Input{Location: "x.pdf"})
	if files.puts != 0 {
		t.Errorf("%d puts, want none (%v)", files.puts, err)
	}
}

func TestPinnedContentMustBeTheContent(t *testing.T) {
	dir, conf := root(t)
	long := pdf + strings.Repeat("z", 100_000)
	write(t, filepath.Join(dir, "long.pdf"), long)
	wantStored(t, conf, Input{Location: "a.pdf", SHA256: sum(pdf)}, pdf)
	wantStored(t, conf, Input{Location: "a.pdf", SHA256: "sha256:" + strings.ToUpper(sum(pdf))}, pdf)
	wantStored(t, conf, Input{Location: "long.pdf", SHA256: sum(long)}, long)
	for _, pin := range []string{sum("other"), "abc", "sha256:"} {
		wantRejected(t, conf, Input{Location: "a.pdf", SHA256: pin}, ReasonContentChanged)
		wantRejected(t, conf, Input{Location: "long.pdf", SHA256: pin}, ReasonContentChanged)
	}
}

// TestARetryMustSeeWhatTheFirstAttemptSaw is about an attempt whose outcome
// got lost after it had stored the file.
func TestARetryMustSeeWhatTheFirstAttemptSaw(t *testing.T) {
	dir, conf := root(t)
	files := newMemory()
	h, err := New(conf, files)
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, Input{Location: "a.pdf"})
	attempt := func(n int) string {
		t.Helper()
		v.Attempt = n
		_, err := h.Do(t.Context(), v)
		if r, ok := runner.AsRejection(err); ok {
			return r.Code
		}
		if err != nil {
			t.Fatal(err)
		}
		return ""
	}
	if got := attempt(2); got != "" {
		t.Fatalf("a second attempt, of which the first stored nothing: %s", got)
	}
	if got := attempt(3); got != "" {
		t.Fatalf("the same content again: %s", got)
	}
	write(t, filepath.Join(dir, "a.pdf"), pdf+"more")
	if got := attempt(4); got != ReasonContentChanged {
		t.Errorf("other content in a later attempt: %q, want %s", got, ReasonContentChanged)
	}
	if len(files.files) != 1 {
		t.Errorf("%d files are stored, want that of the first attempt alone", len(files.files))
	}
	if err := h.Undo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if got := attempt(1); got != "" {
		t.Errorf("after it was undone: %s", got)
	}
}

func TestInputThatSaysNothingIsRejected(t *testing.T) {
	_, rooted := root(t)
	wantRejected(t, rooted, Input{Location: strings.Repeat("./", 5000) + "a.pdf"}, ReasonNotAllowed)
	h, err := New(Config{}, newMemory())
	if err != nil {
		t.Fatal(err)
	}
	for input, reason := range map[string]string{
		`{}`: ReasonNotFound, `{"location":""}`: ReasonNotFound, `null`: ReasonNotFound, ``: ReasonNotFound,
		`[1]`: ReasonNotFound, `{"location":7}`: ReasonNotFound,
		`{"location":"a\u0000b"}`:                ReasonNotAllowed,
		`{"location":"ftp://example.com/a.pdf"}`: ReasonNotAllowed, `{"location":"gopher:x"}`: ReasonNotAllowed,
		`{"location":"data:application/pdf;base64,AA"}`: ReasonNotAllowed,
		`{"location":"a.pdf"}`:                          ReasonNotAllowed, // no roots
		`{"location":"s3://b/k"}`:                       ReasonNotAllowed, // no S3
	} {
		_, err := h.Do(t.Context(), runner.Visit{Document: "d1", Step: "location", Input: json.RawMessage(input)})
		if r, ok := runner.AsRejection(err); !ok || r.Code != reason {
			t.Errorf("%.80s: %v, want %s", input, err, reason)
		}
	}
}

func TestBadConfigurationIsAnError(t *testing.T) {
	dir, _ := root(t)
	for name, conf := range map[string]Config{
		"relative root":     {Roots: []string{"inbox"}},
		"missing root":      {Roots: []string{filepath.Join(dir, "none")}},
		"file as root":      {Roots: []string{filepath.Join(dir, "a.pdf")}},
		"negative size":     {MaxBytes: -1},
		"unknown scheme":    {Web: Web{Schemes: []string{"ftp"}}},
		"negative timeout":  {Web: Web{Timeouts: Timeouts{Idle: -1}}},
		"S3 without a host": {S3: &S3{}},
	} {
		if _, err := New(conf, newMemory()); err == nil || !strings.HasPrefix(err.Error(), "location: ") {
			t.Errorf("%s: error %v, want one of this package", name, err)
		}
	}
	if _, err := New(Config{}, nil); err == nil {
		t.Error("no file store: no error")
	}
}

func TestUndoRemovesTheStoredFileAnyNumberOfTimesAndBeforeDo(t *testing.T) {
	_, conf := root(t)
	files := newMemory()
	h, err := New(conf, files)
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, Input{Location: "a.pdf"})
	other := v
	other.Document = "d2"
	for _, f := range []func() error{
		func() error { return h.Undo(t.Context(), v) },
		func() error { _, err := h.Do(t.Context(), v); return err },
		func() error { _, err := h.Do(t.Context(), v); return err },
		func() error { _, err := h.Do(t.Context(), other); return err },
		func() error { return h.Undo(t.Context(), v) },
		func() error { return h.Undo(t.Context(), v) },
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := files.files["d2/location/sha256:"+sum(pdf)]; len(files.files) != 1 || !ok {
		t.Errorf("the store holds %d files, want that of d2 alone", len(files.files))
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	_, conf := root(t)
	h, err := New(conf, newMemory())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Do(ctx, visit(t, Input{Location: "a.pdf"})); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// A broken store fails, or lies about what it has stored.
type broken struct {
	*memory
	err error
}

func (b broken) Put(context.Context, events.DocumentID, events.StepID, string, io.Reader) (events.File, error) {
	return events.File{Ref: "sha256:" + sum("other"), Size: 5}, b.err
}

func TestAStoreThatFailsIsTriedAgain(t *testing.T) {
	_, conf := root(t)
	full := errors.New("disk full")
	for _, store := range []broken{{newMemory(), full}, {newMemory(), nil}} {
		h, err := New(conf, store)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Do(t.Context(), visit(t, Input{Location: "a.pdf"}))
		if _, ok := runner.AsRejection(err); ok || err == nil || !errors.Is(err, store.err) && store.err != nil {
			t.Errorf("error %v, want one that is tried again", err)
		}
	}
}

func TestUploadsAreCheckedAndNotStoredAgain(t *testing.T) {
	files := newMemory()
	h, err := New(Config{MaxBytes: 1000}, files)
	if err != nil {
		t.Fatal(err)
	}
	put := func(document events.DocumentID, content string) string {
		f, err := files.Put(t.Context(), document, events.StepDocument, MediaTypePDF, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return "upload:" + f.Ref
	}
	good := put("d1", pdf)
	out, err := h.Do(t.Context(), visit(t, Input{Location: good, Name: "../in/Rechnung 7.pdf"}))
	want := Output{File: events.File{Ref: good[7:], Size: int64(len(pdf)), MediaType: MediaTypePDF}, Name: "Rechnung 7.pdf", Source: SourceUpload, MediaType: MediaTypePDF}
	if err != nil || out != want {
		t.Errorf("output %+v, error %v, want %+v", out, err, want)
	}
	if files.puts != 1 {
		t.Errorf("%d puts, want that of the submitter alone", files.puts)
	}
	files.files["d1/document/sha256:"+sum("lost")] = pdf // damaged in the store
	for in, reason := range map[Input]string{
		{Location: put("d1", "text")}:                              ReasonNotAPDF,
		{Location: put("d1", "%PDF-"+strings.Repeat("x", 1000))}:   ReasonTooLarge,
		{Location: put("d2", pdf+" of another document")}:          ReasonNotFound,
		{Location: "upload:sha256:" + sum("lost")}:                 ReasonContentChanged,
		{Location: "upload:sha256:abc"}:                            ReasonNotFound,
		{Location: "upload:" + sum(pdf)}:                           ReasonNotFound,
		{Location: "upload:../../etc/passwd"}:                      ReasonNotFound,
		{Location: good, SHA256: sum("another pin than the name")}: ReasonContentChanged,
	} {
		_, err := h.Do(t.Context(), visit(t, in))
		if r, ok := runner.AsRejection(err); !ok || r.Code != reason {
			t.Errorf("%+v: %v, want %s", in, err, reason)
		}
	}
	if err := h.Undo(t.Context(), visit(t, Input{Location: good})); err != nil || files.files["d1/document/"+good[7:]] != pdf {
		t.Errorf("undo took away the submitter's file, or failed: %v", err)
	}
}

func TestNamesAreSafeToShow(t *testing.T) {
	for name, want := range map[string]string{
		"a.pdf": "a.pdf", "/x/ä b.pdf": "ä b.pdf", `C:\in\a.pdf`: "a.pdf", "": "document.pdf", "/": "document.pdf", "..": "document.pdf",
		"a\x1b[2J\r\n.pdf": "a[2J.pdf", "fdp.\u202eexe": "fdp.exe", "\xff.pdf": "?.pdf",
		strings.Repeat("ä", 200): strings.Repeat("ä", 127),
	} {
		if got := cleanName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func FuzzDoNeverPanicsAndNeverLeavesItsRoot(f *testing.F) {
	for _, s := range []string{"a.pdf", "/etc/passwd", "file:///a", "../a.pdf", "upload:sha256:00", "s3://b/k", "%zz", "file:%00", "a/../../b", "\xff"} {
		f.Add(s)
	}
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pdf"), []byte(pdf), 0o600); err != nil {
		f.Fatal(err)
	}
	h, err := New(Config{Roots: []string{dir}, Web: Web{Off: true}, S3: nil}, newMemory())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, location string) {
		out, err := h.Do(t.Context(), visit(t, Input{Location: location}))
		if err == nil && out.(Output).File.Ref != "sha256:"+sum(pdf) {
			t.Errorf("%q gave a file from outside: %+v", location, out)
		}
		if _, ok := runner.AsRejection(err); err != nil && !ok {
			t.Errorf("%q: %v, want a file or a rejection", location, err)
		}
	})
}

func TestIntakeGivesAllBytesOnceInPiecesOfAnySize(t *testing.T) {
	content := bytes.Repeat([]byte("%PDF-abc"), 1000)
	for _, size := range []int{1, 3, 512, 8000, 9000} {
		in := &intake{ctx: t.Context(), from: bytes.NewReader(content), left: 8000, hash: sha256.New(), over: errors.New("over")}
		var got []byte
		buffer := make([]byte, size)
		var err error
		for err == nil {
			var n int
			n, err = in.Read(buffer)
			got = append(got, buffer[:n]...)
		}
		if !errors.Is(err, io.EOF) || !bytes.Equal(got, content) || in.sum() != sum(string(content)) {
			t.Errorf("pieces of %d: %d bytes, %v", size, len(got), err)
		}
	}
}
