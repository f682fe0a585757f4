package records_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/records"
	"github.com/docsaga/docsaga/services/runner"
)

// databases are stores to test on, by name: an empty SQLite file, and an empty
// PostgreSQL schema if there is a server.
func databases() map[string]func(t *testing.T) *records.Store {
	return map[string]func(t *testing.T) *records.Store{
		"sqlite": func(t *testing.T) *records.Store {
			t.Helper()
			return open(t, filepath.Join(t.TempDir(), "with space & # ?.db"))
		},
		"postgres": func(t *testing.T) *records.Store {
			t.Helper()
			url := os.Getenv("DOCSAGA_TEST_POSTGRES")
			if url == "" {
				t.Skip("LEFT OUT: records on PostgreSQL; set DOCSAGA_TEST_POSTGRES to the URL that deploy/test/postgres.sh start prints")
			}
			return open(t, ownSchema(t, url))
		},
	}
}

// ownSchema makes a schema for one test and returns the URL that leads to it.
func ownSchema(t *testing.T, url string) string {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("records_%d_%s", os.Getpid(), strings.ToLower(strings.Map(func(r rune) rune {
		if r < 'A' || r > 'z' {
			return -1
		}
		return r
	}, t.Name()))[:min(30, len(t.Name())-2)])
	if _, err := db.ExecContext(t.Context(), `DROP SCHEMA IF EXISTS `+name+` CASCADE; CREATE SCHEMA `+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.Background(), `DROP SCHEMA `+name+` CASCADE`); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return url + "&search_path=" + name
}

func open(t *testing.T, location string) *records.Store {
	t.Helper()
	store, err := records.Open(t.Context(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

const invoiceInput = `{
	"validation": {"kind": "invoice", "warnings": ["BR-CO-25"], "invoice": {
		"number": "R-%[1]d", "date": "2026-0%[1]d-15", "currency": "EUR", "type": "380",
		"seller": {"name": "Bei  Spiel GmbH", "vatID": "DE123456789", "address": {"city": "Berlin", "country": "DE"}},
		"buyer": {"name": "Käufer_%[1]d & Söhne"},
		"totals": {"taxBasis": "%[1]d00.00", "tax": "0.10", "grand": "%[1]d00.10", "due": "%[1]d00.10"},
		"taxes": [{"category": "S", "rate": "19", "basis": "1.00", "amount": "0.19"}],
		"payment": {"means": [{"code": "58", "account": "DE00"}]},
		"lines": [{"id": "1", "name": "=1+1", "quantity": "2", "total": "1.00"}, {"id": "2", "total": "2.00"}]}},
	"parsing": {"pages": 3, "firstPage": {"ref": "sha256:01", "size": 9, "mediaType": "image/png"}, "metadata": {"Title": "T"}},
	"location": {"name": "r%[1]d.pdf", "file": {"ref": "sha256:00", "size": 12, "mediaType": "application/pdf"}}}`

func invoice(n int) runner.Visit {
	return runner.Visit{
		Document: events.DocumentID(fmt.Sprintf("doc-%d", n)), Step: "records", Number: 1,
		Input: json.RawMessage(fmt.Sprintf(invoiceInput, n)),
	}
}

func store(t *testing.T, s *records.Store, visits ...runner.Visit) {
	t.Helper()
	for _, v := range visits {
		output, err := records.New(s, nil).Do(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		if out, ok := output.(records.Output); !ok || out.Record != v.Document {
			t.Fatalf("output %+v, want the document's id", output)
		}
	}
}

func TestARecordComesBackAsItWasStored(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			v := invoice(1)
			store(t, s, v, v)
			got, err := s.Get(t.Context(), v.Document)
			if err != nil {
				t.Fatal(err)
			}
			var in records.Input
			if err := json.Unmarshal(v.Input, &in); err != nil {
				t.Fatal(err)
			}
			want := records.Record{
				Document: v.Document, Step: v.Step, Visit: 1, Kind: "invoice", StoredAt: got.StoredAt, Name: "r1.pdf",
				File: in.Location.File, Pages: 3, Picture: &events.File{Ref: "sha256:01", Size: 9, MediaType: "image/png"}, Metadata: in.Parsing.Metadata, Warnings: in.Validation.Warnings, Invoice: in.Validation.Invoice,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got.Invoice.Lines) != 2 || got.StoredAt.IsZero() {
				t.Errorf("%d lines, stored at %v", len(got.Invoice.Lines), got.StoredAt)
			}
		})
	}
}

func TestUndoRemovesTheRecordTwiceInARow(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			v, h := invoice(1), records.New(s, nil)
			store(t, s, v, invoice(2))
			if err := errors.Join(h.Undo(t.Context(), v), h.Undo(t.Context(), v)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), v.Document); !errors.Is(err, records.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
			if page, _, err := s.List(t.Context(), records.Query{Party: "spiel"}); err != nil || len(page) != 1 {
				t.Errorf("%d records, %v; want the other document's only", len(page), err)
			}
		})
	}
}

func TestADoThatIsCutOffLeavesNothingAndCanBeDoneAgain(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			v, h := invoice(1), records.New(s, nil)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := h.Do(ended, invoice(2)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context canceled", err)
			}
			if err := h.Undo(t.Context(), v); err != nil {
				t.Error(err)
			}
			store(t, s, invoice(2))
			if page, _, err := s.List(t.Context(), records.Query{}); err != nil || len(page) != 1 {
				t.Errorf("%d records, %v; want one", len(page), err)
			}
		})
	}
}

func TestATextThatADatabaseCannotHoldIsStoredWithoutIt(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			v := invoice(1)
			v.Input = json.RawMessage(`{"validation": {"kind": "invoice", "invoice": {"number": "R\u0000-\ud800", "seller": {"name": "a\u0000b"}}}, "location": {"name": "\u0000"}}`)
			store(t, s, v)
			if page, _, err := s.List(t.Context(), records.Query{Party: "ab"}); err != nil || len(page) != 1 {
				t.Errorf("%d records, %v; want one", len(page), err)
			}
		})
	}
}

func TestALateDoIsRejected(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			v, h := invoice(1), records.New(s, nil)
			if err := h.Undo(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			_, err := h.Do(t.Context(), v)
			if r, ok := runner.AsRejection(err); !ok || r.Code != records.ReasonUndone {
				t.Errorf("got %v, want a rejection as undone", err)
			}
			if page, _, err := s.List(t.Context(), records.Query{}); err != nil || len(page) != 0 {
				t.Errorf("%d records, %v; want none", len(page), err)
			}
		})
	}
}

func TestTheNewestVisitIsShownAndUndoingItShowsTheOneBefore(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			first, second := invoice(1), invoice(1)
			second.Number, second.Input = 2, json.RawMessage(`{"validation": {"kind": "document"}}`)
			store(t, s, first, second)
			page, _, err := s.List(t.Context(), records.Query{})
			if err != nil || len(page) != 1 || page[0].Kind != "document" {
				t.Fatalf("%+v, %v; want the second visit's", page, err)
			}
			if err := records.New(s, nil).Undo(t.Context(), second); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), first.Document); err != nil || got.Kind != "invoice" {
				t.Errorf("%+v, %v; want the first visit's", got, err)
			}
		})
	}
}

func TestASearchFindsByNumberPartyDateAndAmount(t *testing.T) {
	queries := map[string]struct {
		query records.Query
		want  string
	}{
		"everything":           {records.Query{}, "doc-1 doc-2 doc-3 doc-9"},
		"kind":                 {records.Query{Kind: "document"}, "doc-9"},
		"number":               {records.Query{Number: "R-2"}, "doc-2"},
		"party, other case":    {records.Query{Party: "bei SPIEL"}, "doc-1 doc-2 doc-3"},
		"party, not ASCII":     {records.Query{Party: "KÄUFER_3"}, "doc-3"},
		"party, pattern signs": {records.Query{Party: "k%r"}, ""},
		"VAT identifier":       {records.Query{Party: "DE123456789"}, "doc-1 doc-2 doc-3"},
		"from":                 {records.Query{From: "2026-02-15"}, "doc-2 doc-3"},
		"to":                   {records.Query{To: "2026-02-14"}, "doc-1"},
		"between amounts":      {records.Query{Min: "200.1", Max: "300.09"}, "doc-2"},
		"all at once":          {records.Query{Number: "R-3", Party: "söhne", From: "2026-01-01", Min: "1", Kind: "invoice"}, "doc-3"},
	}
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			plain := runner.Visit{Document: "doc-9", Step: "records", Number: 1, Input: json.RawMessage(`{"parsing": {"pages": 1}}`)}
			store(t, s, invoice(1), invoice(2), invoice(3), plain)
			for name, q := range queries {
				page, next, err := s.List(t.Context(), q.query)
				if err != nil || next != "" {
					t.Errorf("%s: next %q, %v", name, next, err)
				}
				var got []string
				for _, r := range page {
					got = append(got, string(r.Document))
				}
				if strings.Join(got, " ") != q.want {
					t.Errorf("%s: got %v, want %s", name, got, q.want)
				}
			}
			for _, bad := range []records.Query{{Min: "abc"}, {Max: "1e9"}, {After: "x"}} {
				if _, _, err := s.List(t.Context(), bad); err == nil {
					t.Errorf("%+v: no error", bad)
				}
			}
		})
	}
}

func TestPagesFollowOneAnotherWithoutGapOrRepeat(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			for n := 1; n <= 7; n++ {
				store(t, s, invoice(n))
			}
			var got []string
			after := ""
			for pages := 0; pages == 0 || after != ""; pages++ {
				page, next, err := s.List(t.Context(), records.Query{Limit: 3, After: after})
				if err != nil || pages > 3 {
					t.Fatalf("page %d: %v", pages, err)
				}
				for _, r := range page {
					got = append(got, string(r.Document))
				}
				after = next
			}
			if want := "doc-1 doc-2 doc-3 doc-4 doc-5 doc-6 doc-7"; strings.Join(got, " ") != want {
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}
}

func TestDuplicatesAreOtherDocumentsOfTheSameSellerAndNumber(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			copied := invoice(1)
			copied.Document = "doc-1-copy"
			store(t, s, invoice(1), invoice(2), copied)
			for _, by := range [][2]string{{"DE123456789", "whatever"}, {"", "BEI spiel gmbh"}} {
				got, err := s.Duplicates(t.Context(), "doc-1", by[0], by[1], "R-1")
				if err != nil || len(got) != 1 || got[0] != "doc-1-copy" {
					t.Errorf("seller %v: got %v, %v; want the copy", by, got, err)
				}
			}
			if got, err := s.Duplicates(t.Context(), "doc-2", "DE123456789", "", "R-2"); err != nil || len(got) != 0 {
				t.Errorf("got %v, %v; want none", got, err)
			}
		})
	}
}

// noise returns a text of n letters that no index can compress, each of two
// bytes.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	letters := make([]rune, n)
	for i := range letters {
		letters[i] = rune(0x400 + r.IntN(200))
	}
	return string(letters)
}

func TestATextTooLongForAnIndexIsStoredAndFound(t *testing.T) {
	long := "x" + noise(6000)
	visit := func(document events.DocumentID, number string) runner.Visit {
		input, err := json.Marshal(map[string]any{"validation": map[string]any{"kind": "invoice", "invoice": map[string]any{
			"number": number, "date": long, "seller": map[string]any{"name": long, "vatID": long},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return runner.Visit{Document: document, Step: "records", Number: 1, Input: input}
	}
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			store(t, s, visit("a", long), visit("b", long), visit("c", long+"c"))
			got, err := s.Get(t.Context(), "a")
			if err != nil || got.Invoice.Number != long || got.Invoice.Date != long || got.Invoice.Seller.VATID != long {
				t.Errorf("the record does not hold the texts as they were (error %v)", err)
			}
			for _, seller := range [][2]string{{long, ""}, {"", long}} {
				found, err := s.Duplicates(t.Context(), "a", seller[0], seller[1], long)
				if err != nil || len(found) != 1 || found[0] != "b" {
					t.Errorf("duplicates of a: got %v, %v, want b", found, err)
				}
			}
			for _, q := range []records.Query{{Number: long}, {Number: long, Party: long}, {Number: long, From: long, To: long}} {
				page, _, err := s.List(t.Context(), q)
				if err != nil || len(page) != 2 || page[0].Document != "a" || page[1].Document != "b" {
					t.Errorf("got %d records, %v, want a and b", len(page), err)
				}
			}
		})
	}
}

// oneFile is a file store with one file in it.
type oneFile string

func (f oneFile) Open(context.Context, events.DocumentID, events.File) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(string(f))), nil
}

func TestAnInvoiceInTheFileStoreIsFetchedFromThere(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "records.db"))
	v := runner.Visit{Document: "big", Step: "records", Number: 1, Input: json.RawMessage(
		`{"validation": {"kind": "invoice", "invoice": {"number": "short"}, "invoiceFile": {"ref": "sha256:11", "size": 1}}}`)}
	if _, err := records.New(s, nil).Do(t.Context(), v); err == nil {
		t.Error("without a file store: no error")
	}
	if _, err := records.New(s, oneFile(`{"number": "long", "lines": [{"id": "1"}]}`)).Do(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(t.Context(), "big")
	if err != nil || got.Invoice == nil || got.Invoice.Number != "long" || len(got.Invoice.Lines) != 1 {
		t.Errorf("got %+v, %v", got.Invoice, err)
	}
}

func TestAnExportHoldsEveryRecordOnce(t *testing.T) {
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			evil := runner.Visit{Document: "evil", Step: "records", Number: 1, Input: json.RawMessage(
				`{"validation": {"kind": "invoice", "invoice": {"number": "=cmd()", "totals": {"grand": "-8.79"}}}, "location": {"name": "a,\"b\".pdf"}}`)}
			store(t, s, invoice(1), invoice(2), evil)
			var csv, jsonl strings.Builder
			if err := errors.Join(s.Export(t.Context(), &csv, records.CSV, records.Query{}), s.Export(t.Context(), &jsonl, records.JSONL, records.Query{Number: "R-2"})); err != nil {
				t.Fatal(err)
			}
			rows := strings.Split(strings.TrimSpace(csv.String()), "\n")
			if len(rows) != 4 || !strings.HasPrefix(rows[1], `doc-1,invoice,R-1,380,2026-01-15,,Bei  Spiel GmbH,DE123456789,Käufer_1 & Söhne,,EUR,100.00,0.10,100.10,100.10,2,`) {
				t.Errorf("got %s", csv.String())
			}
			if !strings.Contains(rows[3], `'=cmd()`) || !strings.Contains(rows[3], `,-8.79,`) || !strings.Contains(rows[3], `"a,""b"".pdf"`) {
				t.Errorf("got %s", rows[3])
			}
			var r records.Record
			if err := json.Unmarshal([]byte(jsonl.String()), &r); err != nil || r.Document != "doc-2" || len(r.Invoice.Lines) != 2 {
				t.Errorf("got %s, %v", jsonl.String(), err)
			}
			if err := s.Export(t.Context(), io.Discard, "xml", records.Query{}); err == nil {
				t.Error("format xml: no error")
			}
		})
	}
}

func TestAStoreOpensAgainAndRefusesTablesOfALaterVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	first := open(t, path)
	store(t, first, invoice(1))
	if page, _, err := open(t, path).List(t.Context(), records.Query{}); err != nil || len(page) != 1 {
		t.Errorf("opened again: %d records, %v", len(page), err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.ExecContext(t.Context(), `INSERT INTO record_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := records.Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v, want an error about a newer version", err)
	}
	if _, err := records.Open(t.Context(), ""); err == nil {
		t.Error("no path: no error")
	}
}
