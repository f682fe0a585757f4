package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/barrier"
)

// errBusy reports that somebody reads what is to be erased. It is tried again.
var errBusy = errors.New("the database is being read")

// Forget erases all that is kept of a document, for ever.
func (h *Handler) Forget(ctx context.Context, document events.DocumentID) error {
	if err := h.store.Forget(ctx, document); err != nil {
		return fmt.Errorf("records: forget %s: %w", document, err)
	}
	return nil
}

// Forget erases the records of a document, and returns when the database's
// files hold nothing of them any more. PostgreSQL is asked to vacuum, and keeps
// them in its write-ahead log as long as it keeps that. It may be called again.
func (s *Store) Forget(ctx context.Context, document events.DocumentID) error {
	err := s.within(ctx, func(tx *sql.Tx) error {
		if err := barrier.Forget(ctx, tx, document); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM record WHERE document = $1`, document)
		return err
	})
	if err != nil {
		return err
	}
	if s.sqlite {
		return s.scrubs.run(func() error { return scrub(ctx, s.db) })
	}
	for _, table := range []string{"record", "record_party", "record_line", "record_tax", "record_payment"} {
		if _, err := s.db.ExecContext(ctx, `VACUUM `+table); err != nil {
			return err
		}
	}
	return nil
}

// A scrubber lets one run serve all that have asked for it before it began.
type scrubber struct {
	asked atomic.Uint64
	mu    sync.Mutex
	done  uint64 // up to which of them a run has served
}

func (s *scrubber) run(scrub func() error) error {
	mine := s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done >= mine {
		return nil
	}
	served := s.asked.Load()
	if err := scrub(); err != nil {
		return err
	}
	s.done = served
	return nil
}

// scrub writes the database's file anew, for pages that were split may hold
// copies of what stood in them, and empties the log that is written ahead.
func scrub(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `VACUUM`); err != nil {
		return err
	}
	var busy, pages, moved int
	if err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errBusy
	}
	return nil
}
