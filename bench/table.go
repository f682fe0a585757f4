package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docsaga/docsaga/bench/peer"
)

// ours is the entrant that the others are compared with.
const ours = "docsaga"

// A result is what the rounds of an entrant gave in one durability.
type result struct {
	who        string
	durability string
	rounds     []peer.Round
}

// durable says in words what an entrant has when it says that something is
// done. NATS flushes each two minutes unless it is told to flush at once;
// PostgreSQL without synchronous commits three times wal_writer_delay later.
func (r result) durable() string {
	switch {
	case r.durability == "strict":
		return "strict: on disk first"
	case strings.HasPrefix(r.who, ours):
		return "relaxed: on disk in 2 min"
	default:
		return "relaxed: on disk in 0.6 s"
	}
}

// spread returns the median, the least and the most of a figure.
func (r result) spread(of func(peer.Round) float64) (median, least, most float64) {
	var all []float64
	for _, round := range r.rounds {
		all = append(all, of(round))
	}
	slices.Sort(all)
	median = all[len(all)/2]
	if len(all)%2 == 0 {
		median = (median + all[len(all)/2-1]) / 2
	}
	return median, all[0], all[len(all)-1]
}

func (r result) median(of func(peer.Round) float64) float64 {
	m, _, _ := r.spread(of)
	return m
}

// slowest returns the rate at which latency was measured in the round in which
// it had to be lowest, and the rounds of that rate: latencies at different
// rates are not mixed.
func (r result) slowest() (float64, result) {
	least := slices.MinFunc(r.rounds, func(a, b peer.Round) int { return cmp.Compare(a.Rate, b.Rate) }).Rate
	same := result{who: r.who, durability: r.durability}
	for _, round := range r.rounds {
		if round.Rate == least {
			same.rounds = append(same.rounds, round)
		}
	}
	return least, same
}

func perSecond(r peer.Round) float64 { return r.PerSecond }
func cpu(r peer.Round) float64       { return r.CPU }
func memory(r peer.Round) float64    { return r.Memory }
func p50(r peer.Round) float64       { return r.P50 }
func p99(r peer.Round) float64       { return r.P99 }

// printTable prints one line a result, as Markdown that reads well by itself.
func printTable(out io.Writer, results []result, rounds int, took time.Duration) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	line := func(cells ...any) {
		for _, c := range cells {
			_, _ = fmt.Fprintf(w, "| %v\t", c) // Flush reports
		}
		_, _ = fmt.Fprintln(w, "|")
	}
	line("who", "durability", "documents/s (least-most)", "p50 ms", "p99 ms", "at documents/s", "CPU us a document", "resident MiB", "docsaga is faster", "docsaga's p99 is", "docsaga's CPU is")
	line("---", "---", "---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, r := range results {
		m, least, most := r.spread(perSecond)
		rate, paced := r.slowest()
		faster, late, dear := ratios(results, r)
		line(r.who, r.durable(), fmt.Sprintf("%.0f (%.0f-%.0f)", m, least, most),
			fmt.Sprintf("%.1f", paced.median(p50)), fmt.Sprintf("%.1f", paced.median(p99)), fmt.Sprintf("%g", rate),
			fmt.Sprintf("%.0f", r.median(cpu)), fmt.Sprintf("%.0f", r.median(memory)), faster, late, dear)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nMedians of %d rounds in turn, %.0f s in all, load %s. CPU and memory are of everything involved, "+
		"the database and what submits included.\nRatios are medians over rounds of the same round's figures. "+
		"A rate below the wanted one is the highest tried that was held.\n", rounds, took.Seconds(), load())
	return err
}

// ratios compares docsaga with a result of the same durability: how many times
// as many documents a second it does, and what parts of its 99th percentile and
// of its processor time it takes. The percentile is compared also where the
// other was measured at a lower rate, which favours the other.
func ratios(results []result, r result) (faster, late, dear string) {
	if r.who == ours {
		return "", "", ""
	}
	i := slices.IndexFunc(results, func(o result) bool { return o.who == ours && o.durability == r.durability })
	if i < 0 {
		return "", "", ""
	}
	over := func(of func(peer.Round) float64) float64 {
		var pairs []float64
		for n, own := range results[i].rounds {
			pairs = append(pairs, of(own)/of(r.rounds[n]))
		}
		slices.Sort(pairs)
		return (pairs[(len(pairs)-1)/2] + pairs[len(pairs)/2]) / 2
	}
	return fmt.Sprintf("%.1f times", over(perSecond)), fmt.Sprintf("%.2f of it", over(p99)), fmt.Sprintf("%.2f of it", over(cpu))
}
