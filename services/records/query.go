package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/docsaga/docsaga/events"
)

// A Query says which records to list. Fields that are empty do not restrict.
type Query struct {
	Kind     string // invoice, form or document
	Number   string // of the invoice, exactly
	Party    string // part of the name of seller, buyer or payee in any case; or a whole VAT identifier
	From, To string // first and last date of the invoice, YYYY-MM-DD
	Min, Max string // least and greatest total with tax, as a number
	Limit    int    // records at most; default 100, at most 1000
	After    string // what the List before returned as next
}

// List returns records in the order of their documents' ids, of each document
// the newest, and where to go on; next is "" at the end.
func (s *Store) List(ctx context.Context, q Query) (page []Record, next string, err error) {
	where, err := q.conditions()
	if err != nil {
		return nil, "", err
	}
	limit := q.limit()
	rows, err := s.db.QueryContext(ctx, `SELECT data FROM record r WHERE `+strings.Join(where.clauses, " AND ")+
		fmt.Sprintf(` ORDER BY document, step LIMIT %d`, limit+1), where.values...)
	if err != nil {
		return nil, "", fmt.Errorf("records: list: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		record, err := scan(rows)
		if err != nil {
			return nil, "", fmt.Errorf("records: list: %w", err)
		}
		if len(page) == limit {
			last := page[limit-1]
			next = string(last.Document) + "/" + string(last.Step)
			break
		}
		page = append(page, record)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("records: list: %w", err)
	}
	return page, next, nil
}

// Get returns the newest record of a document, or an error that wraps
// [ErrNotFound].
func (s *Store) Get(ctx context.Context, document events.DocumentID) (Record, error) {
	record, err := scan(s.db.QueryRowContext(ctx,
		`SELECT data FROM record WHERE document = $1 ORDER BY visit DESC, stored_at DESC LIMIT 1`, document))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Record{}, fmt.Errorf("records: get %s: %w", document, err)
	}
	return record, nil
}

// Duplicates returns the other documents, ten at most, that have an invoice of
// the same seller and number. The seller is known by its VAT identifier, or by
// its name if it has none.
func (s *Store) Duplicates(ctx context.Context, document events.DocumentID, sellerVATID, seller, number string) ([]events.DocumentID, error) {
	column, value := "vat_id", indexed(sellerVATID)
	if value == "" {
		column, value = "folded", fold(seller)
	}
	if value == "" || number == "" {
		return nil, nil
	}
	rows, err := s.db.QueryContext(ctx, `SELECT DISTINCT r.document FROM record r JOIN record_party p
		ON p.document = r.document AND p.step = r.step AND p.visit = r.visit AND p.role = 'seller'
		WHERE r.number = $1 AND p.`+column+` = $2 AND r.document <> $3 ORDER BY r.document LIMIT 10`, indexed(number), value, document)
	if err != nil {
		return nil, fmt.Errorf("records: look for duplicates of %s: %w", document, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var found []events.DocumentID
	for rows.Next() {
		var id events.DocumentID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("records: look for duplicates of %s: %w", document, err)
		}
		found = append(found, id)
	}
	return found, rows.Err()
}

func scan(row interface{ Scan(dest ...any) error }) (Record, error) {
	var data string
	if err := row.Scan(&data); err != nil {
		return Record{}, err
	}
	var record Record
	if err := json.Unmarshal([]byte(data), &record); err != nil {
		return Record{}, fmt.Errorf("a stored record is damaged: %w", err)
	}
	return record, nil
}

func (q Query) limit() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, 1000)
}

// conditions is a WHERE clause in the making.
type conditions struct {
	clauses []string
	values  []any
}

// add adds a clause, in which each ? becomes the number of its value.
func (c *conditions) add(clause string, values ...any) {
	for _, value := range values {
		c.values = append(c.values, value)
		clause = strings.Replace(clause, "?", fmt.Sprintf("$%d", len(c.values)), 1)
	}
	c.clauses = append(c.clauses, clause)
}

func (q Query) conditions() (conditions, error) {
	var c conditions
	c.add(`visit = (SELECT max(visit) FROM record n WHERE n.document = r.document AND n.step = r.step)`)
	if q.After != "" {
		document, step, ok := strings.Cut(q.After, "/")
		if !ok {
			return c, fmt.Errorf("records: list after %.80q: want what an earlier list returned", q.After)
		}
		c.add(`(document, step) > (?, ?)`, document, step)
	}
	for column, value := range map[string]string{"kind": q.Kind, "number": indexed(q.Number)} {
		if value != "" {
			c.add(column+` = ?`, value)
		}
	}
	if q.From != "" {
		c.add(`date >= ?`, indexed(q.From))
	}
	if q.To != "" {
		c.add(`date <= ? AND date <> ''`, indexed(q.To))
	}
	if q.Party != "" {
		c.add(`EXISTS (SELECT 1 FROM record_party p WHERE p.document = r.document AND p.step = r.step AND p.visit = r.visit
			AND (p.folded LIKE ? ESCAPE '\' OR p.vat_id = ?))`, "%"+escapeLike(fold(q.Party))+"%", indexed(q.Party))
	}
	for bound, amount := range map[string]string{`total_e4 >= ?`: q.Min, `total_e4 <= ?`: q.Max} {
		if amount == "" {
			continue
		}
		number, ok := parseAmount(amount)
		if !ok {
			return c, fmt.Errorf("records: list totals up to or from %.40q: want a number such as 104.90", amount)
		}
		c.add(bound, number)
	}
	return c, nil
}

func escapeLike(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}
