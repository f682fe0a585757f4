package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/coordinator/flows"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
)

const sourceTold = "/docsaga/cli"

// outside runs what carries messages, signals and calls beside a coordinator,
// if the log has a place for them: one that was made before there was has none.
func (s *system) outside(ctx context.Context, g *errgroup.Group) (coordinator.Outside, error) {
	notices, err := s.log.Notices(ctx)
	if errors.Is(err, natslog.ErrNotProvisioned) {
		s.app.settings.logger.Warn("messages, signals and calls do not run, for the log has no stream for them; `docsaga provision` makes it")
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("coordinator: %w", err)
	}
	f, err := flows.New(s.log, s.catalog, notices, flows.Config{Logger: s.app.settings.logger})
	if err != nil {
		return nil, fmt.Errorf("coordinator: %w", err)
	}
	g.Go(func() error { return f.Run(ctx) })
	return f, nil
}

type noticeOptions struct {
	signal bool
	id     string
	key    string
	data   string
	ttl    time.Duration
}

func (a *app) messageCommand() *cobra.Command {
	var o noticeOptions
	cmd := &cobra.Command{
		Use:   "message NAME",
		Short: "Tell a message to the document that waits for its name and key",
		Long: `Tells a message to one visit that waits for its name and key, or to the
definition that it starts. It is kept until somebody waits, for as long as --ttl
says, and told once. With --id the same message again is told once, too.`,
		Example: `  docsaga message paid --key order-4711 --data '{"amount":12}'
  docsaga message paid --key order-4711 --id payment-99 --ttl 24h`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.tell(cmd.Context(), args[0], o) },
	}
	cmd.Flags().StringVar(&o.key, "key", "", "the correlation key; none: to one that waits for the name alone")
	o.flags(cmd)
	return cmd
}

func (a *app) signalCommand() *cobra.Command {
	o := noticeOptions{signal: true}
	cmd := &cobra.Command{
		Use:   "signal NAME",
		Short: "Tell a signal to all documents that wait for its name",
		Long: `Tells a signal to every visit that waits for its name now, and to every
definition that it starts. Who waits later is not told; --ttl says for how long
a coordinator that is away may make up for it.`,
		Example: `  docsaga signal stock-closed --data '{"until":"monday"}'`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.tell(cmd.Context(), args[0], o) },
	}
	o.flags(cmd)
	return cmd
}

func (o *noticeOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "", "what is told, as JSON")
	f.StringVar(&o.id, "id", "", "its id, by which the same again is known (default a new one)")
	f.DurationVar(&o.ttl, "ttl", events.DefaultNoticeTTL, "how long it is kept, in whole seconds")
}

// A told is a notice as the commands print it.
type told struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Signal  bool            `json:"signal"`
	Key     string          `json:"key,omitempty"`
	TTL     float64         `json:"ttlSeconds"`
	Seq     uint64          `json:"sequence"` // in the stream of notices
	Data    json.RawMessage `json:"data,omitempty"`
	Subject string          `json:"subject"`
}

func (a *app) tell(ctx context.Context, name string, o noticeOptions) error {
	if o.id == "" {
		o.id = strings.ToLower(ulid.Make().String())
	}
	n := events.Notice{ID: o.id, Signal: o.signal, Name: name, Key: o.key, Source: sourceTold, TTL: o.ttl.Truncate(time.Second)}
	if o.data != "" {
		n.Data = []byte(o.data)
	}
	if err := n.Check(); err != nil {
		return usage("%w", err)
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		notices, err := sys.log.Notices(ctx)
		if err != nil {
			return err
		}
		standing, err := notices.Tell(ctx, n)
		if err != nil {
			return err
		}
		result := told{
			ID: n.ID, Name: n.Name, Signal: n.Signal, Key: n.Key, TTL: n.TTL.Seconds(), Seq: standing.Seq, Data: n.Data, Subject: n.Subject(),
		}
		return printOne(a, result, func(t told) error {
			_, err := fmt.Fprintf(a.out, "%s %s is told; kept until %s\n", t.Name, t.ID, time.Now().Add(n.TTL).Format(time.RFC3339))
			return err
		})
	})
}
