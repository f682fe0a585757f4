package anchor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Mark says how far a shard goes, and what it holds so far.
type Mark struct {
	Seq    uint64 `json:"seq"`
	Digest string `json:"digest"` // 64 hexadecimal digits
}

// state is what the file holds.
type state struct {
	Shards map[int]Mark `json:"shards"`
}

// An Anchor follows the log and keeps its marks. It is a feed.Reader and needs
// Run beside the feed.
type Anchor struct {
	paths []string

	mu      sync.Mutex
	digests map[int]digest
	changed bool
}

// A digest is a Mark at work.
type digest struct {
	seq uint64
	sum [sha256.Size]byte
}

// Open reads the anchor from the first file, if it is there. The others are
// further places that it is written to.
func Open(path string, others ...string) (*Anchor, error) {
	s, err := read(path)
	if err != nil {
		return nil, err
	}
	a := &Anchor{paths: append([]string{path}, others...), digests: make(map[int]digest)}
	for shard, m := range s.Shards {
		d := digest{seq: m.Seq}
		if n, err := hex.Decode(d.sum[:], []byte(m.Digest)); err != nil || n != len(d.sum) {
			return nil, fmt.Errorf("anchor: %s: shard %d: not a digest", path, shard)
		}
		a.digests[shard] = d
	}
	return a, nil
}

// read reads an anchor's file; one that is not there is empty.
func read(path string) (state, error) {
	var s state
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("anchor: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("anchor: %s: %w", path, err)
	}
	for shard, m := range s.Shards {
		if raw, err := hex.DecodeString(m.Digest); err != nil || len(raw) != sha256.Size {
			return s, fmt.Errorf("anchor: %s: shard %d: not a digest", path, shard)
		}
	}
	return s, nil
}

// Marks returns what an anchor's file holds, by shard; nothing if there is no
// file.
func Marks(path string) (map[int]Mark, error) {
	s, err := read(path)
	return s.Shards, err
}

// Start returns the last sequence of a shard that the anchor holds.
func (a *Anchor) Start(_ context.Context, shard int) (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.digests[shard].seq, nil
}

// Apply adds the next messages of a shard.
func (a *Anchor) Apply(_ context.Context, shard int, batch []events.Delivery) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.digests[shard]
	for i := range batch {
		e := &batch[i].Event
		if e.Position.Seq <= d.seq {
			continue
		}
		if e.Position.Seq-d.seq-1 > batch[i].Removed {
			return fmt.Errorf("anchor: shard %d: %d comes after %d", shard, e.Position.Seq, d.seq)
		}
		subject, data := "", []byte(nil)
		if e.Slot != (events.Slot{}) {
			subject, data = e.Slot.Subject(), batch[i].Data // as it is stored
		}
		d.add(e.Position.Seq, e.At.UnixNano(), subject, data)
	}
	a.digests[shard] = d
	a.changed = true
	return nil
}

func (d *digest) add(seq uint64, nanos int64, subject string, data []byte) {
	h := sha256.New()
	var head [sha256.Size + 8 + 8 + 4]byte
	copy(head[:], d.sum[:])
	binary.BigEndian.PutUint64(head[32:], seq)
	binary.BigEndian.PutUint64(head[40:], uint64(nanos))        //nolint:gosec // its bits
	binary.BigEndian.PutUint32(head[48:], uint32(len(subject))) //nolint:gosec // a subject is short
	_, _ = h.Write(head[:])                                     // a hash takes everything
	_, _ = h.Write([]byte(subject))
	_, _ = h.Write(data)
	h.Sum(d.sum[:0])
	d.seq = seq
}

// Run writes the anchor's files once a second, if there is something new,
// until ctx ends, and once more then. It fails if the first cannot be written.
func (a *Anchor) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return a.Flush()
		case <-tick.C:
			if err := a.Flush(); err != nil {
				return err
			}
		}
	}
}

// Flush writes the files, if there is something new.
func (a *Anchor) Flush() error {
	a.mu.Lock()
	if !a.changed {
		a.mu.Unlock()
		return nil
	}
	s := state{Shards: make(map[int]Mark, len(a.digests))}
	for shard, d := range a.digests {
		s.Shards[shard] = Mark{Seq: d.seq, Digest: hex.EncodeToString(d.sum[:])}
	}
	a.changed = false
	a.mu.Unlock()
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	var errs []error
	for _, path := range a.paths {
		errs = append(errs, replace(path, append(raw, '\n')))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

// replace writes a file so that it is on disk, old or new, whatever happens.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".anchor-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
