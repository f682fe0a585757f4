package embedded_test

import (
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
)

func config(t *testing.T) embedded.Config {
	t.Helper()
	return embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
}

func TestADirectoryIsUsedByOneServer(t *testing.T) {
	conf := config(t)
	s, err := embedded.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(conf); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("a second server: %v, want %v", err, embedded.ErrInUse)
	}
	s.Stop()
	s.Stop()
	again, err := embedded.Start(conf)
	if err != nil {
		t.Fatalf("after the first has stopped: %v", err)
	}
	again.Stop()
}

func TestATakenPortIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	conf := config(t)
	conf.Addr = listener.Addr().String()
	if _, err := embedded.Start(conf); !errors.Is(err, embedded.ErrPortTaken) {
		t.Errorf("got %v, want %v", err, embedded.ErrPortTaken)
	}
	conf.Addr = "nowhere"
	if _, err := embedded.Start(conf); err == nil {
		t.Error("an address without a port was taken")
	}
	conf.Addr = ""
	s, err := embedded.Start(conf)
	if err != nil {
		t.Fatalf("the directory is still locked: %v", err)
	}
	s.Stop()
}

func TestAServerTakesConnections(t *testing.T) {
	conf := config(t)
	conf.Addr = "127.0.0.1:0"
	s, err := embedded.Start(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	inside, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	outside, err := natslog.Connect(s.URL(), natslog.ConnectOptions{Name: "outside", Logger: conf.Logger})
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	if rtt, err := outside.RTT(); err != nil || rtt > time.Minute {
		t.Errorf("rtt %v, %v", rtt, err)
	}
}

func TestAServerWithoutAnAddressListensNowhere(t *testing.T) {
	s, err := embedded.Start(config(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if url := s.URL(); url != "" {
		t.Errorf("url %s", url)
	}
}
