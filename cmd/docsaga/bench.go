package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/test/bench"
)

// benchFlags are what the bench command is told besides the settings.
type benchFlags struct {
	setup       bench.Setup
	rounds      int
	coordinator string
	projections string
	against     string
	profile     string
}

func (a *app) benchCommand() *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast documents go through, beside bare JetStream",
		Long: `Runs documents through services that do nothing, in this process, on a server
and a log made for it and removed afterwards, and prints how many went through a
second, how long each took from its submission to the acknowledged outcome of
its last step, and the processor time that a document took, servers included.

--against bare runs in turn with it consumers of nats.go that only copy messages
of the same size, headers and subjects from slot to slot; batched ones publish
what waits as atomic batches. --against audited or signed runs docsaga itself
once more, with a recorder of checkpoints, or with each event signed and checked.
The ratio is the median over the rounds.`,
		Example: `  docsaga bench --documents 20000 --durability relaxed --against bare
  docsaga bench --documents 1000 --rate 50 --coordinator on
  docsaga bench --documents 20000 --replicas 3 --against batched -o json
  docsaga bench --durability relaxed --before 1000000 --rounds 1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.bench(cmd, f) },
	}
	flags := cmd.Flags()
	flags.IntVar(&f.setup.Documents, "documents", 10_000, "documents in a round")
	flags.IntVar(&f.setup.Steps, "steps", 5, "steps of the flow, one after another")
	flags.Float64Var(&f.setup.Rate, "rate", 0, "documents a second; 0: as fast as they go through")
	flags.IntVar(&f.setup.Open, "open", 1000, "documents under way at once if there is no rate")
	flags.IntVar(&f.setup.Before, "before", 0, "documents that the log holds already, all ended; then a restart is measured too")
	flags.IntVar(&f.rounds, "rounds", 3, "how often each pipeline is measured")
	flags.StringVar(&f.coordinator, "coordinator", "on", "on or off")
	flags.StringVar(&f.projections, "projections", "off", "on or off")
	flags.StringVar(&f.against, "against", "", "bare, batched, audited or signed")
	flags.StringVar(&f.profile, "cpuprofile", "", "file for a processor profile of all rounds")
	return cmd
}

func (a *app) bench(cmd *cobra.Command, f benchFlags) error {
	for name, value := range map[string]string{"coordinator": f.coordinator, "projections": f.projections} {
		if value != "on" && value != "off" {
			return usage("--%s %q: want on or off", name, value)
		}
	}
	names := []string{bench.Docsaga}
	switch f.against {
	case "":
	case bench.Bare, bench.Batched, bench.Audited, bench.Signed:
		names = append(names, f.against)
	default:
		return usage("--against %q: want %s, %s, %s or %s", f.against, bench.Bare, bench.Batched, bench.Audited, bench.Signed)
	}
	if f.rounds < 1 {
		return usage("--rounds %d: want at least 1", f.rounds)
	}
	f.setup.Coordinator, f.setup.Projections = f.coordinator == "on", f.projections == "on"
	f.setup.Shards, f.setup.Replicas, f.setup.Seal = a.settings.shards, a.settings.replicas, a.settings.seal
	f.setup.Durability, f.setup.Logger = natslog.Durability(a.settings.durability), a.settings.logger
	stop, err := profileTo(f.profile)
	if err != nil {
		return err
	}
	defer stop()
	c, err := bench.Compare(cmd.Context(), f.setup, f.rounds, names, func(r bench.Result) {
		a.say("%-8s %7.0f documents/s, p50 %.1f ms, p99 %.1f ms, %.0f us CPU a document", r.Pipeline, r.PerSecond, r.P50, r.P99, r.CPU)
	})
	if err != nil {
		return err
	}
	if a.settings.output != "table" {
		return printOne(a, c, nil)
	}
	if err := printList(a, c.Median, benchTable); err != nil {
		return err
	}
	if len(names) > 1 {
		_, err = fmt.Fprintf(a.out, "ratio %.2f (%.2f to %.2f), medians of %d rounds in turn\n", c.Ratio, c.Least, c.Most, f.rounds)
	}
	return err
}

func benchTable(results []bench.Result) table {
	t := table{head: []string{"PIPELINE", "DOCUMENTS/S", "P50 MS", "P90 MS", "P99 MS", "MAX MS", "CPU US", "RSS MIB", "EVENTS", "BEFORE", "RESTART S"}}
	for _, r := range results {
		row := []string{r.Pipeline, strconv.FormatFloat(r.PerSecond, 'f', 0, 64)}
		for _, ms := range []float64{r.P50, r.P90, r.P99, r.Max} {
			row = append(row, strconv.FormatFloat(ms, 'f', 1, 64))
		}
		t.rows = append(t.rows, append(row, strconv.FormatFloat(r.CPU, 'f', 0, 64), strconv.FormatFloat(r.Memory, 'f', 0, 64),
			strconv.FormatUint(r.Events, 10), strconv.Itoa(r.Before), strconv.FormatFloat(r.Restart, 'f', 1, 64)))
	}
	return t
}

// profileTo begins to write a processor profile; stop ends it.
func profileTo(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	out, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = out.Close() // a profile that is cut off is told by its reader
	}, nil
}
