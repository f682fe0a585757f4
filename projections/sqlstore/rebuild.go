package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// ErrDiffers reports that rows made anew are not those that answer: the way in
// which they are made has changed, or they were damaged.
var ErrDiffers = errors.New("rebuilt projections differ from those in use")

// A Log can be followed.
type Log interface {
	Shards() int
	Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error]
}

// A Rebuilt says what a rebuild found.
type Rebuilt struct {
	Positions []events.Position `json:"positions"` // at which the two were compared
	Before    string            `json:"before"`    // checksum of the rows that answered
	After     string            `json:"after"`     // checksum of the rows made anew
	Switched  bool              `json:"switched"`
	Tables    string            `json:"tables"` // prefix of the tables made anew
}

// Rebuild makes all rows anew from the log, in a second set of tables, while
// the first answers and is written. It compares both at the same positions,
// and then lets the second answer. If they differ it does so only if accept is
// true, and else fails with an error that wraps [ErrDiffers]. The first set is
// kept until [Store.DropOld]. Nobody writes during the comparison.
func (s *Store) Rebuild(ctx context.Context, log Log, definitions projections.Definitions, accept bool) (Rebuilt, error) {
	active, err := s.prefix(ctx)
	if err != nil {
		return Rebuilt{}, fmt.Errorf("sqlstore: rebuild: %w", err)
	}
	r := rebuild{s: s, log: log, old: active, prefix: next(active)}
	report, err := r.run(ctx, definitions, accept)
	if err == nil {
		err = s.scrub(ctx)
	}
	if err != nil {
		return report, fmt.Errorf("sqlstore: rebuild: %w", err)
	}
	return report, nil
}

// A rebuild is a projections.Store of the second set of tables.
type rebuild struct {
	s      *Store
	log    Log
	old    string // prefix of the first set
	prefix string
	tx     *sql.Tx // at the end: the transaction in which all is compared
}

func (r *rebuild) run(ctx context.Context, definitions projections.Definitions, accept bool) (Rebuilt, error) {
	report := Rebuilt{Tables: r.prefix}
	err := r.s.transact(ctx, func(tx *sql.Tx) error {
		if err := dropTables(ctx, tx, r.prefix); err != nil {
			return err
		}
		return r.s.makeTables(ctx, tx, r.prefix)
	})
	if err == nil {
		err = r.s.prepare(ctx, r.prefix)
	}
	if err != nil {
		return report, err
	}
	// Most of it while the first set is written, the rest while nobody writes.
	if err := r.fill(ctx, definitions, r.s.read); err != nil {
		return report, err
	}
	err = r.s.transact(ctx, func(tx *sql.Tx) error {
		r.tx = tx
		if err := r.s.isActive(ctx, tx, r.old); err != nil {
			return err
		}
		if err := r.fill(ctx, definitions, tx); err != nil {
			return err
		}
		if err := r.compare(ctx, &report); err != nil {
			return err
		}
		if report.Before != report.After && !accept {
			return ErrDiffers
		}
		report.Switched = true
		return r.s.set(ctx, tx, "active", r.prefix)
	})
	return report, err
}

// fill reads the log as far as the first set of tables goes.
func (r *rebuild) fill(ctx context.Context, definitions projections.Definitions, q querier) error {
	goals, err := view{dialect: r.s.dialect, q: q, prefix: r.old}.positions(ctx)
	if err != nil {
		return err
	}
	p := projections.New(r, definitions)
	for _, goal := range goals {
		start, err := p.Start(ctx, goal.Shard)
		if err != nil {
			return err
		}
		if start >= goal.Seq {
			continue
		}
		if err := r.follow(ctx, p, events.Position{Shard: goal.Shard, Seq: start}, goal.Seq); err != nil {
			return err
		}
	}
	return nil
}

func (r *rebuild) follow(ctx context.Context, p *projections.Projector, after events.Position, goal uint64) error {
	for batch, err := range r.log.Follow(ctx, after) {
		if err != nil {
			return err
		}
		for len(batch) > 0 && batch[len(batch)-1].Event.Position.Seq > goal {
			batch = batch[:len(batch)-1]
		}
		if err := p.Apply(ctx, after.Shard, batch); err != nil {
			return err
		}
		if len(batch) == 0 || batch[len(batch)-1].Event.Position.Seq == goal {
			return nil
		}
	}
	return ctx.Err()
}

func (r *rebuild) compare(ctx context.Context, report *Rebuilt) (err error) {
	if report.Positions, err = r.view().positions(ctx); err != nil {
		return err
	}
	if report.Before, err = checksum(ctx, r.tx, r.old); err != nil {
		return err
	}
	report.After, err = checksum(ctx, r.tx, r.prefix)
	return err
}

func (r *rebuild) view() view {
	if r.tx != nil {
		return view{dialect: r.s.dialect, q: r.tx, prefix: r.prefix}
	}
	return view{dialect: r.s.dialect, q: r.s.read, prefix: r.prefix}
}

// Cursor returns how far a shard was read.
func (r *rebuild) Cursor(ctx context.Context, shard int) (uint64, error) {
	return r.view().cursor(ctx, shard)
}

// Load returns records of the second set.
func (r *rebuild) Load(ctx context.Context, ids []events.DocumentID) ([]*projections.Record, error) {
	return r.view().load(ctx, ids)
}

// Save puts changes into the second set.
func (r *rebuild) Save(ctx context.Context, c *projections.Changes) error {
	if r.tx != nil {
		return r.s.save(ctx, r.tx, r.prefix, c)
	}
	return r.s.transact(ctx, func(tx *sql.Tx) error { return r.s.save(ctx, tx, r.prefix, c) })
}

// DropOld removes the tables that answered before the last rebuild.
func (s *Store) DropOld(ctx context.Context) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		active, err := readActive(ctx, tx)
		for prefix := "g1_"; err == nil && prefix != active; prefix = next(prefix) {
			err = dropTables(ctx, tx, prefix)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlstore: drop old tables: %w", err)
	}
	return nil
}
