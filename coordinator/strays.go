package coordinator

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/docsaga/docsaga/events"
)

// strayBits is how many bits strays have: a few thousand documents leave most
// of them free.
const strayBits = 1 << 16

// strays note of which documents something was read that were not submitted,
// in always the same room. Nothing else is kept of them. One that is not noted
// was never seen; one that is may be another with the same bits, and costs a
// read of its history.
type strays struct {
	bits []uint64 // nil if there are none
}

func (s *strays) add(id events.DocumentID) {
	if s.bits == nil {
		s.bits = make([]uint64, strayBits/64)
	}
	for _, bit := range places(id) {
		s.bits[bit/64] |= 1 << (bit % 64)
	}
}

func (s *strays) has(id events.DocumentID) bool {
	if s.bits == nil {
		return false
	}
	for _, bit := range places(id) {
		if s.bits[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// places returns the bits of a document, always the same.
func places(id events.DocumentID) [4]uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	sum := h.Sum64()
	return [4]uint64{sum % strayBits, sum >> 16 % strayBits, sum >> 32 % strayBits, sum >> 48}
}

// encode returns the bits; nothing if there are no strays.
func (s *strays) encode() []byte {
	b := make([]byte, 0, 8*len(s.bits))
	for _, word := range s.bits {
		b = binary.BigEndian.AppendUint64(b, word)
	}
	return b
}

func (s *strays) decode(b []byte) error {
	if len(b) != strayBits/8 {
		return errBadSnapshot
	}
	s.bits = make([]uint64, strayBits/64)
	for i := range s.bits {
		s.bits[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return nil
}
