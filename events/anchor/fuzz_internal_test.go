package anchor

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/minio/highwayhash"
)

// written returns a record as the server writes it.
func written(key []byte, seq uint64, subject, headers, data string) []byte {
	size := recordHead + len(subject) + len(data) + checksumSize
	length := uint32(size)
	if headers != "" {
		size += 4 + len(headers)
		length = uint32(size) | headersBit
	}
	b := binary.LittleEndian.AppendUint32(nil, length)
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint64(b, 1_700_000_000)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(subject)))
	b = append(b, subject...)
	h, _ := highwayhash.New64(key)
	_, _ = h.Write(b[4:20])
	_, _ = h.Write([]byte(subject))
	if headers != "" {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(headers)))
		b = append(b, headers...)
		_, _ = h.Write([]byte(headers))
	}
	b = append(b, data...)
	_, _ = h.Write([]byte(data))
	return h.Sum(b)
}

// FuzzScan reads blocks that anything may have happened to. What it reads is
// bounded, in order as it stands there, and all of a block that nothing
// happened to.
func FuzzScan(f *testing.F) {
	sum := sha256.Sum256([]byte("DOCSAGA_0-1"))
	key := sum[:]
	good := append(written(key, 1, "docsaga.a", "", "x"), written(key, 2, "docsaga.b", "NATS/1.0\r\n\r\n", "yy")...)
	f.Add(good, 0, byte(0))
	f.Add(good, 5, byte(1))
	f.Add(good[:len(good)-3], 0, byte(0))
	f.Add([]byte{}, 0, byte(0))
	f.Add(binary.LittleEndian.AppendUint32(nil, 1<<31|40), 0, byte(0))
	f.Fuzz(func(t *testing.T, raw []byte, at int, flip byte) {
		raw = append([]byte(nil), raw...)
		if len(raw) > 0 {
			raw[uint(at)%uint(len(raw))] ^= flip
		}
		read := 0
		b := block{path: "1.blk", raw: raw, key: key}
		wrong, err := b.scan(func(r *record) error {
			read += len(r.subject) + len(r.data)
			return nil
		})
		if err != nil || read > len(raw) {
			t.Errorf("%d bytes of %d were read, error %v", read, len(raw), err)
		}
		if wrong != nil && (wrong.offset < 0 || wrong.offset > len(raw)) {
			t.Errorf("flaw at %d of %d bytes", wrong.offset, len(raw))
		}
	})
}

func TestARecordAsTheServerWritesItIsRead(t *testing.T) {
	sum := sha256.Sum256([]byte("DOCSAGA_0-1"))
	raw := append(written(sum[:], 1, "a", "", "x"), written(sum[:], 2, "b", "NATS/1.0\r\n\r\n", "yy")...)
	var got []string
	b := block{path: "1.blk", raw: raw, key: sum[:]}
	if wrong, err := b.scan(func(r *record) error { got = append(got, r.subject+string(r.data)); return nil }); wrong != nil || err != nil {
		t.Fatalf("%v, %v", wrong, err)
	}
	if len(got) != 2 || got[0] != "ax" || got[1] != "byy" {
		t.Errorf("read %q", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"shards":{"0":{"seq":1,"digest":"00"}}}`, `{"shards":{"x":{}}}`, `{`, `{"shards":null}`} {
		f.Add([]byte(s))
	}
	path := filepath.Join(f.TempDir(), "anchor.json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		marks, err := Marks(path)
		a, openErr := Open(path)
		if (err == nil) != (openErr == nil) {
			t.Errorf("%q: read %v, opened %v", raw, err, openErr)
		}
		if err != nil {
			return
		}
		for shard, m := range marks {
			if a.digests[shard].seq != m.Seq || len(m.Digest) != 64 {
				t.Errorf("shard %d: %+v became %+v", shard, m, a.digests[shard])
			}
		}
	})
}
