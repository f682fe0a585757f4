package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/feed"
)

// auditFlags say where the evidence is.
type auditFlags struct {
	dir, key, public string
	every            time.Duration
}

func (f *auditFlags) addDir(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "audit-dir", "", "directory of checkpoints and hashes (default audit in --data)")
}

func (f *auditFlags) addPublic(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.public, "audit-pub", "", "file with the public key")
}

// evidence returns the audit directory and the public key.
func (f *auditFlags) evidence(a *app) (audit.Evidence, error) {
	if f.public == "" {
		return audit.Evidence{}, usage("--audit-pub is missing: the file with the public key, which docsaga audit keygen has made")
	}
	key, err := audit.LoadPublicKey(f.public)
	return audit.Evidence{Dir: f.directory(a), Key: key}, err
}

func (f *auditFlags) directory(a *app) string {
	if f.dir != "" {
		return f.dir
	}
	return filepath.Join(orElse(a.settings.data, defaultData), "audit")
}

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Sign the log, find what was done to it, prove a document's history",
		Long: `Makes the log evidence. Signed checkpoints, kept outside of the log, say which
events it holds; whoever has the public key finds out later whether one was
changed, removed, inserted or moved, or the log rolled back.

Keep the checkpoints, or copies of some, where the one who runs the log cannot
write: against checkpoints that he can replace nothing is proved.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditKeygen(), a.auditCheckpoint(), a.auditVerify(), a.auditProve(), a.auditExport(), a.auditChanges())
	return cmd
}

func (a *app) auditKeygen() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "keygen FILE",
		Short:   "Make a key pair: the private key in FILE, the public one in FILE.pub",
		Example: "  docsaga audit keygen audit.key --name example.org/docsaga",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := audit.GenerateKey(args[0], name)
			if errors.Is(err, os.ErrExist) {
				return coded{code: exitConflict, err: err}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.out, public)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "docsaga", "whose log the key speaks for, such as example.org/docsaga")
	return cmd
}

func (a *app) auditCheckpoint() *cobra.Command {
	var f auditFlags
	var follow bool
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Record what the log holds now, and sign it",
		Long: `Reads what has come since the last checkpoint, records its hashes in the audit
directory and signs them; with --follow from time to time until it is stopped.
It reads beside the path, and what it finds is printed to be kept elsewhere.`,
		Example: `  docsaga audit checkpoint --audit-key audit.key >> /mnt/elsewhere/checkpoints
  docsaga audit checkpoint --audit-key audit.key --follow --every 10s`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.checkpoint(cmd.Context(), f, follow)
		},
	}
	f.addDir(cmd)
	cmd.Flags().StringVar(&f.key, "audit-key", "", "file with the private key")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until stopped")
	cmd.Flags().DurationVar(&f.every, "every", 10*time.Second, "with --follow: how often to sign what has come")
	return cmd
}

// addRecorder adds what a process is told that records and signs checkpoints
// besides what it does.
func (f *auditFlags) addRecorder(cmd *cobra.Command) {
	f.addDir(cmd)
	cmd.Flags().StringVar(&f.key, "audit-key", "", "file with the private key that signs checkpoints of the log (default none are made)")
	cmd.Flags().DurationVar(&f.every, "audit-every", 10*time.Second, "how often to sign what has come")
}

// recorder returns what records the log and signs checkpoints.
func (s *system) recorder(ctx context.Context, f auditFlags) (*audit.Recorder, error) {
	if f.key == "" {
		return nil, usage("--audit-key is missing: the file with the private key, which docsaga audit keygen has made")
	}
	if f.every <= 0 {
		return nil, usage("%v is not how often checkpoints can be signed: want more than 0", f.every)
	}
	signer, err := audit.LoadKey(f.key)
	if err != nil {
		return nil, err
	}
	verifier, err := audit.LoadPublicKey(f.key + ".pub")
	if err != nil {
		return nil, err
	}
	return audit.NewRecorder(ctx, s.log, s.log.Shards(), signer, verifier, audit.Config{Dir: f.directory(s.app), Every: f.every})
}

func (a *app) checkpoint(ctx context.Context, f auditFlags, follow bool) error {
	if f.key == "" || f.every <= 0 { // before anything is asked of the server
		return usage("want --audit-key, the file with the private key, which docsaga audit keygen has made, and --every more than 0")
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) (err error) {
		r, err := sys.recorder(ctx, f)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		if follow {
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { return r.Run(ctx) })
			g.Go(func() error { return feed.Run(ctx, sys.log, r) })
			return g.Wait()
		}
		if err := sys.recordAll(ctx, r); err != nil {
			return err
		}
		if err := r.Checkpoint(time.Now()); err != nil {
			return err
		}
		return a.printCheckpoints(f.directory(a), sys.log.Shards())
	})
}

// recordAll records what the log holds now.
func (s *system) recordAll(ctx context.Context, r *audit.Recorder) error {
	for shard := range s.log.Shards() {
		last, err := s.log.Last(ctx, shard)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		seq, err := r.Start(ctx, shard)
		if err != nil {
			return err
		}
		if seq > last {
			return coded{code: exitFailed, err: fmt.Errorf("audit: shard %d ends at %d, recorded is up to %d: the log was rolled back", shard, last, seq)}
		}
		if seq == last {
			continue
		}
		for batch, err := range s.log.Follow(ctx, events.Position{Shard: shard, Seq: seq}) {
			if err != nil {
				return fmt.Errorf("audit: %w", err)
			}
			if err := r.Apply(ctx, shard, batch); err != nil {
				return err
			}
			if batch[len(batch)-1].Event.Position.Seq >= last {
				break
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("audit: %w", context.Cause(ctx))
		}
	}
	return nil
}

// printCheckpoints prints the newest checkpoint of each log.
func (a *app) printCheckpoints(dir string, shards int) error {
	logs := []string{"definitions"}
	for shard := range shards {
		logs = append(logs, "log-"+strconv.Itoa(shard))
	}
	for _, log := range logs {
		all, err := audit.ReadCheckpoints(filepath.Join(dir, log, "checkpoints"))
		if err != nil {
			return err
		}
		if len(all) == 0 {
			continue // a shard without events
		}
		if _, err := fmt.Fprintf(a.out, "%s\n", all[len(all)-1]); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

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
