//go:build linux || darwin

package pdfium

import (
	"sync/atomic"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// An arena allocates the linear memory of one module after another. Each is
// reserved whole and committed by the kernel as it is touched, so that growing
// copies nothing and freeing gives everything back.
type arena struct {
	limit   uint64 // bytes of one module
	refused atomic.Bool
}

// Allocate reserves the address space of one memory.
func (a *arena) Allocate(_, limit uint64) experimental.LinearMemory {
	limit = min(limit, a.limit)
	data, err := unix.Mmap(-1, 0, int(limit), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return &region{arena: a}
	}
	return &region{arena: a, data: data}
}

type region struct {
	arena *arena
	data  []byte
}

// Reallocate returns the first size bytes, or nil beyond the limit.
func (r *region) Reallocate(size uint64) []byte {
	if size > uint64(len(r.data)) {
		r.arena.refused.Store(true)
		return nil
	}
	return r.data[:size]
}

// Free gives the memory back.
func (r *region) Free() {
	if r.data != nil {
		_ = unix.Munmap(r.data)
		r.data = nil
	}
}
