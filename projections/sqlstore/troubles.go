package sqlstore

import "github.com/docsaga/docsaga/projections"

// troubles has what a person must mend, or has mended.
func troubles() projection {
	return projection{
		table: table{name: "troubles", key: []string{"document", "number"}, columns: []string{
			"definition", "version", "kind", "step", "visit", "reason", "opened_at", "closed_at",
		}},
		create: []string{
			`CREATE TABLE IF NOT EXISTS P_troubles (
			document TEXT NOT NULL, number INTEGER NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
			kind TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, reason TEXT NOT NULL,
			opened_at BIGINT NOT NULL, closed_at BIGINT NOT NULL, PRIMARY KEY (document, number)) KEYED`,
			`CREATE INDEX IF NOT EXISTS P_troubles_open ON P_troubles (step, reason, document) WHERE closed_at = 0`,
		},
		rows: func(c *projections.Changes, put func(...any)) error {
			for i := range c.Troubles {
				t := &c.Troubles[i]
				put(string(t.Document), t.Number, t.Definition, t.Version, t.Kind, string(t.Step), t.Visit, t.Reason, nanos(&t.OpenedAt), nanos(t.ClosedAt))
			}
			return nil
		},
	}
}
