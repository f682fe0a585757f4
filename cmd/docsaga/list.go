package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

func (a *app) listCommand() *cobra.Command {
	var f projections.Filter
	var since, until string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List documents",
		Long: `Lists documents by the projections that --status names or, without that, by
reading the log from its beginning.`,
		Example: `  docsaga list --state rejected --reason invoice-rules
  docsaga list --step security --since 24h -o jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if f.Since, err = parseTime("since", since); err != nil {
				return err
			}
			if f.Until, err = parseTime("until", until); err != nil {
				return err
			}
			return a.connected(cmd.Context(), func(ctx context.Context, sys *system) error { return a.list(ctx, sys, f) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.State, "state", "", "running, compensating, incident, completed, rejected, failed or cancelled")
	flags.StringVar(&f.Step, "step", "", "the step that a document is in or stopped at")
	flags.StringVar(&f.Definition, "definition", "", "the flow")
	flags.StringVar(&f.Reason, "reason", "", "why a document stopped")
	flags.StringVar(&f.Text, "text", "", "part of its id or name")
	flags.StringVar(&since, "since", "", "submitted at or after: a time (2026-01-02T15:04:05Z) or how long ago (24h)")
	flags.StringVar(&until, "until", "", "submitted before: as --since")
	flags.IntVar(&f.Limit, "limit", 100, "how many at most")
	return cmd
}

// parseTime reads a time, or how long ago it was.
func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-ago).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, usage("--%s %q: want a time such as 2026-01-02T15:04:05Z, or a duration such as 24h", flag, text)
	}
	return t, nil
}

func (a *app) list(ctx context.Context, sys *system, f projections.Filter) error {
	store, done, err := sys.filled(ctx)
	if err != nil {
		return err
	}
	defer done()
	page, err := store.Documents(ctx, f)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if page.Next != "" {
		a.say("there are more; see --limit and the filters")
	}
	return printList(a, page.Documents, func(list []projections.Document) table {
		t := table{head: []string{"DOCUMENT", "NAME", "DEFINITION", "STATE", "STOPPED AT", "SUBMITTED"}}
		for _, d := range list {
			stop := "-"
			if d.Stop != nil {
				stop = string(d.Stop.Step) + ": " + d.Stop.Reason
			}
			t.rows = append(t.rows, []string{string(d.Document), d.Name, fmt.Sprintf("%s@%d", d.Definition, d.Version), d.State, stop, d.SubmittedAt.Local().Format(time.DateTime)})
		}
		return t
	})
}

// filled returns the projections that --status names, or new ones, filled
// from the log as far as it goes now.
func (s *system) filled(ctx context.Context) (*sqlstore.Store, func(), error) {
	if s.app.settings.status != "" {
		store, err := sqlstore.Open(ctx, s.app.settings.status)
		if err != nil {
			return nil, nil, fmt.Errorf("projections: %w", err)
		}
		return store, func() { _ = store.Close() }, nil
	}
	dir, err := os.MkdirTemp("", "docsaga-list-")
	if err != nil {
		return nil, nil, fmt.Errorf("projections: %w", err)
	}
	clean := func() { _ = os.RemoveAll(dir) }
	store, err := sqlstore.Open(ctx, filepath.Join(dir, "status.db"))
	if err != nil {
		clean()
		return nil, nil, fmt.Errorf("projections: %w", err)
	}
	done := func() {
		_ = store.Close()
		clean()
	}
	if err := s.fill(ctx, projections.New(store, s.catalog)); err != nil {
		done()
		return nil, nil, err
	}
	return store, done, nil
}

// fill feeds a reader all that the log holds now.
func (s *system) fill(ctx context.Context, reader feed.Reader) error {
	g, ctx := errgroup.WithContext(ctx)
	for shard := range s.log.Shards() {
		g.Go(func() error {
			last, err := s.log.Last(ctx, shard)
			if err != nil || last == 0 {
				return err
			}
			for batch, err := range s.log.Follow(ctx, events.Position{Shard: shard}) {
				if err != nil {
					return err
				}
				if err := reader.Apply(ctx, shard, batch); err != nil {
					return err
				}
				if batch[len(batch)-1].Event.Position.Seq >= last {
					return nil
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}
