package archive

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/docsaga/docsaga/events/audit"
)

// Extension is how the name of a file with archived documents ends.
const Extension = ".zip"

const exportExtension = ".json"

// maxExport is the greatest length of one document's entry that is read.
const maxExport = 1 << 30

// A Writer writes documents with their proofs to one compressed file: a ZIP
// archive with an entry <document>.json each, as audit export writes it.
type Writer struct {
	file *os.File
	zip  *zip.Writer
}

// Create makes a file, which must not exist yet.
func Create(path string) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &Writer{file: file, zip: zip.NewWriter(file)}, nil
}

// Add adds a document.
func (w *Writer) Add(x *audit.Export) error {
	raw, err := x.Marshal()
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	// No time: the same documents give the same bytes.
	entry, err := w.zip.CreateHeader(&zip.FileHeader{Name: string(x.Document) + exportExtension, Method: zip.Deflate})
	if err == nil {
		_, err = entry.Write(raw)
	}
	if err != nil {
		return fmt.Errorf("archive: document %s: %w", x.Document, err)
	}
	return nil
}

// Close returns when the file is on the disk. Without it the file is of no use.
func (w *Writer) Close() error {
	if err := errors.Join(w.zip.Close(), w.file.Sync(), w.file.Close()); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// Documents yields the documents of a file, each checked by the public key. A
// document that does not hold is yielded as an error that wraps
// [audit.ErrBad], and the next follow.
func Documents(path string, key note.Verifier) iter.Seq2[*audit.Proven, error] {
	return func(yield func(*audit.Proven, error) bool) {
		r, err := zip.OpenReader(path)
		if err != nil {
			yield(nil, fmt.Errorf("archive: %s: %w", path, err))
			return
		}
		defer r.Close() //nolint:errcheck // only read
		for _, entry := range r.File {
			p, err := readDocument(entry, key)
			if err != nil {
				err = fmt.Errorf("archive: %s: %w", entry.Name, err)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

func readDocument(entry *zip.File, key note.Verifier) (*audit.Proven, error) {
	f, err := entry.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", audit.ErrBad, err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxExport))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", audit.ErrBad, err)
	}
	p, err := audit.CheckExport(raw, key)
	if err == nil && string(p.Document)+exportExtension != entry.Name {
		err = fmt.Errorf("is document %s: %w", p.Document, audit.ErrBad)
	}
	return p, err
}

// Is reports whether a file's name is that of archived documents.
func Is(path string) bool { return strings.HasSuffix(path, Extension) }
