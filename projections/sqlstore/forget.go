package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// uncleanSetting is there as long as the database's files may hold rows of
// documents that were forgotten.
const uncleanSetting = "unclean"

// forget erases what sets of tables that do not answer, older ones or one that
// is being filled, hold of documents, and notes that the files must be scrubbed.
func (s *Store) forget(ctx context.Context, tx *sql.Tx, documents []events.DocumentID) error {
	sets, err := s.sets(ctx, tx)
	if err != nil {
		return err
	}
	for _, table := range sets {
		for _, id := range documents {
			erase := s.dialect.bind(`UPDATE ` + table + ` SET name = '', words = ? WHERE id = ?`)
			if _, err := tx.ExecContext(ctx, erase, strings.ToLower(string(id)), string(id)); err != nil {
				return err
			}
		}
	}
	note := s.dialect.bind(`INSERT INTO docsaga_settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING`)
	if _, err := tx.ExecContext(ctx, note, uncleanSetting, []byte("1")); err != nil {
		return err
	}
	s.unclean = true
	return nil
}

// sets returns the names of the tables of documents, of all sets.
func (s *Store) sets(ctx context.Context, q querier) ([]string, error) {
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'g%documents'`
	if s.dialect.numbered {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'g%documents'`
	}
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	var names []string
	err = each(rows, func() error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// isUnclean reports whether scrubbing was cut off.
func (s *Store) isUnclean(ctx context.Context) (bool, error) {
	var n int
	err := s.read.QueryRowContext(ctx, s.dialect.bind(`SELECT count(*) FROM docsaga_settings WHERE name = ?`), uncleanSetting).Scan(&n)
	return n > 0, err
}

// scrub lets no byte of rows that were erased be left in the database's files.
// SQLite writes its file anew, for pages that were split may hold copies, and
// empties its log; PostgreSQL is asked to vacuum. If somebody reads meanwhile,
// the rest is left to the next time.
func (s *Store) scrub(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if !s.unclean {
		return nil
	}
	clean := s.scrubSQLite
	if s.dialect.numbered {
		clean = s.vacuum
	}
	done, err := clean(ctx)
	if err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	if !done {
		return nil
	}
	if _, err := s.write.ExecContext(ctx, s.dialect.bind(`DELETE FROM docsaga_settings WHERE name = ?`), uncleanSetting); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	s.unclean = false
	return nil
}

func (s *Store) scrubSQLite(ctx context.Context) (done bool, err error) {
	if _, err := s.write.ExecContext(ctx, `VACUUM`); err != nil {
		return false, err
	}
	var busy, pages, moved int
	err = s.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	return busy == 0, err
}

func (s *Store) vacuum(ctx context.Context) (done bool, err error) {
	sets, err := s.sets(ctx, s.read)
	for _, table := range sets {
		if err == nil {
			_, err = s.write.ExecContext(ctx, `VACUUM `+table)
		}
	}
	return err == nil, err
}
