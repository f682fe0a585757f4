// Command temporal measures Temporal at what `docsaga bench` measures. It is a
// module of its own, for its server depends on some hundreds of others.
package main

import (
	"fmt"
	"os"

	"github.com/docsaga/docsaga/bench/peer"
)

func main() {
	peers := map[string]peer.Peer{"temporal": {Start: start, Open: 50}}
	if err := run(os.Args[1:], peers); err != nil {
		fmt.Fprintln(os.Stderr, "bench: temporal:", err)
		os.Exit(1)
	}
}

func run(args []string, peers map[string]peer.Peer) error {
	if len(args) == 0 || args[0] != "measure" {
		return fmt.Errorf("want measure")
	}
	return peer.Main(args[1:], os.Stdout, peers)
}
