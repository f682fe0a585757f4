package location

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/services/runner"
)

// jetStream returns the file store of a server within this process.
func jetStream(t *testing.T) Files {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Durability: natslog.Relaxed, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if err := natslog.Provision(t.Context(), nc, natslog.Config{Durability: natslog.Relaxed}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(t.Context(), nc, natslog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return log.Files()
}

// TestTheRealStoresHoldWhatIsGoodAndNothingElse runs the step on the stores
// that documents live in.
func TestTheRealStoresHoldWhatIsGoodAndNothingElse(t *testing.T) {
	for name, files := range map[string]Files{"memory": memlog.New(memlog.Config{}).Files(), "JetStream": jetStream(t)} {
		t.Run(name, func(t *testing.T) { storeHoldsWhatIsGood(t, files) })
	}
}

func storeHoldsWhatIsGood(t *testing.T, files Files) {
	t.Helper()
	dir, _ := root(t)
	whole := pdf + strings.Repeat("0123456789", 60_000) // three chunks of JetStream's
	write(t, filepath.Join(dir, "whole.pdf"), whole)
	write(t, filepath.Join(dir, "large.pdf"), whole+strings.Repeat("x", 1<<20))
	base, conf := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()                                                                                     //nolint:errcheck // the other side sees it
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(whole), whole[:len(whole)/2]) //nolint:errcheck // as above
	}))
	conf.Roots = []string{dir}
	h, err := New(conf, files)
	if err != nil {
		t.Fatal(err)
	}
	ref := "sha256:" + sum(whole)
	for _, in := range []Input{{Location: base}, {Location: "large.pdf"}, {Location: "whole.pdf", SHA256: sum("other")}, {Location: "upload:" + ref}} {
		if out, err := h.Do(t.Context(), visit(t, in)); err == nil {
			t.Errorf("%+v gave %+v, want an error", in, out)
		}
	}
	for _, content := range []string{whole, whole[:len(whole)/2]} {
		if _, err := files.Open(t.Context(), "d1", events.File{Ref: "sha256:" + sum(content)}); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("content of %d bytes is in the store: %v", len(content), err)
		}
	}
	good := visit(t, Input{Location: "whole.pdf", SHA256: sum(whole)})
	for range 2 { // the second time is a redelivery
		if out, err := h.Do(t.Context(), good); err != nil || out.(Output).File.Ref != ref {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if out, err := h.Do(t.Context(), visit(t, Input{Location: "upload:" + ref})); err != nil || out.(Output).File.Size != int64(len(whole)) {
		t.Errorf("as an upload: %+v, %v", out, err)
	}
	for range 2 {
		if err := h.Undo(t.Context(), good); err != nil {
			t.Error(err)
		}
	}
	_, err = h.Do(t.Context(), visit(t, Input{Location: "upload:" + ref}))
	if r, ok := runner.AsRejection(err); !ok || r.Code != ReasonNotFound {
		t.Errorf("after its undo: %v, want %s", err, ReasonNotFound)
	}
}
