package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
)

// prove makes the export of a document; sealed leaves its key out.
func (a *app) prove(ctx context.Context, arg string, f auditFlags, sealed bool) (x *audit.Export, ev audit.Evidence, err error) {
	if ev, err = f.evidence(a); err != nil {
		return nil, ev, err
	}
	err = a.withDocument(ctx, arg, func(ctx context.Context, sys *system, id events.DocumentID) (err error) {
		if !sealed {
			if ev.DocumentKey, err = sys.log.DocumentKey(ctx, id); err != nil {
				return err
			}
		}
		if x, err = audit.Prove(ctx, sys.log, id, ev); err != nil {
			return whereArchived(ctx, sys.log, id, err)
		}
		return nil
	})
	return x, ev, err
}

func (a *app) auditProve() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:     "prove DOCUMENT",
		Short:   "Show that a document's events stand in the log that was signed",
		Example: "  docsaga audit prove order-4711 --audit-pub audit.key.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, ev, err := a.prove(cmd.Context(), args[0], f, false)
			if err != nil {
				return proofError(err)
			}
			file, err := x.Marshal()
			if err != nil {
				return err
			}
			p, err := audit.CheckExport(file, ev.Key)
			if err != nil {
				return proofError(err)
			}
			return printOne(a, p, a.showProven)
		},
	}
	f.addDir(cmd)
	f.addPublic(cmd)
	return cmd
}

func proofError(err error) error {
	if errors.Is(err, audit.ErrBad) {
		return coded{code: exitFailed, err: err}
	}
	return err
}

func (a *app) auditExport() *cobra.Command {
	var f auditFlags
	var sealed bool
	cmd := &cobra.Command{
		Use:   "export DOCUMENT [FILE]",
		Short: "Write a document's history with its proofs to one file",
		Long: `Writes the document's events as they are stored, the proof that each is in the
log that was signed, the definition that they follow and the digests of the
files that they name. docsaga audit verify FILE checks it by the public key.

The file holds the key of the document, if that has one: who has the file can read
it, even when the document is forgotten. With --sealed it shows the way only.`,
		Example: "  docsaga audit export order-4711 order-4711.json --audit-pub audit.key.pub",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			x, _, err := a.prove(cmd.Context(), args[0], f, sealed)
			if err != nil {
				return proofError(err)
			}
			file, err := x.Marshal()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				_, err = a.out.Write(file)
			} else {
				err = replaceFile(args[1], file)
			}
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return nil
		},
	}
	f.addDir(cmd)
	f.addPublic(cmd)
	cmd.Flags().BoolVar(&sealed, "sealed", false, "leave the document's key out")
	return cmd
}
