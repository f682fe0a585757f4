package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/replay"
)

func (a *app) archiveCommand() *cobra.Command {
	var f auditFlags
	var older time.Duration
	var remove, dry bool
	cmd := &cobra.Command{
		Use:   "archive FILE.zip",
		Short: "Write documents that ended long ago to one compressed file, with their proofs",
		Long: `Writes each document that ended longer ago than --older to FILE.zip, in the form of
audit export. docsaga audit verify checks the file by the public key, and
docsaga replay --from reads it, and with --and-log goes on with the rest of the
log. The log keeps what it has, unless --remove is given.

With --remove the events of those documents' steps are taken out of the log
afterwards; that each was submitted and has ended stays. It works on the log in
--data, of which no server may run, or with --nats on a server that nobody else
works with: it refuses while somebody does. Each shard is closed, saved, put back
without those events, and opened again; what it needs for that lies in
FILE.zip.removing. After a crash run the same command again. --dry-run says how
much would go; the system may run meanwhile.`,
		Example: `  docsaga archive 2025.zip --older 8760h --audit-pub audit.key.pub
  docsaga archive 2025.zip --older 8760h --dry-run
  docsaga archive 2025.zip --older 8760h --audit-pub audit.key.pub --remove --data docsaga-data`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !archive.Is(args[0]) || older < 0 {
				return usage("want a file named *%s and an age of 0 or more", archive.Extension)
			}
			before := time.Now().Add(-older)
			if dry {
				return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error { return a.weigh(ctx, sys.log, before) })
			}
			ev, err := f.evidence(a)
			if err != nil {
				return err
			}
			if remove {
				r := removal{app: a, path: args[0], ev: ev, before: before, remote: cmd.Flags().Changed("nats")}
				return r.run(cmd.Context())
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error {
				n, err := writeArchive(ctx, sys.log, args[0], ev, before, func(*audit.Export) error { return nil })
				if err == nil {
					a.say("%d documents in %s", n, args[0])
				}
				return err
			})
		},
	}
	f.addDir(cmd)
	f.addPublic(cmd)
	a.who.add(cmd)
	cmd.Flags().DurationVar(&older, "older", 30*24*time.Hour, "how long ago a document must have ended")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the events of the documents' steps out of the log")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how many documents, events and bytes --remove would take out of the log")
	return cmd
}

// writeArchive writes documents that ended before a time to a new file, and
// calls each with what was written of one. It returns how many there were.
func writeArchive(ctx context.Context, log *natslog.Log, path string, ev audit.Evidence, before time.Time, each func(*audit.Export) error) (n int, err error) {
	w, err := archive.Create(path)
	if err != nil {
		return 0, err
	}
	var x *audit.Export
	for id, idErr := range oldDocuments(ctx, log, before) {
		if err = idErr; err == nil {
			x, err = audit.Prove(ctx, log, id, ev)
		}
		if err == nil {
			err = w.Add(x)
		}
		if err == nil {
			err = each(x)
		}
		if err != nil {
			break
		}
		n++
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return n, errors.Join(fmt.Errorf("archive: %w", proofError(err)), os.Remove(path))
	}
	return n, nil
}

// oldDocuments yields the documents that ended before a time and are whole in
// the log. One that another called is left out until that has ended, too: it
// may have to be undone.
func oldDocuments(ctx context.Context, log *natslog.Log, before time.Time) iter.Seq2[events.DocumentID, error] {
	return func(yield func(events.DocumentID, error) bool) {
		known := make(map[events.DocumentID]bool) // documents that have been archived before
		for d, err := range log.RemovedDocuments(ctx) {
			if err != nil {
				yield("", err)
				return
			}
			known[d.Document] = true
		}
		ended := make(map[events.DocumentID]bool)
		callers := make(map[events.DocumentID]events.DocumentID)
		var order []events.DocumentID
		q := replay.Query{Filter: replay.Filter{Steps: []events.StepID{events.StepDocument}, Before: before}}
		for batch, err := range replay.Read(ctx, log, q) {
			if err != nil {
				yield("", err)
				return
			}
			for _, e := range batch.Events {
				switch caller, called := flows.Caller(e.Slot.Document, e.Source); {
				case e.Slot.Kind == events.Submitted && called:
					callers[e.Slot.Document] = caller
				case e.Slot.Kind == events.Ended && !ended[e.Slot.Document]:
					ended[e.Slot.Document] = true
					order = append(order, e.Slot.Document)
				}
			}
		}
		if ctx.Err() != nil {
			yield("", context.Cause(ctx))
			return
		}
		for _, id := range order {
			if caller, called := callers[id]; known[id] || called && !ended[caller] {
				continue
			}
			if !yield(id, nil) {
				return
			}
		}
	}
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
