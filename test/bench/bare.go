package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
)

// Settings of the bare pipeline: the ones with which JetStream did best.
const (
	prefetch      = 500
	maxAckPending = 10_000
	window        = 4000
)

// bare is what JetStream itself can do: for each step and shard a consumer
// that copies each message to the next slot, with headers and data of the same
// size, and acknowledges it when that is acknowledged. It checks nothing, asks
// nobody what comes next, and knows no document.
type bare struct {
	site    *site
	tracker *tracker
	js      jetstream.JetStream
	batches bool // what waits is published as one atomic batch
}

func (b *bare) name() string {
	if b.batches {
		return "batched"
	}
	return "bare"
}

func (b *bare) start(ctx context.Context, g *errgroup.Group) (err error) {
	b.js, err = jetstream.New(b.site.nc, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for shard := range b.site.setup.Shards {
		for step := 1; step <= b.site.setup.Steps; step++ {
			consumer, err := b.js.CreateConsumer(ctx, fmt.Sprintf("DOCSAGA_%d", shard), jetstream.ConsumerConfig{
				Durable: string(stepName(step)), FilterSubject: cueOf(step), AckPolicy: jetstream.AckExplicitPolicy,
				AckWait: 30 * time.Second, MaxAckPending: maxAckPending,
			})
			if err != nil {
				return fmt.Errorf("bench: consumer of %s: %w", stepName(step), err)
			}
			h := &hop{b: b, step: step, messages: make(chan jetstream.Msg, prefetch), copied: make(chan sent, window)}
			consuming, err := consumer.Consume(func(m jetstream.Msg) { h.take(ctx, m) }, jetstream.PullMaxMessages(prefetch))
			if err != nil {
				return fmt.Errorf("bench: consume %s: %w", stepName(step), err)
			}
			g.Go(func() error {
				defer consuming.Stop()
				return h.run(ctx)
			})
		}
	}
	return nil
}

// cueOf returns the filter of what leads to a step.
func cueOf(step int) string {
	if step == 1 {
		return fmt.Sprintf("%s.*.%s.1.*.document.1.submitted", events.SubjectRoot, flowName)
	}
	return fmt.Sprintf("%s.*.%s.1.*.%s.1.outcome", events.SubjectRoot, flowName, stepName(step-1))
}

func (b *bare) submit(ctx context.Context, id events.DocumentID) error {
	e := events.Event{
		Slot: events.DocumentSlot(flowName, 1, id, events.Submitted), Source: "/docsaga/submit",
		Time: time.Now().UTC().Truncate(time.Millisecond), Worker: "0123456789abcdef",
	}
	future, err := b.js.PublishMsgAsync(&nats.Msg{Subject: e.Slot.Subject(), Header: nats.Header(e.Header()), Data: []byte(`{"output":` + submitted + `}`)})
	if err != nil {
		return err
	}
	return arrived(ctx, future)
}

func (*bare) settle(context.Context, int) error { return nil }

func arrived(ctx context.Context, future jetstream.PubAckFuture) error {
	select {
	case <-future.Ok():
		return nil
	case err := <-future.Err():
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A hop copies from one slot to the next.
type hop struct {
	b        *bare
	step     int
	messages chan jetstream.Msg // to be put into batches
	copied   chan sent
}

// A sent message waits for its acknowledgement.
type sent struct {
	from   jetstream.Msg
	future jetstream.PubAckFuture
}

func (h *hop) take(ctx context.Context, m jetstream.Msg) {
	if h.b.batches {
		select {
		case h.messages <- m:
		case <-ctx.Done():
		}
		return
	}
	future, err := h.b.js.PublishMsgAsync(h.next(m))
	if err != nil {
		return // it comes again
	}
	select {
	case h.copied <- sent{from: m, future: future}:
	case <-ctx.Done():
	}
}

func (h *hop) run(ctx context.Context) error {
	if h.b.batches {
		return h.runBatches(ctx)
	}
	for {
		select {
		case s := <-h.copied:
			if err := arrived(ctx, s.future); err != nil {
				return ended(ctx, err)
			}
			if err := h.finish(s.from); err != nil {
				return ended(ctx, err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// ended returns nil if an error only says that ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how every run ends
	}
	return fmt.Errorf("bench: bare: %w", err)
}

func (h *hop) finish(m jetstream.Msg) error {
	if err := m.Ack(); err != nil {
		return err
	}
	if h.step == h.b.site.setup.Steps {
		h.b.tracker.done(events.DocumentID(strings.Split(m.Subject(), ".")[4]))
	}
	return nil
}

// next returns the message that follows from m.
func (h *hop) next(m jetstream.Msg) *nats.Msg {
	step := string(stepName(h.step))
	tokens := strings.Split(m.Subject(), ".")
	id := tokens[4] + "." + step + ".1.outcome"
	subject := strings.Join(tokens[:4], ".") + "." + id
	from := m.Headers()
	return &nats.Msg{Subject: subject, Data: []byte(carried), Header: nats.Header{
		"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-source": {"/docsaga/services/" + step}, "ce-type": {"docsaga." + step + ".completed"},
		"ce-subject": {tokens[4]}, "ce-time": from["ce-time"], "ce-datacontenttype": {"application/json"},
		"ce-causationid": from["ce-id"], "ce-sagaworker": from["ce-sagaworker"],
	}}
}
