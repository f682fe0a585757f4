//go:build linux

package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echoed returns a connection through a proxy to a server that says everything
// again.
func echoed(t *testing.T) (*proxy, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c) }()
		}
	}()
	p, err := newProxy(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	c, err := net.Dial("tcp", p.addr()) //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return p, c
}

// answered says a line, and returns why it did not come back in time.
func answered(c net.Conn, within time.Duration) error {
	if _, err := io.WriteString(c, "word\n"); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Now().Add(within)) // it has one
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

func TestAProxyHoldsWhatGoesInOneDirection(t *testing.T) {
	for _, direction := range []int{forth, back} {
		p, c := echoed(t)
		if err := answered(c, 10*time.Second); err != nil {
			t.Fatalf("before: %v", err)
		}
		p.hold(direction, true)
		if err := answered(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("direction %d is held: %v, want nothing to come", direction, err)
		}
		p.hold(direction, false)
		if err := answered(c, 10*time.Second); err != nil {
			t.Errorf("direction %d is let go: %v", direction, err)
		}
	}
}

func TestAProxyThatIsDownTakesNoConnection(t *testing.T) {
	p, c := echoed(t)
	if err := answered(c, 10*time.Second); err != nil {
		t.Fatalf("before: %v", err)
	}
	p.down(true)
	if err := answered(c, 10*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it is down: %v, want that the connection has ended", err)
	}
	late, err := net.Dial("tcp", p.addr()) //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	if err := answered(late, 10*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection while it is down: %v, want none", err)
	}
	p.down(false)
	again, err := net.Dial("tcp", p.addr()) //nolint:noctx // at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if err := answered(again, 10*time.Second); err != nil {
		t.Errorf("it is up again: %v", err)
	}
}
