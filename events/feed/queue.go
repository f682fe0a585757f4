package feed

import (
	"context"
	"slices"
	"sync"

	"github.com/docsaga/docsaga/events"
)

// What may wait for one reader of one shard. One batch always may.
const (
	mostMessages = 4096
	mostBytes    = 16 << 20
)

// A queue holds what a reader has not taken yet.
type queue struct {
	mu       sync.Mutex
	batches  [][]events.Delivery
	messages int
	bytes    int
	came     chan struct{} // says that there is something
	taken    chan struct{} // says that there is room
}

func newQueue() *queue {
	return &queue{came: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

// feed hands what comes to the reader, as much at once as there is.
func (q *queue) feed(ctx context.Context, r Reader, shard int) error {
	for {
		batch, err := q.take(ctx)
		if err != nil {
			return err
		}
		if err := r.Apply(ctx, shard, batch); err != nil {
			return err
		}
	}
}

// add appends a batch, when there is room for it.
func (q *queue) add(ctx context.Context, batch []events.Delivery) error {
	size := 0
	for i := range batch {
		size += len(batch[i].Data)
	}
	for !q.put(batch, size) {
		select {
		case <-q.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	say(q.came)
	return nil
}

func (q *queue) put(batch []events.Delivery, size int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.messages > 0 && (q.messages+len(batch) > mostMessages || q.bytes+size > mostBytes) {
		return false
	}
	q.batches, q.messages, q.bytes = append(q.batches, batch), q.messages+len(batch), q.bytes+size
	return true
}

// take waits until there is something and returns all of it.
func (q *queue) take(ctx context.Context) ([]events.Delivery, error) {
	for {
		if batches := q.empty(); len(batches) == 1 {
			return batches[0], nil
		} else if len(batches) > 1 {
			return slices.Concat(batches...), nil
		}
		select {
		case <-q.came:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) empty() [][]events.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	batches := q.batches
	q.batches, q.messages, q.bytes = nil, 0, 0
	say(q.taken)
	return batches
}

// say leaves word in a channel with room for one.
func say(word chan<- struct{}) {
	select {
	case word <- struct{}{}:
	default:
	}
}
