package wire_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long is how long a test waits for what must come.
const long = 20 * time.Second

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serve starts a server within this process, on a port that is free unless
// opts says which.
func serve(tb testing.TB, opts server.Options) *server.Server {
	tb.Helper()
	opts.Host, opts.NoLog, opts.NoSigs = "127.0.0.1", true, true
	if opts.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(&opts)
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	tb.Cleanup(func() { stop(s) })
	if !s.ReadyForConnections(long) {
		tb.Fatal("the server does not start")
	}
	return s
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// connect connects as nats.go does.
func connect(tb testing.TB, url string, options ...nats.Option) *nats.Conn {
	tb.Helper()
	nc, err := nats.Connect(url, append([]nats.Option{
		nats.Name("test"), nats.ReconnectWait(10 * time.Millisecond), nats.MaxReconnects(-1), nats.Timeout(long),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

func open(tb testing.TB, nc *nats.Conn, log *slog.Logger) *wire.Conn {
	tb.Helper()
	c, err := wire.Open(nc, log)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// receive returns what comes.
func receive[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(long):
		tb.Fatal("nothing comes")
	}
	panic("unreachable")
}

// until waits until something is so.
func until(tb testing.TB, so func() bool) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(long); !so(); <-tick.C {
		if time.Now().After(deadline) {
			tb.Fatal("it does not come to be")
		}
	}
}

// subscribe returns what comes on a subject.
func subscribe(c *wire.Conn, subject string) (<-chan wire.Message, *wire.Subscription) {
	got := make(chan wire.Message, 100)
	return got, c.Subscribe(subject, func(f *wire.Frame) { got <- f.Message() }, nil)
}

// roundTrip publishes a message and gets it back.
func roundTrip(tb testing.TB, c *wire.Conn) {
	tb.Helper()
	got, s := subscribe(c, "round.trip")
	defer s.Unsubscribe()
	if err := c.Publish(&wire.Outgoing{Subject: "round.trip", Data: []byte("x")}); err != nil {
		tb.Fatal(err)
	}
	if m := receive(tb, got); string(m.Data) != "x" {
		tb.Errorf("got %q, want x", m.Data)
	}
}

// cut ends the connections beside those of nats.go.
func cut(tb testing.TB, s *server.Server) {
	tb.Helper()
	conns, err := s.Connz(nil)
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for _, c := range conns.Conns {
		if strings.HasSuffix(c.Name, "/log") {
			n++
			if err := s.DisconnectClientByID(c.Cid); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if n == 0 {
		tb.Fatal("there is no connection to cut")
	}
}

// lines is a logger's output, a line at a time.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

func recorded() (*slog.Logger, lines) {
	l := make(lines, 1000)
	return slog.New(slog.NewTextHandler(l, nil)), l
}

// fake starts a server that greets, answers the pings of nats.go, and leaves
// the connection beside it to behave.
func fake(t *testing.T, behave func(conn net.Conn, in *bufio.Reader)) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // the test is over
				greet(conn, behave)
			}()
		}
	}()
	return "nats://" + listener.Addr().String()
}

func greet(conn net.Conn, behave func(conn net.Conn, in *bufio.Reader)) {
	in := bufio.NewReader(conn)
	fmt.Fprintf(conn, "INFO {\"server_id\":\"fake\",\"headers\":true,\"max_payload\":%d}\r\n", 1<<20) //nolint:errcheck // see below
	hello, err := in.ReadString('\n')
	if err != nil {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		if line == "PING\r\n" {
			if _, err := io.WriteString(conn, "PONG\r\n"); err != nil {
				return
			}
			if strings.Contains(hello, `/log"`) {
				behave(conn, in)
				return
			}
		}
	}
}
