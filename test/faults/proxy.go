//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// A proxy stands between two parts that talk over TCP, and can hold what one
// of them says, or both, as a network does that loses packets; or end all
// connections and take no more, as a server does that is down.
type proxy struct {
	to       string
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex
	held   [2]bool // what goes forth, and what comes back
	closed bool    // it takes no connections
	free   chan struct{}
	conns  map[net.Conn]struct{}
}

// The directions of a proxy: from who connects, and to it.
const (
	forth = 0
	back  = 1
)

// newProxy listens for who wants to talk to an address. Close ends it.
func newProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return nil, err
	}
	p := &proxy{to: to, listener: l, free: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	p.serving.Go(p.serve)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() { p.join(in) })
	}
}

// join connects two parts until one of them hangs up.
func (p *proxy) join(in net.Conn) {
	defer p.drop(in)
	if !p.keep(in) {
		return
	}
	dialer := net.Dialer{Timeout: time.Second}
	out, err := dialer.DialContext(context.Background(), "tcp", p.to)
	if err != nil {
		return
	}
	defer p.drop(out)
	if !p.keep(out) {
		return
	}
	var both sync.WaitGroup
	for direction, ends := range [2][2]net.Conn{forth: {in, out}, back: {out, in}} {
		both.Go(func() {
			p.pass(ends[0], ends[1], direction)
			_ = ends[0].Close() // so that the other direction ends too
			_ = ends[1].Close()
		})
	}
	both.Wait()
}

// pass hands on what one says to the other, when it is let.
func (p *proxy) pass(from, to net.Conn, direction int) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if !p.wait(direction) {
			return
		}
		if _, bad := to.Write(buffer[:n]); bad != nil || err != nil {
			return
		}
	}
}

// wait waits while a direction is held. It reports false once the proxy takes
// no connections.
func (p *proxy) wait(direction int) bool {
	for {
		p.mu.Lock()
		held, closed, free := p.held[direction], p.closed, p.free
		p.mu.Unlock()
		if closed || !held {
			return !closed
		}
		<-free
	}
}

// keep notes a connection, so that it can be ended.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// hold holds, or lets go, what goes in a direction.
func (p *proxy) hold(direction int, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[direction] = on
	p.wake()
}

// down ends all connections and takes no more, or takes them again.
func (p *proxy) down(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = on
	if on {
		for c := range p.conns {
			_ = c.Close()
		}
	}
	p.wake()
}

// wake lets who waits look again. The caller holds the lock.
func (p *proxy) wake() {
	close(p.free)
	p.free = make(chan struct{})
}

// Close ends the proxy and waits for it.
func (p *proxy) Close() error {
	err := p.listener.Close()
	p.down(true)
	p.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
