package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// archiveFlags name the archives of documents that were taken out of the log.
type archiveFlags struct {
	paths    []string
	evidence auditFlags
	files    *archive.Files
}

func (f *archiveFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.paths, "archive", nil, "file with archived documents that were taken out of the log; wants --audit-pub (repeatable)")
	f.evidence.addPublic(cmd)
}

// arguments returns the flags for another process.
func (f *archiveFlags) arguments() (args []string) {
	for _, path := range f.paths {
		args = append(args, "--archive", path)
	}
	if len(args) > 0 {
		args = append(args, "--audit-pub", f.evidence.public)
	}
	return args
}

// open opens the files; it returns nil if there are none.
func (f *archiveFlags) open(a *app) (*archive.Files, error) {
	if len(f.paths) == 0 {
		return nil, nil
	}
	ev, err := f.evidence.evidence(a)
	if err == nil {
		f.files, err = archive.OpenFiles(f.paths, ev.Key)
	}
	if err != nil {
		return nil, proofError(err)
	}
	return f.files, nil
}

func (f *archiveFlags) close() {
	if f.files != nil {
		_ = f.files.Close() // only read
	}
}

// view returns the log, with what the archives hold in its place.
func (f *archiveFlags) view(a *app, log *natslog.Log) (sqlstore.Log, error) {
	files, err := f.open(a)
	if files == nil || err != nil {
		return log, err
	}
	return wholeLog{files, log}, nil
}

// A wholeLog is a log with its archives.
type wholeLog struct {
	files *archive.Files
	log   *natslog.Log
}

func (w wholeLog) Shards() int { return w.log.Shards() }

func (w wholeLog) Follow(ctx context.Context, after events.Position) iter.Seq2[[]events.Delivery, error] {
	return w.files.Follow(ctx, w.log, after)
}

// removedDocuments counts the documents that were archived and taken out of
// the log.
func removedDocuments(ctx context.Context, log *natslog.Log) (n int, err error) {
	for _, err := range log.RemovedDocuments(ctx) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// whereArchived returns an error that says so if a document was archived and
// taken out of the log, and else err.
func whereArchived(ctx context.Context, log *natslog.Log, document events.DocumentID, err error) error {
	for d, listErr := range log.RemovedDocuments(ctx) {
		if listErr == nil && d.Document == document {
			return coded{code: exitNotFound, err: fmt.Errorf("document %s was archived and taken out of the log; its proofs are in the archive: docsaga audit verify FILE.zip", document)}
		}
	}
	return err
}
