package wire_test

import (
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/docsaga/docsaga/events/natslog/wire"
)

func TestWhatIsNotUrgentArrivesByItself(t *testing.T) {
	s := serve(t, server.Options{})
	c := open(t, connect(t, s.ClientURL()), quiet())
	got, _ := subscribe(c, "soon")
	for _, data := range []string{"first", "second"} { // the timer starts anew
		if err := c.PublishSoon(&wire.Outgoing{Subject: "soon", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
		if m := receive(t, got); string(m.Data) != data {
			t.Errorf("got %q, want %q", m.Data, data)
		}
	}
}

func TestWhatIsNotUrgentIsWrittenBeforeTheConnectionEnds(t *testing.T) {
	s := serve(t, server.Options{})
	other := connect(t, s.ClientURL())
	got := make(chan *nats.Msg, 100)
	if _, err := other.ChanSubscribe("soon", got); err != nil {
		t.Fatal(err)
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		nc := connect(t, s.ClientURL())
		c := open(t, nc, quiet())
		if err := c.PublishSoon(&wire.Outgoing{Subject: "soon", Data: []byte(strconv.Itoa(i))}); err != nil {
			t.Fatal(err)
		}
		nc.Close()
		if m := receive(t, got); string(m.Data) != strconv.Itoa(i) {
			t.Fatalf("got %q, want %d", m.Data, i)
		}
	}
}
