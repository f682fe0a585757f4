package bench

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const largestBatch = 200

// runBatches publishes what has come as one atomic batch, again and again.
func (h *hop) runBatches(ctx context.Context) error {
	var batch []jetstream.Msg
	for {
		batch = batch[:0]
		select {
		case m := <-h.messages:
			batch = append(batch, m)
		case <-ctx.Done():
			return nil
		}
		for more := true; more && len(batch) < largestBatch; {
			select {
			case m := <-h.messages:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		if err := h.publishBatch(ctx, batch); err != nil {
			return ended(ctx, err)
		}
		for _, m := range batch {
			if err := h.finish(m); err != nil {
				return ended(ctx, err)
			}
		}
	}
}

func (h *hop) publishBatch(ctx context.Context, batch []jetstream.Msg) error {
	if len(batch) == 1 {
		_, err := h.b.js.PublishMsg(ctx, h.next(batch[0]))
		return err
	}
	id := nuid.Next()
	for i, m := range batch {
		next := h.next(m)
		next.Header["Nats-Batch-Id"] = []string{id}
		next.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		if i < len(batch)-1 {
			if err := h.b.site.nc.PublishMsg(next); err != nil {
				return err
			}
			continue
		}
		next.Header["Nats-Batch-Commit"] = []string{"1"}
		attempt, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if _, err := h.b.site.nc.RequestMsgWithContext(attempt, next); err != nil {
			return err
		}
	}
	return nil
}
