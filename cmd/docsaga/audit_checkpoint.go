package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/feed"
)

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
