// Command docsaga runs documents through services that hand them on by
// events, and keeps book of it. See the README, or docsaga help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/tracing/otlp"
	"github.com/docsaga/docsaga/saga"
)

// Exit codes.
const (
	exitOK         = 0
	exitFailed     = 1 // failed or rejected
	exitUsage      = 2
	exitNotFound   = 3
	exitNotAllowed = 4
	exitConflict   = 5
	exitInternal   = 70
	exitBusy       = 75 // too many documents wait: try again later
	exitTimedOut   = 124
)

// gcPercent is how far the heap grows between two collections, in per cent of what
// is in use, unless GOGC says otherwise: with Go's default of 100 a tenth of all
// processor time is spent on collecting.
const gcPercent = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs the command line and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	a := &app{in: in, out: out, errOut: errOut}
	root := a.root() //nolint:contextcheck // cobra hands the context of ExecuteContext to the commands
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	a.traced(ctx)
	if err == nil {
		return exitOK
	}
	if msg := err.Error(); msg != "" {
		_, _ = fmt.Fprintln(errOut, "docsaga: "+msg)
	}
	return exitCode(ctx, err)
}

// A coded error has an exit code of its own.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string {
	if c.err == nil {
		return ""
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

// usage returns an error about how the command was called.
func usage(format string, args ...any) error {
	return coded{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func exitCode(ctx context.Context, err error) int {
	var c coded
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, events.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return exitNotFound
	case errors.Is(err, events.ErrConflict), errors.Is(err, events.ErrTaken):
		return exitConflict
	case errors.Is(err, os.ErrPermission):
		return exitNotAllowed
	case errors.Is(err, events.ErrBusy):
		return exitBusy
	case errors.Is(err, saga.ErrBadDefinition), errors.Is(err, events.ErrBadID), errors.Is(err, natslog.ErrNotProvisioned):
		return exitFailed
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimedOut
	case ctx.Err() != nil:
		return exitFailed
	}
	return exitInternal
}

// app is what the commands share.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	settings    settings
	who         who
	spans       *otlp.Exporter  // or nil
	tracer      *tracing.Tracer // the same
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "docsaga",
		Short: "Documents through services by events: exactly one outcome a step, no orchestrator on the path",
		Long: `docsaga runs documents through a flow of services that hand them on by events
on NATS JetStream. The log decides every step exactly once; a coordinator beside
the path times steps out and undoes what was done when something fails.

Settings come from flags, then from DOCSAGA_* variables (DOCSAGA_NATS for
--nats), then from the file given by --config.`,
		Example: `  docsaga run                          try it: everything in one process, built-in samples
  docsaga run invoice.pdf -o json      validate a file
  docsaga dev                          stay up on localhost:4222
  docsaga submit invoice.pdf --wait    submit to what dev, or your NATS, runs`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q; see docsaga help", args[0])
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.configure(cmd) },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	a.settings.flags(root.PersistentFlags())
	root.AddCommand(
		a.runCommand(), a.devCommand(), a.serviceCommand(), a.coordinatorCommand(), a.serverCommand(), a.provisionCommand(),
		a.submitCommand(), a.listCommand(), a.statusCommand(), a.historyCommand(),
		a.definitionCommand(), a.feelCommand(), a.recordsCommand(), a.doctorCommand(), a.benchCommand(), a.keyCommand(), a.versionCommand(), workerCommand(),
	)
	root.AddCommand(a.verifyCommand(), a.verifyFoldCommand(), a.tasksCommand(), a.messageCommand(), a.signalCommand(), a.rebuildCommand(), a.signerCommand())
	root.AddCommand(a.verbCommands()...)
	root.AddCommand(a.forgetCommand())
	root.AddCommand(a.evidenceCommands()...)
	for _, cmd := range root.Commands() {
		wrapArgs(cmd)
	}
	return root
}

// wrapArgs makes complaints about arguments usage errors.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%w; usage: %s", err, cmd.UseLine())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}
