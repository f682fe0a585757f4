package bench

import (
	"context"
	"slices"
)

// A Comparison is what several rounds of several pipelines gave.
type Comparison struct {
	Rounds [][]Result `json:"rounds"` // of each round, one of each pipeline
	Median []Result   `json:"median"` // of each pipeline, each figure by itself
	// Ratio is the median over the rounds of how many times as many documents a
	// second the first pipeline did as the last, in the same round. Least and
	// Most are the extremes.
	Ratio float64 `json:"ratio,omitempty"`
	Least float64 `json:"leastRatio,omitempty"`
	Most  float64 `json:"mostRatio,omitempty"`
}

// Compare runs the pipelines in turn, so many rounds. Each result is handed to
// tell as it comes. The order is turned round with each round, for what runs
// later may find the machine warmer.
func Compare(ctx context.Context, setup Setup, rounds int, names []string, tell func(Result)) (Comparison, error) {
	var c Comparison
	for round := range rounds {
		results := make([]Result, len(names))
		for i := range names {
			if round%2 == 1 {
				i = len(names) - 1 - i
			}
			r, err := Run(ctx, names[i], setup)
			if err != nil {
				return c, err
			}
			tell(r)
			results[i] = r
		}
		c.Rounds = append(c.Rounds, results)
	}
	c.summarize(names)
	return c, nil
}

func (c *Comparison) summarize(names []string) {
	for i, name := range names {
		m := Result{Pipeline: name}
		of := func(field func(Result) float64) float64 {
			var all []float64
			for _, round := range c.Rounds {
				all = append(all, field(round[i]))
			}
			return median(all)
		}
		m.Before, m.Documents = c.Rounds[0][i].Before, c.Rounds[0][i].Documents
		m.PerSecond = of(func(r Result) float64 { return r.PerSecond })
		m.P50 = of(func(r Result) float64 { return r.P50 })
		m.P90 = of(func(r Result) float64 { return r.P90 })
		m.P99 = of(func(r Result) float64 { return r.P99 })
		m.Max = of(func(r Result) float64 { return r.Max })
		m.CPU = of(func(r Result) float64 { return r.CPU })
		m.Memory = of(func(r Result) float64 { return r.Memory })
		m.Restart = of(func(r Result) float64 { return r.Restart })
		m.Events = uint64(of(func(r Result) float64 { return float64(r.Events) }))
		c.Median = append(c.Median, m)
	}
	if len(names) < 2 {
		return
	}
	var ratios []float64
	for _, round := range c.Rounds {
		ratios = append(ratios, round[0].PerSecond/round[len(round)-1].PerSecond)
	}
	c.Ratio, c.Least, c.Most = median(ratios), slices.Min(ratios), slices.Max(ratios)
}

// median returns the middle of the values, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
