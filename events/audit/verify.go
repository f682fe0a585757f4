package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/removed"
)

// A Source is the log that is checked.
type Source interface {
	Shards() int
	// Last returns the sequence of the last message of a shard.
	Last(ctx context.Context, shard int) (uint64, error)
	// Follow yields the messages of a shard after a position, in order.
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
	// Next returns the position of the first message at a position or after
	// it, or events.ErrNotFound.
	Next(ctx context.Context, at events.Position) (events.Position, error)
	Removals
}

// Removals know which messages were taken out of a log after their documents
// were archived; see package removed.
type Removals interface {
	// Removed returns those of a shard, in order. Follow steps over them.
	Removed(ctx context.Context, shard int) ([]removed.Message, error)
}

// Evidence is what the log is checked against.
type Evidence struct {
	Dir     string        // the audit directory
	Key     note.Verifier // that signed the checkpoints
	Outside [][]byte      // checkpoints that were kept elsewhere, signed
	Files   Files         // to check the files too; nil to leave them out
	// DocumentKey is put into the export of a document, so that who has it can
	// read what is sealed; nil to leave that unreadable.
	DocumentKey []byte
}

// A Finding is something that does not hold.
type Finding struct {
	Where string `json:"where"` // a log, an event's position, a definition or a file
	What  string `json:"what"`
}

// A Result is what [Verify] found.
type Result struct {
	Events      uint64    `json:"events"`      // that checkpoints cover and that were compared
	Uncovered   uint64    `json:"uncovered"`   // that came after the last checkpoint
	Archived    uint64    `json:"archived"`    // that were taken out of the log, and whose recorded hashes the log's lists name
	Checkpoints int       `json:"checkpoints"` // whose signature and root were checked
	Definitions int       `json:"definitions"`
	Files       int       `json:"files"`    // whose content was read
	Released    int       `json:"released"` // files that are named but not kept any more
	Findings    []Finding `json:"findings"`
}

// OK reports whether all holds.
func (r *Result) OK() bool { return len(r.Findings) == 0 }

// maxFindings is how many findings are told; more say the same.
const maxFindings = 1000

func (r *Result) find(where, format string, args ...any) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, Finding{Where: where, What: fmt.Sprintf(format, args...)})
	}
}

// Verify reads the whole log and compares it with the evidence. An error says
// that it could not be read; what does not hold is in the result.
func Verify(ctx context.Context, source Source, definitions Definitions, ev Evidence) (Result, error) {
	r := Result{Findings: []Finding{}}
	outside := make(map[string][]Checkpoint)
	for i, signed := range ev.Outside {
		c, err := OpenCheckpoint(signed, ev.Key)
		if err != nil {
			r.find(fmt.Sprintf("checkpoint %d kept elsewhere", i+1), "%v", err)
			continue
		}
		outside[c.Log] = append(outside[c.Log], c)
	}
	look := newLooker(ev.Files, &r)
	for shard := range source.Shards() {
		log := logOfShard(shard)
		v := verifier{r: &r, source: source, shard: shard, look: look, archived: &archived{source: source, shard: shard}}
		err := v.open(ctx, ev, log, outside[log])
		if err == nil {
			err = v.run(ctx)
		}
		if v.hashes != nil {
			err = errors.Join(err, v.hashes.Close())
		}
		if err != nil {
			return r, err
		}
	}
	return r, verifyDefinitions(ctx, definitions, ev, &r)
}

// checkpoints reads and checks the checkpoints of a log. That there is none is
// found if the log holds something.
func (r *Result) checkpoints(ev Evidence, log string, holds bool) (list []Checkpoint, err error) {
	all, err := ReadCheckpoints(filepath.Join(ev.Dir, log, fileCheckpoints))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && holds {
		r.find(log, "has no checkpoint in %s", ev.Dir)
	}
	for i, signed := range all {
		c, err := OpenCheckpoint(signed, ev.Key)
		switch {
		case err != nil:
			r.find(fmt.Sprintf("%s, checkpoint %d", log, i+1), "%v", err)
			continue
		case c.Log != log:
			r.find(fmt.Sprintf("%s, checkpoint %d", log, i+1), "is one of %s", c.Log)
			continue
		case len(list) > 0 && c.Size < list[len(list)-1].Size:
			r.find(fmt.Sprintf("%s, checkpoint %d", log, i+1), "covers %d, the one before it %d: the log was rolled back", c.Size, list[len(list)-1].Size)
			continue
		}
		r.Checkpoints++
		list = append(list, c)
	}
	return list, nil
}

// A verifier checks one shard.
type verifier struct {
	r      *Result
	source Source
	shard  int
	look   *looker

	due    []Checkpoint // not reached yet, by size
	covers int64        // the greatest size of a checkpoint
	tree   frontier     // of what the log holds
	broken bool         // the tree differs from what was signed: said already

	hashes  *os.File      // recorded; nil if they are no use
	leaves  *bufio.Reader // the same, in order
	scratch []tlog.Hash
	buffer  []byte
	window  []pair // what differs, to be explained

	archived *archived // what was taken out of the log
}

func (v *verifier) name() string { return logOfShard(v.shard) }

func (v *verifier) open(ctx context.Context, ev Evidence, log string, outside []Checkpoint) error {
	last, err := v.source.Last(ctx, v.shard)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	list, err := v.r.checkpoints(ev, log, last > 0)
	if err != nil {
		return err
	}
	v.r.Checkpoints += len(outside)
	v.due = mergeBySize(list, outside)
	if len(v.due) == 0 {
		return nil
	}
	v.covers = v.due[len(v.due)-1].Size
	return v.openHashes(filepath.Join(ev.Dir, log, fileHashes), list)
}

// mergeBySize merges two lists that are sorted by size.
func mergeBySize(a, b []Checkpoint) []Checkpoint {
	all := make([]Checkpoint, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if b[0].Size < a[0].Size {
			all, b = append(all, b[0]), b[1:]
		} else {
			all, a = append(all, a[0]), a[1:]
		}
	}
	return append(append(all, a...), b...)
}

// openHashes opens the recorded hashes, if their leaves give the roots that
// were signed.
func (v *verifier) openHashes(path string, list []Checkpoint) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		v.r.find(v.name(), "the recorded hashes are missing: what differs cannot be named")
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	v.hashes = file
	reader := bufio.NewReaderSize(file, 1<<20)
	var tree frontier
	var scratch []tlog.Hash
	for _, c := range list {
		for tree.size < c.Size {
			leaf, err := nextLeaf(reader, tree.size)
			if err != nil {
				v.r.find(v.name(), "the recorded hashes end at %d, a checkpoint covers %d", tree.size, c.Size)
				return v.drop()
			}
			scratch = tree.add(leaf, scratch[:0])
		}
		if tree.root() != c.Root {
			v.r.find(v.name(), "the recorded hashes up to %d are not those that were signed on %s", c.Size, c.Time.Format("2006-01-02T15:04:05Z"))
			return v.drop()
		}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	reader.Reset(file)
	v.leaves = reader
	return nil
}

func (v *verifier) drop() error {
	err := v.hashes.Close()
	v.hashes, v.leaves = nil, nil
	return err
}

// nextLeaf reads the hash of leaf n and skips those that were stored with it.
func nextLeaf(r *bufio.Reader, n int64) (leaf tlog.Hash, err error) {
	if _, err := io.ReadFull(r, leaf[:]); err != nil {
		return leaf, err
	}
	skip := tlog.StoredHashIndex(0, n+1) - tlog.StoredHashIndex(0, n) - 1
	_, err = r.Discard(int(skip) * tlog.HashSize)
	return leaf, err
}

// verifyDefinitions compares the definitions with their records.
func verifyDefinitions(ctx context.Context, source Definitions, ev Evidence, r *Result) error {
	list, err := r.checkpoints(ev, logDefinitions, true)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(filepath.Join(ev.Dir, logDefinitions, fileRecords))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	digests, tree := make(map[events.DefinitionRef]string), frontier{}
	for line := range strings.Lines(string(file)) {
		ref, digest, err := parseRecord(line)
		if err != nil {
			r.find(logDefinitions, "%v", err)
		} else {
			digests[ref] = digest
		}
		tree.add(tlog.RecordHash([]byte(line)), nil)
		for len(list) > 0 && list[0].Size <= tree.size {
			if list[0].Size == tree.size && list[0].Root != tree.root() {
				r.find(logDefinitions, "the records up to %d are not those that were signed", tree.size)
			}
			list = list[1:]
		}
	}
	if len(list) > 0 {
		r.find(logDefinitions, "%d records, a checkpoint covers %d", tree.size, list[len(list)-1].Size)
	}
	return compareDefinitions(ctx, source, digests, r)
}

func compareDefinitions(ctx context.Context, source Definitions, digests map[events.DefinitionRef]string, r *Result) error {
	refs, err := source.Definitions(ctx)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, ref := range refs {
		drawn, err := source.Definition(ctx, ref.Name, ref.Version)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		r.Definitions++
		_, digest, err := parseRecord(record(ref, drawn))
		if err != nil {
			return err
		}
		if want, ok := digests[ref]; ok && want != digest {
			r.find("definition "+ref.String(), "was changed: its SHA-256 is %s, recorded is %s", digest, want)
		}
		delete(digests, ref)
	}
	for ref := range digests {
		r.find("definition "+ref.String(), "was recorded and is missing")
	}
	return nil
}

// Root returns the root of the tree of the first messages of a shard. It reads
// all of them. For those that were archived and removed stand the hashes that
// they had.
func Root(ctx context.Context, source Source, shard int, size uint64) (tlog.Hash, error) {
	var tree frontier
	var scratch []tlog.Hash
	var buffer []byte
	if size == 0 {
		return tree.root(), nil
	}
	gone := archived{source: source, shard: shard}
	for batch, err := range source.Follow(ctx, events.Position{Shard: shard}) {
		if err != nil {
			return tlog.Hash{}, fmt.Errorf("audit: %w", err)
		}
		for i := range batch {
			seq := batch[i].Event.Position.Seq
			for uint64(tree.size)+1 < seq { //nolint:gosec // not negative
				leaf, err := gone.leaf(ctx, uint64(tree.size)+1) //nolint:gosec // not negative
				if err != nil {
					return tlog.Hash{}, err
				}
				scratch = tree.add(leaf, scratch[:0])
			}
			var leaf tlog.Hash
			leaf, buffer = leafOf(&batch[i], buffer)
			scratch = tree.add(leaf, scratch[:0])
			if seq >= size {
				return tree.root(), nil
			}
		}
	}
	return tlog.Hash{}, fmt.Errorf("audit: shard %d: %w", shard, context.Cause(ctx))
}
