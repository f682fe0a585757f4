package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/services/pdfium"
)

// workerCommand is what a pool of PDF readers starts; it is for no person.
func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: pdfium.WorkerCommand, Hidden: true, Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // it has no settings
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pdfium.Worker(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}

// serve connects to the log, hosts the parts until the user stops it, and
// finishes what is at hand.
func (a *app) serve(ctx context.Context, p parts, what string) error {
	sys, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	if p.projections || len(p.services) > 0 {
		if _, err := a.dataDir(); err != nil {
			return err
		}
	}
	a.say("%s: connected to %s; stop with Ctrl-C", what, redacted(a.settings.nats))
	return sys.host(ctx, p, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

func (a *app) serviceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "service NAME",
		Short: "Host one service: location, security, parsing, validation or records",
		Long: `Hosts one service of the built-in flow until it is stopped. Any number of
processes may host the same service: the log decides which of them has done a
visit.`,
		Example: `  docsaga service location --root /srv/inbox --fetch-host .example.com
  docsaga service location --s3-endpoint minio:9000 --s3-plain --s3-bucket inbox --s3-credentials s3.yaml
  docsaga service security --clamd unix:/run/clamav/clamd.ctl --policy policy.yaml --max-pages 20000
  docsaga service parsing --reader-deadline 40s --reader-memory 512 --max-pages 20000
  docsaga service validation --rules rules.yaml --templates issuers.yaml --forms forms.yaml --strict
  docsaga service records --records postgres://user@db/records
  docsaga service security --nats nats://nats:4222 --creds security.creds`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: serviceNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.serve(cmd.Context(), parts{services: args}, "service "+args[0])
		},
	}
}

func (a *app) coordinatorCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "coordinator",
		Short: "Host a coordinator: deadlines, undoing, the ends of documents",
		Long: `Hosts a coordinator until it is stopped. It is beside the path: without it
documents still reach their last step, and it catches up when it comes back.`,
		Example: "  docsaga coordinator --nats nats://nats:4222",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context(), parts{coordinator: true, audit: f}, "coordinator")
		},
	}
	f.addRecorder(cmd)
	return cmd
}

func (a *app) serverCommand() *cobra.Command {
	var addr string
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Host the projections and the HTTP API",
		Long: `Keeps the status of every document in a database, and answers over HTTP: submit,
ask, operate, follow (OpenAPI at /openapi.json, for people at /docs).

Without --keys or --oidc-issuer only this machine is served.`,
		Example: `  docsaga server --status postgres://user@db/status
  docsaga server --http 0.0.0.0:8080 --keys keys.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context(), parts{projections: true, http: addr, audit: f}, "server")
		},
	}
	cmd.Flags().StringVar(&addr, "http", defaultHTTP, "address of the HTTP API; empty for none")
	f.addRecorder(cmd)
	a.who.add(cmd)
	return cmd
}

func (a *app) provisionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Make the saga log on a NATS server, and deploy the built-in definition",
		Long: `Makes the streams and buckets of the saga log on the server that --nats names,
with exactly the settings that its promises rest on. What is there already is
checked, never changed.`,
		Example: "  docsaga provision --nats nats://nats:4222 --shards 8 --replicas 3 --durability strict",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.provision(cmd.Context())
		},
	}
	a.who.add(cmd)
	return cmd
}

func (a *app) provision(ctx context.Context) error {
	sys, err := a.connectNew(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	drawn, err := drawing("")
	if err != nil {
		return err
	}
	d, err := sys.deploy(ctx, drawn)
	if err != nil {
		return err
	}
	conf := sys.log.Config()
	a.say("the saga log is there: %d shards, %d replicas, %s; %s version %d is deployed", conf.Shards, conf.Replicas, conf.Durability, d.Name, d.Version)
	return nil
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, version())
			return err
		},
	}
}
