package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docsaga/docsaga/projections"
)

// Cursor returns the last sequence of a shard that the rows follow from.
func (s *Store) Cursor(ctx context.Context, shard int) (uint64, error) {
	v, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	s.began[shard] = v.prefix
	s.mu.Unlock()
	return v.cursor(ctx, shard)
}

func (v view) cursor(ctx context.Context, shard int) (uint64, error) {
	var seq int64
	err := v.q.QueryRowContext(ctx, v.dialect.bind(`SELECT seq FROM `+v.prefix+`cursors WHERE shard = ?`), shard).Scan(&seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("sqlstore: cursor of shard %d: %w", shard, err)
	}
	return uint64(seq), nil //nolint:gosec // was one
}

// Save keeps the changes and moves the cursor, in one transaction.
func (s *Store) Save(ctx context.Context, c *projections.Changes) error {
	s.mu.RLock()
	prefix := s.began[c.Shard]
	s.mu.RUnlock()
	var err error
	if !s.prepared(prefix) { // its tables may be gone
		err = s.isActive(ctx, s.read, prefix)
	}
	if err == nil {
		err = s.prepare(ctx, prefix)
	}
	if err == nil {
		err = s.transact(ctx, func(tx *sql.Tx) error {
			if err := s.isActive(ctx, tx, prefix); err != nil {
				return err
			}
			return s.save(ctx, tx, prefix, c)
		})
	}
	if err == nil {
		err = s.scrub(ctx)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: save shard %d to %d: %w", c.Shard, c.To, err)
	}
	return nil
}

// isActive fails with ErrMoved if others than the tables with that prefix answer.
func (s *Store) isActive(ctx context.Context, q querier, prefix string) error {
	active, err := readActive(ctx, q)
	if err == nil && active != prefix {
		err = projections.ErrMoved
	}
	return err
}

func (s *Store) save(ctx context.Context, tx *sql.Tx, prefix string, c *projections.Changes) error {
	if err := s.move(ctx, tx, prefix, c); err != nil {
		return err
	}
	slices.SortFunc(c.Records, func(a, b *projections.Record) int { return cmp.Compare(a.Document.Document, b.Document.Document) })
	slices.SortFunc(c.Steps, func(a, b projections.StepRow) int {
		return cmp.Or(cmp.Compare(a.Of.Document.Document, b.Of.Document.Document), cmp.Compare(a.Number, b.Number))
	})
	w := writer{s: s, tx: tx, prefix: prefix}
	for _, p := range all() {
		if err := p.rows(c, w.add); err != nil {
			return err
		}
		w.put(ctx, p.table)
	}
	if w.err != nil || len(c.Forgotten) == 0 {
		return w.err
	}
	return s.forget(ctx, tx, c.Forgotten)
}

// sorted returns the keys of a map in order: two writers then never wait for
// each other.
func sorted[K comparable](m map[K]int64, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// move moves the cursor, if it is where the changes begin.
func (s *Store) move(ctx context.Context, tx *sql.Tx, prefix string, c *projections.Changes) error {
	query := `UPDATE ` + prefix + `cursors SET seq = ? WHERE shard = ? AND seq = ?`
	args := []any{int64(c.To), c.Shard, int64(c.From)} //nolint:gosec // sequences
	if c.From == 0 {
		query = `INSERT INTO ` + prefix + `cursors (seq, shard) VALUES (?, ?) ON CONFLICT (shard) DO NOTHING`
		args = args[:2]
	}
	result, err := tx.ExecContext(ctx, s.dialect.bind(query), args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(projections.ErrMoved, err)
	}
	return nil
}

// A table says how rows are put into it: a row with a key that is there
// already replaces it, or is added to it.
type table struct {
	name    string
	key     []string
	columns []string // without the key
	add     bool     // the only column is a count
}

// upsert returns the statement that puts a number of rows into the table.
func (t table) upsert(prefix string, rows int) string {
	all := slices.Concat(t.key, t.columns)
	set := make([]string, len(t.columns))
	for i, c := range t.columns {
		set[i] = c + " = excluded." + c
		if t.add {
			set[i] = c + " = " + prefix + t.name + "." + c + " + excluded." + c
		}
	}
	row := "(" + strings.Repeat("?, ", len(all)-1) + "?)"
	return `INSERT INTO ` + prefix + t.name + ` (` + strings.Join(all, ", ") + `) VALUES ` + strings.Repeat(row+", ", rows-1) + row +
		` ON CONFLICT (` + strings.Join(t.key, ", ") + `) DO UPDATE SET ` + strings.Join(set, ", ")
}

// A writer puts rows into tables, many with one statement.
type writer struct {
	s      *Store
	tx     *sql.Tx
	prefix string
	args   []any
	err    error // the first
}

func (w *writer) add(values ...any) { w.args = append(w.args, values...) }

// put puts the rows that were added into a table.
func (w *writer) put(ctx context.Context, t table) {
	width := len(t.key) + len(t.columns)
	for args := w.args; len(args) > 0 && w.err == nil; {
		rows := 1
		for _, size := range chunks() {
			if rows = size; size*width <= len(args) {
				break
			}
		}
		_, w.err = w.tx.StmtContext(ctx, w.s.statements[statement{w.prefix, t.name, rows}]).ExecContext(ctx, args[:rows*width]...)
		args = args[rows*width:]
	}
	clear(w.args)
	w.args = w.args[:0]
}

// prepare makes the upserts of a set of tables ready. A statement cannot be
// prepared later, in a transaction that holds the only connection.
func (s *Store) prepare(ctx context.Context, prefix string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.statements[statement{prefix, last().name, 1}] != nil {
		return nil
	}
	for _, p := range all() {
		for _, rows := range chunks() {
			stmt, err := s.write.PrepareContext(ctx, s.dialect.bind(p.upsert(prefix, rows)))
			if err != nil {
				return err
			}
			s.statements[statement{prefix, p.name, rows}] = stmt
		}
	}
	return nil
}

// prepared says whether the upserts of a set of tables are ready.
func (s *Store) prepared(prefix string) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.statements[statement{prefix, last().name, 1}] != nil
}

// A statement names the upsert of a number of rows.
type statement struct {
	prefix, table string
	rows          int
}

// chunks returns how many rows a statement may put: few statements serve all
// numbers.
func chunks() []int { return []int{64, 16, 4, 1} }

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func nanos(t *time.Time) int64 {
	if t == nil || t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
