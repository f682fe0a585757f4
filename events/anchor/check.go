package anchor

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// ErrDamaged reports files of the saga log that are not what they were. The
// server must not open them: it would keep a part and go on from there.
var ErrDamaged = errors.New("the saga log is damaged or is not the one of its anchor")

// ErrShorter reports that nothing else is wrong than that the log ends before
// its anchor. Who writes with relaxed durability must reckon with that after a
// power cut; [Accept] lets such a log pass.
var ErrShorter = errors.New("it ends before its anchor")

const streamPrefix = "DOCSAGA_"

// A Found is what a check found in a shard.
type Found struct {
	Shard    int
	Last     uint64 // sequence of the last message
	Anchored uint64 // how far it had to go
	Torn     bool   // a write was cut off at the end; it was never acknowledged
	Shorter  bool   // it does not go as far as it had to, and that is all
	// Skipped says that the blocks are compressed or encrypted, so that they
	// cannot be read here.
	Skipped bool
}

// Check reads the files of a server that is not running, dir being its store,
// and compares them with the anchor in the file at path; without one, it only
// looks at the checksums. The error wraps [ErrDamaged] and says what is
// missing and what to do.
func Check(dir, path string) ([]Found, error) {
	anchored, err := read(path)
	if err != nil {
		return nil, err
	}
	streams, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", streamPrefix+"*"))
	if err != nil {
		return nil, fmt.Errorf("anchor: %w", err)
	}
	var all []Found
	var bad []error
	shorter := true
	for _, stream := range streams {
		shard, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(stream), streamPrefix))
		if err != nil {
			continue // it is not of the log
		}
		mark := anchored.Shards[shard]
		delete(anchored.Shards, shard)
		found, wrong, err := check(stream, shard, mark)
		if err != nil {
			return nil, fmt.Errorf("anchor: shard %d: %w", shard, err)
		}
		all = append(all, found)
		if wrong != "" {
			bad = append(bad, errors.New(wrong))
			shorter = shorter && found.Shorter
		}
	}
	for shard, mark := range anchored.Shards {
		bad = append(bad, fmt.Errorf("shard %d is gone, with %d messages", shard, mark.Seq))
	}
	slices.SortFunc(all, func(a, b Found) int { return a.Shard - b.Shard })
	if len(bad) == 0 {
		return all, nil
	}
	said, way := ErrDamaged, "move the anchor away; documents that have lost events must then be submitted anew (docsaga verify names them)"
	if shorter && len(anchored.Shards) == 0 {
		said = fmt.Errorf("%w: %w", ErrDamaged, ErrShorter)
		way = "start with --accept-shorter-log. That is what relaxed durability may cost after a power cut, and strict must not. " +
			"Documents whose submission is missing must be submitted anew; of the others the lost steps are done again"
	}
	return all, fmt.Errorf("anchor: %w: %w. Nothing was changed. To restore: keep %s as it is, put a backup in its place that reaches the anchor %s, and start again. "+
		"To go on without what is missing: %s", said, errors.Join(bad...), dir, path, way)
}

// check compares one shard with its mark.
func check(dir string, shard int, mark Mark) (Found, string, error) {
	found := Found{Shard: shard, Anchored: mark.Seq, Skipped: !readable(dir)}
	if found.Skipped {
		return found, "", nil
	}
	var d digest
	wrong := ""
	archived := removedFrom(dir)
	gone, firstGone := uint64(0), uint64(0)
	damage, err := scan(dir, streamPrefix+strconv.Itoa(shard), func(r *record) error {
		if seq := r.seq &^ erasedBit; seq <= d.seq {
			return nil // an erased message that was skipped already
		} else if seq != d.seq+1 || r.seq&erasedBit != 0 {
			if firstGone == 0 {
				firstGone = d.seq + 1
			}
			gone += seq - d.seq - 1
			d.seq = seq - 1
		}
		if r.seq&erasedBit != 0 {
			gone++
			d.seq++
			return nil
		}
		subject, data := r.subject, r.data
		if _, err := events.ParseSubject(subject); err != nil {
			subject, data = "", nil
		}
		d.add(r.seq, r.nanos, subject, data)
		if r.seq == mark.Seq && hex.EncodeToString(d.sum[:]) != mark.Digest && wrong == "" {
			wrong = fmt.Sprintf("shard %d: its messages up to %d are others than they were", shard, mark.Seq)
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	found.Last = d.seq
	if gone > archived && err == nil {
		wrong = fmt.Sprintf("shard %d: message %d is missing", shard, firstGone)
		if archived > 0 {
			wrong = fmt.Sprintf("shard %d: %d messages are missing besides the %d that were archived", shard, gone-archived, archived)
		}
	}
	switch {
	case err != nil || wrong != "":
	case damage != nil && (!damage.tail || d.seq < mark.Seq):
		found.Shorter = damage.tail
		wrong = fmt.Sprintf("shard %d: %v: messages after %d cannot be read; the anchor stands at %d", shard, damage, d.seq, mark.Seq)
	case d.seq < mark.Seq:
		found.Shorter = true
		wrong = fmt.Sprintf("shard %d ends at %d: messages %d to %d are missing", shard, d.seq, d.seq+1, mark.Seq)
	case damage != nil:
		found.Torn = true
	}
	return found, wrong, err
}

// removedFrom returns how many messages were taken out of a stream after they
// were archived. Which they were, its readers know.
func removedFrom(dir string) uint64 {
	raw, err := os.ReadFile(filepath.Join(dir, "meta.inf"))
	if err != nil {
		return 0
	}
	var meta struct {
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal(raw, &meta) != nil {
		return 0
	}
	n, _ := strconv.ParseUint(meta.Metadata["docsaga.removed"], 10, 63) // none is 0
	return n
}

// readable reports whether the blocks of a stream are as they were written.
func readable(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "meta.inf"))
	if err != nil {
		return true // then nothing says otherwise
	}
	var meta struct {
		Compression string `json:"compression"`
	}
	return json.Unmarshal(raw, &meta) == nil && (meta.Compression == "" || meta.Compression == "none")
}
