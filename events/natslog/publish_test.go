package natslog

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

func TestQuickAckReadsWhatTheServerWritesAndLeavesTheRest(t *testing.T) {
	for data, want := range map[string]uint64{
		`{"stream":"DOCSAGA_0", "seq":17}`:                    17,
		`{"stream":"DOCSAGA_0","seq":18}`:                     18,
		`{"stream":"DOCSAGA_0", "seq":0}`:                     0,
		`{"stream":"DOCSAGA_0", "seq":17,"duplicate":true}`:   0,
		`{"stream":"a", "domain":"hub", "seq":17}`:            0,
		`{"error":{"code":503,"err_code":10077}}`:             0,
		`{"stream":"a", "seq":}`:                              0,
		`{"stream":"a", "seq":1`:                              0,
		`{"stream":"a", "seq":-1}`:                            0,
		`{"stream":"a", "seq":99999999999999999999999999}`:    0,
		`{"stream":"a","seq":3,"domain":"x", "seq":4}`:        0,
		`{"stream":"DOCSAGA_1", "seq":9007199254740993}`:      9007199254740993,
		`{"type":"io.nats.jetstream.api.v1.stream","seq":12}`: 0,
		`{"stream":"DOCSAGA_0", "seq":17} `:                   0,
		`{"stream":"DOCSAGA_0", "seq":017}`:                   17,
		``:                                                    0,
	} {
		if seq, ok := quickAck([]byte(data)); seq != want && ok || ok != (want > 0) {
			t.Errorf("%s: %d, %v, want %d", data, seq, ok, want)
		}
	}
	if seq, err := parseAck([]byte(`{"stream":"a", "domain":"hub", "seq":17}`)); seq != 17 || err != nil {
		t.Errorf("an acknowledgement with a domain: %d, %v", seq, err)
	}
	var api *jetstream.APIError
	if _, err := parseAck([]byte(`{"error":{"code":503,"err_code":10077}}`)); !errors.As(err, &api) || !isTaken(err) {
		t.Errorf("a taken slot: %v", err)
	}
}

// silentServer is a server whose only subscriber never answers.
func silentServer(t *testing.T) (nc *nats.Conn, s *server.Server) {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Shutdown)
	if nc, err = Connect("", ConnectOptions{InProcess: s, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := nc.Subscribe("silent", func(*nats.Msg) {}); err != nil {
		t.Fatal(err)
	}
	return nc, s
}

// publisherOn returns a publisher whose messages reach all who have subscribed on
// nc before.
func publisherOn(t *testing.T, nc *nats.Conn) *publisher {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	conn, err := wire.Open(nc, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return newPublisher(nc, conn)
}

// disconnect cuts the connections that publishers have.
func disconnect(t *testing.T, s *server.Server) {
	t.Helper()
	list, err := s.Connz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range list.Conns {
		if strings.HasSuffix(conn.Name, "/log") {
			if err := s.DisconnectClientByID(conn.Cid); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("no connection of a publisher")
}

func TestAPublishThatNobodyTakesSaysSo(t *testing.T) {
	nc, _ := silentServer(t)
	p := publisherOn(t, nc)
	w, err := p.publish(&wire.Outgoing{Subject: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.await(t.Context(), w); !errors.Is(err, jetstream.ErrNoStreamResponse) || !isTemporary(err) {
		t.Errorf("got %v, want %v", err, jetstream.ErrNoStreamResponse)
	}
}

func TestAnAnswerThatIsNotAwaitedAnyMoreGoesToNobodyElse(t *testing.T) {
	nc, _ := silentServer(t)
	var held []*nats.Msg
	var mu sync.Mutex
	if _, err := nc.Subscribe("slow", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, m)
		if len(held) < 2 {
			return
		}
		for i, m := range held { // the first is late
			_ = m.Respond([]byte(`{"stream":"S", "seq":` + string(rune('1'+i)) + `}`))
		}
	}); err != nil {
		t.Fatal(err)
	}
	p := publisherOn(t, nc)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i, ctx := range []context.Context{ended, t.Context()} {
		w, err := p.publish(&wire.Outgoing{Subject: "slow"})
		if err != nil {
			t.Fatal(err)
		}
		seq, err := p.await(ctx, w)
		if i == 0 && !errors.Is(err, context.Canceled) || i == 1 && (seq != 2 || err != nil) {
			t.Errorf("publish %d: %d, %v", i+1, seq, err)
		}
	}
	if len(p.waiting) != 0 || len(p.free) != 1 {
		t.Errorf("%d wait, %d are free, want one that is free", len(p.waiting), len(p.free))
	}
}

func TestAPublishEndsWhenTheConnectionWasLost(t *testing.T) {
	nc, server := silentServer(t)
	p := publisherOn(t, nc)
	w, err := p.publish(&wire.Outgoing{Subject: "silent"})
	if err != nil {
		t.Fatal(err)
	}
	disconnect(t, server)
	if _, err := p.await(t.Context(), w); !errors.Is(err, nats.ErrDisconnected) || !isTemporary(err) {
		t.Errorf("got %v, want %v", err, nats.ErrDisconnected)
	}
	if len(p.waiting) != 0 {
		t.Errorf("%d wait for an answer that may come on the next connection", len(p.waiting))
	}
}

func TestAnAnswerThatComesAfterAReconnectGoesToNobodyElse(t *testing.T) {
	nc, server := silentServer(t)
	other, err := Connect("", ConnectOptions{InProcess: server, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	came := make(chan *nats.Msg, 10)
	if _, err := other.ChanSubscribe("slow", came); err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	p := publisherOn(t, nc)
	first, err := p.publish(&wire.Outgoing{Subject: "slow"})
	if err != nil {
		t.Fatal(err)
	}
	late := <-came
	disconnect(t, server)
	if _, err := p.await(t.Context(), first); !errors.Is(err, nats.ErrDisconnected) {
		t.Errorf("got %v, want %v", err, nats.ErrDisconnected)
	}
	var second *waiter
	err = retry(t.Context(), func(context.Context) (err error) {
		second, err = p.publish(&wire.Outgoing{Subject: "slow"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(late.Respond([]byte(`{"stream":"S", "seq":1}`)), (<-came).Respond([]byte(`{"stream":"S", "seq":2}`))); err != nil {
		t.Fatal(err)
	}
	if seq, err := p.await(t.Context(), second); seq != 2 || err != nil {
		t.Errorf("the second write was acknowledged with %d, %v, want 2", seq, err)
	}
}

func TestMetadataIsReadAsByNats(t *testing.T) {
	for reply, good := range map[string]bool{
		"$JS.ACK.DOCSAGA_0.security.1.17.9.1763880000123456789.4":            true,
		"$JS.ACK.DOCSAGA_3.x.65536.9007199254740993.1.1.0":                   true,
		"$JS.ACK._.hash.DOCSAGA_0.security.1.17.9.1763880000123456789.4":     true,
		"$JS.ACK.hub.hash.DOCSAGA_0.security.1.17.9.1763880000123456789.4.x": true,
		"$JS.ACK.DOCSAGA_0.security.1.17.9":                                  false,
		"$JS.ACK.DOCSAGA_0.security.x.17.9.1.4":                              false,
		"_INBOX.abc":                                                         false,
		"":                                                                   false,
	} {
		m, ok := parseMetadata(reply)
		if ok != good {
			t.Errorf("%q: %v, want %v", reply, ok, good)
		}
		msg := nats.Msg{Reply: reply, Sub: &nats.Subscription{}}
		if full, err := msg.Metadata(); good && (err != nil || m.seq != full.Sequence.Stream || m.attempt != full.NumDelivered || !m.at.Equal(full.Timestamp)) {
			t.Errorf("%q: %+v, want %+v (%v)", reply, m, full, err)
		}
	}
}

func TestWhoSendsIsToldOnceWhatBecameOfIt(t *testing.T) {
	nc, s := silentServer(t)
	if _, err := nc.Subscribe("good", func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"stream":"S", "seq":7}`))
		_ = m.Respond([]byte(`{"stream":"S", "seq":8}`)) // as from a server that leads from now on
	}); err != nil {
		t.Fatal(err)
	}
	p := publisherOn(t, nc)
	told := make(chan answer, 10)
	send := func(subject string) {
		t.Helper()
		if err := p.send(&wire.Outgoing{Subject: subject}, func(a answer) { told <- a }); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		send("good")
		if a := <-told; a.err != nil || a.seq != 7 {
			t.Errorf("sent: %+v, want an acknowledgement", a)
		}
	}
	send("nobody")
	if a := <-told; !errors.Is(a.err, jetstream.ErrNoStreamResponse) {
		t.Errorf("nobody takes it: %v", a.err)
	}
	send("silent")
	var silent *waiter
	for _, w := range p.waiting {
		if w.then != nil {
			silent = w
		}
	}
	p.expire(silent)
	p.expire(silent)
	if a := <-told; !errors.Is(a.err, nats.ErrTimeout) {
		t.Errorf("no answer: %v", a.err)
	}
	send("silent")
	disconnect(t, s)
	if a := <-told; !errors.Is(a.err, nats.ErrDisconnected) {
		t.Errorf("the connection was lost: %v", a.err)
	}
	if err := p.send(&wire.Outgoing{Subject: "no subject"}, func(a answer) { told <- a }); !errors.Is(err, nats.ErrBadSubject) {
		t.Errorf("a subject that is none: %v", err)
	}
	if len(told) != 0 {
		t.Errorf("told %d times too often", len(told))
	}
}

// A server that begins to lead a stream acknowledges what it applies, though the
// one that led before it has acknowledged that: each must get its own answer.
func TestAnAcknowledgementThatComesTwiceIsNobodyElses(t *testing.T) {
	nc, _ := silentServer(t)
	var mu sync.Mutex
	var first *nats.Msg
	if _, err := nc.Subscribe("twice", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = m
			_ = m.Respond([]byte(`{"stream":"S", "seq":1}`))
			return
		}
		_ = first.Respond([]byte(`{"stream":"S", "seq":1}`))
		_ = m.Respond([]byte(`{"error":{"code":503,"err_code":10077}}`))
	}); err != nil {
		t.Fatal(err)
	}
	p := publisherOn(t, nc)
	for i, want := range []uint64{1, 0} {
		w, err := p.publish(&wire.Outgoing{Subject: "twice"})
		if err != nil {
			t.Fatal(err)
		}
		if seq, err := p.await(t.Context(), w); seq != want || (err == nil) != (want > 0) {
			t.Errorf("publish %d: %d, %v", i+1, seq, err)
		}
	}
}
