package removed

// maxSeq bounds a sequence, so that a list cannot make a [Set] take all memory:
// one bit a message is 2 GiB then.
const maxSeq = 1 << 34

// A Set is a set of positions, a bit each. The zero Set is empty.
type Set struct{ shards map[int][]uint64 }

// Add adds a position.
func (s *Set) Add(shard int, seq uint64) {
	if s.shards == nil {
		s.shards = make(map[int][]uint64)
	}
	words := s.shards[shard]
	word := int(seq / 64) //nolint:gosec // a log is not that long
	if missing := word + 1 - len(words); missing > 0 {
		words = append(words, make([]uint64, missing)...)
	}
	words[word] |= 1 << (seq % 64)
	s.shards[shard] = words
}

// Has reports whether the set has a position.
func (s *Set) Has(shard int, seq uint64) bool {
	words := s.shards[shard]
	word := seq / 64
	return word < uint64(len(words)) && words[word]&(1<<(seq%64)) != 0
}

// Covers reports whether the set has all positions from one to another.
func (s *Set) Covers(shard int, from, to uint64) bool {
	for seq := from; seq <= to; seq++ {
		if !s.Has(shard, seq) {
			return false
		}
	}
	return true
}
