package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/docsaga/docsaga/events"
)

// A pair is a message and the leaf that was recorded in its place.
type pair struct {
	seq  uint64
	got  *message // nil if there is none
	want tlog.Hash
}

// windowSize is how many messages around a difference are compared with each
// other, to say what was done.
const windowSize = 32

// run reads the shard to its end.
func (v *verifier) run(ctx context.Context) error {
	last, err := v.source.Last(ctx, v.shard)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	after := uint64(0)
	for after < last && ctx.Err() == nil {
		before := after
		var failed error
		if after, failed = v.follow(ctx, after, last); failed == nil {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		// The next message does not come: go on behind the gap.
		next, err := v.source.Next(ctx, events.Position{Shard: v.shard, Seq: after + 1})
		if errors.Is(err, events.ErrNotFound) {
			next.Seq, err = last+1, nil
		}
		if err != nil || next.Seq <= after && after == before {
			return fmt.Errorf("audit: shard %d after %d: %w", v.shard, after, errors.Join(failed, err))
		}
		if next.Seq == after+1 {
			if !errors.Is(failed, errSilent) && after == before {
				next.Seq++ // it is said to be there, but cannot be read
			} else {
				continue
			}
		}
		if err := v.gap(ctx, after+1, min(next.Seq-1, last)); err != nil {
			return err
		}
		after = next.Seq - 1
	}
	if ctx.Err() != nil {
		return fmt.Errorf("audit: shard %d: %w", v.shard, context.Cause(ctx))
	}
	return v.end(last)
}

// silence is how long no message may come before the reader looks whether
// there is one.
const silence = 3 * time.Second

var errSilent = errors.New("no message comes")

// follow takes messages up to last and returns the sequence of the last one.
func (v *verifier) follow(ctx context.Context, after, last uint64) (uint64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	for batch, err := range v.source.Follow(ctx, events.Position{Shard: v.shard, Seq: after}) {
		if err != nil {
			return after, err
		}
		watch.Stop() // files may take their time
		for i := range batch {
			m := messageOf(&batch[i])
			if m.position.Seq > last {
				return after, nil
			}
			if m.position.Seq > after+1 {
				if err := v.gap(ctx, after+1, m.position.Seq-1); err != nil {
					return after, err
				}
			}
			if err := v.take(m); err != nil {
				return after, err
			}
			if errors.Is(batch[i].Bad, events.ErrUnsigned) {
				v.r.find(m.position.String(), "%v", batch[i].Bad)
			}
			if err := v.look.at(ctx, &batch[i]); err != nil {
				return after, err
			}
			after = m.position.Seq
		}
		if after >= last {
			return after, nil
		}
		watch.Reset(silence)
	}
	return after, context.Cause(ctx)
}

// take compares a message with what was recorded.
func (v *verifier) take(m message) error {
	if v.tree.size >= v.covers {
		v.r.Uncovered++
		return nil
	}
	var leaf tlog.Hash
	leaf, v.buffer = m.hash(v.buffer)
	v.r.Events++
	return v.place(pair{seq: m.position.Seq, got: &m}, leaf)
}

// gap takes note that messages are not there: those that were archived and
// removed, and those that nothing says this of.
func (v *verifier) gap(ctx context.Context, from, to uint64) error {
	first := uint64(0) // of those that are missing and were not told yet
	tell := func(last uint64) {
		if first != 0 {
			v.r.find(v.name(), "%s missing: %d-%d to %d-%d", count(last-first+1, "event"), v.shard, first, v.shard, last)
		}
		first = 0
	}
	for seq := from; seq <= to; seq++ {
		leaf, err := v.archived.leaf(ctx, seq)
		switch {
		case err == nil:
			tell(seq - 1)
			if err := v.wasRemoved(seq, leaf); err != nil {
				return err
			}
		case !errors.Is(err, events.ErrNotFound):
			return err
		default:
			if first == 0 {
				first = seq
			}
			if err := v.isMissing(); err != nil {
				return err
			}
		}
	}
	tell(to)
	return nil
}

// wasRemoved puts the hash that the log's list names where the message was.
func (v *verifier) wasRemoved(seq uint64, leaf tlog.Hash) error {
	if v.tree.size >= v.covers {
		v.r.Uncovered++
		return nil
	}
	v.r.Archived++
	if v.leaves == nil {
		v.add(leaf)
		return nil
	}
	want, err := nextLeaf(v.leaves, v.tree.size)
	if err != nil {
		v.leaves = nil // as in place
		v.add(leaf)
		return nil //nolint:nilerr // as said
	}
	if leaf != want {
		v.r.find(place(v.shard, seq), "was archived and removed, but what was recorded is not what the list of removed messages names")
	}
	v.add(want)
	return nil
}

// isMissing puts what was recorded where a message is missing, so that the rest
// can be compared.
func (v *verifier) isMissing() error {
	v.broken = true // the tree cannot be rebuilt
	if v.tree.size >= v.covers {
		return nil
	}
	if v.leaves == nil {
		v.due, v.covers = nil, v.tree.size
		return nil
	}
	want, err := nextLeaf(v.leaves, v.tree.size)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	v.add(want)
	return nil
}

func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}

// place adds what stands at a place to the tree. Where that differs from what
// was recorded, the record is added, so that what follows can be compared.
func (v *verifier) place(p pair, leaf tlog.Hash) error {
	if v.leaves == nil {
		v.add(leaf)
		return nil
	}
	want, err := nextLeaf(v.leaves, v.tree.size)
	if err != nil {
		v.leaves = nil // beyond the recorded: a checkpoint from elsewhere covers more
		v.add(leaf)
		return nil //nolint:nilerr // as said
	}
	p.want = want
	if leaf != want || len(v.window) > 0 {
		v.window = append(v.window, p)
	}
	if len(v.window) == windowSize {
		v.explain()
	}
	v.add(want)
	return nil
}

// add adds a leaf to the tree, and compares the root with checkpoints.
func (v *verifier) add(leaf tlog.Hash) {
	v.scratch = v.tree.add(leaf, v.scratch[:0])
	for len(v.due) > 0 && v.due[0].Size <= v.tree.size {
		c := v.due[0]
		v.due = v.due[1:]
		if c.Size == v.tree.size && v.tree.root() != c.Root && !v.broken {
			v.r.find(v.name(), "the first %d events are not those that were signed on %s", c.Size, c.Time.Format("2006-01-02T15:04:05Z"))
			v.broken = true
		}
	}
}

// end says what checkpoints cover and the log does not have.
func (v *verifier) end(last uint64) error {
	if len(v.window) > 0 {
		v.explain()
	}
	covers := uint64(v.covers) //nolint:gosec // not negative
	if covers > last {
		v.r.find(v.name(), "the log ends at %d, a checkpoint covers %d: it was rolled back, %s missing", last, covers, count(covers-last, "event"))
	}
	return nil
}

// explain says what was done to the messages of the window. A message that
// was recorded in another place was moved; the others were changed.
func (v *verifier) explain() {
	window := v.window
	v.window = nil
	recorded := make(map[tlog.Hash]uint64, len(window))
	for _, p := range window {
		recorded[p.want] = p.seq
	}
	moved := make([]uint64, len(window)) // where the message was recorded; 0 if nowhere near
	for i, p := range window {
		moved[i] = v.recordedAt(p, recorded)
	}
	for i, p := range window {
		where, to := place(v.shard, p.seq), moved[i]
		followed := i+1 < len(window) && moved[i+1] == p.seq // the next message was recorded here
		switch {
		case to == p.seq:
		case to == p.seq+1 && !followed:
			v.r.find(where, "an event is missing here: what was recorded at %d stands at %d, and so on; what follows was not compared", to, p.seq)
			v.giveUp()
			return
		case to == 0 && followed:
			v.r.find(where, "%s was inserted: what was recorded here stands at %d, and so on; what follows was not compared", p.got.subject, p.seq+1)
			v.giveUp()
			return
		case to != 0:
			v.r.find(where, "%s was moved here from %d: the order was changed", p.got.subject, to)
		default:
			v.r.find(where, "%s is not the event that was recorded: it was changed or replaced", p.got.subject)
		}
	}
}

// giveUp ends the comparison: every event that follows is in another place.
func (v *verifier) giveUp() { v.leaves, v.due, v.broken = nil, nil, true }

// recordedAt returns the sequence under which a message was recorded.
func (v *verifier) recordedAt(p pair, recorded map[tlog.Hash]uint64) uint64 {
	low := max(p.seq, windowSize) - windowSize + 1
	for seq := low; seq < p.seq+windowSize; seq++ {
		m := *p.got
		m.position.Seq = seq
		var leaf tlog.Hash
		leaf, v.buffer = m.hash(v.buffer)
		if at, ok := recorded[leaf]; ok && at == seq {
			return seq
		}
	}
	return 0
}

func place(shard int, seq uint64) string { return events.Position{Shard: shard, Seq: seq}.String() }
