package security_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
)

// realClamd returns the socket of the daemon that the tests are given.
func realClamd(t *testing.T) string {
	t.Helper()
	socket := os.Getenv("DOCSAGA_TEST_CLAMD")
	if socket == "" {
		t.Skip("LEFT OUT: a real clamd; set DOCSAGA_TEST_CLAMD to the socket that deploy/test/clamd.sh start prints")
	}
	return strings.TrimPrefix(socket, "unix:")
}

// holding returns a document with one compressed attachment.
func holding(name, mediaType string, content []byte) []byte {
	return samples.Document{Title: name, Pages: []string{"see the attachment"}, Files: []samples.File{{Name: name, MediaType: mediaType, Content: content}}}.PDF()
}

func TestARealClamdFindsEICARWhereverItIs(t *testing.T) {
	conf := security.Config{Clamd: security.Clamd{Address: realClamd(t)}}
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	attached := holding("eicar.com", "application/octet-stream", samples.Eicar())
	locked := samples.Document{Encryption: samples.AES256, Files: []samples.File{{Name: "eicar.com", Content: samples.Eicar()}}}
	for name, content := range map[string][]byte{
		"plain":                                   append(holding("a.txt", "text/plain", []byte("text")), samples.Eicar()...),
		"in a compressed attachment":              attached,
		"in an attachment's attachment":           holding("inner.pdf", "application/pdf", attached),
		"in that one's attachment":                holding("outer.pdf", "application/pdf", holding("inner.pdf", "application/pdf", attached)),
		"in an attachment of an encrypted one":    locked.PDF(),
		"in an attachment's encrypted attachment": holding("inner.pdf", "application/pdf", locked.PDF()),
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(name, "in ") && bytes.Contains(content, samples.Eicar()) {
				t.Fatal("the pattern is plain to see")
			}
			_, err := visit(t, conf, pool, content)
			rejected, ok := runner.AsRejection(err)
			if !ok || rejected.Code != "malware" {
				t.Fatalf("got %v, want malware", err)
			}
			// The built-in pattern is called otherwise.
			if found := fmt.Sprint(rejected.Output.(security.Output).Findings); !strings.Contains(found, "Test.EICAR") {
				t.Errorf("found %s, want the name that clamd gives it, too", found)
			}
		})
	}
	if _, err := visit(t, conf, pool, holding("a.txt", "text/plain", []byte("text"))); err != nil {
		t.Errorf("a clean document: %v", err)
	}
}

// TestDocumentsWaitForARealClamdAndThenPass has a daemon of its own, which it
// stops and starts.
func TestDocumentsWaitForARealClamdAndThenPass(t *testing.T) {
	realClamd(t)
	dir, err := os.MkdirTemp("", "clamd") //nolint:usetesting // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	script := func(verb string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), filepath.Join("..", "..", "deploy", "test", "clamd.sh"), verb) //nolint:gosec // our own
		cmd.Env = append(os.Environ(), "DOCSAGA_TEST_DIR="+dir)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("clamd.sh %s: %v\n%s", verb, err, problems.String())
		}
		return strings.TrimSpace(string(out))
	}
	socket := script("start")
	t.Cleanup(func() {
		cmd := exec.Command(filepath.Join("..", "..", "deploy", "test", "clamd.sh"), "stop") //nolint:noctx // the test's context has ended
		cmd.Env = append(os.Environ(), "DOCSAGA_TEST_DIR="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("clamd.sh stop: %v\n%s", err, out)
		}
	})
	pool, clean := pdfiumtest.Pool(t, pdfium.Config{}), holding("a.txt", "text/plain", []byte("text"))
	conf := security.Config{Clamd: security.Clamd{Address: socket}}
	if _, err := visit(t, conf, pool, clean); err != nil {
		t.Fatalf("while clamd runs: %v", err)
	}
	script("stop")
	if _, err := visit(t, conf, pool, clean); !errors.Is(err, security.ErrScannerDown) || reason(err) != "" {
		t.Fatalf("while clamd is stopped: %v, want an error that is tried again", err)
	}
	conf.Clamd.Wait = 2 * time.Minute
	passed := make(chan error, 1)
	go func() {
		_, err := visit(t, conf, pool, clean)
		passed <- err
	}()
	select {
	case err := <-passed:
		t.Fatalf("it did not wait for clamd: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	script("start")
	if err := <-passed; err != nil {
		t.Errorf("after clamd was started again: %v", err)
	}
}
