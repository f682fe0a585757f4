package sqlstore

import "github.com/docsaga/docsaga/projections"

// steps has each visit of each document to a step.
func steps() projection {
	return projection{
		table: table{name: "steps", key: []string{"document", "number"}, columns: []string{
			"definition", "version", "step", "visit", "item", "status", "outcome", "reason", "undone", "started_at", "ended_at", "undone_at",
		}},
		create: []string{
			`CREATE TABLE IF NOT EXISTS P_steps (
			document TEXT NOT NULL, number INTEGER NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
			step TEXT NOT NULL, visit INTEGER NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL, outcome TEXT NOT NULL,
			reason TEXT NOT NULL, undone INTEGER NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,
			undone_at BIGINT NOT NULL, PRIMARY KEY (document, number)) KEYED`,
			`CREATE INDEX IF NOT EXISTS P_steps_open ON P_steps (step, document) WHERE ended_at = 0`,
		},
		rows: func(c *projections.Changes, put func(...any)) error {
			for _, row := range c.Steps {
				put(string(row.Of.Document.Document), row.Number, row.Of.Definition, row.Of.Version, string(row.Step.Step), row.Visit, row.Item,
					row.Status, row.Outcome, row.Reason, number(row.Undone), nanos(&row.StartedAt), nanos(row.EndedAt), nanos(row.UndoneAt))
			}
			return nil
		},
	}
}
