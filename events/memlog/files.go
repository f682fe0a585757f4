package memlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/docsaga/docsaga/events"
)

// Files is a file store in memory.
type Files struct {
	mu     sync.Mutex
	byStep map[owner]map[string]content // by digest
	last   map[owner]events.File
}

type owner struct {
	document events.DocumentID
	step     events.StepID
}

type content []byte

// Files returns the log's file store.
func (l *Log) Files() *Files { return l.files }

// Put stores what r yields and returns what stands for it in an event.
func (f *Files) Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	if err := check(document, step); err != nil {
		return events.File{}, fmt.Errorf("memlog: put file: %w", err)
	}
	data, err := io.ReadAll(r)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return events.File{}, fmt.Errorf("memlog: put file of %s, step %s: %w", document, step, err)
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	f.mu.Lock()
	defer f.mu.Unlock()
	key := owner{document, step}
	if f.byStep[key] == nil {
		f.byStep[key] = make(map[string]content)
	}
	file := events.File{Ref: "sha256:" + digest, Size: int64(len(data)), MediaType: mediaType}
	if _, known := f.byStep[key][digest]; !known {
		if f.last == nil {
			f.last = make(map[owner]events.File)
		}
		f.last[key] = file
	}
	f.byStep[key][digest] = data
	return file, nil
}

// Last returns the file that a step has put last, or an error that wraps
// [events.ErrNotFound].
func (f *Files) Last(_ context.Context, document events.DocumentID, step events.StepID) (events.File, error) {
	if err := check(document, step); err != nil {
		return events.File{}, fmt.Errorf("memlog: last file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	file, ok := f.last[owner{document, step}]
	if !ok {
		return events.File{}, fmt.Errorf("memlog: last file of %s, step %s: %w", document, step, events.ErrNotFound)
	}
	return file, nil
}

// Open returns the content of a document's file, or an error that wraps
// [events.ErrNotFound].
func (f *Files) Open(_ context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error) {
	digest, err := file.Digest()
	if err == nil {
		err = events.CheckID(document)
	}
	if err != nil {
		return nil, fmt.Errorf("memlog: open file: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, files := range f.byStep {
		if data, ok := files[digest]; ok && key.document == document {
			return io.NopCloser(bytes.NewReader(data)), nil
		}
	}
	return nil, fmt.Errorf("memlog: open file %s of %s: %w", file.Ref, document, events.ErrNotFound)
}

// Release removes all that a step of a document has put there. It may be
// called again.
func (f *Files) Release(_ context.Context, document events.DocumentID, step events.StepID) error {
	if err := check(document, step); err != nil {
		return fmt.Errorf("memlog: release files: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byStep, owner{document, step})
	delete(f.last, owner{document, step})
	return nil
}

// Erase removes all files of a document. It may be called again.
func (f *Files) Erase(_ context.Context, document events.DocumentID) error {
	if err := events.CheckID(document); err != nil {
		return fmt.Errorf("memlog: erase files: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.byStep {
		if key.document == document {
			delete(f.byStep, key)
			delete(f.last, key)
		}
	}
	return nil
}

func check(document events.DocumentID, step events.StepID) error {
	if err := events.CheckID(document); err != nil {
		return fmt.Errorf("document: %w", err)
	}
	if err := events.CheckID(step); err != nil {
		return fmt.Errorf("step: %w", err)
	}
	return nil
}
