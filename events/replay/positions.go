package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// Positions says how far each shard was read: the sequence of the last event
// of shard n is at index n. A shard that is not there was not read at all.
type Positions []uint64

// String returns the positions with commas between, such as 0-1047,1-33.
func (p Positions) String() string {
	texts := make([]string, len(p))
	for shard, seq := range p {
		texts[shard] = events.Position{Shard: shard, Seq: seq}.String()
	}
	return strings.Join(texts, ",")
}

// ParsePositions reads what [Positions.String] writes; shards may be left out.
func ParsePositions(s string) (Positions, error) {
	var all Positions
	for text := range strings.SplitSeq(strings.TrimSpace(s), ",") {
		if text == "" {
			continue
		}
		p, err := events.ParsePosition(text)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if p.Shard >= events.Partitions {
			return nil, fmt.Errorf("replay: position %s: there are at most %d shards", text, events.Partitions)
		}
		all = all.With(p)
	}
	return all, nil
}

// At returns how far a shard was read.
func (p Positions) At(shard int) uint64 {
	if shard < len(p) {
		return p[shard]
	}
	return 0
}

// With returns the positions with one shard's changed. It may change p.
func (p Positions) With(at events.Position) Positions {
	if missing := at.Shard + 1 - len(p); missing > 0 {
		p = slices.Concat(p, make(Positions, missing))
	}
	p[at.Shard] = at.Seq
	return p
}
