package natslog_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

func start(tb testing.TB, durability natslog.Durability) *nats.Conn {
	tb.Helper()
	s, err := embedded.Start(embedded.Config{Dir: tb.TempDir(), Durability: durability, Logger: quiet()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	nc, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

func quiet() *slog.Logger { return slog.Default() }

func open(tb testing.TB, nc *nats.Conn, conf natslog.Config) *natslog.Log {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	if err := natslog.Provision(ctx, nc, conf); err != nil {
		tb.Fatal(err)
	}
	l, err := natslog.Open(ctx, nc, natslog.Options{Logger: quiet(), AckWait: time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestSmoke(t *testing.T) {
	for _, d := range []natslog.Durability{natslog.Relaxed, natslog.Strict} {
		l := open(t, start(t, d), natslog.Config{Durability: d})
		ctx := t.Context()
		e := events.Event{Slot: events.DocumentSlot("def", 1, "doc1", events.Submitted), Source: "/x", Worker: "w1", Time: time.Now(), Data: []byte(`{}`)}
		got, err := l.Write(ctx, e)
		t.Log(got, err)
		got, err = l.Write(ctx, e)
		t.Log(got, err)
		e.Worker = "w2"
		got, err = l.Write(ctx, e)
		t.Log(got, err)
		e.Slot.Definition = "def2"
		got, err = l.Write(ctx, e)
		t.Log(got, err)
		h, err := l.History(ctx, "doc1")
		t.Log(h, err)
		t.Log(l.Submission(ctx, "doc1"))
		t.Log(l.Submission(ctx, "doc2"))
		for b, err := range l.Follow(ctx, events.Position{Shard: events.Shard("doc1", 4)}) {
			t.Log(b, err)
			break
		}
		p := events.Pattern{Definition: "def", Version: 1, Step: "document", Kind: events.Submitted}
		t.Log(l.Prepare(ctx, "q", []events.Pattern{p}))
		t.Log(l.Prepare(ctx, "q", []events.Pattern{p}))
		for d, err := range l.Cues(ctx, "q", events.Shard("doc1", 4), 10) {
			t.Log(d, err, d.Ack())
			break
		}
	}
}
