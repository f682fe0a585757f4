// Package sqlstore keeps projections in an SQL database: SQLite in a file, or
// PostgreSQL when several processes share them.
//
// Rows lie in a set of tables with a prefix such as g1_. One set answers; a
// rebuild fills another and then switches, see [Store.Rebuild]. Rows and the
// cursor of a shard change in one transaction. Times are nanoseconds since
// 1970, 0 for none, so that no time zone of a driver or server has a say.
package sqlstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/docsaga/docsaga/saga"
)

// A Store is a projections.Store that can be asked. It is safe for concurrent
// use; several processes may have the same database open.
type Store struct {
	dialect dialect
	write   *sql.DB
	read    *sql.DB
	secret  []byte // signs page tokens

	writing    sync.Mutex // one transaction at a time
	statements map[statement]*sql.Stmt
	unclean    bool // something was forgotten, and the files may still hold it

	mu    sync.RWMutex
	began map[int]string // prefix of the tables when the writer of a shard asked for its cursor
}

// Open opens the database that a URL names, and makes its tables if they are
// not there: postgres://... or postgresql://..., or else the path of an SQLite
// file.
func Open(ctx context.Context, where string) (*Store, error) {
	s := &Store{statements: make(map[statement]*sql.Stmt), began: make(map[int]string)}
	var err error
	if u, bad := url.Parse(where); bad == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		s.dialect = postgres
		s.write, err = sql.Open("pgx", where)
		s.read = s.write
	} else {
		s.dialect = sqlite
		s.write, s.read, err = openSQLite(where)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	err = s.migrate(ctx)
	if err == nil {
		s.unclean, err = s.isUnclean(ctx)
	}
	if err != nil {
		_ = s.Close() // nothing was written
		return nil, fmt.Errorf("sqlstore: open: %w", err)
	}
	return s, nil
}

// openSQLite returns a connection that writes and a pool that reads. What was
// committed last may be lost when the machine fails, never half of it: the
// log has it, and the cursor says that it must be read again.
func openSQLite(path string) (write, read *sql.DB, err error) {
	path = strings.TrimPrefix(path, "sqlite:")
	if path == "" {
		return nil, nil, errors.New("the path of the SQLite file is empty")
	}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_pragma=secure_delete(1)&_pragma=temp_store(memory)&_pragma=cache_size(-32768)"
	if write, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	if read, err = sql.Open("sqlite", dsn+"&_pragma=query_only(true)"); err != nil {
		_ = write.Close() // nothing was written
		return nil, nil, err
	}
	read.SetMaxOpenConns(8)
	read.SetMaxIdleConns(8)
	return write, read, nil
}

// Close ends all use of the database.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	if err != nil {
		return fmt.Errorf("sqlstore: close: %w", err)
	}
	return nil
}

// prefix returns the prefix of the tables that answer. It asks the database:
// another process may have rebuilt them.
func (s *Store) prefix(ctx context.Context) (string, error) { return readActive(ctx, s.read) }

// transact runs do in a transaction that writes.
func (s *Store) transact(ctx context.Context, do func(tx *sql.Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // err says more
		return err
	}
	return tx.Commit()
}

// settings reads and, the first time, makes what holds for the whole database.
func (s *Store) settings(ctx context.Context, tx *sql.Tx) error {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	schema, err := fingerprint()
	if err != nil {
		return err
	}
	for _, setting := range []struct {
		name  string
		value []byte
	}{{"secret", fresh}, {"active", []byte("g1_")}, {"schema", []byte(schema)}} {
		insert := s.dialect.bind(`INSERT INTO docsaga_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`)
		if _, err := tx.ExecContext(ctx, insert, setting.name, setting.value); err != nil {
			return err
		}
	}
	values := make(map[string][]byte)
	rows, err := tx.QueryContext(ctx, `SELECT name, value FROM docsaga_settings`)
	if err != nil {
		return err
	}
	err = each(rows, func() error {
		var name string
		var value []byte
		err := rows.Scan(&name, &value)
		values[name] = value
		return err
	})
	if err != nil {
		return err
	}
	s.secret = values["secret"]
	if string(values["schema"]) == schema {
		return nil
	}
	if err := s.set(ctx, tx, "schema", schema); err != nil {
		return err
	}
	return s.set(ctx, tx, "active", next(string(values["active"])))
}

func (s *Store) set(ctx context.Context, tx *sql.Tx, name, value string) error {
	_, err := tx.ExecContext(ctx, s.dialect.bind(`UPDATE docsaga_settings SET value = ? WHERE name = ?`), []byte(value), name)
	return err
}

// next returns the prefix that comes after one.
func next(prefix string) string {
	n := 0
	_, _ = fmt.Sscanf(prefix, "g%d_", &n) // 0 if it is no prefix of ours
	return fmt.Sprintf("g%d_", n+1)
}

// fingerprint tells apart schemas, and forms of the states in the rows.
func fingerprint() (string, error) {
	var s saga.State
	raw, err := s.AppendBinary(nil)
	tables := sha256.Sum256([]byte(strings.Join(dialect{}.tables("P_"), ";")))
	return fmt.Sprintf("%d %x %x", schemaVersion, raw, tables[:8]), err
}

func readActive(ctx context.Context, q querier) (string, error) {
	var active []byte
	err := q.QueryRowContext(ctx, `SELECT value FROM docsaga_settings WHERE name = 'active'`).Scan(&active)
	return string(active), err
}

// Clear removes all tables of all generations, and makes new ones. The log
// can fill them again.
func (s *Store) Clear(ctx context.Context) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		active, err := readActive(ctx, tx)
		if err != nil {
			return err
		}
		for prefix := "g1_"; ; prefix = next(prefix) {
			if err := dropTables(ctx, tx, prefix); err != nil {
				return err
			}
			if prefix == active {
				break
			}
		}
		return s.makeTables(ctx, tx, active)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: clear: %w", err)
	}
	return nil
}

func dropTables(ctx context.Context, tx *sql.Tx, prefix string) error {
	for _, name := range tableNames() {
		if _, err := tx.ExecContext(ctx, `DROP TABLE IF EXISTS `+prefix+name); err != nil {
			return err
		}
	}
	return nil
}
