package sqlstore

import (
	"cmp"
	"context"
	"fmt"

	"github.com/docsaga/docsaga/projections"
)

// outcomes counts what became of all visits ever, by step and reason: what a
// counter shows that must not go through the hours.
func outcomes() projection {
	return projection{
		table: table{name: "outcomes", key: []string{"definition", "step", "outcome", "reason"}, columns: []string{"n"}, add: true},
		create: []string{`CREATE TABLE IF NOT EXISTS P_outcomes (
			definition TEXT NOT NULL, step TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, n BIGINT NOT NULL,
			PRIMARY KEY (definition, step, outcome, reason)) KEYED`},
		rows: func(c *projections.Changes, put func(...any)) error {
			sums := make(map[OutcomeCount]int64)
			for t, n := range c.Tallies {
				sums[OutcomeCount{Definition: t.Definition, Step: string(t.Step), Outcome: t.Outcome, Reason: t.Reason}] += n
			}
			for _, o := range sorted(sums, compareOutcomes) {
				put(o.Definition, o.Step, o.Outcome, o.Reason, sums[o])
			}
			return nil
		},
	}
}

// An OutcomeCount says how many visits to a step of any version of a definition
// have ended alike.
type OutcomeCount struct {
	Definition, Step, Outcome, Reason string
	Visits                            int64
}

func compareOutcomes(a, b OutcomeCount) int {
	return cmp.Or(cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Reason, b.Reason))
}

// Outcomes returns what became of all visits, the most frequent reasons of each
// first, at most the given number of rows.
func (s *Store) Outcomes(ctx context.Context, most int) ([]OutcomeCount, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, fmt.Sprintf(`SELECT definition, step, outcome, reason, n FROM %soutcomes
		ORDER BY definition, step, outcome, n DESC, reason LIMIT %d`, v.prefix, most))
	if err != nil {
		return nil, fmt.Errorf("sqlstore: outcomes: %w", err)
	}
	var list []OutcomeCount
	err = each(rows, func() error {
		var o OutcomeCount
		err := rows.Scan(&o.Definition, &o.Step, &o.Outcome, &o.Reason, &o.Visits)
		list = append(list, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: outcomes: %w", err)
	}
	return list, nil
}
