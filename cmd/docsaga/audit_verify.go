package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/audit"
)

func (a *app) auditVerify() *cobra.Command {
	var f auditFlags
	var outside []string
	var files bool
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check the log against its checkpoints, or an exported document by itself",
		Long: `Without FILE it reads the whole log and compares it with the audit directory:
each event that was changed, removed, inserted or moved is named. With FILE it
checks what audit export or archive has written, by nothing but the public key;
it needs no server. Exit code 1 if anything does not hold.`,
		Example: `  docsaga audit verify --audit-pub audit.key.pub --files
  docsaga audit verify --audit-pub audit.key.pub --checkpoint /mnt/elsewhere/checkpoints
  docsaga audit verify order-4711.json --audit-pub audit.key.pub`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ev, err := f.evidence(a)
			if err != nil {
				return err
			}
			if len(args) > 0 && archive.Is(args[0]) {
				return a.verifyArchive(args[0], ev)
			}
			if len(args) > 0 {
				return a.verifyExport(args[0], ev)
			}
			for _, path := range outside {
				signed, err := audit.ReadCheckpoints(path)
				if err == nil && len(signed) == 0 {
					err = fmt.Errorf("%s holds no checkpoint: %w", path, os.ErrNotExist)
				}
				if err != nil {
					return err
				}
				ev.Outside = append(ev.Outside, signed...)
			}
			return a.verifyLog(cmd.Context(), ev, files)
		},
	}
	f.addDir(cmd)
	f.addPublic(cmd)
	cmd.Flags().StringArrayVar(&outside, "checkpoint", nil, "file with checkpoints that were kept elsewhere (repeatable)")
	cmd.Flags().BoolVar(&files, "files", false, "read the files that events name, too")
	return cmd
}

func (a *app) verifyLog(ctx context.Context, ev audit.Evidence, files bool) error {
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		if files {
			ev.Files = sys.log.Files()
		}
		r, err := audit.Verify(ctx, sys.log, sys.log, ev)
		if err != nil {
			return err
		}
		if err := printOne(a, r, a.showResult); err != nil {
			return err
		}
		if !r.OK() {
			return coded{code: exitFailed}
		}
		return nil
	})
}

func (a *app) showResult(r audit.Result) error {
	_, _ = fmt.Fprintf(a.out, "events       %d, and %d after the last checkpoint\ncheckpoints  %d\ndefinitions  %d\nfiles        %d, and %d that are not kept any more\n",
		r.Events, r.Uncovered, r.Checkpoints, r.Definitions, r.Files, r.Released)
	if r.Archived > 0 {
		_, _ = fmt.Fprintf(a.out, "archived     %d events were taken out of the log, and their hashes are as recorded\n", r.Archived)
	}
	if r.OK() {
		_, err := fmt.Fprintln(a.out, "\nall of it is as it was signed")
		return err
	}
	_, _ = fmt.Fprintln(a.out)
	return printList(a, r.Findings, func(list []audit.Finding) table {
		t := table{head: []string{"WHERE", "WHAT"}}
		for _, f := range list {
			t.rows = append(t.rows, []string{f.Where, f.What})
		}
		return t
	})
}

func (a *app) verifyExport(path string, ev audit.Evidence) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	p, err := audit.CheckExport(file, ev.Key)
	if err != nil {
		return coded{code: exitFailed, err: fmt.Errorf("%s: %w", path, err)}
	}
	return printOne(a, p, a.showProven)
}

func (a *app) showProven(p *audit.Proven) error {
	_, _ = fmt.Fprintf(a.out, "document    %s\nproved by   %s, %d events, signed %s\n", p.Document, p.Checkpoint.Log, p.Checkpoint.Size, p.SignedAt.Format(time.RFC3339))
	for _, d := range p.Definitions {
		_, _ = fmt.Fprintf(a.out, "definition  %v\n", d)
	}
	for _, f := range p.Files {
		_, _ = fmt.Fprintf(a.out, "file        %s\n", f)
	}
	_, _ = fmt.Fprintln(a.out)
	history := make([]events.Event, len(p.Events))
	for i := range p.Events {
		history[i] = p.Events[i].Event
	}
	return printList(a, history, historyTable)
}
