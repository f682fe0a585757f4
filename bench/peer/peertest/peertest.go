// Package peertest checks that a peer does what it is measured at.
package peertest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/bench/peer"
)

// Server is the variable that holds the URL of a PostgreSQL server for tests.
const Server = "DOCSAGA_TEST_POSTGRES"

// documents is a handful, at once.
const documents = 7

// Run starts the peer on databases of its own, sends a handful of documents
// through it, and reads from its record that each has five completed steps, and
// that a document which was never run has none.
func Run(t *testing.T, p peer.Peer) {
	t.Helper()
	server := os.Getenv(Server)
	if server == "" {
		t.Skipf("LEFT OUT: whether the peer does its five steps; set %s to the URL that deploy/test/postgres.sh start prints", Server)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	site := peer.OpenSite(server, false)
	t.Cleanup(func() {
		if err := site.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	e, err := p.Start(ctx, site, documents)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	g, inner := errgroup.WithContext(ctx)
	for n := range documents {
		g.Go(func() error { return e.Run(inner, name(n)) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for n := range documents {
		if steps, err := e.Recorded(ctx, name(n)); err != nil || steps != peer.Steps {
			t.Errorf("%s: %d steps on record, %v; want %d", name(n), steps, err, peer.Steps)
		}
	}
	if steps, _ := e.Recorded(ctx, "never run"); steps != 0 {
		t.Errorf("a document that was never run has %d steps on record", steps)
	}
}

func name(n int) string { return fmt.Sprintf("document-%d", n) }
