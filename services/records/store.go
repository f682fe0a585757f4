package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/docsaga/docsaga/services/barrier"
)

// ErrNotFound reports that there is no record of a document.
var ErrNotFound = errors.New("there is no such record")

// A Store keeps records in a database. It may be used by several goroutines.
type Store struct {
	db     *sql.DB
	sqlite bool
	scrubs scrubber
}

// Open opens the database and brings its tables up to date. location is the
// path of an SQLite file, which is made if it is not there, or a postgres://
// URL. An SQLite file may be open in several processes of one machine.
func Open(ctx context.Context, location string) (*Store, error) {
	driver, source := "sqlite", ""
	if strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://") {
		driver, source = "pgx", location
	} else {
		path, err := filepath.Abs(location)
		if err != nil || location == "" {
			return nil, fmt.Errorf("records: open %q: want the path of a file, or a postgres:// URL", location)
		}
		source = sqliteSource(path)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("records: open the %s database: %w", driver, err)
	}
	db.SetMaxOpenConns(4)
	s := &Store{db: db, sqlite: driver == "sqlite"}
	if err := s.migrate(ctx, driver); err != nil {
		return nil, errors.Join(fmt.Errorf("records: open the %s database: %w", driver, err), db.Close())
	}
	return s, nil
}

// sqliteSource returns the driver's name for a file. Transactions begin as
// writers, so that none fails in the middle because another wrote first.
func sqliteSource(path string) string {
	options := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)"},
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + options.Encode()
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// migrations are the statements that lead from one schema version to the next.
// They are the same on both databases. What is here is never edited, only
// added to.
func migrations() [][]string {
	return [][]string{{
		// total is the number for a person, total_e4 the same in ten-thousandths
		// for comparison; data is the whole record as JSON.
		`CREATE TABLE record (
			document TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL,
			kind TEXT NOT NULL, stored_at TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
			file_size BIGINT NOT NULL, pages INTEGER NOT NULL,
			number TEXT NOT NULL, type TEXT NOT NULL, date TEXT NOT NULL, due_date TEXT NOT NULL,
			currency TEXT NOT NULL, total TEXT NOT NULL, total_e4 BIGINT,
			data TEXT NOT NULL,
			PRIMARY KEY (document, step, visit))`,
		`CREATE INDEX record_number ON record (number)`,
		`CREATE INDEX record_date ON record (date)`,
		`CREATE INDEX record_total ON record (total_e4)`,
		// folded is the name in lower case, for searching.
		`CREATE TABLE record_party (
			document TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, role TEXT NOT NULL,
			name TEXT NOT NULL, folded TEXT NOT NULL, vat_id TEXT NOT NULL, tax_number TEXT NOT NULL,
			country TEXT NOT NULL, city TEXT NOT NULL, post_code TEXT NOT NULL,
			PRIMARY KEY (document, step, visit, role),
			FOREIGN KEY (document, step, visit) REFERENCES record ON DELETE CASCADE)`,
		`CREATE INDEX record_party_vat_id ON record_party (vat_id)`,
		`CREATE TABLE record_line (
			document TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, position INTEGER NOT NULL,
			id TEXT NOT NULL, name TEXT NOT NULL, quantity TEXT NOT NULL, unit TEXT NOT NULL,
			price TEXT NOT NULL, total TEXT NOT NULL, category TEXT NOT NULL, rate TEXT NOT NULL,
			PRIMARY KEY (document, step, visit, position),
			FOREIGN KEY (document, step, visit) REFERENCES record ON DELETE CASCADE)`,
		`CREATE TABLE record_tax (
			document TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, position INTEGER NOT NULL,
			category TEXT NOT NULL, rate TEXT NOT NULL, basis TEXT NOT NULL, amount TEXT NOT NULL,
			PRIMARY KEY (document, step, visit, position),
			FOREIGN KEY (document, step, visit) REFERENCES record ON DELETE CASCADE)`,
		`CREATE TABLE record_payment (
			document TEXT NOT NULL, step TEXT NOT NULL, visit INTEGER NOT NULL, position INTEGER NOT NULL,
			code TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, bank TEXT NOT NULL,
			PRIMARY KEY (document, step, visit, position),
			FOREIGN KEY (document, step, visit) REFERENCES record ON DELETE CASCADE)`,
	}}
}

// migrate does what is missing of the migrations, one process at a time.
func (s *Store) migrate(ctx context.Context, driver string) error {
	return s.within(ctx, func(tx *sql.Tx) error {
		if driver == "pgx" { // SQLite's transaction is a lock already
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7163841)`); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS record_schema (version INTEGER NOT NULL)`); err != nil {
			return err
		}
		var version int
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM record_schema`).Scan(&version); err != nil {
			return err
		}
		steps := migrations()
		if version > len(steps) {
			return fmt.Errorf("its tables are of version %d, newer than this program's %d", version, len(steps))
		}
		for i := version; i < len(steps); i++ {
			for _, statement := range steps[i] {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("bring the tables to version %d: %w", i+1, err)
				}
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO record_schema (version) VALUES ($1)`, i+1); err != nil {
				return err
			}
		}
		return barrier.Migrate(ctx, tx)
	})
}

// within runs f in a transaction, which stands if f returns nil.
func (s *Store) within(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if undone := tx.Rollback(); undone != nil && !errors.Is(undone, sql.ErrTxDone) {
			return errors.Join(err, undone)
		}
		return err
	}
	return tx.Commit()
}
