package ports

import (
	"net"
	"strconv"
	"testing"
)

func TestAServerCanListenAndNoClientIsGivenItsPort(t *testing.T) {
	seen := make(map[string]bool)
	for range 50 {
		addr, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("%s is not free: %v", addr, err)
		}
		defer func() { _ = l.Close() }()
		_, port, _ := net.SplitHostPort(addr)
		if n, err := strconv.Atoi(port); err != nil || n < first || n >= end || seen[addr] {
			t.Errorf("got %s again, or not from %d to %d", addr, first, end)
		}
		seen[addr] = true
	}
}
