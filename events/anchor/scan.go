package anchor

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

const (
	recordHead   = 22
	checksumSize = 8
	headersBit   = 1 << 31
	erasedBit    = 1 << 63
	tombstoneBit = 1 << 62
	// mostRecord is far more than a message may have.
	mostRecord = 32 << 20
)

// A record is a message in a block.
type record struct {
	seq     uint64
	nanos   int64
	subject string
	data    []byte
}

// A flaw is where a block can be read no further.
type flaw struct {
	file   string
	offset int
	what   string
	tail   bool // nothing that can be read comes after it
}

func (f *flaw) String() string { return fmt.Sprintf("%s, byte %d: %s", f.file, f.offset, f.what) }

// scan reads the messages of a stream in order. It stops at the first flaw.
func scan(dir, stream string, take func(*record) error) (*flaw, error) {
	files, err := blocks(filepath.Join(dir, "msgs"))
	if err != nil {
		return nil, err
	}
	for i, index := range files {
		path := filepath.Join(dir, "msgs", strconv.Itoa(index)+".blk")
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
		b := block{path: path, raw: raw, key: key[:]}
		found, err := b.scan(take)
		if found != nil && i < len(files)-1 {
			found.tail = false
		}
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// blocks returns the numbers of the blocks in a directory, in order.
func blocks(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".blk")
		if n, err := strconv.Atoi(name); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// A block is a file of messages.
type block struct {
	path string
	raw  []byte
	key  []byte
}

func (b *block) scan(take func(*record) error) (*flaw, error) {
	for at := 0; at < len(b.raw); {
		r, size, what := b.record(at)
		if what != "" {
			return &flaw{file: b.path, offset: at, what: what, tail: !b.more(at, size)}, nil
		}
		if r.seq&tombstoneBit == 0 {
			if err := take(&r); err != nil {
				return nil, err
			}
		}
		at += size
	}
	return nil, nil
}

// record reads the record at an offset. It returns its size, if that can be
// known, and what is wrong with it.
func (b *block) record(at int) (r record, size int, wrong string) {
	rest := b.raw[at:]
	if len(rest) < recordHead {
		return r, 0, "the file ends within a message"
	}
	length := binary.LittleEndian.Uint32(rest)
	size = int(length &^ headersBit)
	subject := int(binary.LittleEndian.Uint16(rest[20:]))
	body := subject
	if length&headersBit != 0 {
		body += 4
	}
	if size < recordHead+body+checksumSize || size > mostRecord {
		return r, 0, "a length that cannot be"
	}
	if size > len(rest) {
		return r, 0, "the file ends within a message"
	}
	content := rest[recordHead : size-checksumSize]
	h, err := highwayhash.New64(b.key)
	if err != nil {
		return r, size, err.Error()
	}
	_, _ = h.Write(rest[4:20]) // a hash takes everything
	_, _ = h.Write(content[:subject])
	_, _ = h.Write(content[body:])
	if !bytes.Equal(h.Sum(nil), rest[size-checksumSize:size]) {
		return r, size, "the checksum of a message is wrong"
	}
	r.seq, r.nanos = binary.LittleEndian.Uint64(rest[4:]), int64(binary.LittleEndian.Uint64(rest[12:])) //nolint:gosec // its bits
	r.subject, r.data = string(content[:subject]), content[body:]
	if length&headersBit != 0 {
		headers := int(binary.LittleEndian.Uint32(content[subject:]))
		if headers > len(r.data) {
			return r, size, "headers that are longer than their message"
		}
		r.data = r.data[headers:]
	}
	return r, size, ""
}

// more reports whether a good message comes after the bad one at an offset: a
// write that was cut off has none.
func (b *block) more(at, size int) bool {
	if size > 0 {
		if _, _, wrong := b.record(at + size); wrong == "" {
			return true
		}
	}
	for at++; at+recordHead+checksumSize <= len(b.raw); at++ {
		if length := binary.LittleEndian.Uint32(b.raw[at:]) &^ headersBit; length < recordHead+checksumSize || int(length) > len(b.raw)-at {
			continue
		}
		if _, _, wrong := b.record(at); wrong == "" {
			return true
		}
	}
	return false
}
