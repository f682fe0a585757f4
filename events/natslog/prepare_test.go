package natslog_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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

func TestPreparingMendsTheSettingsOfAConsumer(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	l := open(t, nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed})
	if err := l.Prepare(t.Context(), "q", onStep); err != nil {
		t.Fatal(err)
	}
	js := manage(t, nc)
	good := settings(t, js)
	for setting, change := range map[string]func(c *jetstream.ConsumerConfig){
		"AckWait":    func(c *jetstream.ConsumerConfig) { c.AckWait = 50 * time.Millisecond },
		"MaxDeliver": func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 3 },
		"BackOff": func(c *jetstream.ConsumerConfig) {
			c.BackOff, c.MaxDeliver = []time.Duration{time.Second, time.Minute}, 5
		},
		"MaxAckPending": func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 1 },
		"HeadersOnly":   func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true },
	} {
		drifted := good
		change(&drifted)
		if _, err := js.UpdateConsumer(t.Context(), "DOCSAGA_0", drifted); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		if err := l.Prepare(t.Context(), "q", onStep); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		if got := settings(t, js); !reflect.DeepEqual(got, good) {
			t.Errorf("%s: got %+v, want %+v", setting, got, good)
		}
	}
}

func settings(t *testing.T, js jetstream.JetStream) jetstream.ConsumerConfig {
	t.Helper()
	consumer, err := js.Consumer(t.Context(), "DOCSAGA_0", "q")
	if err != nil {
		t.Fatal(err)
	}
	return consumer.CachedInfo().Config
}

func TestAConsumerThatCannotBeMendedIsDrift(t *testing.T) {
	nc := start(t, natslog.Relaxed)
	l, js := open(t, nc, natslog.Config{Shards: 1, Durability: natslog.Relaxed}), manage(t, nc)
	for setting, conf := range map[string]jetstream.ConsumerConfig{
		"AckPolicy":     {AckPolicy: jetstream.AckNonePolicy},
		"DeliverPolicy": {AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy},
		"ReplayPolicy":  {AckPolicy: jetstream.AckExplicitPolicy, ReplayPolicy: jetstream.ReplayOriginalPolicy},
	} {
		conf.Durable, conf.FilterSubjects = "q", []string{onStep[0].Subject()}
		if _, err := js.CreateConsumer(t.Context(), "DOCSAGA_0", conf); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
		if err := l.Prepare(t.Context(), "q", onStep); !errors.Is(err, natslog.ErrDrift) || !strings.Contains(err.Error(), "consumer q: "+setting) {
			t.Errorf("%s: got %v", setting, err)
		}
		if err := js.DeleteConsumer(t.Context(), "DOCSAGA_0", "q"); err != nil {
			t.Fatal(err)
		}
	}
}
