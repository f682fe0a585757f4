package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

const maxPayload = 100_000 // of the servers in these tests

func header(lines string) [2][]byte { return [2][]byte{[]byte(lines)} }

func TestAMessageArrivesAsItWasPublished(t *testing.T) {
	c := open(t, connect(t, serve(t, server.Options{MaxPayload: maxPayload}).ClientURL()), quiet())
	got, _ := subscribe(c, "to.>")
	for name, m := range map[string]wire.Outgoing{
		"without a header":     {Subject: "to.a", Data: []byte("data")},
		"with a header":        {Subject: "to.a", Header: header("A: 1\r\nB: 2\r\n"), Data: []byte("data")},
		"a header in parts":    {Subject: "to.a", Header: [2][]byte{[]byte("A: 1\r\n"), []byte("B: 2\r\n")}, Data: []byte("data")},
		"with a reply":         {Subject: "to.a", Reply: "re.ply", Data: []byte("data")},
		"with all":             {Subject: "to.a", Reply: "re.ply", Header: header("A: 1\r\n"), Data: []byte("data")},
		"without data":         {Subject: "to.a"},
		"a header only":        {Subject: "to.a", Header: header("A: 1\r\n")},
		"line ends":            {Subject: "to.a", Header: header("A: 1\r\n"), Data: []byte("\r\n\r\nMSG to.a 1 1\r\nx\r\n\r\n")},
		"line ends, no header": {Subject: "to.a", Data: []byte("\r\n+OK\r\n")},
		"as large as can be":   {Subject: "to.a", Data: bytes.Repeat([]byte("0123456789"), maxPayload/10)},
		"larger than a buffer": {Subject: "to.a", Header: header("A: 1\r\n"), Data: bytes.Repeat([]byte("ab\r\n"), 70_000/4)},
	} {
		if err := c.Publish(&m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := wire.Message{Subject: m.Subject, Reply: m.Reply, Data: m.Data}
		if all := string(m.Header[0]) + string(m.Header[1]); all != "" {
			want.Header = "NATS/1.0\r\n" + all + "\r\n"
		}
		if want.Data == nil {
			want.Data = []byte{}
		}
		if diff := cmp.Diff(want, receive(t, got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestNatsGoReadsWhatIsPublishedAndTheOtherWayRound(t *testing.T) {
	nc := connect(t, serve(t, server.Options{}).ClientURL())
	c := open(t, nc, quiet())
	there := make(chan *nats.Msg, 1)
	if _, err := nc.ChanSubscribe("there", there); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := c.Publish(&wire.Outgoing{Subject: "there", Reply: "back", Header: header("Key: value\r\n"), Data: []byte("data")}); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, there); m.Reply != "back" || m.Header.Get("Key") != "value" || string(m.Data) != "data" {
		t.Errorf("nats.go got %+v", m)
	}
	back, _ := subscribe(c, "back")
	roundTrip(t, c) // the subscription is with the server
	if err := nc.PublishMsg(&nats.Msg{Subject: "back", Header: nats.Header{"Key": {"value"}}, Data: []byte("data")}); err != nil {
		t.Fatal(err)
	}
	want := wire.Message{Subject: "back", Header: "NATS/1.0\r\nKey: value\r\n\r\n", Data: []byte("data")}
	if diff := cmp.Diff(want, receive(t, back)); diff != "" {
		t.Errorf("got (-want +got)\n%s", diff)
	}
}

func TestASubscriptionGetsItsSubjectsUntilItEnds(t *testing.T) {
	c := open(t, connect(t, serve(t, server.Options{}).ClientURL()), quiet())
	one, s := subscribe(c, "a.*.c")
	rest, _ := subscribe(c, "a.>")
	all, _ := subscribe(c, ">")
	publish := func(subjects ...string) {
		for _, subject := range subjects {
			if err := c.Publish(&wire.Outgoing{Subject: subject}); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(from <-chan wire.Message, subjects ...string) {
		t.Helper()
		for _, want := range subjects {
			if m := receive(t, from); m.Subject != want {
				t.Errorf("got %s, want %s", m.Subject, want)
			}
		}
	}
	publish("a.b", "b", "a.b.c", "a.b.c.d", "a.x.c")
	expect(all, "a.b", "b", "a.b.c", "a.b.c.d", "a.x.c")
	expect(rest, "a.b", "a.b.c", "a.b.c.d", "a.x.c")
	expect(one, "a.b.c", "a.x.c")
	s.Unsubscribe()
	s.Unsubscribe()
	publish("a.b.c", "end")
	expect(all, "a.b.c", "end")
	if n := len(one); n != 0 {
		t.Errorf("%d messages came after the end", n)
	}
}

func TestWhatTheServerWouldNotTakeIsRefused(t *testing.T) {
	s := serve(t, server.Options{MaxPayload: maxPayload})
	c := open(t, connect(t, s.ClientURL()), quiet())
	head := header("A: 1\r\n")
	whole := len("NATS/1.0\r\n") + len(head[0]) + len("\r\n")
	for name, m := range map[string]struct {
		out  wire.Outgoing
		want error
	}{
		"data":                   {wire.Outgoing{Subject: "s", Data: make([]byte, maxPayload)}, nil},
		"a byte more":            {wire.Outgoing{Subject: "s", Data: make([]byte, maxPayload+1)}, nats.ErrMaxPayload},
		"with a header":          {wire.Outgoing{Subject: "s", Header: head, Data: make([]byte, maxPayload-whole)}, nil},
		"a header, a byte more":  {wire.Outgoing{Subject: "s", Header: head, Data: make([]byte, maxPayload-whole+1)}, nats.ErrMaxPayload},
		"no subject":             {wire.Outgoing{}, nats.ErrBadSubject},
		"a line in the subject":  {wire.Outgoing{Subject: "s 0\r\n\r\nPUB t"}, nats.ErrBadSubject},
		"a space in the subject": {wire.Outgoing{Subject: "s t"}, nats.ErrBadSubject},
		"a tab in the reply":     {wire.Outgoing{Subject: "s", Reply: "a\tb"}, nats.ErrBadSubject},
	} {
		if err := c.Publish(&m.out); !errors.Is(err, m.want) {
			t.Errorf("%s: got %v, want %v", name, err, m.want)
		}
	}
	roundTrip(t, c) // the server has not cut the connection
}

func TestWhoPublishesToNobodyIsTold(t *testing.T) {
	c := open(t, connect(t, serve(t, server.Options{}).ClientURL()), quiet())
	answers, _ := subscribe(c, "answers")
	if err := c.Publish(&wire.Outgoing{Subject: "nobody", Reply: "answers", Data: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, answers); !strings.HasPrefix(m.Header, "NATS/1.0 503") || len(m.Data) != 0 {
		t.Errorf("got %+v, want status 503", m)
	}
}

func TestAConnectionGoesOnAfterWhatIsNotPermitted(t *testing.T) {
	all := &server.SubjectPermission{Deny: []string{"secret.>"}}
	s := serve(t, server.Options{Users: []*server.User{{
		Username: "ann", Password: "pw", Permissions: &server.Permissions{Publish: all, Subscribe: all},
	}}})
	log, logged := recorded()
	c := open(t, connect(t, s.ClientURL(), nats.UserInfo("ann", "pw")), log)
	lost := make(chan bool, 10)
	c.Subscribe("other", func(*wire.Frame) {}, func() { lost <- true })
	subscribe(c, "secret.in")
	if line := receive(t, logged); !strings.Contains(line, "Subscription to") || !strings.Contains(line, "secret.in") {
		t.Errorf("logged %s", line)
	}
	if err := c.Publish(&wire.Outgoing{Subject: "secret.out"}); err != nil {
		t.Fatal(err)
	}
	if line := receive(t, logged); !strings.Contains(line, "Publish to") || !strings.Contains(line, "secret.out") {
		t.Errorf("logged %s", line)
	}
	roundTrip(t, c)
	if len(lost) != 0 {
		t.Error("the connection was lost")
	}
}

func TestAConnectionGoesOnAfterTooManySubscriptions(t *testing.T) {
	log, logged := recorded()
	c := open(t, connect(t, serve(t, server.Options{MaxSubs: 1}).ClientURL()), log)
	lost := make(chan bool, 10)
	c.Subscribe("first", func(*wire.Frame) {}, func() { lost <- true })
	subscribe(c, "second")
	if line := receive(t, logged); !strings.Contains(strings.ToLower(line), "maximum subscriptions") {
		t.Errorf("logged %s", line)
	}
	if err := c.Publish(&wire.Outgoing{Subject: "x"}); err != nil || len(lost) != 0 {
		t.Errorf("the connection is lost: %v", err)
	}
}

func TestNothingIsPublishedOnANewConnectionBeforeTheLossOfTheOldWasTold(t *testing.T) {
	s := serve(t, server.Options{})
	c := open(t, connect(t, s.ClientURL()), quiet())
	lost, told := make(chan bool), make(chan bool)
	var once sync.Once
	got := make(chan wire.Message, 10)
	c.Subscribe("kept", func(f *wire.Frame) { got <- f.Message() }, func() {
		once.Do(func() { lost <- true; <-told })
	})
	roundTrip(t, c)
	cut(t, s)
	receive(t, lost)
	if err := c.Publish(&wire.Outgoing{Subject: "kept", Data: []byte("early")}); !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("published before the loss was told: %v, want %v", err, nats.ErrDisconnected)
	}
	close(told)
	until(t, func() bool { return c.Publish(&wire.Outgoing{Subject: "kept", Data: []byte("again")}) == nil })
	if m := receive(t, got); string(m.Data) != "again" {
		t.Errorf("got %s, want again", m.Data)
	}
	roundTrip(t, c)
}

func TestSubscriptionsOutliveTheirConnections(t *testing.T) {
	s := serve(t, server.Options{})
	c := open(t, connect(t, s.ClientURL()), quiet())
	got, _ := subscribe(c, "kept")
	ended, gone := subscribe(c, "kept")
	for i := range 3 {
		cut(t, s)
		if i == 0 {
			gone.Unsubscribe()
		}
		late, s := subscribe(c, "kept") // on whatever connection there is
		until(t, func() bool {
			_ = c.Publish(&wire.Outgoing{Subject: "kept", Data: fmt.Append(nil, i)}) // or it is lost with the connection
			select {
			case m := <-late:
				return string(m.Data) == strconv.Itoa(i)
			default:
				return false
			}
		})
		for string(receive(t, got).Data) != strconv.Itoa(i) { // what came before it
		}
		s.Unsubscribe()
	}
	for len(ended) > 0 {
		if m := <-ended; string(m.Data) != "0" {
			t.Errorf("got %s after the end", m.Data)
		}
	}
}

func TestARestartedServerIsFoundAgain(t *testing.T) {
	s := serve(t, server.Options{})
	nc := connect(t, s.ClientURL())
	c := open(t, nc, quiet())
	port := s.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
	stop(s)
	until(t, func() bool { return errors.Is(c.Publish(&wire.Outgoing{Subject: "x"}), nats.ErrDisconnected) })
	serve(t, server.Options{Port: port})
	until(t, func() bool { return c.Publish(&wire.Outgoing{Subject: "x"}) == nil })
	roundTrip(t, c)
}

func TestItEndsWithTheConnectionThatItIsBeside(t *testing.T) {
	s := serve(t, server.Options{})
	before := goleak.IgnoreCurrent()
	nc := connect(t, s.ClientURL())
	c := open(t, nc, quiet())
	lost := make(chan bool, 2)
	c.Subscribe("s", func(*wire.Frame) {}, func() { lost <- true })
	roundTrip(t, c)
	nc.Close()
	receive(t, lost)
	until(t, func() bool { return errors.Is(c.Publish(&wire.Outgoing{Subject: "x"}), nats.ErrConnectionClosed) })
	until(t, func() bool { return s.NumClients() == 0 })
	goleak.VerifyNone(t, before)
	if _, err := wire.Open(nc, quiet()); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("opened on a closed connection: %v, want %v", err, nats.ErrConnectionClosed)
	}
}

func TestItEndsWhileItIsDisconnected(t *testing.T) {
	s := serve(t, server.Options{})
	before := goleak.IgnoreCurrent()
	nc := connect(t, s.ClientURL())
	c := open(t, nc, quiet())
	stop(s)
	until(t, func() bool { return errors.Is(c.Publish(&wire.Outgoing{Subject: "x"}), nats.ErrDisconnected) })
	nc.Close()
	until(t, func() bool { return errors.Is(c.Publish(&wire.Outgoing{Subject: "x"}), nats.ErrConnectionClosed) })
	goleak.VerifyNone(t, before)
}

func TestASlowServerMakesPublishersWaitUntilItIsGone(t *testing.T) {
	for name, end := range map[string]func(nc *nats.Conn, cut chan<- bool){
		"the server goes": func(_ *nats.Conn, cut chan<- bool) { cut <- true },
		"nats.go closes":  func(nc *nats.Conn, _ chan<- bool) { nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			cutting, first := make(chan bool), make(chan bool, 1)
			first <- true
			nc := connect(t, fake(t, func(_ net.Conn, in *bufio.Reader) {
				select {
				case <-first:
					<-cutting // it reads nothing until then
				default:
					_, _ = io.Copy(io.Discard, in) // the connection is gone
				}
			}))
			t.Cleanup(func() { close(cutting) })
			c := open(t, nc, quiet())
			const size, enough, publishers = 1 << 20, 200, 3
			var published atomic.Int64
			ended := make(chan error, publishers)
			for range publishers {
				go func() {
					m := &wire.Outgoing{Subject: "s", Data: make([]byte, size)}
					for published.Load() < enough {
						if err := c.Publish(m); err != nil {
							ended <- err
							return
						}
						published.Add(1)
					}
					ended <- nil
				}()
			}
			until(t, func() bool { return c.Waits() > wire.Most || published.Load() >= enough })
			if n := c.Waits(); n > wire.Most+2*size {
				t.Errorf("%d bytes wait, want at most %d and a message", n, wire.Most)
			}
			end(nc, cutting)
			for range publishers {
				if err := receive(t, ended); !errors.Is(err, nats.ErrDisconnected) && !errors.Is(err, nats.ErrConnectionClosed) {
					t.Errorf("a publisher that waited: %v, want %v", err, nats.ErrDisconnected)
				}
			}
		})
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	came := make(chan bool, 10)
	pings := make(chan int, 10)
	url := fake(t, func(_ net.Conn, in *bufio.Reader) {
		came <- true
		all, _ := io.ReadAll(in) // until the other side hangs up
		pings <- bytes.Count(all, []byte("PING\r\n"))
	})
	c := open(t, connect(t, url, nats.PingInterval(50*time.Millisecond), nats.MaxPingsOutstanding(3)), quiet())
	lost := make(chan bool, 10)
	c.Subscribe("s", func(*wire.Frame) {}, func() { lost <- true })
	receive(t, came)
	receive(t, lost)
	receive(t, came)
	if n := receive(t, pings); n > 3 {
		t.Errorf("%d pings were without an answer, want 3", n)
	}
}

func TestPingsWithoutEndDoNotFillTheMemory(t *testing.T) {
	const pings = 1 << 20
	cutting := make(chan bool)
	url := fake(t, func(conn net.Conn, in *bufio.Reader) {
		if _, err := in.ReadString('\n'); err != nil { // SUB s 1
			return
		}
		block := bytes.Repeat([]byte("PING\r\n"), 1<<10)
		for range pings >> 10 {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
		_, _ = io.WriteString(conn, "MSG s 1 0\r\n\r\n")
		<-cutting
	})
	t.Cleanup(func() { close(cutting) })
	c := open(t, connect(t, url), quiet())
	got, _ := subscribe(c, "s")
	receive(t, got)
	if n := c.Waits(); n > 1000 {
		t.Errorf("%d bytes wait, of answers to pings", n)
	}
}

func TestWhatIsNoNATSIsGivenUpAndTriedAgain(t *testing.T) {
	turns := make(chan string, 3)
	for _, bad := range []string{"HTTP/1.1 400 Bad Request\r\n", "MSG s 1 99999999999\r\n", "-ERR 'Stale Connection'\r\n"} {
		turns <- bad
	}
	url := fake(t, func(conn net.Conn, in *bufio.Reader) {
		select {
		case bad := <-turns:
			_, _ = io.WriteString(conn, bad)
			_, _ = io.Copy(io.Discard, in)
		default:
			_, _ = io.WriteString(conn, "MSG s 1 2\r\nok\r\n")
			_, _ = io.Copy(io.Discard, in)
		}
	})
	c := open(t, connect(t, url), quiet())
	lost := make(chan bool, 10)
	got := make(chan string, 1)
	c.Subscribe("s", func(f *wire.Frame) { got <- string(f.Data()) }, func() { lost <- true })
	if m := receive(t, got); m != "ok" || len(lost) != 3 {
		t.Errorf("got %s after %d losses, want ok after 3", m, len(lost))
	}
}
