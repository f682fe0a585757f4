package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/records"
)

func (a *app) recordsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "records",
		Short: "Show what documents became: invoices, forms, documents",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.recordsList(), a.recordsGet(), a.recordsExport())
	return cmd
}

// queryFlags are the filters of list and export.
func queryFlags(cmd *cobra.Command, q *records.Query) {
	f := cmd.Flags()
	f.StringVar(&q.Kind, "kind", "", "invoice, form or document")
	f.StringVar(&q.Number, "number", "", "of the invoice")
	f.StringVar(&q.Party, "party", "", "part of the seller's or buyer's name, or a VAT identifier")
	f.StringVar(&q.From, "from", "", "first date of the invoice, YYYY-MM-DD")
	f.StringVar(&q.To, "to", "", "last date of the invoice, YYYY-MM-DD")
	f.StringVar(&q.Min, "min", "", "least total")
	f.StringVar(&q.Max, "max", "", "greatest total")
}

func (a *app) recordsList() *cobra.Command {
	var q records.Query
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List records",
		Example: "  docsaga records list --party Hafen --from 2026-01-01 -o jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRecords(cmd.Context(), func(ctx context.Context, store *records.Store) error {
				page, next, err := store.List(ctx, q)
				if err != nil {
					return fmt.Errorf("records: %w", err)
				}
				if next != "" {
					a.say("there are more: --after %s", next)
				}
				return printList(a, page, recordTable)
			})
		},
	}
	queryFlags(cmd, &q)
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "how many at most")
	cmd.Flags().StringVar(&q.After, "after", "", "go on after a page, as it said")
	return cmd
}

func (a *app) recordsGet() *cobra.Command {
	return &cobra.Command{
		Use:     "get DOCUMENT",
		Short:   "Show the record of a document",
		Example: "  docsaga records get order-4711 -o yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := events.DocumentID(args[0])
			if err := events.CheckID(id); err != nil {
				return usage("document: %w", err)
			}
			return a.withRecords(cmd.Context(), func(ctx context.Context, store *records.Store) error {
				r, err := store.Get(ctx, id)
				if errors.Is(err, records.ErrNotFound) {
					return coded{code: exitNotFound, err: fmt.Errorf("document %s has no record", id)}
				}
				if err != nil {
					return fmt.Errorf("records: %w", err)
				}
				return printOne(a, r, func(r records.Record) error { return a.printYAML(r) })
			})
		},
	}
}

func (a *app) recordsExport() *cobra.Command {
	var q records.Query
	var format string
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write all records that match to standard output",
		Example: "  docsaga records export --kind invoice --format csv > invoices.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != string(records.CSV) && format != string(records.JSONL) {
				return usage("--format %q: want csv or jsonl", format)
			}
			return a.withRecords(cmd.Context(), func(ctx context.Context, store *records.Store) error {
				if err := store.Export(ctx, a.out, records.Format(format), q); err != nil {
					return fmt.Errorf("records: %w", err)
				}
				return nil
			})
		},
	}
	queryFlags(cmd, &q)
	cmd.Flags().StringVar(&format, "format", "csv", "csv or jsonl")
	return cmd
}

// withRecords opens the database of the records; it is not made if it is not
// there.
func (a *app) withRecords(ctx context.Context, do func(context.Context, *records.Store) error) error {
	sys := &system{app: a, dir: orElse(a.settings.data, defaultData)}
	url := sys.recordsURL()
	if _, err := os.Stat(url); err != nil && !isURL(url) {
		return coded{code: exitNotFound, err: fmt.Errorf("there is no database %s; name it with --records, or its directory with --data", url)}
	}
	store, err := records.Open(ctx, url)
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	defer store.Close() //nolint:errcheck // only read
	return do(ctx, store)
}

func recordTable(list []records.Record) table {
	t := table{head: []string{"DOCUMENT", "KIND", "NUMBER", "DATE", "SELLER", "BUYER", "TOTAL", "NAME"}}
	for _, r := range list {
		row := []string{string(r.Document), r.Kind, "-", "-", "-", "-", "-", r.Name}
		if i := r.Invoice; i != nil {
			row[2], row[3], row[4], row[5] = i.Number, i.Date, i.Seller.Name, i.Buyer.Name
			row[6] = i.Totals.Grand + " " + i.Currency
		}
		t.rows = append(t.rows, row)
	}
	return t
}
