package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// A dialect is what the databases differ in.
type dialect struct {
	text, blob string             // types of columns; text is ordered by bytes
	table      string             // what follows a table whose key is most of it
	numbered   bool               // parameters are $1, $2, ...
	snapshot   sql.IsolationLevel // of a transaction that sees one state only
}

//nolint:gochecknoglobals // constants, if Go had such
var (
	sqlite   = dialect{text: "TEXT", blob: "BLOB", table: "WITHOUT ROWID", snapshot: sql.LevelDefault}
	postgres = dialect{text: `TEXT COLLATE "C"`, blob: "BYTEA", numbered: true, snapshot: sql.LevelRepeatableRead}
)

// bind returns a query with the dialect's parameters in place of question marks.
func (d dialect) bind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	n := 0
	for _, c := range query {
		if c == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// schemaVersion changes when tables or what is put into them does. A store
// with another one begins a new set of tables, and the log is read anew.
const schemaVersion = 2

// tables are the statements that make a set of tables. P is its prefix.
func (d dialect) tables(prefix string) []string {
	statements := []string{
		`CREATE TABLE IF NOT EXISTS P_cursors (shard INTEGER PRIMARY KEY, seq BIGINT NOT NULL)`,
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
		`CREATE TABLE IF NOT EXISTS P_steps (
			document TEXT NOT NULL, number INTEGER NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
			step TEXT NOT NULL, visit INTEGER NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL, outcome TEXT NOT NULL,
			reason TEXT NOT NULL, undone INTEGER NOT NULL, started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,
			undone_at BIGINT NOT NULL, PRIMARY KEY (document, number)) KEYED`,
		`CREATE INDEX IF NOT EXISTS P_steps_open ON P_steps (step, document) WHERE ended_at = 0`,
		`CREATE TABLE IF NOT EXISTS P_troubles (
			document TEXT NOT NULL, number INTEGER NOT NULL, definition TEXT NOT NULL, version INTEGER NOT NULL,
			kind TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, reason TEXT NOT NULL,
			opened_at BIGINT NOT NULL, closed_at BIGINT NOT NULL, PRIMARY KEY (document, number)) KEYED`,
		`CREATE INDEX IF NOT EXISTS P_troubles_open ON P_troubles (step, reason, document) WHERE closed_at = 0`,
		`CREATE TABLE IF NOT EXISTS P_tallies (
			definition TEXT NOT NULL, version INTEGER NOT NULL, step TEXT NOT NULL, hour BIGINT NOT NULL, outcome TEXT NOT NULL,
			reason TEXT NOT NULL, bucket INTEGER NOT NULL, n BIGINT NOT NULL,
			PRIMARY KEY (definition, version, step, hour, outcome, reason, bucket)) KEYED`,
		`CREATE TABLE IF NOT EXISTS P_totals (
			definition TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, n BIGINT NOT NULL,
			PRIMARY KEY (definition, version, state)) KEYED`,
	}
	replace := strings.NewReplacer("P_", prefix, "TEXT", d.text, "BLOB", d.blob, "KEYED", d.table)
	for i := range statements {
		statements[i] = replace.Replace(statements[i])
	}
	return statements
}

// tableNames returns the names of the tables of a set, without the prefix.
func tableNames() []string {
	return []string{"cursors", "documents", "steps", "troubles", "tallies", "totals"}
}

// migrate makes what is not there. Tables of another version of the schema
// are left behind for a new set, which is filled from the log.
func (s *Store) migrate(ctx context.Context) error {
	return s.transact(ctx, func(tx *sql.Tx) error {
		create := fmt.Sprintf(`CREATE TABLE IF NOT EXISTS docsaga_settings (name %s PRIMARY KEY, value %s NOT NULL)`, s.dialect.text, s.dialect.blob)
		if s.dialect.numbered { // two processes that begin at the same time
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7306373201)`); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, create); err != nil {
			return err
		}
		if err := s.settings(ctx, tx); err != nil {
			return err
		}
		active, err := readActive(ctx, tx)
		if err != nil {
			return err
		}
		return s.makeTables(ctx, tx, active)
	})
}

func (s *Store) makeTables(ctx context.Context, tx *sql.Tx, prefix string) error {
	for _, statement := range s.dialect.tables(prefix) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
