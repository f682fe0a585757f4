//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/docsaga/docsaga/services/barrier"
	"github.com/docsaga/docsaga/services/runner"
)

// fates are what becomes of a document, by the beginning of its id.
const (
	fateOK       = "ok"       // passes
	fateReject   = "reject"   // rejected at c: b and a are undone
	fateRetry    = "retry"    // b fails at first
	fateFail     = "fail"     // c fails for good
	fateUndo     = "undo"     // rejected at c, and the undo of a fails at first
	fateLate     = "late"     // b takes longer than its deadline, and then succeeds
	fatePoison   = "poison"   // kills the worker of b every time, until its deadline
	fateToxic    = "toxic"    // kills the worker of a every time, until it was handed out too often
	fateCancel   = "cancel"   // cancelled while under way
	fateIncident = "incident" // rejected at c, and the first command to undo a fails for good
)

// A service has effects: a row for each visit, twice if it is done twice.
type service struct {
	db     *sql.DB
	shared bool // it is a server, which may be down
	crash  *crash
	fault  string // of faulty.go
	bites  tally

	mu       sync.Mutex
	commands map[string]int // to undo, by document
}

func openService(ctx context.Context, dir, name string, crash *crash) (*service, error) {
	db, shared, err := openEffects(dir, name)
	if err != nil {
		return nil, err
	}
	for {
		if err = migrate(ctx, db); err == nil || !shared {
			break
		}
		// It may be down, or somebody else is making the same tables.
		if !wait(ctx, 100*time.Millisecond) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &service{db: db, shared: shared, crash: crash, bites: tally{dir}, commands: make(map[string]int)}, nil
}

// openEffects opens the service's own SQLite file, or the PostgreSQL that the
// services of the system share, if there is one.
func openEffects(dir, name string) (db *sql.DB, shared bool, err error) {
	if where, err := os.ReadFile(databaseFile(dir)); err == nil { //nolint:gosec // our own file
		db, err := sql.Open("pgx", string(where))
		if err == nil {
			db.SetMaxOpenConns(8)
		}
		return db, true, err
	}
	db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, name+".db")+"?_txlock=immediate&_pragma=busy_timeout(1000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, false, err
}

func migrate(ctx context.Context, db *sql.DB) error {
	if err := barrier.Migrate(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS effects (document TEXT, step TEXT, visit INTEGER)`)
	if err == nil {
		_, err = db.ExecContext(ctx, `CREATE INDEX IF NOT EXISTS effects_of ON effects (document, step)`)
	}
	return err
}

func fate(v runner.Visit) string {
	fate, _, _ := strings.Cut(string(v.Document), "-")
	return fate
}

// Do leaves an effect.
func (s *service) Do(ctx context.Context, v runner.Visit) (any, error) {
	switch f := fate(v); {
	case f == fatePoison && v.Step == "b", f == fateToxic && v.Step == "a":
		s.crash.die()
	case f == fateRetry && v.Step == "b" && v.Attempt < 3:
		return nil, errors.New("not yet")
	case f == fateFail && v.Step == "c":
		return nil, errors.New("never")
	case (f == fateReject || f == fateUndo || f == fateIncident) && v.Step == "c":
		return nil, runner.Reject("unwanted", "as its name says")
	case f == fateLate && v.Step == "b":
		<-time.After(lateBy) // and it goes on, whatever its deadline
		s.bites.add()
		ctx = context.WithoutCancel(ctx)
	}
	s.crash.at("before-effect")
	err := s.within(ctx, func(tx *sql.Tx) error {
		if first, err := s.first(ctx, tx, v); err != nil || !first {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO effects VALUES ($1, $2, $3)`, v.Document, v.Step, v.Number)
		s.crash.at("in-effect")
		return err
	})
	if err != nil {
		return nil, err
	}
	s.crash.at("after-effect")
	return map[string]string{"by": string(v.Step)}, nil
}

// first reports whether the visit's effect is to be written.
func (s *service) first(ctx context.Context, tx *sql.Tx, v runner.Visit) (bool, error) {
	switch {
	case skipsBarrier(s.fault):
		return true, nil
	case !s.plain():
		return barrier.Do(ctx, tx, v)
	}
	n := 0
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM effects WHERE document = $1 AND step = $2 AND visit = $3`, v.Document, v.Step, v.Number).Scan(&n)
	return n == 0, err
}

// plain reports whether effects have no barrier.
func (s *service) plain() bool {
	return s.fault == faultPlain || unfenced(s.fault)
}

// Undo removes the effect.
func (s *service) Undo(ctx context.Context, v runner.Visit) error {
	f := fate(v)
	if f == fateUndo && v.Step == "a" && v.Attempt < 3 || f == fateIncident && v.Step == "a" && !s.mended(v) {
		return errors.New("not yet")
	}
	s.crash.at("before-undo")
	err := s.within(ctx, func(tx *sql.Tx) error {
		if !s.plain() {
			if needed, err := barrier.Undo(ctx, tx, v); err != nil || !needed {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM effects WHERE document = $1 AND step = $2 AND visit = $3`, v.Document, v.Step, v.Number)
		return err
	})
	s.crash.at("after-undo")
	return err
}

// within runs a transaction. If the database is a server it waits for it: that
// a server is down is no fault of the document's.
func (s *service) within(ctx context.Context, f func(tx *sql.Tx) error) error {
	for {
		err := s.attempt(ctx, f)
		if err == nil || !s.shared || errors.Is(err, barrier.ErrUndone) || !wait(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

func (s *service) attempt(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// mended reports whether an undo has failed so often that it was commanded
// again since.
func (s *service) mended(v runner.Visit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.Attempt == 1 {
		s.commands[string(v.Document)]++
	}
	return s.commands[string(v.Document)] > 1
}

// effects returns what is left in a database, as lines of JSON.
func effects(ctx context.Context, db *sql.DB) (lines []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT document, step, visit FROM effects`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var document, step string
		var visit int
		if err := rows.Scan(&document, &step, &visit); err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf(`{"document":%q,"step":%q,"visit":%d}`, document, step, visit))
	}
	return lines, rows.Err()
}
