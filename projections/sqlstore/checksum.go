package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Checksum returns a digest of all rows, and of the positions that they follow
// from. Stores that follow from the same events have the same, whatever
// database they are in.
func (s *Store) Checksum(ctx context.Context) (string, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: s.dialect.snapshot, ReadOnly: s.dialect.numbered})
	if err != nil {
		return "", fmt.Errorf("sqlstore: checksum: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // only read
	prefix, err := readActive(ctx, tx)
	if err != nil {
		return "", fmt.Errorf("sqlstore: checksum: %w", err)
	}
	sum, err := checksum(ctx, tx, prefix)
	if err != nil {
		return "", fmt.Errorf("sqlstore: checksum: %w", err)
	}
	return sum, nil
}

func checksum(ctx context.Context, tx *sql.Tx, prefix string) (string, error) {
	h := sha256.New()
	cursors := table{name: "cursors", key: []string{"shard"}, columns: []string{"seq"}}
	if err := cursors.digest(ctx, tx, prefix, h); err != nil {
		return "", err
	}
	for _, p := range all() {
		if err := p.digest(ctx, tx, prefix, h); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digest adds the table's rows to a hash, in the order of their keys. A count
// of nothing is no row.
func (t table) digest(ctx context.Context, tx *sql.Tx, prefix string, h hash.Hash) error {
	columns := append(append([]string{}, t.key...), t.columns...)
	where := ""
	if t.add {
		where = ` WHERE n <> 0`
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+strings.Join(columns, ", ")+` FROM `+prefix+t.name+where+` ORDER BY `+strings.Join(t.key, ", "))
	if err != nil {
		return err
	}
	values := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	return each(rows, func() error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		_, _ = fmt.Fprint(h, t.name) // a hash never fails
		for _, v := range values {
			_, _ = fmt.Fprintf(h, ",%d:%s", len(v), v) // a hash never fails
		}
		_, _ = h.Write([]byte("\n")) // a hash never fails
		return nil
	})
}
