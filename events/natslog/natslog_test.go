package natslog_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/logtest"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/test/ports"
)

// start starts one server within this process, without a port.
func start(tb testing.TB, durability natslog.Durability) *nats.Conn {
	tb.Helper()
	s, err := embedded.Start(embedded.Config{Dir: tb.TempDir(), Durability: durability, Logger: quiet()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	return connect(tb, s)
}

func connect(tb testing.TB, s *embedded.Server) *nats.Conn {
	tb.Helper()
	nc, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open provisions and opens a log. A cluster may take a while to have a leader.
func open(tb testing.TB, nc *nats.Conn, conf natslog.Config) *natslog.Log {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if err := natslog.Provision(ctx, nc, conf); err != nil {
		tb.Fatal(err)
	}
	l, err := natslog.Open(ctx, nc, natslog.Options{Logger: quiet(), AckWait: logtest.AckWait})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func underTest(l *natslog.Log, nc *nats.Conn) logtest.Log {
	return logtest.Log{
		Slots: l, Shards: l, Queues: l, Definitions: l, Files: l.Files(),
		Put: func(subject string, header events.Header, data []byte) error {
			_, err := nc.RequestMsg(&nats.Msg{Subject: subject, Header: header, Data: data}, 5*time.Second)
			return err
		},
	}
}

func TestLogOnOneNodeRelaxed(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Log {
		nc := start(t, natslog.Relaxed)
		return underTest(open(t, nc, natslog.Config{Durability: natslog.Relaxed}), nc)
	})
}

func TestLogOnOneNodeStrict(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Log {
		nc := start(t, natslog.Strict)
		return underTest(open(t, nc, natslog.Config{Shards: 2}), nc)
	})
}

func TestLogOnThreeReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("TestLogOnThreeReplicas starts three servers; run without -short for the replicated behaviour")
	}
	servers := cluster(t, natslog.Relaxed)
	logtest.Run(t, func(t *testing.T) logtest.Log {
		nc := connect(t, servers[0])
		empty(t, nc)
		return underTest(open(t, nc, natslog.Config{Shards: 2, Replicas: 3, Durability: natslog.Relaxed}), nc)
	})
}

// empty removes all streams.
func empty(tb testing.TB, nc *nats.Conn) {
	tb.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	for {
		attempt, cancelAttempt := context.WithTimeout(ctx, 2*time.Second)
		names := js.StreamNames(attempt)
		for name := range names.Name() {
			if err := js.DeleteStream(attempt, name); err != nil {
				tb.Fatal(err)
			}
		}
		cancelAttempt()
		if names.Err() == nil {
			return
		}
		if ctx.Err() != nil {
			tb.Fatal(names.Err())
		}
	}
}

// cluster starts three servers in this process.
func cluster(tb testing.TB, durability natslog.Durability) []*embedded.Server {
	tb.Helper()
	var addrs, routes []string
	for range 3 {
		addr, err := ports.Free()
		if err != nil {
			tb.Fatal(err)
		}
		addrs, routes = append(addrs, addr), append(routes, "nats://"+addr)
	}
	var servers []*embedded.Server
	for i, addr := range addrs {
		s, err := embedded.Start(embedded.Config{
			Dir: tb.TempDir(), Addr: "127.0.0.1:0", Durability: durability, ServerName: "s" + addr[len(addr)-5:], Logger: quiet(),
			Cluster: &embedded.Cluster{Name: "test", Addr: addr, Routes: routes},
		})
		if err != nil {
			tb.Fatalf("server %d: %v", i, err)
		}
		tb.Cleanup(s.Stop)
		servers = append(servers, s)
	}
	return servers
}
