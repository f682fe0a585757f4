package security_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
	"github.com/docsaga/docsaga/services/security/scan"
)

// serveClamd answers as clamd does: FOUND if the stream holds the word virus,
// and at once if it is longer than limit. It returns the path of its socket.
func serveClamd(t *testing.T, limit int, answer func(content []byte) string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "clamd") //nolint:usetesting // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			content, ok := receive(conn, limit)
			if !ok {
				_, _ = io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
			} else if text := answer(content); text != "" {
				_, _ = io.WriteString(conn, text+"\x00")
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	return path
}

func receive(r io.Reader, limit int) ([]byte, bool) {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(r, command); err != nil || string(command) != "zINSTREAM\x00" {
		return nil, false
	}
	var content []byte
	for {
		var length [4]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return nil, false
		}
		n := int(binary.BigEndian.Uint32(length[:]))
		if n == 0 {
			return content, true
		}
		if len(content)+n > limit {
			return nil, false
		}
		part := make([]byte, n)
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, false
		}
		content = append(content, part...)
	}
}

func byWord(content []byte) string {
	if bytes.Contains(content, []byte("virus")) {
		return "stream: Test.Word FOUND"
	}
	return "stream: OK"
}

func TestClamdDecides(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	conf := security.Config{Clamd: security.Clamd{Address: serveClamd(t, 1<<20, byWord)}}
	clean, infected := samples.Document{Title: "a"}.PDF(), samples.Document{Catalog: "/X (virus)"}.PDF()
	if _, err := visit(t, conf, pool, clean); err != nil {
		t.Errorf("a clean document: %v", err)
	}
	if _, err := visit(t, conf, pool, infected); reason(err) != "malware" || !strings.Contains(err.Error(), "Test.Word") {
		t.Errorf("got %v, want malware and its name", err)
	}
}

func TestClamdSaysThatAFileIsTooLargeBeforeItIsSent(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	conf := security.Config{Clamd: security.Clamd{Address: serveClamd(t, 100, byWord)}}
	large := append(samples.Document{Title: "a"}.PDF(), bytes.Repeat([]byte(" "), 8<<20)...)
	got, err := visit(t, conf, pool, large)
	if err != nil || !slices.ContainsFunc(got.Findings, func(f security.Finding) bool { return f.Kind == scan.Unscanned && f.Action == security.Flag }) {
		t.Errorf("got %+v, %v, want it to be flagged as not scanned", got.Findings, err)
	}
	conf.Policy = security.Policy{scan.Unscanned: security.Reject}
	if _, err := visit(t, conf, pool, large); reason(err) == "" {
		t.Errorf("got %v, want what the policy says", err)
	}
}

func TestADocumentNeverPassesWithoutClamd(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	silent := make(chan struct{})
	hanging := serveClamd(t, 1<<20, func([]byte) string { <-silent; return "" })
	defer close(silent)
	for name, clamd := range map[string]security.Clamd{
		"nobody listens":  {Address: filepath.Join(t.TempDir(), "none"), Wait: 150 * time.Millisecond},
		"no answer":       {Address: serveClamd(t, 1<<20, func([]byte) string { return "" })},
		"another answer":  {Address: serveClamd(t, 1<<20, func([]byte) string { return "stream: Some ERROR" })},
		"an answer never": {Address: hanging, Timeout: 100 * time.Millisecond},
	} {
		_, err := visit(t, security.Config{Clamd: clamd}, pool, samples.Document{}.PDF())
		if _, rejected := runner.AsRejection(err); !errors.Is(err, security.ErrScannerDown) || rejected {
			t.Errorf("%s: got %v, want an error that is tried again", name, err)
		}
	}
}

func TestADocumentWaitsForClamdAndThenPasses(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	asked := 0
	address := serveClamd(t, 1<<20, func([]byte) string {
		if asked++; asked < 3 {
			return "" // it is starting
		}
		return "stream: OK"
	})
	if _, err := visit(t, security.Config{Clamd: security.Clamd{Address: address, Wait: time.Minute}}, pool, samples.Document{}.PDF()); err != nil {
		t.Errorf("got %v, want it to pass as soon as clamd answers", err)
	}
	if asked != 3 {
		t.Errorf("clamd was asked %d times, want 3", asked)
	}
}

// TestClamdSeesWhatItCannotUnpackItself shows what it is sent, for it has no
// password to try and may not know a filter.
func TestClamdSeesWhatItCannotUnpackItself(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	words := []string{"virus", hex.EncodeToString([]byte("virus"))} // pdfium writes strings in hexadecimal
	conf := security.Config{Clamd: security.Clamd{Address: serveClamd(t, 1<<20, func(content []byte) string {
		for _, word := range words {
			if bytes.Contains(content, []byte(word)) {
				return "stream: Test.Word FOUND"
			}
		}
		return "stream: OK"
	})}}
	compressed := samples.Document{Files: []samples.File{{Name: "a.txt", MediaType: "text/plain", Content: []byte("virus")}}}
	locked := samples.Document{Encryption: samples.AES256, Catalog: "/X (virus)"}
	for name, content := range map[string][]byte{"in a compressed attachment": compressed.PDF(), "behind an empty password": locked.PDF()} {
		if bytes.Contains(content, []byte(words[0])) || bytes.Contains(content, []byte(words[1])) {
			t.Fatalf("%s: the word is plain to see", name)
		}
		if _, err := visit(t, conf, pool, content); reason(err) != "malware" {
			t.Errorf("%s: got %v, want malware", name, err)
		}
	}
}
