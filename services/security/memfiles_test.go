package security_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
	"github.com/docsaga/docsaga/services/security"
)

func TestMain(m *testing.M) { pdfiumtest.Main(m) }

// oneFile is a store that holds one file.
type oneFile []byte

// Open returns the content.
func (o oneFile) Open(_ context.Context, _ events.DocumentID, f events.File) (io.ReadCloser, error) {
	if f != o.file() {
		return nil, errors.New("no such file")
	}
	return io.NopCloser(bytes.NewReader(o)), nil
}

func (o oneFile) file() events.File {
	sum := sha256.Sum256(o)
	return events.File{Ref: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(o)), MediaType: "application/pdf"}
}

// visit has the service look at content.
func visit(t *testing.T, conf security.Config, pool security.Inspector, content []byte) (security.Output, error) {
	t.Helper()
	h, err := security.New(conf, oneFile(content), pool)
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(map[string]any{"file": oneFile(content).file()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Do(t.Context(), runner.Visit{Document: "d", Step: "security", Input: input})
	output, _ := got.(security.Output)
	return output, err
}

func reason(err error) string {
	if r, ok := runner.AsRejection(err); ok {
		return r.Code
	}
	return ""
}

func encryptions() []samples.Encryption {
	return []samples.Encryption{samples.RC4x40, samples.RC4, samples.AES128, samples.AES256}
}
