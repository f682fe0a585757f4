package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// most is how many ids go into one query.
const most = 200

// A querier is a database, or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A view reads one set of tables.
type view struct {
	dialect dialect
	q       querier
	prefix  string
}

// view returns what reads the tables that answer.
func (s *Store) view(ctx context.Context) (view, error) {
	prefix, err := s.prefix(ctx)
	if err != nil {
		return view{}, fmt.Errorf("sqlstore: which tables answer: %w", err)
	}
	return view{dialect: s.dialect, q: s.read, prefix: prefix}, nil
}

func (v view) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return v.q.QueryContext(ctx, v.dialect.bind(query), args...)
}

// Load returns the records of those documents that have one, with all that is
// needed to go on folding.
func (s *Store) Load(ctx context.Context, ids []events.DocumentID) ([]*projections.Record, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	return v.load(ctx, ids)
}

func (v view) load(ctx context.Context, ids []events.DocumentID) ([]*projections.Record, error) {
	var all []*projections.Record
	for len(ids) > 0 {
		some := ids[:min(len(ids), most)]
		ids = ids[len(some):]
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = string(id)
		}
		in := `(?` + strings.Repeat(", ?", len(some)-1) + `)`
		records, err := v.documents(ctx, `id IN `+in+` ORDER BY id`, args...)
		if err == nil && len(records) > 0 {
			err = v.troublesOf(ctx, records)
		}
		if err != nil {
			return nil, fmt.Errorf("sqlstore: load: %w", err)
		}
		all = append(all, records...)
	}
	return all, nil
}

const documentColumns = `id, shard, seq, definition, version, name, source, state, stopped, stop_step, stop_reason,
	submitted_at, updated_at, ended_at, forgotten_at, anomalies, folded`

// documents returns records with their steps, without their troubles.
func (v view) documents(ctx context.Context, where string, args ...any) ([]*projections.Record, error) {
	rows, err := v.query(ctx, `SELECT `+documentColumns+` FROM `+v.prefix+`documents WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	var records []*projections.Record
	err = each(rows, func() error {
		r := &projections.Record{Document: projections.Document{Steps: []projections.Step{}}}
		var stop projections.Stop
		var stopped bool
		var seq, submitted, updated, ended, forgotten int64
		var folded []byte
		err := rows.Scan(&r.Document.Document, &r.Position.Shard, &seq, &r.Definition, &r.Version, &r.Name, &r.Source, &r.State,
			&stopped, &stop.Step, &stop.Reason, &submitted, &updated, &ended, &forgotten, &r.Anomalies, &folded)
		if err != nil {
			return err
		}
		if stopped {
			r.Stop = &stop
		}
		r.Position.Seq, r.SubmittedAt, r.UpdatedAt = uint64(seq), *moment(submitted), *moment(updated) //nolint:gosec // was one
		if ended != 0 {
			r.EndedAt = moment(ended)
		}
		if forgotten != 0 {
			r.ForgottenAt = moment(forgotten)
		}
		records = append(records, r)
		return r.Folded.UnmarshalBinary(folded)
	})
	if err != nil || len(records) == 0 {
		return records, err
	}
	return records, v.stepsOf(ctx, records)
}

// of returns records by id, and a condition that selects their rows.
func of(records []*projections.Record) (byID map[events.DocumentID]*projections.Record, where string, args []any) {
	byID = make(map[events.DocumentID]*projections.Record, len(records))
	args = make([]any, len(records))
	for i, r := range records {
		byID[r.Document.Document], args[i] = r, string(r.Document.Document)
	}
	return byID, `document IN (?` + strings.Repeat(", ?", len(records)-1) + `)`, args
}

func (v view) stepsOf(ctx context.Context, records []*projections.Record) error {
	byID, where, args := of(records)
	rows, err := v.query(ctx, `SELECT document, number, step, visit, item, status, outcome, reason, undone,
		started_at, ended_at, undone_at FROM `+v.prefix+`steps WHERE `+where+` ORDER BY document, number`, args...)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var id events.DocumentID
		var step projections.Step
		var started, ended, undone int64
		err := rows.Scan(&id, &step.Number, &step.Step, &step.Visit, &step.Item, &step.Status, &step.Outcome, &step.Reason, &step.Undone,
			&started, &ended, &undone)
		step.StartedAt = *moment(started)
		if ended != 0 {
			step.EndedAt = moment(ended)
		}
		if undone != 0 {
			step.UndoneAt = moment(undone)
		}
		byID[id].Steps = append(byID[id].Steps, step)
		return err
	})
}

func (v view) troublesOf(ctx context.Context, records []*projections.Record) error {
	byID, where, args := of(records)
	list, err := v.troubles(ctx, where+` ORDER BY document, number`, args...)
	for _, t := range list {
		byID[t.Document].Troubles = append(byID[t.Document].Troubles, t)
	}
	return err
}

func (v view) troubles(ctx context.Context, where string, args ...any) ([]projections.Trouble, error) {
	rows, err := v.query(ctx, `SELECT document, number, definition, version, kind, step, visit, reason,
		opened_at, closed_at FROM `+v.prefix+`troubles WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	list := []projections.Trouble{}
	err = each(rows, func() error {
		var t projections.Trouble
		var opened, closed int64
		err := rows.Scan(&t.Document, &t.Number, &t.Definition, &t.Version, &t.Kind, &t.Step, &t.Visit, &t.Reason, &opened, &closed)
		t.OpenedAt = *moment(opened)
		if closed != 0 {
			t.ClosedAt = moment(closed)
		}
		list = append(list, t)
		return err
	})
	return list, err
}

// each calls scan for each row, and closes rows.
func each(rows *sql.Rows, scan func() error) error {
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		if err := scan(); err != nil {
			return err
		}
	}
	return rows.Err()
}

func moment(nanos int64) *time.Time {
	t := time.Time{}
	if nanos != 0 {
		t = time.Unix(0, nanos).UTC()
	}
	return &t
}
