package sqlstore

import (
	"cmp"

	"github.com/docsaga/docsaga/projections"
)

// tallies counts how visits ended, by hour and duration.
func tallies() projection {
	return projection{
		table: table{
			name: "tallies", key: []string{"definition", "version", "step", "hour", "outcome", "reason", "bucket"},
			columns: []string{"n"}, add: true,
		},
		create: []string{`CREATE TABLE IF NOT EXISTS P_tallies (
			definition TEXT NOT NULL, version INTEGER NOT NULL, step TEXT NOT NULL, hour BIGINT NOT NULL, outcome TEXT NOT NULL,
			reason TEXT NOT NULL, bucket INTEGER NOT NULL, n BIGINT NOT NULL,
			PRIMARY KEY (definition, version, step, hour, outcome, reason, bucket)) KEYED`},
		rows: func(c *projections.Changes, put func(...any)) error {
			for _, t := range sorted(c.Tallies, compareTallies) {
				put(t.Definition, t.Version, string(t.Step), t.Hour, t.Outcome, t.Reason, t.Bucket, c.Tallies[t])
			}
			return nil
		},
	}
}

// totals counts the documents in each state.
func totals() projection {
	return projection{
		table: table{name: "totals", key: []string{"definition", "version", "state"}, columns: []string{"n"}, add: true},
		create: []string{`CREATE TABLE IF NOT EXISTS P_totals (
			definition TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, n BIGINT NOT NULL,
			PRIMARY KEY (definition, version, state)) KEYED`},
		rows: func(c *projections.Changes, put func(...any)) error {
			for _, t := range sorted(c.Totals, compareTotals) {
				if c.Totals[t] != 0 {
					put(t.Definition, t.Version, t.State, c.Totals[t])
				}
			}
			return nil
		},
	}
}

func compareTallies(a, b projections.Tally) int {
	return cmp.Or(cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Step, b.Step),
		cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Bucket, b.Bucket))
}

func compareTotals(a, b projections.Total) int {
	return cmp.Or(cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Version, b.Version), cmp.Compare(a.State, b.State))
}
