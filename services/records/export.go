package records

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Format is a form in which records are exported.
type Format string

// The formats. CSV has a row a record and no lines; JSONL has all of it.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl"
)

// Export writes every record that q asks for; of q, Limit and After do not
// count. It does not hold more than one page of them in memory. Records that
// are stored meanwhile may or may not be there.
//
// CSV is that of RFC 4180 in UTF-8, with a head line. A text that a
// spreadsheet would run as a formula gets an apostrophe before it.
func (s *Store) Export(ctx context.Context, w io.Writer, format Format, q Query) error {
	var write func(Record) error
	flush := func() error { return nil }
	switch format {
	case CSV:
		rows := csv.NewWriter(w)
		if err := rows.Write(csvHead()); err != nil {
			return fmt.Errorf("records: export: %w", err)
		}
		write = func(r Record) error { return rows.Write(csvRow(r)) }
		flush = func() error { rows.Flush(); return rows.Error() }
	case JSONL:
		lines := json.NewEncoder(w)
		write = func(r Record) error { return lines.Encode(r) }
	default:
		return fmt.Errorf("records: export as %.20q: want csv or jsonl", format)
	}
	q.Limit, q.After = 500, ""
	for {
		page, next, err := s.List(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := write(r); err != nil {
				return fmt.Errorf("records: export %s: %w", r.Document, err)
			}
		}
		if q.After = next; next == "" {
			break
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("records: export: %w", err)
	}
	return nil
}

func csvHead() []string {
	return []string{
		"document", "kind", "number", "type", "date", "due_date", "seller", "seller_vat_id", "buyer", "buyer_vat_id",
		"currency", "net", "tax", "total", "due", "lines", "profile", "file", "pages", "stored_at",
	}
}

func csvRow(r Record) []string {
	inv := r.Invoice
	if inv == nil {
		inv = &Invoice{}
	}
	lines := ""
	if r.Invoice != nil {
		lines = strconv.Itoa(len(inv.Lines))
	}
	row := []string{
		string(r.Document), r.Kind, inv.Number, inv.Type, inv.Date, inv.DueDate, inv.Seller.Name, inv.Seller.VATID, inv.Buyer.Name, inv.Buyer.VATID,
		inv.Currency, inv.Totals.TaxBasis, inv.Totals.Tax, inv.Totals.Grand, inv.Totals.Due, lines, inv.Profile, r.Name, strconv.Itoa(r.Pages),
		r.StoredAt.Format("2006-01-02T15:04:05Z"),
	}
	for i, cell := range row {
		row[i] = plainCell(cell)
	}
	return row
}

// plainCell keeps a spreadsheet from taking text for a formula. Numbers stay.
func plainCell(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, ok := parseAmount(cell); ok {
		return cell
	}
	return "'" + cell
}
