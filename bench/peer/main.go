package peer

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main measures the peer that the arguments name and writes its [Round] as
// JSON. An interrupt ends it in order.
func Main(args []string, out io.Writer, peers map[string]Peer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	name := flags.String("peer", "", "which peer")
	server := flags.String("postgres", "", "URL of a database of the server to use")
	durability := flags.String("durability", "strict", "strict (synchronous commits) or relaxed (asynchronous ones)")
	plan := Plan{}
	flags.IntVar(&plan.Open, "open", 0, "documents under way at once; 0: what suits the peer")
	flags.DurationVar(&plan.Warm, "warm", 1500*time.Millisecond, "how long it gets warm")
	flags.DurationVar(&plan.Window, "window", 4*time.Second, "how long documents are counted")
	flags.Float64Var(&plan.Rate, "rate", 50, "documents a second at which latency is measured, or lower if it is not held")
	flags.DurationVar(&plan.Paced, "paced", 8*time.Second, "how long documents come at that rate")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p, ok := peers[*name]
	if !ok {
		return fmt.Errorf("peer: no peer is named %q", *name)
	}
	if *durability != "strict" && *durability != "relaxed" {
		return fmt.Errorf("peer: -durability %q: want strict or relaxed", *durability)
	}
	if plan.Open == 0 {
		plan.Open = p.Open
	}
	r, err := visit(ctx, OpenSite(*server, *durability == "relaxed"), p, plan)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// visit starts the peer on the site, measures it, and leaves nothing behind.
func visit(ctx context.Context, site *Site, p Peer, plan Plan) (r Round, err error) {
	if err := site.Durable(ctx); err != nil {
		return r, err
	}
	server, err := site.postmaster(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, site.Close(context.WithoutCancel(ctx))) }()
	// An engine ends by Stop, not under the feet of the documents in it.
	e, err := p.Start(context.WithoutCancel(ctx), site, plan.Open)
	if err != nil {
		return r, err
	}
	defer e.Stop()
	return Measure(ctx, e, server, plan)
}
