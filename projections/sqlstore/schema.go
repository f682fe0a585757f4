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

// schemaVersion changes when what is put into tables does though they look the
// same. A store with another one, or with other tables, begins a new set, and the
// log is read anew.
const schemaVersion = 3

// tables are the statements that make a set of tables.
func (d dialect) tables(prefix string) []string {
	statements := []string{`CREATE TABLE IF NOT EXISTS P_cursors (shard INTEGER PRIMARY KEY, seq BIGINT NOT NULL)`}
	for _, p := range all() {
		statements = append(statements, p.create...)
	}
	replace := strings.NewReplacer("P_", prefix, "TEXT", d.text, "BLOB", d.blob, "KEYED", d.table)
	for i := range statements {
		statements[i] = replace.Replace(statements[i])
	}
	return statements
}

// tableNames returns the names of the tables of a set, without the prefix.
func tableNames() []string {
	names := []string{"cursors"}
	for _, p := range all() {
		names = append(names, p.name)
	}
	return names
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
