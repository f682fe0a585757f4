package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// defaultLimit is how many documents a page holds if the filter does not say.
const defaultLimit = 50

// Document returns the status of a document, or an error that wraps
// [events.ErrNotFound].
func (s *Store) Document(ctx context.Context, id events.DocumentID) (projections.Document, error) {
	v, err := s.view(ctx)
	if err != nil {
		return projections.Document{}, err
	}
	records, err := v.documents(ctx, `id = ?`, string(id))
	if err == nil && len(records) == 0 {
		err = events.ErrNotFound
	}
	if err != nil {
		return projections.Document{}, fmt.Errorf("sqlstore: document %.80q: %w", string(id), err)
	}
	return records[0].Document, nil
}

// Documents returns a page of the documents that a filter selects, the
// youngest first.
func (s *Store) Documents(ctx context.Context, f projections.Filter) (projections.Page, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, projections.MaxLimit)
	v, err := s.view(ctx)
	if err != nil {
		return projections.Page{}, err
	}
	q := conditions(v.prefix, f)
	if f.Page != "" {
		at, err := s.readToken(f)
		if err != nil {
			return projections.Page{}, err
		}
		q.and(`(submitted_at, id) < (?, ?)`, at.SubmittedAt, at.ID)
	}
	where := fmt.Sprintf(`id IN (SELECT id FROM %sdocuments WHERE %s ORDER BY submitted_at DESC, id DESC LIMIT %d) ORDER BY submitted_at DESC, id DESC`,
		v.prefix, q.where(), limit+1)
	records, err := v.documents(ctx, where, q.args...)
	if err != nil {
		return projections.Page{}, fmt.Errorf("sqlstore: documents: %w", err)
	}
	page := projections.Page{Documents: make([]projections.Document, 0, min(len(records), limit))}
	for _, r := range records[:min(len(records), limit)] {
		page.Documents = append(page.Documents, r.Document)
	}
	if len(records) > limit {
		last := &page.Documents[limit-1]
		page.Next = s.token(f, place{SubmittedAt: last.SubmittedAt.UnixNano(), ID: last.Document})
	}
	return page, nil
}

// Count returns how many documents a filter selects, at most the given number.
func (s *Store) Count(ctx context.Context, f projections.Filter, most int) (int, error) {
	v, err := s.view(ctx)
	if err != nil {
		return 0, err
	}
	q := conditions(v.prefix, f)
	n := 0
	query := fmt.Sprintf(`SELECT count(*) FROM (SELECT 1 FROM %sdocuments WHERE %s LIMIT %d) AS some`, v.prefix, q.where(), most)
	if err := s.read.QueryRowContext(ctx, s.dialect.bind(query), q.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("sqlstore: count: %w", err)
	}
	return n, nil
}

// A query is what a row must fulfil.
type query struct {
	terms []string
	args  []any
}

func (q *query) and(term string, args ...any) {
	q.terms = append(q.terms, term)
	q.args = append(q.args, args...)
}

func (q *query) where() string {
	if len(q.terms) == 0 {
		return "1 = 1"
	}
	return strings.Join(q.terms, " AND ")
}

func conditions(prefix string, f projections.Filter) query {
	var q query
	if f.State != "" {
		q.and(`state = ?`, f.State)
	}
	if f.Definition != "" {
		q.and(`definition = ?`, f.Definition)
	}
	if f.Version != 0 {
		q.and(`version = ?`, f.Version)
	}
	if f.Reason != "" {
		q.and(`stop_reason <> '' AND stop_reason = ?`, f.Reason)
	}
	if f.Step != "" {
		q.and(`id IN (SELECT document FROM `+prefix+`steps WHERE ended_at = 0 AND step = ?
			UNION ALL SELECT id FROM `+prefix+`documents WHERE stop_step <> '' AND stop_step = ?)`, f.Step, f.Step)
	}
	if f.Text != "" {
		q.and(`words LIKE ? ESCAPE '!'`, "%"+strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(f.Text))+"%")
	}
	if !f.Since.IsZero() {
		q.and(`submitted_at >= ?`, bound(f.Since))
	}
	if !f.Until.IsZero() {
		q.and(`submitted_at < ?`, bound(f.Until))
	}
	return q
}

// bound returns a time in nanoseconds since 1970, as near as they can say it.
func bound(t time.Time) int64 {
	switch {
	case t.Year() < 1700:
		return math.MinInt64
	case t.Year() > 2250:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// A place is where a page ends.
type place struct {
	SubmittedAt int64             `json:"t"`
	ID          events.DocumentID `json:"d"`
}

// token returns a page token: the place and a MAC over it and the filter.
func (s *Store) token(f projections.Filter, p place) string {
	raw, _ := json.Marshal(p) //nolint:errchkjson // a number and a string
	return base64.RawURLEncoding.EncodeToString(append(s.mac(f, raw), raw...))
}

const macSize = 16

func (s *Store) mac(f projections.Filter, raw []byte) []byte {
	f.Page, f.Limit = "", 0
	f.Since, f.Until = f.Since.UTC(), f.Until.UTC()
	filter, _ := json.Marshal(f) //nolint:errchkjson // strings and times
	h := hmac.New(sha256.New, s.secret)
	_, _ = h.Write(filter) // never fails
	_, _ = h.Write(raw)    // never fails
	return h.Sum(nil)[:macSize]
}

func (s *Store) readToken(f projections.Filter) (place, error) {
	var p place
	raw, err := base64.RawURLEncoding.DecodeString(f.Page)
	if err != nil || len(raw) < macSize || !hmac.Equal(raw[:macSize], s.mac(f, raw[macSize:])) {
		return p, fmt.Errorf("sqlstore: page %.80q: %w", f.Page, projections.ErrBadPage)
	}
	if err := json.Unmarshal(raw[macSize:], &p); err != nil {
		return p, fmt.Errorf("sqlstore: page %.80q: %w", f.Page, projections.ErrBadPage)
	}
	return p, nil
}

// Positions returns, for each shard, the last event that the rows follow from.
func (s *Store) Positions(ctx context.Context) ([]events.Position, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	return v.positions(ctx)
}

func (v view) positions(ctx context.Context) ([]events.Position, error) {
	rows, err := v.query(ctx, `SELECT shard, seq FROM `+v.prefix+`cursors ORDER BY shard`)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: positions: %w", err)
	}
	list := []events.Position{}
	err = each(rows, func() error {
		var shard int
		var seq int64
		err := rows.Scan(&shard, &seq)
		list = append(list, events.Position{Shard: shard, Seq: uint64(seq)}) //nolint:gosec // was one
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: positions: %w", err)
	}
	return list, nil
}

// A Count says how many documents of a definition are in a state.
type Count struct {
	projections.Total
	Documents int64 `json:"documents"`
}

// Counts returns how many documents each version of a definition has in each
// state, without the states that have none.
func (s *Store) Counts(ctx context.Context) ([]Count, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, `SELECT definition, version, state, n FROM `+v.prefix+`totals WHERE n <> 0 ORDER BY definition, version, state`)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: counts: %w", err)
	}
	list := []Count{}
	err = each(rows, func() error {
		var c Count
		err := rows.Scan(&c.Definition, &c.Version, &c.State, &c.Documents)
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: counts: %w", err)
	}
	return list, nil
}

// States returns how many documents are in each state.
func (s *Store) States(ctx context.Context) (map[string]int64, error) {
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	states := make(map[string]int64)
	for _, c := range counts {
		states[c.State] += c.Documents
	}
	return states, nil
}

// Troubles returns the troubles that are open, the oldest first, at most the
// given number. An empty step or reason stands for any.
func (s *Store) Troubles(ctx context.Context, step events.StepID, reason string, most int) ([]projections.Trouble, error) {
	q := query{terms: []string{`closed_at = 0`}}
	if step != "" {
		q.and(`step = ?`, string(step))
	}
	if reason != "" {
		q.and(`reason = ?`, reason)
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	list, err := v.troubles(ctx, fmt.Sprintf(`%s ORDER BY opened_at, document, number LIMIT %d`, q.where(), most), q.args...)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: troubles: %w", err)
	}
	return list, nil
}

// A TroubleGroup counts open troubles that are alike.
type TroubleGroup struct {
	Definition string        `json:"definition"`
	Version    int           `json:"version"`
	Kind       string        `json:"kind"`
	Step       events.StepID `json:"step"`
	Reason     string        `json:"reason"`
	Documents  int64         `json:"documents"`
	OldestAt   time.Time     `json:"oldestAt"`
}

// TroubleGroups returns the open troubles by step and reason, the most
// frequent first.
func (s *Store) TroubleGroups(ctx context.Context) ([]TroubleGroup, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, `SELECT definition, version, kind, step, reason, count(*), min(opened_at) FROM `+v.prefix+
		`troubles WHERE closed_at = 0 GROUP BY definition, version, kind, step, reason ORDER BY count(*) DESC, definition, version, step, kind, reason LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: trouble groups: %w", err)
	}
	list := []TroubleGroup{}
	err = each(rows, func() error {
		var g TroubleGroup
		var oldest int64
		err := rows.Scan(&g.Definition, &g.Version, &g.Kind, &g.Step, &g.Reason, &g.Documents, &oldest)
		g.OldestAt = *moment(oldest)
		list = append(list, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: trouble groups: %w", err)
	}
	return list, nil
}
