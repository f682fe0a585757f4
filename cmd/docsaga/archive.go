package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/replay"
)

func (a *app) archiveCommand() *cobra.Command {
	var f auditFlags
	var older time.Duration
	cmd := &cobra.Command{
		Use:   "archive FILE.zip",
		Short: "Write documents that ended long ago to one compressed file, with their proofs",
		Long: `Writes each document that ended longer ago than --older to FILE.zip, in the form of
audit export. docsaga audit verify checks the file by the public key, and
docsaga replay --from reads it, and with --and-log goes on with the rest of the
log. The log keeps what it has: no event is removed.`,
		Example: "  docsaga archive 2025.zip --older 8760h --audit-pub audit.key.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ev, err := f.evidence(a)
			if err != nil {
				return err
			}
			if !archive.Is(args[0]) || older < 0 {
				return usage("want a file named *%s and an age of 0 or more", archive.Extension)
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				return a.archive(ctx, sys, args[0], ev, time.Now().Add(-older))
			})
		},
	}
	f.addDir(cmd)
	f.addPublic(cmd)
	cmd.Flags().DurationVar(&older, "older", 30*24*time.Hour, "how long ago a document must have ended")
	return cmd
}

func (a *app) archive(ctx context.Context, sys *system, path string, ev audit.Evidence, before time.Time) (err error) {
	w, err := archive.Create(path)
	if err != nil {
		return err
	}
	n := 0
	q := replay.Query{Filter: replay.Filter{Steps: []events.StepID{events.StepDocument}, Before: before}}
	for batch, batchErr := range replay.Read(ctx, sys.log, q) {
		if err = batchErr; err != nil {
			break
		}
		for _, e := range batch.Events {
			if e.Slot.Kind != events.Ended || err != nil {
				continue
			}
			var x *audit.Export
			if x, err = audit.Prove(ctx, sys.log, e.Slot.Document, ev); err == nil {
				err = w.Add(x)
				n++
			}
		}
		if err != nil {
			break
		}
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return errors.Join(fmt.Errorf("archive: %w", proofError(err)), os.Remove(path))
	}
	a.say("%d documents in %s", n, path)
	return nil
}

// verifyArchive checks each document of a file.
func (a *app) verifyArchive(path string, ev audit.Evidence) error {
	good, bad := 0, 0
	for _, err := range archive.Documents(path, ev.Key) {
		switch {
		case err == nil:
			good++
		case errors.Is(err, audit.ErrBad):
			bad++
			a.say("%v", err)
		default:
			return coded{code: exitFailed, err: err}
		}
	}
	if bad > 0 {
		return coded{code: exitFailed, err: fmt.Errorf("%s: %d of %d documents do not hold", path, bad, good+bad)}
	}
	_, err := fmt.Fprintf(a.out, "%d documents, all as they were signed\n", good)
	return err
}

// fromArchives yields what a filter selects of archived documents, document by
// document, and notes which positions the files hold.
func fromArchives(paths []string, ev audit.Evidence, filter replay.Filter, archived positionSet) iter.Seq2[replay.Batch, error] {
	return func(yield func(replay.Batch, error) bool) {
		for _, path := range paths {
			for p, err := range archive.Documents(path, ev.Key) {
				var batch replay.Batch
				for i := range orNone(p) {
					d := p.Events[i]
					known := archived.has(d.Event.Position) // another file has it too
					archived.add(d.Event.Position)
					switch {
					case known:
					case d.Bad != nil:
						batch.Bad = append(batch.Bad, d)
					case filter.Selects(&d.Event):
						batch.Events = append(batch.Events, &d.Event)
					}
				}
				if !yield(batch, err) {
					return
				}
			}
		}
	}
}

func orNone(p *audit.Proven) []events.Delivery {
	if p == nil {
		return nil
	}
	return p.Events
}
