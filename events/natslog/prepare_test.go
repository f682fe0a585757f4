package natslog_test

import (
	"context"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

// late does something before the first change of a consumer reaches the server.
type late struct {
	jetstream.JetStream
	before func()
}

func (l *late) CreateOrUpdateConsumer(ctx context.Context, stream string, conf jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if before := l.before; before != nil {
		l.before = nil
		before()
	}
	return l.JetStream.CreateOrUpdateConsumer(ctx, stream, conf)
}

// TestAChangeThatComesAfterItsLockTakesNothingBack lets the lock of a process
// that hangs run out, and another add to the queue before it goes on.
func TestAChangeThatComesAfterItsLockTakesNothingBack(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	conf := natslog.Config{Shards: 1, Durability: natslog.Relaxed}
	slow, other := open(t, nc, conf), open(t, nc, conf)
	js := manage(t, nc)
	onOther := []events.Pattern{{Definition: "flow", Version: 1, Step: "other", Kind: events.Outcome}}
	slow.Disturb(func(js jetstream.JetStream) jetstream.JetStream {
		return &late{js, func() {
			locks, err := js.KeyValue(t.Context(), "DOCSAGA_queues")
			if err == nil {
				err = locks.Purge(t.Context(), "lock.q")
			}
			if err == nil {
				err = other.Prepare(t.Context(), "q", onOther)
			}
			if err != nil {
				t.Error(err)
			}
		}}
	})
	if err := slow.Prepare(t.Context(), "q", onStep); err != nil {
		t.Fatal(err)
	}
	consumer, err := js.Consumer(t.Context(), "DOCSAGA_0", "q")
	if err != nil {
		t.Fatal(err)
	}
	if has := consumer.CachedInfo().Config.FilterSubjects; !slices.Contains(has, onStep[0].Subject()) || !slices.Contains(has, onOther[0].Subject()) {
		t.Errorf("the queue selects %q, want what both asked for", has)
	}
}
