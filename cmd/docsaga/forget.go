package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/coordinator/forget"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/schema"
	"github.com/docsaga/docsaga/events/seal"
)

func (a *app) forgetCommand() *cobra.Command {
	var r forget.Request
	cmd := &cobra.Command{
		Use:   "forget DOCUMENT...",
		Short: "Erase what ended documents held, for ever; their way stays in the log",
		Long: `Destroys the keys of documents that have ended, and erases their files. The log
is not changed: what it holds of them cannot be read any more, nor what backups
hold that were made before. The projections and the records service erase their
rows when the log tells them so. Which steps were done, when, by which service
and with which outcome and reason code is still shown and proved.

The documents that one has called are forgotten with it; if one of them cannot be,
it is named and nothing is done.

Who asks for it and why stands in the log, readable and for ever: name nobody in
the reason. An open document is refused: cancel it first. So is one whose events
are not sealed, because it was submitted without --seal, or a service wrote them
that does not seal: --partly erases the rest.`,
		Example: `  docsaga forget order-4711 --reason "erasure request 2026-17"
  docsaga forget order-4711 order-4712 --reason "end of retention" --actor retention-job`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.forget(cmd.Context(), args, r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.By.Reason, "reason", "", "why; it stays in the log")
	f.StringVar(&r.By.Actor, "actor", "", "who asks; it stays in the log (default the user of this machine)")
	f.BoolVar(&r.Partly, "partly", false, "go on though some events are not sealed; these stay readable")
	return cmd
}

// A forgetResult is what became of one document.
type forgetResult struct {
	Document events.DocumentID `json:"document"`
	Position *events.Position  `json:"position,omitempty"` // of the event that says so
	Already  bool              `json:"already"`
	Plain    []string          `json:"plain,omitempty"` // events that stay readable
	// Called are the documents that it called, which are forgotten with it.
	Called []events.DocumentID `json:"called,omitempty"`
	Error  string              `json:"error,omitempty"`
}

func (a *app) forget(ctx context.Context, args []string, r forget.Request) error {
	if r.By.Reason == "" {
		return usage("forget: say why with --reason; it stands in the log")
	}
	if r.By.Actor == "" {
		u, err := user.Current()
		if err != nil {
			return usage("forget: say who asks with --actor (%w)", err)
		}
		r.By.Actor = u.Username
	}
	for _, arg := range args {
		if err := events.CheckID(arg); err != nil {
			return usage("document: %w", err)
		}
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		forgetter := forget.New(sys.log, sys.catalog)
		var results []forgetResult
		var failed error
		for _, arg := range args {
			done, err := forgetter.Do(ctx, events.DocumentID(arg), r)
			result := forgetResult{Document: events.DocumentID(arg), Already: done.Already, Plain: done.Plain, Called: done.Called}
			if err != nil {
				failed, result.Error = forgetError(err), err.Error()
			} else {
				result.Position = &done.Event.Position
			}
			results = append(results, result)
		}
		if failed != nil && len(args) == 1 {
			return failed
		}
		if err := printList(a, results, forgetTable); err != nil {
			return err
		}
		if failed != nil {
			return coded{code: exitConflict}
		}
		return nil
	})
}

// forgetError gives what is refused its exit code, and says how to go on.
func forgetError(err error) error {
	switch {
	case errors.Is(err, forget.ErrPlain):
		return coded{code: exitConflict, err: fmt.Errorf("%w; to erase all the rest give --partly (what is submitted with --seal can be forgotten wholly)", err)}
	case errors.Is(err, forget.ErrOpen):
		return coded{code: exitConflict, err: err}
	}
	return err
}

func forgetTable(list []forgetResult) table {
	t := table{head: []string{"DOCUMENT", "POSITION", "RESULT"}}
	for _, r := range list {
		position, result := "-", "forgotten"
		if r.Position != nil {
			position = r.Position.String()
		}
		switch {
		case r.Error != "":
			result = r.Error
		case len(r.Plain) > 0:
			result = fmt.Sprintf("forgotten, but for %d events that are not sealed", len(r.Plain))
		case r.Already:
			result = "was forgotten already"
		}
		if r.Error == "" && len(r.Called) > 0 {
			result += fmt.Sprintf("; and %d that it called", len(r.Called))
		}
		t.rows = append(t.rows, []string{string(r.Document), position, result})
	}
	return t
}

// logOptions returns how the settings want the log to be opened.
func (a *app) logOptions() (natslog.Options, error) {
	opts := natslog.Options{Logger: a.settings.logger, Seal: a.settings.seal}
	if a.settings.checked {
		opts.Check = schema.Check
	}
	var err error
	if opts.Guard, err = a.settings.signing.guard(); err != nil {
		return opts, err
	}
	path := a.settings.masterKey
	if path == "" {
		return opts, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return opts, fmt.Errorf("--master-key: %w", err)
	}
	if opts.Master, err = seal.NewMaster(raw); err != nil {
		return opts, usage("--master-key %s: %w", path, err)
	}
	return opts, nil
}
