package audit

import (
	"context"
	"fmt"
	"sort"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/removed"
)

// archived are the messages that were taken out of a shard. They are read when
// the first is asked for; 40 bytes each are kept then.
type archived struct {
	source Removals
	shard  int
	read   bool
	list   []removed.Message
}

// leaf returns the hash that a message had, or an error that wraps
// [events.ErrNotFound] if it was not archived.
func (a *archived) leaf(ctx context.Context, seq uint64) (leaf tlog.Hash, err error) {
	if !a.read {
		if a.list, err = a.source.Removed(ctx, a.shard); err != nil {
			return leaf, fmt.Errorf("audit: %w", err)
		}
		a.read = true
	}
	i := sort.Search(len(a.list), func(i int) bool { return a.list[i].Seq >= seq })
	if i == len(a.list) || a.list[i].Seq != seq || len(a.list[i].Leaf) != len(leaf) {
		return leaf, fmt.Errorf("audit: %d-%d is missing: %w", a.shard, seq, events.ErrNotFound)
	}
	return tlog.Hash(a.list[i].Leaf), nil
}
