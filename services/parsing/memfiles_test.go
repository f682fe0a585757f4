package parsing_test

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

// memFiles is a file store in memory.
type memFiles struct {
	mu     sync.Mutex
	bytes  map[string][]byte   // by reference
	owners map[string][]string // references, by document and step
	fail   error               // of Put
}

func newFiles() *memFiles {
	return &memFiles{bytes: make(map[string][]byte), owners: make(map[string][]string)}
}

// Open returns the content of f.
func (m *memFiles) Open(_ context.Context, _ events.DocumentID, f events.File) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.bytes[f.Ref]
	if !ok {
		return nil, fmt.Errorf("no file %s", f.Ref)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// Put keeps what r holds.
func (m *memFiles) Put(_ context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return events.File{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return events.File{}, m.fail
	}
	sum := sha256.Sum256(content)
	f := events.File{Ref: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content)), MediaType: mediaType}
	m.bytes[f.Ref] = content
	owner := string(document) + "/" + string(step)
	m.owners[owner] = append(m.owners[owner], f.Ref)
	return f, nil
}

// Release removes the files of a step.
func (m *memFiles) Release(_ context.Context, document events.DocumentID, step events.StepID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner := string(document) + "/" + string(step)
	for _, ref := range m.owners[owner] {
		delete(m.bytes, ref)
	}
	delete(m.owners, owner)
	return nil
}

func (m *memFiles) content(f *events.File) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f == nil {
		return ""
	}
	return string(m.bytes[f.Ref])
}
