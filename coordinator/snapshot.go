package coordinator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A snapshot is: one byte of format, the sequence it holds (8 bytes), and for
// each open document five strings with their lengths before them: id,
// definition, version, state, and the source of its submission if it was
// called. Of a document that was set aside there is only the id; without an id,
// the second string has the bits of the strays. All numbers are big endian or
// uvarint.
const snapshotFormat = 2

var errBadSnapshot = errors.New("not a snapshot of this coordinator")

func (s *shard) name() string { return snapshotName(s.number) }

func snapshotName(shard int) string { return "coordinator-" + strconv.Itoa(shard) }

// Forget makes the next start read so many shards from their beginning, for
// their snapshots may hold what the log has lost.
func Forget(ctx context.Context, snapshots Snapshots, shards int) error {
	for shard := range shards {
		if err := snapshots.Save(ctx, snapshotName(shard), []byte{0}); err != nil { // of no format
			return fmt.Errorf("coordinator: forget the snapshot of shard %d: %w", shard, err)
		}
	}
	return nil
}

// save writes the shard's snapshot if it is at least so many events ahead of
// the last one.
func (c *Coordinator) save(ctx context.Context, s *shard, ahead uint64) error {
	snapshot, seq := s.encode(ahead)
	if snapshot == nil {
		return nil
	}
	if err := c.snapshots.Save(ctx, s.name(), snapshot); err != nil {
		return fmt.Errorf("coordinator: save snapshot of shard %d: %w", s.number, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saved = seq
	return nil
}

func (s *shard) encode(ahead uint64) (snapshot []byte, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seq-s.saved < ahead || !s.live {
		return nil, 0
	}
	b := append(make([]byte, 0, 64+256*len(s.documents)), snapshotFormat)
	b = binary.BigEndian.AppendUint64(b, s.seq)
	for id, doc := range s.documents {
		if doc.definition == nil { // set aside
			b = appendEntry(b, [5]string{0: string(id), 2: "0"})
			continue
		}
		b = appendEntry(b, [5]string{string(id), doc.definition.Name, strconv.Itoa(doc.definition.Version), string(doc.packed), doc.parent})
	}
	if bits := s.strays.encode(); len(bits) > 0 {
		b = appendEntry(b, [5]string{1: string(bits)})
	}
	return b, s.seq
}

func appendEntry(b []byte, parts [5]string) []byte {
	for _, part := range parts {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// load reads the shard's snapshot. The caller holds the shard's lock.
func (c *Coordinator) load(ctx context.Context, s *shard) error {
	b, err := c.snapshots.Load(ctx, s.name())
	if err != nil {
		return fmt.Errorf("coordinator: load snapshot of shard %d: %w", s.number, err)
	}
	if len(b) < 9 || b[0] != snapshotFormat {
		return errBadSnapshot
	}
	seq := binary.BigEndian.Uint64(b[1:])
	s.empty()
	for b = b[9:]; len(b) > 0; {
		var parts [5]string
		for i := range parts {
			n, used := binary.Uvarint(b)
			if used <= 0 || n > uint64(len(b)-used) {
				return errBadSnapshot
			}
			parts[i], b = string(b[used:used+int(n)]), b[used+int(n):]
		}
		if err := c.loadOne(ctx, s, parts, seq); err != nil {
			return err
		}
	}
	s.seq, s.saved = seq, seq
	return nil
}

// loadOne takes an entry of a snapshot that ends at seq.
func (c *Coordinator) loadOne(ctx context.Context, s *shard, parts [5]string, seq uint64) error {
	switch {
	case parts[0] == "":
		return s.strays.decode([]byte(parts[1]))
	case parts[1] == "":
		return c.reopen(ctx, s, events.DocumentID(parts[0]), seq)
	}
	version, err := strconv.Atoi(parts[2])
	if err != nil {
		return errBadSnapshot
	}
	definition, err := c.definitions.Get(ctx, parts[1], version)
	if err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	doc := &document{id: events.DocumentID(parts[0]), definition: definition, place: -1}
	doc.parent = caller(doc.id, parts[4])
	var state saga.State
	if err := state.UnmarshalBinary([]byte(parts[3])); err != nil {
		return fmt.Errorf("coordinator: %w", err)
	}
	doc.keep(&state)
	s.documents[doc.id] = doc
	at, _ := state.Deadline()
	s.deadlines.set(doc, at)
	return nil
}

// reopen tries again to understand a document that was set aside before the
// snapshot: it is folded from its first event to the last that the snapshot holds.
func (c *Coordinator) reopen(ctx context.Context, s *shard, id events.DocumentID, seq uint64) error {
	history, err := c.history(ctx, id)
	if err != nil {
		return err
	}
	for i := range history {
		if history[i].Position.Seq > seq {
			break
		}
		if _, err := c.foldOne(ctx, s, &history[i]); err != nil {
			return err
		}
	}
	return nil
}
