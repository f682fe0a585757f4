//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go" //nolint:depguard // it asks what only an administrator does

	"github.com/docsaga/docsaga/test/ports"
)

// A cluster is three brokers. What two of them say to each other goes through
// a proxy, so that it can be held.
type cluster struct {
	addrs []string          // for clients
	links map[[2]int]*proxy // from one broker to a later one
}

// startCluster adds three brokers to a system.
func (s *system) startCluster(sc *scenario, add adding) error {
	const size = 3
	c := &cluster{links: make(map[[2]int]*proxy)}
	s.cluster = c
	var routes [size]string // where a broker listens for the others
	for i := range size {
		client, errClient := ports.Free()
		route, errRoute := ports.Free()
		if err := errors.Join(errClient, errRoute); err != nil {
			return err
		}
		c.addrs, routes[i] = append(c.addrs, client), route
	}
	s.url = "nats://" + strings.Join(c.addrs, ",nats://")
	for i := range size {
		var to []string
		for j := i + 1; j < size; j++ {
			p, err := newProxy(routes[j])
			if err != nil {
				return err
			}
			c.links[[2]int{i, j}] = p
			to = append(to, "nats://"+p.addr())
		}
		err := add(brokerName(i), "broker", "-addr", c.addrs[i], "-fault", sc.fault,
			"-cluster", routes[i], "-routes", strings.Join(to, ","))
		if err != nil {
			return err
		}
	}
	return nil
}

func brokerName(i int) string { return fmt.Sprintf("broker-%d", i+1) }

func (c *cluster) close() {
	for _, p := range c.links {
		_ = p.Close() // all that it served has ended
	}
}

// cut holds what a broker says to the others, and what they say to it unless
// it is cut in one direction only; or lets it go.
func (c *cluster) cut(broker int, oneWay, on bool) {
	for pair, p := range c.links {
		says, hears := forth, back
		switch broker {
		case pair[0]:
		case pair[1]:
			says, hears = back, forth
		default:
			continue
		}
		p.hold(says, on)
		if !oneWay {
			p.hold(hears, on)
		}
	}
}

// leader returns which broker leads the first shard, by the word of another
// than the one that is left out; -1 if that one knows of none.
func (c *cluster) leader(not int) int {
	for i, addr := range c.addrs {
		if i == not {
			continue
		}
		nc, err := connect("nats://" + addr)
		if err != nil {
			continue
		}
		led := leaderBy(nc)
		nc.Close()
		if led >= 0 {
			return led
		}
	}
	return -1
}

func leaderBy(nc *nats.Conn) int {
	reply, err := nc.Request("$JS.API.STREAM.INFO.DOCSAGA_0", nil, time.Second)
	if err != nil {
		return -1
	}
	var info struct {
		Cluster struct {
			Leader string `json:"leader"`
		} `json:"cluster"`
	}
	n := 0
	if json.Unmarshal(reply.Data, &info) != nil {
		return -1
	}
	if _, err := fmt.Sscanf(info.Cluster.Leader, "broker-%d", &n); err != nil {
		return -1
	}
	return n - 1
}

// replaced waits until another broker than this one leads, and reports whether
// one does. It may take as long as elections do.
func (c *cluster) replaced(ctx context.Context, broker int) bool {
	for began := time.Now(); time.Since(began) < 25*time.Second; {
		if led := c.leader(broker); led >= 0 && led != broker {
			return true
		}
		if !wait(ctx, 100*time.Millisecond) {
			return false
		}
	}
	return false
}

// killingLeaders kills the leader of the first shard, and starts it again once
// another leads. It does so once at least.
func killingLeaders(ctx context.Context, t *trial) int {
	n := 0
	for wait(ctx, 500*time.Millisecond) {
		leader := t.sys.cluster.leader(-1)
		if leader < 0 {
			continue
		}
		p := t.sys.parts[brokerName(leader)]
		if !p.down() {
			p.up()
			continue
		}
		if t.sys.cluster.replaced(context.WithoutCancel(ctx), leader) {
			n++
		}
		p.up()
	}
	return n
}

// cuttingLeaders cuts the leader of the first shard off until another leads,
// and a moment longer.
func cuttingLeaders(oneWay bool) func(context.Context, *trial) int {
	return func(ctx context.Context, t *trial) int {
		n := 0
		for wait(ctx, 500*time.Millisecond) {
			leader := t.sys.cluster.leader(-1)
			if leader < 0 {
				continue
			}
			t.sys.cluster.cut(leader, oneWay, true)
			if t.sys.cluster.replaced(context.WithoutCancel(ctx), leader) {
				n++
				wait(ctx, time.Second)
			}
			t.sys.cluster.cut(leader, oneWay, false)
		}
		return n
	}
}

// pausingBrokers stops a broker of three for a while, so that it wakes up with
// what it held for the truth.
func pausingBrokers(ctx context.Context, t *trial) int {
	n := 0
	for wait(ctx, 500*time.Millisecond) {
		leader := t.sys.cluster.leader(-1)
		if leader < 0 {
			continue
		}
		p := t.sys.parts[brokerName(leader)]
		if p.signal(syscall.SIGSTOP) && t.sys.cluster.replaced(context.WithoutCancel(ctx), leader) {
			n++
		}
		p.signal(syscall.SIGCONT)
	}
	return n
}
