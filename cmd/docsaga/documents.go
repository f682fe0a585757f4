package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/samples"
)

type submitOptions struct {
	id, definition, sha256 string
	wait                   bool
	timeout                time.Duration
}

func (a *app) submitCommand() *cobra.Command {
	var o submitOptions
	cmd := &cobra.Command{
		Use:   "submit FILE|URL",
		Short: "Submit a document",
		Long: `Submits a document and prints it. A file is uploaded to the file store; of a URL
only the address is submitted, and the location service fetches it.

The same submission under the same --id is one document, however often it is
made; something else under that id is refused with exit code 5.

When more documents wait for a service than --max-waiting allows it is refused
as busy with exit code 75, and nothing is kept: try again later.`,
		Example: `  docsaga submit invoice.pdf --wait
  docsaga submit https://example.com/invoice.pdf --id order-4711 -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.submit(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.id, "id", "", "the document's id (default a new one)")
	f.StringVar(&o.definition, "definition", defaultDefinition, "the flow it follows")
	f.StringVar(&o.sha256, "sha256", "", "refuse other content than that with this digest")
	_ = cmd.RegisterFlagCompletionFunc("definition", a.completeDefinition()) // fails for a flag that is not there
	f.BoolVar(&o.wait, "wait", false, "wait until it has ended; exit code 1 unless it is completed")
	f.DurationVar(&o.timeout, "timeout", 0, "with --wait: give up after this long (default never)")
	return cmd
}

func (a *app) submit(ctx context.Context, place string, o submitOptions) error {
	s, path, err := a.prepare(place, o)
	if err != nil {
		return err
	}
	sys, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	d, err := sys.catalog.Latest(ctx, o.definition)
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if err := sys.gate().Check(ctx, 1); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if path != "" {
		if s.input, err = upload(ctx, sys.log.Files(), s.document, path); err != nil {
			return err
		}
	}
	if o.sha256 != "" {
		s.input["sha256"] = o.sha256
	}
	s.tracer = a.tracer
	e, err := s.submit(ctx, sys.log, d)
	if err != nil {
		return err
	}
	if o.wait {
		if o.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.timeout)
			defer cancel()
		}
		if err := sys.awaitEnd(ctx, e.Slot.Of(events.Ended)); err != nil {
			return err
		}
	}
	r, err := sys.report(ctx, s.document)
	if err != nil {
		return err
	}
	if err := printOne(a, r, a.showReport); err != nil {
		return err
	}
	if o.wait && r.State != samples.Completed {
		return coded{code: exitFailed}
	}
	return nil
}

// prepare returns what is to be submitted and, if it is a file, its path.
func (a *app) prepare(place string, o submitOptions) (s submission, path string, err error) {
	s = submission{document: newDocumentID(), input: map[string]any{"location": place, "name": filepath.Base(place)}}
	if o.id != "" {
		s.document = events.DocumentID(o.id)
		if err := events.CheckID(s.document); err != nil {
			return s, "", usage("--id: %w", err)
		}
	}
	if isURL(place) {
		return s, "", nil
	}
	if path, err = checkFile(place); err == nil {
		err = checkUpload(path, a.settings.maxBytes)
	}
	return s, path, err
}

// awaitEnd returns when the document has ended.
func (s *system) awaitEnd(ctx context.Context, ended events.Slot) error {
	pause := 5 * time.Millisecond
	for {
		_, err := s.log.Read(ctx, ended)
		if err == nil {
			return nil
		}
		if !errors.Is(err, events.ErrNotFound) && ctx.Err() == nil {
			s.app.settings.logger.Warn("wait for the end", "error", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("document %s has not ended: %w", ended.Document, context.Cause(ctx))
		case <-time.After(pause):
		}
		pause = min(2*pause, 250*time.Millisecond)
	}
}

func (a *app) statusCommand() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "status DOCUMENT",
		Short: "Show where a document is and what became of its steps",
		Example: `  docsaga status order-4711 -o json
  docsaga status order-4711 --at 2026-01-02T15:04:05Z`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDocument(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDocument(cmd.Context(), args[0], func(ctx context.Context, sys *system, id events.DocumentID) error {
				r, err := sys.reportAt(ctx, id, at)
				if err != nil {
					return err
				}
				return printOne(a, r, a.showReport)
			})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", asOfUsage)
	return cmd
}

func (a *app) withDocument(ctx context.Context, arg string, do func(context.Context, *system, events.DocumentID) error) error {
	id := events.DocumentID(arg)
	if err := events.CheckID(id); err != nil {
		return usage("document: %w", err)
	}
	sys, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer sys.close()
	return do(ctx, sys, id)
}

func (a *app) showReport(r report) error {
	_, _ = fmt.Fprintf(a.out, "document    %s\ndefinition  %s version %d\nstate       %s\n", r.Document, r.Definition, r.Version, r.stateText())
	if r.Stop != nil {
		_, _ = fmt.Fprintf(a.out, "stopped at  %s\n", r.stopText())
		if r.Stop.Message != "" {
			_, _ = fmt.Fprintf(a.out, "            %s\n", printable(r.Stop.Message))
		}
	}
	_, _ = fmt.Fprintln(a.out)
	return printList(a, r.Steps, func(steps []stepReport) table {
		t := table{head: []string{"STEP", "VISIT", "OUTCOME", "UNDONE", "STARTED", "TOOK"}}
		for _, s := range steps {
			took := "-"
			if s.EndedAt != nil && !s.StartedAt.IsZero() {
				took = s.EndedAt.Sub(s.StartedAt).Round(time.Millisecond).String()
			}
			t.rows = append(t.rows, []string{string(s.Step), strconv.Itoa(s.Visit), s.Outcome, yesNo(s.Undone), s.StartedAt.Local().Format(time.TimeOnly), took})
		}
		return t
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (a *app) historyCommand() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "history DOCUMENT",
		Short: "Show a document's events in order",
		Long:  "Prints the document's events in the order of the log; with -o json as CloudEvents 1.0.",
		Args:  cobra.ExactArgs(1),

		ValidArgsFunction: a.completeDocument(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDocument(cmd.Context(), args[0], func(ctx context.Context, sys *system, id events.DocumentID) error {
				history, err := sys.log.History(ctx, id)
				if err == nil && len(history) == 0 {
					err = events.ErrNotFound
				}
				if err != nil {
					return fmt.Errorf("document %s: %w", id, err)
				}
				if history, err = asOf(history, at); err != nil {
					return err
				}
				return printList(a, history, historyTable)
			})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", asOfUsage)
	return cmd
}

func historyTable(history []events.Event) table {
	t := table{head: []string{"POSITION", "STORED", "TYPE", "VISIT", "SOURCE", "CAUSE", "REASON"}}
	for i := range history {
		e := &history[i]
		reason := ""
		if data, err := events.ParseData(e.Data); err == nil && data.Error != nil {
			reason = data.Error.Code
		}
		t.rows = append(t.rows, []string{
			e.Position.String(), e.At.Local().Format("15:04:05.000"), e.Type(), strconv.Itoa(e.Slot.Visit), e.Source, e.Cause, reason,
		})
	}
	return t
}
