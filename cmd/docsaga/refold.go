package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/replay"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
	"github.com/docsaga/docsaga/saga/refold"
)

type refoldOptions struct {
	fromLog         bool
	from, documents string
	filter          filterFlags
}

func (a *app) definitionReplay() *cobra.Command {
	var o refoldOptions
	cmd := &cobra.Command{
		Use:   "replay NEW.bpmn",
		Short: "Fold recorded histories under a new version, and say where they would go another way",
		Long: `Reads the histories of all documents of the flow's name and folds each under the
version that it followed and under the new one. Printed is, for each document
that would go another way, the first event at which it would: another step is
cued, another end is reached, a deadline would have passed. Exit code 1 if there
is one. Nothing is written.`,
		Example: `  docsaga definition replay new.bpmn --from-log
  docsaga definition replay new.bpmn --from-log --documents 'order-*' --since 720h
  docsaga definition replay new.bpmn --from recorded.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.refold(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.fromLog, "from-log", false, "take the histories from the log")
	f.StringVar(&o.from, "from", "", "take them from a file that docsaga replay has written")
	f.StringVar(&o.documents, "documents", "", "only documents whose id matches; * stands for any characters")
	f.StringVar(&o.filter.since, "since", "", "only what was stored at or after this time: RFC 3339, or an age such as 24h")
	f.StringVar(&o.filter.before, "before", "", "only what was stored before this time")
	return cmd
}

func (a *app) refold(ctx context.Context, file string, o refoldOptions) error {
	if o.fromLog == (o.from != "") {
		return usage("want one of --from-log and --from FILE")
	}
	if _, err := path.Match(o.documents, ""); err != nil {
		return usage("--documents %q: %w", o.documents, err)
	}
	filter, err := o.filter.parse()
	if err != nil {
		return err
	}
	drawn, err := drawing(file)
	if err != nil {
		return err
	}
	d, err := bpmn.Parse(drawn, events.MaxVersion)
	if err != nil {
		return coded{code: exitFailed, err: fmt.Errorf("%s: %w", file, err)}
	}
	filter.Definitions = []string{d.Name}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		list := fromLog(ctx, sys, replay.Query{Filter: filter})
		if o.from != "" {
			list = fromRecording(o.from, filter)
		}
		r := refolding{sys: sys, is: d, pattern: o.documents, tracks: make(map[events.DocumentID]*refold.Track)}
		for e, err := range list {
			if err == nil {
				err = r.take(ctx, e)
			}
			if err != nil {
				return err
			}
		}
		return a.showRefolded(&r)
	})
}

// fromLog yields what a query selects.
func fromLog(ctx context.Context, sys *system, q replay.Query) iter.Seq2[*events.Event, error] {
	return func(yield func(*events.Event, error) bool) {
		for batch, err := range replay.Read(ctx, sys.log, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range batch.Events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// maxLine is the greatest length of an event on a line.
const maxLine = 4 * events.MaxData

// fromRecording yields what a filter selects of a file with an event a line.
func fromRecording(name string, filter replay.Filter) iter.Seq2[*events.Event, error] {
	return func(yield func(*events.Event, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield(nil, fmt.Errorf("recording: %w", err))
			return
		}
		defer f.Close() //nolint:errcheck // only read
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxLine)
		for n := 1; lines.Scan(); n++ {
			e := new(events.Event)
			if err := json.Unmarshal(lines.Bytes(), e); err != nil {
				yield(nil, fmt.Errorf("%s: line %d: %w", name, n, err))
				return
			}
			if filter.Selects(e) && !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("%s: %w", name, err))
		}
	}
}

// refolding is a definition replay at work. It holds the documents that are
// open at the place where it reads.
type refolding struct {
	sys       *system
	is        *saga.Definition
	pattern   string
	tracks    map[events.DocumentID]*refold.Track
	documents int
	diverged  []refold.Divergence
}

func (r *refolding) take(ctx context.Context, e *events.Event) error {
	if r.pattern != "" {
		if ok, err := path.Match(r.pattern, string(e.Slot.Document)); !ok || err != nil {
			return err
		}
	}
	t := r.tracks[e.Slot.Document]
	if t == nil {
		if e.Slot.Kind != events.Submitted {
			return nil // its beginning was not selected
		}
		t = &refold.Track{}
		r.tracks[e.Slot.Document] = t
		r.documents++
	}
	was, err := r.sys.catalog.Get(ctx, e.Slot.Definition, e.Slot.Version)
	if errors.Is(err, events.ErrNotFound) {
		delete(r.tracks, e.Slot.Document)
		return nil
	}
	if err != nil {
		return fmt.Errorf("definition replay: %w", err)
	}
	if d, parted := t.Fold(was, r.is, e); parted {
		r.diverged = append(r.diverged, d)
	}
	if e.Slot.Kind == events.Ended || e.Slot.Kind == events.Migrate { // what comes then is told under another version
		delete(r.tracks, e.Slot.Document)
	}
	return nil
}

func (a *app) showRefolded(r *refolding) error {
	a.say("%d of %d documents would go another way", len(r.diverged), r.documents)
	err := printList(a, r.diverged, func(list []refold.Divergence) table {
		t := table{head: []string{"DOCUMENT", "VERSION", "POSITION", "AFTER", "WHAT"}}
		for _, d := range list {
			t.rows = append(t.rows, []string{string(d.Document), strconv.Itoa(d.Version), d.Position.String(), d.After, d.What})
		}
		return t
	})
	if err == nil && len(r.diverged) > 0 {
		return coded{code: exitFailed}
	}
	return err
}
