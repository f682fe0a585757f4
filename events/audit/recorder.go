package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
)

// A RecordedLog is what a [Recorder] asks besides what it is fed.
type RecordedLog interface {
	Definitions
	Removals
}

// Definitions are what the log's events are read by.
type Definitions interface {
	Definitions(ctx context.Context) ([]events.DefinitionRef, error)
	Definition(ctx context.Context, name string, version int) ([]byte, error)
}

// Config says how a [Recorder] works.
type Config struct {
	Dir   string        // the audit directory
	Every time.Duration // how often what has come is signed; default 10 s
}

// A Recorder writes the audit directory while it follows the log: it is a
// reader of package feed. Only one may work on a directory.
type Recorder struct {
	conf        Config
	source      RecordedLog
	shards      []*recording
	definitions *recording

	mu    sync.Mutex // guards what follows
	known map[events.DefinitionRef]bool
}

// A recording is a store that is written to by one and signed by another.
type recording struct {
	mu     sync.Mutex
	store  *store
	buffer []byte
	gone   *archived // nil until something is met that was removed
}

// NewRecorder opens, or makes, the audit directory of a log of so many shards.
// The recorder must be closed.
func NewRecorder(ctx context.Context, source RecordedLog, shards int, key note.Signer, verifier note.Verifier, conf Config) (*Recorder, error) {
	if conf.Every == 0 {
		conf.Every = 10 * time.Second
	}
	r := &Recorder{conf: conf, source: source, known: make(map[events.DefinitionRef]bool)}
	for shard := range shards {
		s, err := openStore(conf.Dir, logOfShard(shard), key, verifier)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.shards = append(r.shards, &recording{store: s})
	}
	s, err := openStore(conf.Dir, logDefinitions, key, verifier)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.definitions = &recording{store: s}
	if err = r.loadDefinitions(); err == nil {
		err = r.RecordDefinitions(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close closes the files. What no checkpoint covers is forgotten.
func (r *Recorder) Close() error {
	var errs []error
	for _, rec := range r.all() {
		errs = append(errs, rec.store.close())
	}
	return errors.Join(errs...)
}

func (r *Recorder) all() []*recording {
	if r.definitions == nil {
		return r.shards
	}
	return append(slices.Clip(r.shards), r.definitions)
}

// Start returns how far a shard is recorded.
func (r *Recorder) Start(_ context.Context, shard int) (uint64, error) {
	rec := r.shards[shard]
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return uint64(rec.store.tree.size), nil //nolint:gosec // not negative
}

// Apply records the next messages of a shard.
func (r *Recorder) Apply(ctx context.Context, shard int, batch []events.Delivery) error {
	if err := r.addShard(ctx, shard, batch); err != nil {
		return err
	}
	var last events.DefinitionRef
	for i := range batch {
		slot := &batch[i].Event.Slot
		ref := events.DefinitionRef{Name: slot.Definition, Version: slot.Version}
		if ref.Name == "" || ref == last {
			continue
		}
		if err := r.recordDefinition(ctx, ref); err != nil {
			return err
		}
		last = ref
	}
	return nil
}

func (r *Recorder) addShard(ctx context.Context, shard int, batch []events.Delivery) error {
	rec := r.shards[shard]
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for i := range batch {
		next := uint64(rec.store.tree.size) + 1 //nolint:gosec // not negative
		switch seq := batch[i].Event.Position.Seq; {
		case seq < next:
			continue
		case seq > next && seq-next <= batch[i].Removed:
			if err := r.addRemoved(ctx, rec, shard, seq); err != nil {
				return err
			}
		case seq > next:
			return fmt.Errorf("audit: shard %d: message %d comes after %d: %w", shard, seq, next-1, ErrBad)
		}
		var leaf tlog.Hash
		leaf, rec.buffer = leafOf(&batch[i], rec.buffer)
		if err := rec.store.add(leaf); err != nil {
			return err
		}
	}
	return nil
}

// addRemoved adds the hashes of messages up to one that is there.
func (r *Recorder) addRemoved(ctx context.Context, rec *recording, shard int, there uint64) error {
	if rec.gone == nil {
		rec.gone = &archived{source: r.source, shard: shard}
	}
	for {
		next := uint64(rec.store.tree.size) + 1 //nolint:gosec // not negative
		if next == there {
			return nil
		}
		leaf, err := rec.gone.leaf(ctx, next)
		if err == nil {
			err = rec.store.add(leaf)
		}
		if err != nil {
			return err
		}
	}
}

// Run signs what was recorded, from time to time, until ctx ends, and once
// more then.
func (r *Recorder) Run(ctx context.Context) error {
	tick := time.NewTicker(r.conf.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return r.Checkpoint(time.Now())
		case now := <-tick.C:
			if err := r.Checkpoint(now); err != nil {
				return err
			}
		}
	}
}

// Checkpoint signs what was recorded so far.
func (r *Recorder) Checkpoint(now time.Time) error {
	for _, rec := range r.all() {
		rec.mu.Lock()
		err := rec.store.checkpoint(now)
		rec.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// RecordDefinitions records the definitions that are deployed, used or not.
func (r *Recorder) RecordDefinitions(ctx context.Context) error {
	refs, err := r.source.Definitions(ctx)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, ref := range refs {
		if err := r.recordDefinition(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) recordDefinition(ctx context.Context, ref events.DefinitionRef) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[ref] {
		return nil
	}
	source, err := r.source.Definition(ctx, ref.Name, ref.Version)
	if errors.Is(err, events.ErrNotFound) {
		return nil // an event may name anything
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	line := record(ref, source)
	rec := r.definitions
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if err := appendFile(filepath.Join(rec.store.dir, fileRecords), []byte(line)); err != nil {
		return err
	}
	if err := rec.store.add(tlog.RecordHash([]byte(line))); err != nil {
		return err
	}
	r.known[ref] = true
	return rec.store.checkpoint(time.Now())
}

// record returns the leaf of a definition.
func record(ref events.DefinitionRef, source []byte) string {
	digest := sha256.Sum256(source)
	return fmt.Sprintf("%s %d %s\n", ref.Name, ref.Version, hex.EncodeToString(digest[:]))
}

// parseRecord reads a leaf of a definition.
func parseRecord(line string) (ref events.DefinitionRef, digest string, err error) {
	var rest string
	n, err := fmt.Sscanf(line, "%s %d %s%s", &ref.Name, &ref.Version, &digest, &rest)
	if n != 3 || ref.Check() != nil || len(digest) != 2*sha256.Size || fmt.Sprintf("%s %d %s\n", ref.Name, ref.Version, digest) != line {
		return ref, "", fmt.Errorf("audit: %.200q is no record of a definition: %w", line, ErrBad)
	}
	_ = err // the rest is always missing
	return ref, digest, nil
}

// loadDefinitions reads which definitions are recorded. Records that no
// checkpoint covers are dropped; they are made again.
func (r *Recorder) loadDefinitions() error {
	s := r.definitions.store
	path := filepath.Join(s.dir, fileRecords)
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	n, end := int64(0), 0
	for line := range strings.Lines(string(file)) {
		if n == s.signed {
			break
		}
		ref, _, err := parseRecord(line)
		if err != nil {
			return err
		}
		r.known[ref] = true
		n++
		end += len(line)
	}
	if n < s.signed {
		return fmt.Errorf("audit: %d records of definitions, a checkpoint covers %d: %w", n, s.signed, ErrBad)
	}
	if end < len(file) {
		return os.Truncate(path, int64(end))
	}
	return nil
}
