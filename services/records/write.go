package records

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/docsaga/docsaga/services/runner"
)

// insert writes a record and what belongs to it.
func insert(ctx context.Context, tx *sql.Tx, r Record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	inv := r.Invoice
	if inv == nil {
		inv = &Invoice{}
	}
	var file string
	var size int64
	if r.File != nil {
		file, size = r.File.Ref, r.File.Size
	}
	if err := exec(ctx, tx, `INSERT INTO record (document, step, visit, kind, stored_at, name, file, file_size, pages,
		number, type, date, due_date, currency, total, total_e4, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		r.Document, r.Step, r.Visit, r.Kind, r.StoredAt.Format(time.RFC3339Nano), r.Name, file, size, r.Pages,
		indexed(inv.Number), inv.Type, indexed(inv.Date), inv.DueDate, inv.Currency, inv.Totals.Grand, scaled(inv.Totals.Grand), string(data)); err != nil {
		return err
	}
	if r.Invoice == nil {
		return nil
	}
	return insertInvoice(ctx, tx, r)
}

func insertInvoice(ctx context.Context, tx *sql.Tx, r Record) error {
	for _, row := range invoiceRows(r.Invoice) {
		values := append([]any{r.Document, r.Step, r.Visit}, row.values...)
		if err := exec(ctx, tx, row.insert, values...); err != nil {
			return err
		}
	}
	return nil
}

// A row is an INSERT and its values, less the record's key, which are the
// first three.
type row struct {
	insert string
	values []any
}

// invoiceRows returns the rows that belong to an invoice's record.
func invoiceRows(inv *Invoice) []row {
	rows := []row{partyRow("seller", inv.Seller), partyRow("buyer", inv.Buyer)}
	if inv.Payee != nil {
		rows = append(rows, partyRow("payee", *inv.Payee))
	}
	for i, l := range inv.Lines {
		rows = append(rows, row{
			`INSERT INTO record_line (document, step, visit, position, id, name, quantity, unit, price, total, category, rate)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			[]any{i + 1, l.ID, l.Name, l.Quantity, l.Unit, l.Price, l.Total, l.Category, l.Rate},
		})
	}
	for i, t := range inv.Taxes {
		rows = append(rows, row{
			`INSERT INTO record_tax (document, step, visit, position, category, rate, basis, amount)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			[]any{i + 1, t.Category, t.Rate, t.Basis, t.Amount},
		})
	}
	for i, p := range inv.Payment.Means {
		rows = append(rows, row{
			`INSERT INTO record_payment (document, step, visit, position, code, account, name, bank)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			[]any{i + 1, p.Code, p.Account, p.Name, p.Bank},
		})
	}
	return rows
}

func partyRow(role string, p Party) row {
	address := p.Address
	if address == nil {
		address = &Address{}
	}
	return row{
		`INSERT INTO record_party (document, step, visit, role, name, folded, vat_id, tax_number, country, city, post_code)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		[]any{role, p.Name, fold(p.Name), indexed(p.VATID), p.TaxNumber, address.Country, address.City, address.PostCode},
	}
}

// exec runs an INSERT. It takes NUL out of texts, which PostgreSQL cannot hold.
func exec(ctx context.Context, tx *sql.Tx, query string, values ...any) error {
	for i, value := range values {
		if text, ok := value.(string); ok {
			values[i] = holdable(text)
		}
	}
	_, err := tx.ExecContext(ctx, query, values...)
	return err
}

// holdable returns text without NUL.
func holdable(text string) string { return strings.ReplaceAll(text, "\x00", "") }

// maxIndexed is how many bytes of a text an index holds; PostgreSQL's refuses
// about 2,700, and the row with it.
const maxIndexed = 500

// indexed returns what stands for a text in a column that has an index: the
// text itself or, if it is too long, its beginning and a digest, so that two
// that differ stay different. The whole text is in the column data.
func indexed(text string) string {
	text = holdable(text)
	if len(text) <= maxIndexed {
		return text
	}
	digest := sha256.Sum256([]byte(text))
	end := hex.EncodeToString(digest[:])
	cut := maxIndexed - len(end)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + end
}

// remove removes a visit's record and what belongs to it.
func remove(ctx context.Context, tx *sql.Tx, v runner.Visit) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM record WHERE document = $1 AND step = $2 AND visit = $3`, v.Document, v.Step, v.Number)
	return err
}

// fold makes text comparable: lower case, spaces as one.
func fold(text string) string {
	return strings.ToLower(strings.Join(strings.Fields(text), " "))
}

// scaled returns an amount in ten-thousandths, or nil if it is none or too
// large to be compared. It rounds down what is finer.
func scaled(amount string) any {
	number, ok := parseAmount(amount)
	if !ok {
		return nil
	}
	return number
}

func parseAmount(amount string) (int64, bool) {
	if amount == "" || len(amount) > 40 || strings.Trim(amount, "+-.0123456789") != "" {
		return 0, false
	}
	number, ok := new(big.Rat).SetString(amount)
	if !ok {
		return 0, false
	}
	number.Mul(number, big.NewRat(10_000, 1))
	whole := new(big.Int).Quo(number.Num(), number.Denom())
	return whole.Int64(), whole.IsInt64()
}
