package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// A StepStat says what became of the visits to a step, and how long they took
// from the cue to the outcome.
type StepStat struct {
	Definition string           `json:"definition"`
	Version    int              `json:"version"`
	Step       events.StepID    `json:"step"`
	Open       int64            `json:"open"`     // now
	Ended      int64            `json:"ended"`    // in the time asked for
	Outcomes   map[string]int64 `json:"outcomes"` // how many of each
	Reasons    map[string]int64 `json:"reasons"`  // how many of each
	P50        float64          `json:"p50"`      // seconds
	P95        float64          `json:"p95"`
	P99        float64          `json:"p99"`
	Hours      []HourStat       `json:"hours,omitempty"`
}

// An HourStat is what ended in one hour.
type HourStat struct {
	Hour  time.Time `json:"hour"`
	Ended int64     `json:"ended"`
	P50   float64   `json:"p50"` // seconds
	P95   float64   `json:"p95"`
	P99   float64   `json:"p99"`
}

type stepKey struct {
	definition string
	version    int
	step       events.StepID
}

// counts is how many visits fell into each bucket.
type counts map[int]int64

// StepStats returns the statistics of all steps of a definition, or of all
// definitions if it is empty, over the hours since a time.
func (s *Store) StepStats(ctx context.Context, definition string, since time.Time) ([]StepStat, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	stats := make(map[stepKey]*StepStat)
	if err := v.openSteps(ctx, definition, stats); err != nil {
		return nil, fmt.Errorf("sqlstore: open steps: %w", err)
	}
	if err := v.tallies(ctx, definition, since, stats); err != nil {
		return nil, fmt.Errorf("sqlstore: tallies: %w", err)
	}
	list := make([]StepStat, 0, len(stats))
	for _, stat := range stats {
		list = append(list, *stat)
	}
	slices.SortFunc(list, func(a, b StepStat) int {
		return cmp.Or(cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Step, b.Step))
	})
	return list, nil
}

func stat(stats map[stepKey]*StepStat, k stepKey) *StepStat {
	if stats[k] == nil {
		stats[k] = &StepStat{
			Definition: k.definition, Version: k.version, Step: k.step,
			Outcomes: make(map[string]int64), Reasons: make(map[string]int64),
		}
	}
	return stats[k]
}

func (v view) openSteps(ctx context.Context, definition string, stats map[stepKey]*StepStat) error {
	rows, err := v.query(ctx, `SELECT definition, version, step, count(*) FROM `+v.prefix+`steps
		WHERE ended_at = 0 AND (definition = ? OR ? = '') GROUP BY definition, version, step`, definition, definition)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var k stepKey
		var n int64
		err := rows.Scan(&k.definition, &k.version, &k.step, &n)
		stat(stats, k).Open = n
		return err
	})
}

func (v view) tallies(ctx context.Context, definition string, since time.Time, stats map[stepKey]*StepStat) error {
	from := int64(0)
	if !since.IsZero() {
		from = since.Unix() / 3600
	}
	rows, err := v.query(ctx, `SELECT definition, version, step, hour, outcome, reason, bucket, n FROM `+v.prefix+`tallies
		WHERE hour >= ? AND (definition = ? OR ? = '')`, from, definition, definition)
	if err != nil {
		return err
	}
	sums := make(map[stepKey]map[int64]counts)
	err = each(rows, func() error {
		var k stepKey
		var hour, n int64
		var outcome, reason string
		var bucket int
		if err := rows.Scan(&k.definition, &k.version, &k.step, &hour, &outcome, &reason, &bucket, &n); err != nil {
			return err
		}
		st := stat(stats, k)
		st.Ended += n
		st.Outcomes[outcome] += n
		if reason != "" {
			st.Reasons[reason] += n
		}
		if sums[k] == nil {
			sums[k] = make(map[int64]counts)
		}
		if sums[k][hour] == nil {
			sums[k][hour] = make(counts)
		}
		sums[k][hour][bucket] += n
		return nil
	})
	for k, hours := range sums {
		stats[k].summarize(hours)
	}
	return err
}

func (st *StepStat) summarize(hours map[int64]counts) {
	sum := make(counts)
	for hour, c := range hours {
		h := HourStat{Hour: time.Unix(hour*3600, 0).UTC()}
		for bucket, n := range c {
			sum[bucket] += n
			h.Ended += n
		}
		h.P50, h.P95, h.P99 = c.quantiles()
		st.Hours = append(st.Hours, h)
	}
	slices.SortFunc(st.Hours, func(a, b HourStat) int { return a.Hour.Compare(b.Hour) })
	st.P50, st.P95, st.P99 = sum.quantiles()
}

// quantiles returns the durations, in seconds, that half, 95 and 99 of a
// hundred visits did not exceed, within an eighth.
func (c counts) quantiles() (p50, p95, p99 float64) {
	var total int64
	buckets := make([]int, 0, len(c))
	for bucket, n := range c {
		buckets = append(buckets, bucket)
		total += n
	}
	slices.Sort(buckets)
	var seen int64
	for _, bucket := range buckets {
		before := seen
		seen += c[bucket]
		for into, hundredths := range map[*float64]int64{&p50: 50, &p95: 95, &p99: 99} {
			rank := (total*hundredths + 99) / 100
			if before < rank && rank <= seen {
				*into = projections.BucketTime(bucket).Seconds()
			}
		}
	}
	return p50, p95, p99
}
