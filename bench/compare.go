package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docsaga/docsaga/bench/peer"
)

// A comparison measures all in turn, each in a process of its own.
type comparison struct {
	docsaga  string // path of the program
	temporal string // the same; empty: it is left out
	script   string // starts and stops PostgreSQL
	rounds   int
	quick    bool // far too short to mean anything, to see whether it runs
	rate     float64
	progress io.Writer
}

// An entrant is one of those measured.
type entrant struct {
	name    string
	measure func(ctx context.Context, durability string) (peer.Round, error)
}

// compare runs the comparison and prints its table.
func compare(args []string, out io.Writer) (err error) {
	c := comparison{progress: os.Stderr}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.StringVar(&c.docsaga, "docsaga", "bin/docsaga", "the docsaga program")
	flags.StringVar(&c.temporal, "temporal", "", "the program of bench/temporal; empty: without Temporal")
	flags.StringVar(&c.script, "script", "deploy/test/postgres.sh", "what starts and stops PostgreSQL")
	flags.IntVar(&c.rounds, "rounds", 3, "how often each is measured")
	flags.Float64Var(&c.rate, "rate", 50, "documents a second at which latency is measured")
	flags.BoolVar(&c.quick, "quick", false, "far too short to mean anything, to see whether it runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.rounds < 1 {
		return fmt.Errorf("-rounds %d: want at least 1", c.rounds)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	server, err := startPostgres(ctx, c.script)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	began := time.Now()
	results, err := c.run(ctx, c.entrants(server.url))
	if err != nil {
		return err
	}
	return printTable(out, results, c.rounds, time.Since(began))
}

// run measures every entrant in both durabilities, so many rounds. The order is
// turned round with each round, for what runs later may find the machine warmer.
func (c *comparison) run(ctx context.Context, entrants []entrant) ([]result, error) {
	var results []result
	for _, durability := range []string{"strict", "relaxed"} {
		for _, e := range entrants {
			results = append(results, result{who: e.name, durability: durability})
		}
	}
	for round := range c.rounds {
		for i := range results {
			if round%2 == 1 {
				i = len(results) - 1 - i
			}
			r, err := entrants[i%len(entrants)].measure(ctx, results[i].durability)
			if ctx.Err() != nil {
				return nil, errors.New("interrupted")
			}
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", results[i].who, results[i].durability, err)
			}
			results[i].rounds = append(results[i].rounds, r)
			_, _ = fmt.Fprintf(c.progress, "round %d of %d: %-20s %-7s %7.0f documents/s, p99 %.1f ms at %g/s\n",
				round+1, c.rounds, results[i].who, results[i].durability, r.PerSecond, r.P99, r.Rate)
		}
	}
	return results, nil
}

func (c *comparison) entrants(url string) []entrant {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	here := func(program, name string) entrant {
		return entrant{name, func(ctx context.Context, durability string) (r peer.Round, err error) {
			args := []string{"measure", "-peer", name, "-postgres", url, "-durability", durability, "-rate", fmt.Sprint(c.rate)}
			if c.quick {
				args = append(args, "-warm", "200ms", "-window", "2s", "-paced", "1s")
			}
			return r, child(ctx, &r, program, args...)
		}}
	}
	all := []entrant{
		{ours, func(ctx context.Context, durability string) (peer.Round, error) {
			return c.ours(ctx, durability, "off")
		}},
		{"docsaga+projections", func(ctx context.Context, durability string) (peer.Round, error) { return c.ours(ctx, durability, "on") }},
		here(self, "dbos"), here(self, "river"), here(self, "river-batched"),
	}
	if c.temporal != "" {
		all = append(all, here(c.temporal, "temporal"))
	}
	return all
}

// ours measures docsaga with its coordinator, flat out and then at the rate.
func (c *comparison) ours(ctx context.Context, durability, projections string) (peer.Round, error) {
	flat, paced := 10_000, int(8*c.rate)
	if c.quick {
		flat, paced = 300, 20
	}
	var r peer.Round
	for _, run := range []struct {
		documents int
		rate      float64
	}{{flat, 0}, {paced, c.rate}} {
		var got struct{ Median []oursResult }
		err := child(ctx, &got, c.docsaga, "bench", "--rounds", "1", "--durability", durability, "--projections", projections,
			"--documents", strconv.Itoa(run.documents), "--rate", fmt.Sprint(run.rate), "-o", "json")
		if err != nil {
			return r, err
		}
		if len(got.Median) != 1 {
			return r, fmt.Errorf("%d results of docsaga bench, want 1", len(got.Median))
		}
		if m := got.Median[0]; run.rate == 0 {
			r.PerSecond, r.CPU, r.Memory = m.PerSecond, m.CPU, m.Memory
		} else {
			r.Rate, r.P50, r.P99 = run.rate, m.P50, m.P99
		}
	}
	return r, nil
}

// An oursResult is what is read of a result of `docsaga bench -o json`.
type oursResult struct {
	PerSecond float64 `json:"documentsPerSecond"`
	P50       float64 `json:"p50ms"`
	P99       float64 `json:"p99ms"`
	CPU       float64 `json:"cpuMicrosecondsPerDocument"`
	Memory    float64 `json:"residentMiB"`
}

// child runs a program and decodes what it prints. If the context ends it is
// interrupted, and killed if it has not ended a while later.
func child(ctx context.Context, into any, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	// A group of its own, so that an interrupt reaches it once, from here, and
	// whatever it has started too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("%s: output: %w", program, err)
	}
	return nil
}
