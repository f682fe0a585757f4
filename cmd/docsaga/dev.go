package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// defaultHTTP is where the HTTP API answers: on this machine only.
const defaultHTTP = "127.0.0.1:8080"

type devOptions struct {
	listen     string
	http       string
	definition string
	processes  bool
	audit      auditFlags
}

func (a *app) devCommand() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, until stopped",
		Long: `Starts NATS on a local port, with the log in --data, and everything else in this
process or, with --processes, each service, the coordinator and the projections
in a process of its own that is started again when it dies.`,
		Example: `  docsaga dev
  docsaga dev --processes --root /srv/inbox
  docsaga submit invoice.pdf --wait       (in another terminal)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.dev(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:4222", "address of the NATS server")
	f.StringVar(&o.http, "http", defaultHTTP, "address of the HTTP API; empty for none")
	f.StringVar(&o.definition, "definition", "", "BPMN file of a flow to deploy besides the built-in one")
	f.BoolVar(&o.processes, "processes", false, "a process for each part")
	o.audit.addRecorder(cmd)
	a.who.add(cmd)
	return cmd
}

func (a *app) dev(ctx context.Context, o devOptions) error {
	dir, err := a.dataDir()
	if err != nil {
		return err
	}
	drawings := []string{""}
	if o.definition != "" {
		drawings = append(drawings, o.definition)
	}
	sys, err := a.embed(ctx, dir, o.listen)
	if err != nil {
		return err
	}
	defer sys.close()
	for _, path := range drawings {
		drawn, err := drawing(path)
		if err != nil {
			return err
		}
		d, err := sys.deploy(ctx, drawn)
		if err != nil {
			return err
		}
		a.say("definition %s version %d, services %s", d.Name, d.Version, strings.Join(d.Services(), ", "))
	}
	a.say("NATS at %s, data in %s, durability %s", sys.broker.URL(), dir, a.settings.durability)
	a.say("try: docsaga submit FILE --wait --nats %s", sys.broker.URL())
	if o.processes {
		return sys.host(ctx, parts{audit: o.audit}, func(ctx context.Context) error {
			return a.supervise(ctx, a.children(sys.broker.URL(), dir, o.http))
		})
	}
	all := everything()
	all.http, all.audit = o.http, o.audit
	return sys.host(ctx, all, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
}

// children returns the command lines of dev's processes.
func (a *app) children(nats, dir, http string) map[string][]string {
	shared := []string{"--nats", nats, "--data", dir, "--log-level", a.settings.logLevel}
	given := func(name, value string) {
		if value != "" {
			shared = append(shared, "--"+name, value)
		}
	}
	given("records", a.settings.records)
	given("status", a.settings.status)
	given("policy", a.settings.policy)
	given("clamd", a.settings.clamd)
	given("keys", a.settings.keys)
	if a.settings.checked {
		shared = append(shared, "--check-events")
	}
	if a.settings.seal {
		shared = append(shared, "--seal")
	}
	given("master-key", a.settings.masterKey)
	given("otlp", a.settings.otlp)
	given("root", strings.Join(a.settings.roots, ","))
	given("max-waiting", strconv.FormatUint(a.settings.maxWaiting, 10))
	shared = append(shared, a.settings.signing.arguments()...)
	given("max-bytes", strconv.FormatInt(a.settings.maxBytes, 10))
	shared = append(shared, a.settings.oidc.arguments()...)
	shared = append(shared, a.settings.tuning.arguments()...)
	children := map[string][]string{
		"coordinator": append([]string{"coordinator"}, shared...),
		"server":      append([]string{"server", "--http", http}, shared...),
	}
	for _, name := range serviceNames() {
		children[name] = append([]string{"service", name}, shared...)
	}
	return children
}

// supervise runs the children, each started again when it dies, until ctx ends.
func (a *app) supervise(ctx context.Context, children map[string][]string) error {
	g, ctx := errgroup.WithContext(ctx)
	for name, args := range children {
		c := child{name: name, args: args, out: a.errOut, log: a.settings.logger}
		g.Go(func() error { return c.keep(ctx) })
	}
	return g.Wait()
}
