package sqlstore

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
)

// A Waiting selects documents of some versions of a definition: those in which
// a visit of Step is open, or without a Step those in State.
type Waiting struct {
	Definition string
	Versions   []int
	Step       events.StepID
	State      string
}

// Waiting returns the documents that at least one of the list selects, by id,
// and where the next page begins; empty if there is none. It costs as much as
// the page and the list are long, however many documents there are.
func (s *Store) Waiting(ctx context.Context, list []Waiting, limit int, page string) (ids []events.DocumentID, next string, err error) {
	after, err := s.readWaitingToken(page)
	if err != nil {
		return nil, "", err
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, "", err
	}
	limit = max(1, min(limit, projections.MaxLimit))
	for _, w := range list {
		some, err := v.waiting(ctx, w, limit+1, after)
		if err != nil {
			return nil, "", fmt.Errorf("sqlstore: waiting: %w", err)
		}
		ids = append(ids, some...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) <= limit {
		return ids, "", nil
	}
	ids = ids[:limit]
	last := []byte(ids[limit-1])
	return ids, base64.RawURLEncoding.EncodeToString(append(s.waitingMAC(last), last...)), nil
}

func (v view) waiting(ctx context.Context, w Waiting, limit int, after string) ([]events.DocumentID, error) {
	args := []any{after, w.Definition}
	for _, version := range w.Versions {
		args = append(args, version)
	}
	if len(w.Versions) == 0 {
		return nil, nil
	}
	id, from, last := "id", v.prefix+`documents`, any(w.State)
	where := `state = ?`
	if w.Step != "" {
		id, from, last, where = "document", v.prefix+`steps`, string(w.Step), `ended_at = 0 AND step = ?`
	}
	query := fmt.Sprintf(`SELECT DISTINCT %[1]s FROM %[2]s WHERE %[1]s > ? AND definition = ? AND version IN (?%[3]s) AND %[4]s ORDER BY %[1]s LIMIT %[5]d`,
		id, from, strings.Repeat(", ?", len(w.Versions)-1), where, limit)
	rows, err := v.query(ctx, query, append(args, last)...)
	if err != nil {
		return nil, err
	}
	var ids []events.DocumentID
	err = each(rows, func() error {
		var id events.DocumentID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

func (s *Store) waitingMAC(last []byte) []byte {
	return s.mac(projections.Filter{Text: "\x00waiting"}, last) // no filter of a list of documents has such a text
}

func (s *Store) readWaitingToken(page string) (after string, err error) {
	if page == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(page)
	if err != nil || len(raw) < macSize || !hmac.Equal(raw[:macSize], s.waitingMAC(raw[macSize:])) {
		return "", fmt.Errorf("sqlstore: page %.80q: %w", page, projections.ErrBadPage)
	}
	return string(raw[macSize:]), nil
}
