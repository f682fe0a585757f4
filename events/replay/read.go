package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
)

// A Log can be read from a position on.
type Log interface {
	Shards() int
	// Last returns the sequence of the last message of a shard.
	Last(ctx context.Context, shard int) (uint64, error)
	// Follow yields the messages of a shard after a position, in order, in
	// batches, until ctx ends.
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

// A Batch is the next part of what is replayed.
type Batch struct {
	Events []*events.Event   // what the query selects, in order
	Bad    []events.Delivery // messages that are no events; no filter applies to them
	After  Positions         // everything up to here was read
}

const (
	batchSize = 500
	ahead     = 4 // batches a shard that are read before they are asked for
)

// errEnough ends the reading when the caller has left the loop.
var errEnough = errors.New("enough was read")

// Read yields what the query selects. It holds a few batches a shard in
// memory, however long the log is. An error is the last thing it yields. It
// ends without one when all is read, or when ctx ends.
func Read(ctx context.Context, log Log, q Query) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		err := q.Check()
		if err == nil {
			err = read(ctx, log, q, yield)
		}
		if err != nil && !errors.Is(err, errEnough) && ctx.Err() == nil {
			yield(Batch{}, err)
		}
	}
}

func read(ctx context.Context, log Log, q Query, yield func(Batch, error) bool) error {
	spans, err := plan(ctx, log, &q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	r := reader{q: &q, g: g, log: log, yield: yield, after: slices.Clone(q.After)}
	if q.Order == Merged {
		err = r.merged(ctx, spans)
	} else {
		err = r.byShard(ctx, spans)
	}
	if err == nil && q.Order == Live {
		err = r.live(ctx, spans)
	}
	cancel()
	if failed := g.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
		return failed
	}
	return err
}

// A span is what is to be read of one shard.
type span struct {
	shard       int
	after, last uint64 // sequences
}

func plan(ctx context.Context, log Log, q *Query) ([]span, error) {
	spans := make([]span, 0, log.Shards())
	for _, shard := range q.shards(log.Shards()) {
		last, err := log.Last(ctx, shard)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if until := q.Until.At(shard); until > 0 {
			last = min(last, until)
		}
		if after := q.After.At(shard); after > last && q.Until.At(shard) == 0 {
			return nil, fmt.Errorf("replay: shard %d ends at %d, before position %d-%d: %w", shard, last, shard, after, events.ErrNotFound)
		}
		spans = append(spans, span{shard: shard, after: q.After.At(shard), last: last})
	}
	return spans, nil
}

// A reader is one Read at work.
type reader struct {
	q     *Query
	g     *errgroup.Group
	log   Log
	yield func(Batch, error) bool
	after Positions
}

// follow starts to read a span. The channel is closed at its end.
func (r *reader) follow(ctx context.Context, s span) <-chan []events.Delivery {
	batches := make(chan []events.Delivery, ahead)
	r.g.Go(func() error {
		defer close(batches)
		return r.send(ctx, s, batches)
	})
	return batches
}

func (r *reader) send(ctx context.Context, s span, batches chan<- []events.Delivery) error {
	if s.after >= s.last {
		return nil
	}
	for batch, err := range r.log.Follow(ctx, events.Position{Shard: s.shard, Seq: s.after}) {
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		end := batch[len(batch)-1].Event.Position.Seq
		if end > s.last {
			batch = batch[:uint64(len(batch))-(end-s.last)]
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		if end >= s.last {
			return nil
		}
	}
	return ctx.Err()
}

func (r *reader) byShard(ctx context.Context, spans []span) error {
	for _, s := range spans {
		for batch := range r.follow(ctx, s) {
			if err := r.hand(batch); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// hand yields what the query selects of a batch of one shard.
func (r *reader) hand(batch []events.Delivery) error {
	out := Batch{Events: make([]*events.Event, 0, len(batch))}
	for i := range batch {
		r.take(&out, &batch[i])
	}
	return r.give(out)
}

func (r *reader) take(out *Batch, d *events.Delivery) {
	r.after = r.after.With(d.Event.Position)
	switch {
	case d.Bad != nil:
		out.Bad = append(out.Bad, *d)
	case r.q.Selects(&d.Event):
		out.Events = append(out.Events, &d.Event)
	}
}

func (r *reader) give(out Batch) error {
	out.After = slices.Clone(r.after)
	if !r.yield(out, nil) {
		return errEnough
	}
	return nil
}

// live goes on after the spans, until ctx ends.
func (r *reader) live(ctx context.Context, spans []span) error {
	batches := make(chan []events.Delivery)
	for _, s := range spans {
		if until := r.q.Until.At(s.shard); until > 0 && s.last >= until {
			continue
		}
		end := r.q.Until.At(s.shard)
		if end == 0 {
			end = ^uint64(0)
		}
		r.g.Go(func() error { return r.send(ctx, span{s.shard, max(s.after, s.last), end}, batches) })
	}
	for {
		select {
		case batch := <-batches:
			if err := r.hand(batch); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A head is the next event of a shard that is merged with others.
type head struct {
	batch   []events.Delivery
	batches <-chan []events.Delivery
}

// more makes sure that the batch is not empty; false says that the shard is
// at its end.
func (h *head) more() bool {
	for len(h.batch) == 0 {
		batch, ok := <-h.batches
		if !ok {
			return false
		}
		h.batch = batch
	}
	return true
}

func (r *reader) merged(ctx context.Context, spans []span) error {
	var heads []*head
	for _, s := range spans {
		if h := (&head{batches: r.follow(ctx, s)}); h.more() {
			heads = append(heads, h)
		}
	}
	out := Batch{}
	for len(heads) > 0 && ctx.Err() == nil {
		first := 0
		for i := range heads[1:] {
			if heads[i+1].batch[0].Event.At.Before(heads[first].batch[0].Event.At) {
				first = i + 1 // of equal times the lower shard goes first
			}
		}
		h := heads[first]
		r.take(&out, &h.batch[0])
		if h.batch = h.batch[1:]; !h.more() {
			heads = slices.Delete(heads, first, first+1)
		}
		if len(out.Events)+len(out.Bad) >= batchSize || len(heads) == 0 {
			if err := r.give(out); err != nil {
				return err
			}
			out = Batch{}
		}
	}
	return ctx.Err()
}
