package sqlstore

import (
	"strings"

	"github.com/docsaga/docsaga/projections"
)

// documents has where each document is.
func documents() projection {
	return projection{
		table: table{name: "documents", key: []string{"id"}, columns: []string{
			"shard", "seq", "definition", "version", "name", "source", "state", "stopped", "stop_step", "stop_reason",
			"submitted_at", "updated_at", "ended_at", "forgotten_at", "anomalies", "words", "folded",
		}},
		create: []string{
			`CREATE TABLE IF NOT EXISTS P_documents (
			id TEXT PRIMARY KEY, shard INTEGER NOT NULL, seq BIGINT NOT NULL,
			definition TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
			state TEXT NOT NULL, stopped INTEGER NOT NULL, stop_step TEXT NOT NULL, stop_reason TEXT NOT NULL,
			submitted_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, forgotten_at BIGINT NOT NULL,
			anomalies INTEGER NOT NULL, words TEXT NOT NULL, folded BLOB NOT NULL)`,
			`CREATE INDEX IF NOT EXISTS P_documents_time ON P_documents (submitted_at, id, words)`,
			`CREATE INDEX IF NOT EXISTS P_documents_state ON P_documents (state, submitted_at, id)`,
			`CREATE INDEX IF NOT EXISTS P_documents_definition ON P_documents (definition, submitted_at, id)`,
			`CREATE INDEX IF NOT EXISTS P_documents_reason ON P_documents (stop_reason, submitted_at, id) WHERE stop_reason <> ''`,
			`CREATE INDEX IF NOT EXISTS P_documents_stop ON P_documents (stop_step, submitted_at, id) WHERE stop_step <> ''`,
		},
		rows: func(c *projections.Changes, put func(...any)) error {
			for _, r := range c.Records {
				folded, err := r.Folded.AppendBinary(nil)
				if err != nil {
					return err
				}
				stop := projections.Stop{}
				if r.Stop != nil {
					stop = *r.Stop
				}
				put(string(r.Document.Document), r.Position.Shard, int64(r.Position.Seq), r.Definition, r.Version, r.Name, r.Source, //nolint:gosec // a sequence
					r.State, number(r.Stop != nil), string(stop.Step), stop.Reason, nanos(&r.SubmittedAt), nanos(&r.UpdatedAt), nanos(r.EndedAt), nanos(r.ForgottenAt),
					r.Anomalies, words(r), folded)
			}
			return nil
		},
	}
}

// words returns what a text is looked for in.
func words(r *projections.Record) string {
	return strings.ToLower(string(r.Document.Document) + " " + r.Name)
}
