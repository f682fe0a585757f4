// Package barrier makes the effect of a step in a database happen once, and
// not at all once it was undone.
//
// A service calls [Do] or [Undo] in the transaction in which it writes its own
// rows, and [Migrate] once before. The barrier keeps one row a visit:
//
//	(document, step, visit) -> 'do' | 'undo'
//
// As there is only one row, a do and an undo that run at the same time wait
// for each other, and one of them sees what the other wrote. The row goes from
// do to undo and never back: an undo that comes before its do leaves the row
// as a tombstone, which refuses the do.
//
// A document has one row besides, for all of its visits: (document, 'document',
// 0). Each do locks it, so that it and [Forget] wait for each other, too: one
// that comes first is seen by the other. Two visits of one document that are
// done in one database at the same time therefore come one after the other.
//
// It works on SQLite and on PostgreSQL at its default isolation or a higher
// one. An error that is not [ErrUndone] means that the transaction must be
// rolled back and may be tried again.
package barrier

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// ErrUndone reports that a visit was undone already, so that doing it now
// would leave an effect that nothing removes. Roll back, and do not try again.
var ErrUndone = errors.New("the visit was undone")

// A Conn runs statements: a *sql.Tx for [Do] and [Undo].
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Migrate makes the barrier's table if it is not there.
func Migrate(ctx context.Context, db Conn) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS docsaga_barrier (
		document TEXT NOT NULL,
		step     TEXT NOT NULL,
		visit    INTEGER NOT NULL,
		state    TEXT NOT NULL CHECK (state IN ('do', 'undo')),
		PRIMARY KEY (document, step, visit))`)
	if err != nil {
		return fmt.Errorf("barrier: make the table: %w", err)
	}
	return nil
}

// Do notes in tx that the visit is done. It reports whether the caller is the
// first and must write its rows; if not, they are there. It fails with
// [ErrUndone] if the visit was undone.
func Do(ctx context.Context, tx Conn, v runner.Visit) (first bool, err error) {
	// One statement for both rows, as it is one round trip. A row that is there
	// is locked; the document's counts as written unless it was forgotten, the
	// visit's only if it is new.
	result, err := tx.ExecContext(ctx, `INSERT INTO docsaga_barrier (document, step, visit, state)
		VALUES ($1, 'document', 0, 'do'), ($1, $2, $3, 'do')
		ON CONFLICT (document, step, visit) DO UPDATE SET state = excluded.state
		WHERE docsaga_barrier.step = 'document' AND docsaga_barrier.visit = 0 AND docsaga_barrier.state = 'do'`,
		v.Document, v.Step, v.Number)
	written, err := count(result, err)
	if err != nil {
		return false, wrap("do", v, err)
	}
	var undone bool
	row := tx.QueryRowContext(ctx, `SELECT count(*) > 0 FROM docsaga_barrier WHERE document = $1 AND state = 'undo'
		AND (step = $2 AND visit = $3 OR step = 'document' AND visit = 0)`, v.Document, v.Step, v.Number)
	if err := row.Scan(&undone); err != nil {
		return false, wrap("do", v, err)
	}
	if undone {
		return false, wrap("do", v, ErrUndone)
	}
	return written == 2, nil
}

// Forget notes in tx that a document was forgotten: all its visits are undone,
// for ever, and those too that come later. It waits for those that are being
// done. The caller then removes its rows.
func Forget(ctx context.Context, tx Conn, document events.DocumentID) error {
	all := runner.Visit{Document: document, Step: events.StepDocument}
	_, err := tx.ExecContext(ctx, `INSERT INTO docsaga_barrier (document, step, visit, state) VALUES ($1, 'document', 0, 'undo')
		ON CONFLICT (document, step, visit) DO UPDATE SET state = 'undo'`, document)
	if err == nil { // a statement of its own, which sees what the first waited for
		_, err = tx.ExecContext(ctx, `UPDATE docsaga_barrier SET state = 'undo' WHERE document = $1 AND state = 'do'`, document)
	}
	return wrap("forget", all, err)
}

// Undo notes in tx that the visit is undone, for ever. It reports whether the
// visit had been done, so that the caller must remove its rows; if not, there
// are none: it was undone before, or not yet done and never will be.
func Undo(ctx context.Context, tx Conn, v runner.Visit) (needed bool, err error) {
	if needed, err = revoke(ctx, tx, v); err != nil || needed {
		return needed, wrap("undo", v, err)
	}
	buried, err := bury(ctx, tx, v)
	if err != nil || buried {
		return false, wrap("undo", v, err)
	}
	// There is a row after all: an old undo, or a do that was committed since.
	needed, err = revoke(ctx, tx, v)
	return needed, wrap("undo", v, err)
}

// bury writes the tombstone of a visit and reports whether it had no row before.
// It waits for another transaction that is about to write the same row.
func bury(ctx context.Context, tx Conn, v runner.Visit) (bool, error) {
	return changed(tx.ExecContext(ctx,
		`INSERT INTO docsaga_barrier (document, step, visit, state) VALUES ($1, $2, $3, 'undo') ON CONFLICT DO NOTHING`,
		v.Document, v.Step, v.Number))
}

// revoke turns do into undo and reports whether there was a do.
func revoke(ctx context.Context, tx Conn, v runner.Visit) (bool, error) {
	return changed(tx.ExecContext(ctx,
		`UPDATE docsaga_barrier SET state = 'undo' WHERE document = $1 AND step = $2 AND visit = $3 AND state = 'do'`,
		v.Document, v.Step, v.Number))
}

func changed(result sql.Result, err error) (bool, error) {
	rows, err := count(result, err)
	return rows == 1, err
}

func count(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func wrap(verb string, v runner.Visit, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("barrier: %s %s %s.%d: %w", verb, v.Document, v.Step, v.Number, err)
}
