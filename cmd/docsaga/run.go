package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/services/samples"
)

type runOptions struct {
	definition string
	recursive  bool
	timeout    time.Duration
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [FILE|URL ...]",
		Short: "Run documents through everything in one process, and print what became of them",
		Long: `Starts NATS, the five services, the coordinator and the projections in this
process, submits the files, waits until each has ended, prints a table and
stops. Without arguments it makes and runs its own samples.

The exit code is 0 if every document ended completed (the samples: as each
should), 1 if one did not.`,
		Example: `  docsaga run
  docsaga run invoice.pdf https://example.com/other.pdf -o json
  docsaga run --recursive inbox -o jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args, o) },
	}
	cmd.Flags().StringVar(&o.definition, "definition", "", "BPMN file of the flow (default the built-in pdf-validation)")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "take all files below the directories named")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "give up after this long (default never)")
	return cmd
}

// An item is one document of a run.
type item struct {
	label    string // as the user named it
	location string
	want     *samples.Want
}

func (a *app) run(ctx context.Context, args []string, o runOptions) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	items, clean, err := a.items(args, o.recursive)
	if err != nil {
		return err
	}
	defer clean()
	drawn, err := drawing(o.definition)
	if err != nil {
		return err
	}
	dir, cleanDir, err := a.workDir()
	if err != nil {
		return err
	}
	defer cleanDir()
	for _, it := range items {
		if !isURL(it.location) {
			a.settings.roots = append(a.settings.roots, filepath.Dir(it.location))
		}
	}
	slices.Sort(a.settings.roots)
	a.settings.roots = slices.Compact(a.settings.roots)
	sys, err := a.embed(ctx, dir, "")
	if err != nil {
		return err
	}
	defer sys.close()
	d, err := sys.deploy(ctx, drawn)
	if err != nil {
		return err
	}
	t := newTracker()
	var reports []report
	err = sys.host(ctx, everything(), func(ctx context.Context) error {
		reports, err = a.runItems(ctx, sys, d, t, items)
		return err
	}, t)
	if err != nil {
		return err
	}
	if err := printList(a, reports, reportTable); err != nil {
		return err
	}
	return judge(items, reports)
}

// runItems submits the items and waits for each to end.
func (a *app) runItems(ctx context.Context, sys *system, d *saga.Definition, t *tracker, items []item) ([]report, error) {
	documents := make([]events.DocumentID, len(items))
	for i, it := range items {
		documents[i] = newDocumentID()
		t.expect(documents[i])
		s := submission{document: documents[i], input: map[string]any{"location": it.location, "name": filepath.Base(it.label)}, tracer: a.tracer}
		if _, err := s.submit(ctx, sys.log, d); err != nil {
			return nil, err
		}
	}
	if err := t.wait(ctx, a.progress(len(items))); err != nil {
		return nil, err
	}
	reports := make([]report, len(items))
	for i, id := range documents {
		r, err := sys.report(ctx, id)
		if err != nil {
			return nil, err
		}
		r.File = items[i].label
		reports[i] = r
	}
	return reports, nil
}

// judge returns nil if every document ended as it should.
func judge(items []item, reports []report) error {
	bad := 0
	for i, r := range reports {
		want := samples.Want{State: samples.Completed}
		if items[i].want != nil {
			want = *items[i].want
		}
		got := samples.Want{State: r.State}
		if r.Stop != nil {
			got.Step, got.Reason = r.Stop.Step, r.Stop.Reason
		}
		if got != want {
			bad++
		}
	}
	if bad > 0 && items[0].want != nil {
		return coded{code: exitFailed, err: fmt.Errorf("%d of %d samples ended otherwise than they should", bad, len(items))}
	}
	if bad > 0 {
		return coded{code: exitFailed}
	}
	return nil
}

// items returns the documents that the arguments name, or the samples.
func (a *app) items(args []string, recursive bool) ([]item, func(), error) {
	if len(args) == 0 {
		return sampleItems()
	}
	var items []item
	for _, arg := range args {
		if isURL(arg) {
			items = append(items, item{label: arg, location: arg})
			continue
		}
		paths := []string{arg}
		if info, err := os.Stat(arg); err == nil && info.IsDir() && recursive {
			if paths, err = filesBelow(arg); err != nil {
				return nil, nil, err
			}
		}
		for _, path := range paths {
			abs, err := checkFile(path)
			if err != nil {
				return nil, nil, err
			}
			items = append(items, item{label: path, location: abs})
		}
	}
	if len(items) == 0 {
		return nil, nil, usage("there is no file in %q", args)
	}
	return items, func() {}, nil
}

func filesBelow(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	return paths, nil
}

func sampleItems() ([]item, func(), error) {
	dir, err := os.MkdirTemp("", "docsaga-samples-")
	if err != nil {
		return nil, nil, fmt.Errorf("samples: %w", err)
	}
	clean := func() { _ = os.RemoveAll(dir) }
	var items []item
	for _, s := range samples.Builtin() {
		path := filepath.Join(dir, s.Name)
		if err := os.WriteFile(path, s.Content, 0o600); err != nil {
			clean()
			return nil, nil, fmt.Errorf("samples: %w", err)
		}
		items = append(items, item{label: s.Name, location: path, want: &s.Want})
	}
	return items, clean, nil
}

// workDir returns the directory given by --data, or a temporary one.
func (a *app) workDir() (dir string, clean func(), err error) {
	if a.settings.data != "" {
		return a.settings.data, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "docsaga-run-")
	if err != nil {
		return "", nil, fmt.Errorf("run: %w", err)
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.settings.logger.Warn("temporary directory is left", "dir", dir, "error", err)
		}
	}, nil
}

func reportTable(reports []report) table {
	t := table{head: []string{"DOCUMENT", "FILE", "STATE", "STOPPED AT", "STEPS", "TIME"}}
	for i := range reports {
		r := &reports[i]
		t.rows = append(t.rows, []string{string(r.Document), filepath.Base(r.File), r.stateText(), r.stopText(), strconv.Itoa(len(r.Steps)), r.took()})
	}
	return t
}

// stateText returns the state as people call it: a PDF that completed the
// built-in flow is verified.
func (r *report) stateText() string {
	if r.Definition == defaultDefinition && r.State == samples.Completed {
		return "verified"
	}
	return r.State
}

func (r *report) took() string {
	if len(r.Steps) == 0 || r.Steps[len(r.Steps)-1].EndedAt == nil {
		return "-"
	}
	return r.Steps[len(r.Steps)-1].EndedAt.Sub(r.Steps[0].StartedAt).Round(time.Millisecond).String()
}
