package location

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// The header of a PDF must begin in the first KiB, as pdfium and Acrobat have
// it.
const (
	marker   = "%PDF-"
	sniffLen = 1024 + len(marker) - 1
)

// take checks what was found and brings it into the file store.
func (h *Handler) take(ctx context.Context, v runner.Visit, f found, pin string) (events.File, error) {
	if f.size > h.max {
		return events.File{}, h.tooLarge()
	}
	if f.pin != "" && pin != "" && f.pin != pin {
		return events.File{}, runner.Reject(ReasonContentChanged, "the upload is not the content that the submission pins")
	}
	if f.pin != "" {
		pin = f.pin
	}
	in := &intake{ctx: ctx, from: f.body, left: h.max, hash: sha256.New(), pin: pin, over: h.tooLarge()}
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(in.err, io.EOF) {
		return events.File{}, in.err
	}
	head = head[:n]
	if !bytes.Contains(head, []byte(marker)) {
		return events.File{}, notAPDF(head, f.note)
	}
	whole := io.MultiReader(bytes.NewReader(head), in)
	if f.stored {
		return h.check(in, whole)
	}
	file, err := h.files.Put(ctx, v.Document, v.Owner(), MediaTypePDF, whole)
	if err != nil {
		return events.File{}, in.fault(fmt.Errorf("location: store the content of document %s: %w", v.Document, err))
	}
	if !errors.Is(in.err, io.EOF) {
		return events.File{}, in.fault(fmt.Errorf("location: store the content of document %s: the store did not read it to the end", v.Document))
	}
	if got, err := file.Digest(); err != nil || got != in.sum() || file.Size != in.size {
		return events.File{}, fmt.Errorf("location: store the content of document %s: the store answers with another digest or size", v.Document)
	}
	return file, nil
}

// check reads to the end what is in the file store already.
func (h *Handler) check(in *intake, r io.Reader) (events.File, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return events.File{}, in.fault(err)
	}
	return events.File{Ref: "sha256:" + in.sum(), Size: in.size, MediaType: MediaTypePDF}, nil
}

func (h *Handler) tooLarge() error {
	return runner.Reject(ReasonTooLarge, "the content is larger than %d bytes", h.max)
}

func notAPDF(head []byte, note string) error {
	start := strings.ToLower(string(bytes.TrimLeft(head, "\ufeff \t\r\n")))
	switch {
	case len(head) == 0:
		return runner.Reject(ReasonNotAPDF, "the content is empty")
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return runner.Reject(ReasonNotAPDF, "the content is a web page (HTML)")
	case note != "":
		return runner.Reject(ReasonNotAPDF, "the content has no %%PDF- in its first KiB; %s", note)
	}
	return runner.Reject(ReasonNotAPDF, "the content has no %%PDF- in its first KiB")
}

// An intake reads the content once: it counts and hashes, and ends with an
// error, instead of io.EOF, if the content is too large or not the pinned one.
type intake struct {
	ctx  context.Context //nolint:containedctx // lives as long as one call of Do
	from io.Reader
	left int64 // bytes that may still come
	size int64
	hash hash.Hash
	pin  string
	over error
	err  error // what the reading ended with
}

// errCut is what the reader of an intake is told if the content does not come
// to its end. It wraps nothing: the error of a connection that broke may wrap
// io.ErrUnexpectedEOF, which a store that reads in chunks takes for the end.
var errCut = errors.New("location: the content could not be read to its end")

// Read returns io.EOF at the end of good content, and errCut if err says why
// there is none.
func (in *intake) Read(p []byte) (int, error) {
	n, err := in.read(p)
	if err != nil && !errors.Is(in.err, io.EOF) {
		return n, errCut
	}
	return n, err
}

func (in *intake) read(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	if err := in.ctx.Err(); err != nil {
		in.err = fmt.Errorf("location: read the content: %w", context.Cause(in.ctx))
		return 0, in.err
	}
	if int64(len(p)) > in.left+1 {
		p = p[:in.left+1] // one more tells whether there is more
	}
	n, err := in.from.Read(p)
	in.hash.Write(p[:n])
	in.size += int64(n)
	if in.left -= int64(n); in.left < 0 {
		in.err = in.over
		return 0, in.err
	}
	switch {
	case errors.Is(err, io.EOF) && in.pin != "" && in.pin != in.sum():
		in.err = runner.Reject(ReasonContentChanged, "the content is not the one that its sha256 promises")
		return 0, in.err
	case errors.Is(err, io.EOF):
		in.err = io.EOF
	case err != nil:
		in.err = err
	}
	return n, in.err
}

func (in *intake) sum() string { return hex.EncodeToString(in.hash.Sum(nil)) }

// fault returns why the reading or the storing failed: what the intake itself
// ended with goes before what the store made of it.
func (in *intake) fault(err error) error {
	if in.err != nil && !errors.Is(in.err, io.EOF) {
		return in.err
	}
	return err
}

// digest returns 64 hexadecimal digits in lower case, with or without
// "sha256:" before them.
func digest(s string) (string, bool) {
	s = strings.ToLower(strings.TrimPrefix(s, "sha256:"))
	raw, err := hex.DecodeString(s)
	return s, err == nil && len(raw) == sha256.Size
}
