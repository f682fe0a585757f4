package runner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// A telling log tells of each outcome that a runner has written.
type telling struct {
	*memlog.Log
	written chan struct{}
}

func (l telling) Write(ctx context.Context, e events.Event) (events.Event, error) {
	e, err := l.Log.Write(ctx, e)
	l.written <- struct{}{}
	return e, err
}

type idle struct{}

func (idle) Do(context.Context, runner.Visit) (any, error) {
	return json.RawMessage(`{"greeting":"hello"}`), nil
}

func (idle) Undo(context.Context, runner.Visit) error { return nil }

// BenchmarkVisit is what the runner, and a log in memory, cost a document with
// one visit whose handler does nothing.
func BenchmarkVisit(b *testing.B) { benchmarkVisit(b, runner.Config{Concurrency: 1}) }

func benchmarkVisit(b *testing.B, conf runner.Config) {
	b.Helper()
	log := telling{memlog.New(memlog.Config{Shards: 1}), make(chan struct{})}
	if _, err := catalog.Deploy(b.Context(), log, []byte(greeting)); err != nil {
		b.Fatal(err)
	}
	r, err := runner.New("greeter", idle{}, log, catalog.New(log), conf)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		submit(b.Context(), log.Log, events.DocumentID(fmt.Sprintf("d%d", n)), `{"output":{"name":"Ada"}}`)
		<-log.written
		n++
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}
