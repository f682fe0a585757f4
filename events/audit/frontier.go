package audit

import "golang.org/x/mod/sumdb/tlog"

// A frontier is a Merkle tree as far as it must be known to add leaves and to
// tell its root: the roots of the full subtrees, one a bit of the size.
type frontier struct {
	size  int64
	roots [63]tlog.Hash
}

// add adds a leaf, and appends the hashes that are to be stored, in the order
// of [tlog.StoredHashIndex].
func (f *frontier) add(leaf tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, leaf)
	level := 0
	for n := f.size; n&1 == 1; n >>= 1 {
		leaf = tlog.NodeHash(f.roots[level], leaf)
		stored = append(stored, leaf)
		level++
	}
	f.roots[level] = leaf
	f.size++
	return stored
}

// root returns the root of the tree; that of an empty one is the hash of
// nothing, as RFC 6962 says.
func (f *frontier) root() tlog.Hash {
	var root tlog.Hash
	found := false
	for level := range f.roots {
		switch {
		case f.size>>level&1 == 0:
		case !found:
			root, found = f.roots[level], true
		default:
			root = tlog.NodeHash(f.roots[level], root)
		}
	}
	if !found {
		root, _ = tlog.TreeHash(0, nil) // reads no hash
	}
	return root
}

// load reads the frontier of a tree of that size.
func (f *frontier) load(size int64, r tlog.HashReader) error {
	*f = frontier{size: size}
	var indexes []int64
	var levels []int
	for level := range f.roots {
		if size>>level&1 == 1 {
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
			levels = append(levels, level)
		}
	}
	hashes, err := r.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, level := range levels {
		f.roots[level] = hashes[i]
	}
	return nil
}
