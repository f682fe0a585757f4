package location

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// A sink is a store that keeps nothing, and knows what it is given.
type sink struct {
	*memory
	ref string
}

func (s sink) Put(_ context.Context, _ events.DocumentID, _ events.StepID, mediaType string, r io.Reader) (events.File, error) {
	n, err := io.Copy(io.Discard, r)
	return events.File{Ref: s.ref, Size: n, MediaType: mediaType}, err
}

// BenchmarkDo is the cost of the step without that of a store.
func BenchmarkDo(b *testing.B) {
	content := pdf + strings.Repeat("x", 100<<10)
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pdf"), []byte(content), 0o600); err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, content) //nolint:errcheck // the client's side is what is measured
	}))
	defer server.Close()
	var port uint16
	if _, err := fmt.Sscanf(server.URL, "http://127.0.0.1:%d", &port); err != nil {
		b.Fatal(err)
	}
	h, err := New(Config{Roots: []string{dir}, Web: Web{Ports: []uint16{port}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}}, sink{newMemory(), "sha256:" + sum(content)})
	if err != nil {
		b.Fatal(err)
	}
	for source, location := range map[string]string{"file": "a.pdf", "http": server.URL} {
		b.Run("source="+source, func(b *testing.B) {
			raw, err := json.Marshal(Input{Location: location})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if _, err := h.Do(b.Context(), runner.Visit{Document: "d1", Step: "location", Input: raw}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
