//go:build !linux && !darwin

package pdfium

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
)

// An arena allocates the linear memory of one module after another.
type arena struct {
	limit   uint64 // bytes of one module
	refused atomic.Bool
}

// Allocate returns a memory that grows by copying.
func (a *arena) Allocate(capacity, _ uint64) experimental.LinearMemory {
	return &region{arena: a, data: make([]byte, 0, capacity)}
}

type region struct {
	arena *arena
	data  []byte
}

// Reallocate returns the first size bytes, or nil beyond the limit.
func (r *region) Reallocate(size uint64) []byte {
	if size > r.arena.limit {
		r.arena.refused.Store(true)
		return nil
	}
	if grow := int(size) - len(r.data); grow > 0 {
		r.data = append(r.data, make([]byte, grow)...)
	}
	return r.data[:size]
}

// Free gives the memory back.
func (r *region) Free() { r.data = nil }
