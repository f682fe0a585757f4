package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/projections/sqlstore"
)

func (a *app) rebuildCommand() *cobra.Command {
	var accept, drop bool
	var archives archiveFlags
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Make the projections anew from the log, and compare them with those in use",
		Long: `Makes the status of all documents anew, beside the tables that answer, compares
both at the same positions of the log, and lets the new ones answer. If they
differ nothing is changed, unless --accept says that they may. A server may go
on meanwhile. The old tables are kept until --drop removes them.

Of archived documents that were taken out of the log the new ones say no more
than that they were submitted and have ended, unless --archive gives the files.`,
		Example: `  docsaga rebuild --status docsaga-data/status.db
  docsaga rebuild --status postgres://user@db/status --accept --drop`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				log, err := archives.view(a, sys.log)
				if err != nil {
					return err
				}
				defer archives.close()
				return a.rebuild(ctx, sys, log, accept, drop)
			})
		},
	}
	archives.add(cmd)
	cmd.Flags().BoolVar(&accept, "accept", false, "let the new ones answer even if they differ")
	cmd.Flags().BoolVar(&drop, "drop", false, "remove the old tables when the new ones answer")
	return cmd
}

func (a *app) rebuild(ctx context.Context, sys *system, log sqlstore.Log, accept, drop bool) error {
	store, err := sqlstore.Open(ctx, sys.statusURL())
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	defer store.Close() //nolint:errcheck // what was written is committed
	report, err := store.Rebuild(ctx, log, sys.catalog, accept)
	if errors.Is(err, sqlstore.ErrDiffers) {
		a.say("the projections in use have checksum %s, the new ones %s; to use the new ones give --accept", report.Before, report.After)
		if n, err := removedDocuments(ctx, sys.log); err == nil && n > 0 {
			a.say("%d documents were archived and taken out of the log: give their files with --archive", n)
		}
		return coded{code: exitFailed, err: err}
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	if drop {
		if err := store.DropOld(ctx); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	return printOne(a, report, func(r sqlstore.Rebuilt) error {
		_, err := fmt.Fprintf(a.out, "tables      %s\npositions   %v\nbefore      %s\nafter       %s\n", r.Tables, r.Positions, r.Before, r.After)
		return err
	})
}
