package events

import (
	"fmt"
	"strconv"
	"strings"
)

// A Position is a place in the saga log: a shard and a sequence in it. The
// sequences of a shard count from 1; 0 stands before the first event.
// Positions of different shards have no order. A document lies in one shard.
type Position struct {
	Shard int
	Seq   uint64
}

// String returns the position as <shard>-<sequence>, such as 3-1047.
func (p Position) String() string {
	return strconv.Itoa(p.Shard) + "-" + strconv.FormatUint(p.Seq, 10)
}

// ParsePosition reads what [Position.String] writes.
func ParsePosition(s string) (Position, error) {
	left, right, ok := strings.Cut(s, "-")
	shard, errShard := strconv.ParseUint(left, 10, 16)
	seq, errSeq := strconv.ParseUint(right, 10, 64)
	if !ok || errShard != nil || errSeq != nil {
		return Position{}, fmt.Errorf("events: position %.80q: want <shard>-<sequence>, such as 3-1047", s)
	}
	return Position{Shard: int(shard), Seq: seq}, nil
}

// MarshalText returns what [Position.String] returns.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePosition] reads.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
