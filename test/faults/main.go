//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

type options struct {
	short   bool
	bugs    bool
	only    string
	seed    uint64
	docsaga string
	keep    string
	factor  float64
	at      int // scenarios at once
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 2 && os.Args[1] == "role" {
		if err := role(ctx, os.Args[2], os.Args[3:]); err != nil && ctx.Err() == nil {
			fail(err)
		}
		return
	}
	var o options
	flag.BoolVar(&o.short, "short", false, "fewer documents, two to three minutes")
	flag.BoolVar(&o.bugs, "bugs", false, "seed bugs, which must be caught")
	flag.StringVar(&o.only, "only", "", "names of faults or bugs, with commas between")
	flag.Uint64Var(&o.seed, "seed", 1, "of what is random")
	flag.StringVar(&o.docsaga, "docsaga", "bin/docsaga", "the program that verifies")
	flag.StringVar(&o.keep, "keep", "", "directory to keep logs and records in")
	flag.IntVar(&o.at, "at-once", 1, "how many faults or bugs are tried at the same time, each on a system of its own")
	flag.Float64Var(&o.factor, "documents", 1, "times as many documents")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fail(err)
	}
}

func fail(err error) {
	_, _ = fmt.Fprintln(os.Stderr, "faults:", err)
	os.Exit(1)
}

var errBroken = errors.New("docsaga did not keep its word, or a fault did not bite; see the table")

var errNone = errors.New("there is no such fault; bugs are in a build with -tags seededbugs, which make faults-bugs makes")

func run(ctx context.Context, o options) error {
	var err error
	if o.docsaga, err = filepath.Abs(o.docsaga); err != nil {
		return err
	}
	if _, err := os.Stat(o.docsaga); err != nil {
		return fmt.Errorf("%w: build it with make build, or name it with -docsaga", err)
	}
	list := scenarios()
	if o.bugs {
		list = bugs()
	}
	if o.only != "" {
		list = slices.DeleteFunc(list, func(s scenario) bool { return !slices.Contains(strings.Split(o.only, ","), s.name) })
	}
	if len(list) == 0 {
		return errNone
	}
	began := time.Now()
	results, err := runAll(ctx, list, o)
	if err != nil {
		return err
	}
	ok := printTable(os.Stdout, results, o.bugs)
	_, _ = fmt.Fprintf(os.Stdout, "\nseed %d, %s\n", o.seed, time.Since(began).Round(time.Second))
	if !ok {
		return errBroken
	}
	return nil
}

// runAll runs the scenarios, some at once, and returns what became of each, in
// their order.
func runAll(ctx context.Context, list []scenario, o options) ([]result, error) {
	results := make([]result, len(list))
	var g errgroup.Group
	g.SetLimit(max(1, o.at))
	for i := range list {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			results[i] = list[i].run(ctx, o)
			_, _ = fmt.Fprintln(os.Stderr, results[i].line())
			return context.Cause(ctx)
		})
	}
	return results, g.Wait()
}
