// Command bench measures docsaga and other engines at the same: five steps
// that do nothing, one after another, each recorded, for each document.
//
//	bench compare   measures all in turn, in processes of their own, and prints one table
//	bench measure   measures DBOS or River in this process
//
// It is a module of its own, so that docsaga does not depend on its peers.
package main

import (
	"fmt"
	"os"

	"github.com/docsaga/docsaga/bench/peer"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "compare":
		return compare(args, os.Stdout)
	case "measure":
		return peer.Main(args, os.Stdout, peers())
	default:
		return fmt.Errorf("%q: want compare or measure", verb)
	}
}

// peers returns the engines of this module. Their documents under way at once
// are five times the connections: fewer leave the database waiting, more wait
// for it.
func peers() map[string]peer.Peer {
	return map[string]peer.Peer{
		"dbos":          {Start: startDBOS, Open: 200},
		"river":         {Start: startRiver, Open: 200},
		"river-batched": {Start: startRiverBatched, Open: 200},
	}
}
