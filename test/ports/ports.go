// Package ports finds addresses for servers of tests that are told where to
// listen, and that may come back there.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports lie below those that Linux gives to clients, 32768 and up. One of
// those can be gone by the time the server listens, or when it comes back: a
// client that tries to reach it may be given that very port for its own end.
const (
	first = 12_000
	end   = 32_000
	tries = 100
)

// Free returns an address on the loopback interface, host:port, on which nobody
// listens.
func Free() (string, error) {
	var err error
	for range tries {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(end-first))) //nolint:gosec // no secret
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil { //nolint:noctx // at once
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("ports: none is free: %w", err)
}
