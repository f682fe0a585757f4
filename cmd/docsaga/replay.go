package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/replay"
)

type replayOptions struct {
	filter        filterFlags
	after, until  string
	to, progress  string
	from          []string
	andLog        bool
	evidence      auditFlags
	merge, follow bool
	pace          replay.Pace
}

// filterFlags are the flags of a replay.Filter.
type filterFlags struct {
	documents, definitions, steps, types []string
	since, before                        string
}

func (f *filterFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.documents, "document", nil, "only these documents (repeatable)")
	flags.StringSliceVar(&f.definitions, "definition", nil, "only of these definitions, NAME or NAME.VERSION (repeatable)")
	flags.StringSliceVar(&f.steps, "step", nil, "only of these steps (repeatable)")
	flags.StringSliceVar(&f.types, "type", nil, "only of these types; * stands for any characters (repeatable)")
	flags.StringVar(&f.since, "since", "", "only what was stored at or after this time: RFC 3339, or an age such as 24h")
	flags.StringVar(&f.before, "before", "", "only what was stored before this time")
}

func (f *filterFlags) parse() (replay.Filter, error) {
	filter := replay.Filter{Definitions: f.definitions, Types: f.types}
	for _, d := range f.documents {
		filter.Documents = append(filter.Documents, events.DocumentID(d))
	}
	for _, s := range f.steps {
		filter.Steps = append(filter.Steps, events.StepID(s))
	}
	var err error
	if filter.Since, err = parseTime("since", f.since); err != nil {
		return filter, err
	}
	if filter.Before, err = parseTime("before", f.before); err != nil {
		return filter, err
	}
	if err := filter.Check(); err != nil {
		return filter, usage("%w", err)
	}
	return filter, nil
}

func (a *app) replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Read the log again: print its events, or send them somewhere",
		Long: `Prints the events of the log as CloudEvents 1.0, one a line, shard by shard in
the order of the log; with --merge in the order in which they were stored, with
--follow live. The same log gives the same bytes each time. Messages that are no
events are left out and named on the standard error.

With --progress a replay that was stopped goes on where it stood; what it sent
last may then be sent again.`,
		Example: `  docsaga replay --document order-4711
  docsaga replay --type 'docsaga.*.failed' --since 24h | jq .data.error
  docsaga replay --definition pdf-validation.3 --to https://test.example/events --speed 10
  docsaga replay --from 2024.zip --from 2025.zip --and-log --audit-pub audit.key.pub
  docsaga replay --to nats:copy.events --rate 500 --progress copy.positions --follow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.replay(cmd.Context(), o) },
	}
	f := cmd.Flags()
	o.filter.add(f)
	f.StringVar(&o.after, "after", "", "only what comes after these positions, such as 0-1047,1-33")
	f.StringVar(&o.until, "until", "", "only what comes up to these positions")
	f.StringVar(&o.to, "to", "", "where to: nats:SUBJECT, http://... or https://... (default print)")
	f.StringArrayVar(&o.from, "from", nil, "read archived documents from this file instead of the log; wants --audit-pub (repeatable)")
	f.BoolVar(&o.andLog, "and-log", false, "with --from: go on with what the log holds and no file does")
	o.evidence.addPublic(cmd)
	f.StringVar(&o.progress, "progress", "", "file that keeps how far it came, to go on from there")
	f.BoolVar(&o.merge, "merge", false, "in the order of storing, over all shards")
	f.BoolVar(&o.follow, "follow", false, "go on with what comes, until stopped")
	f.Float64Var(&o.pace.Rate, "rate", 0, "events a second (default as fast as can be)")
	f.Float64Var(&o.pace.Speed, "speed", 0, "times as fast as they were stored (default as fast as can be)")
	return cmd
}

// query returns what the options select.
func (o *replayOptions) query() (q replay.Query, err error) {
	if q.Filter, err = o.filter.parse(); err != nil {
		return q, err
	}
	if q.After, err = replay.ParsePositions(o.after); err != nil {
		return q, usage("--after: %w", err)
	}
	if q.Until, err = replay.ParsePositions(o.until); err != nil {
		return q, usage("--until: %w", err)
	}
	if err := o.pace.Check(); err != nil {
		return q, usage("--rate, --speed: %w", err)
	}
	switch {
	case o.merge && o.follow:
		return q, usage("--merge and --follow exclude each other: what comes later may have been stored before")
	case o.merge:
		q.Order = replay.Merged
	case o.follow:
		q.Order = replay.Live
	}
	if o.progress == "" {
		return q, nil
	}
	saved, err := os.ReadFile(o.progress)
	if errors.Is(err, os.ErrNotExist) {
		return q, nil
	}
	if err == nil {
		q.After, err = replay.ParsePositions(string(saved))
	}
	if err != nil {
		return q, fmt.Errorf("--progress %s: %w", o.progress, err)
	}
	return q, nil
}

func (a *app) replay(ctx context.Context, o replayOptions) error {
	q, err := o.query()
	if err != nil {
		return err
	}
	if err := checkTarget(o.to); err != nil {
		return err
	}
	// What lives is small and bounded, and what dies is much: collect seldom.
	defer debug.SetGCPercent(debug.SetGCPercent(600))
	if len(o.from) > 0 || o.andLog {
		return a.replayArchive(ctx, o, q)
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		out := a.sink(sys, o)
		return a.send(ctx, replay.Read(ctx, sys.log, q), out, o)
	})
}

// replayArchive replays archived documents, and then the log if that is asked
// for; without it, it needs no server but to send to.
func (a *app) replayArchive(ctx context.Context, o replayOptions, q replay.Query) error {
	if len(o.from) == 0 {
		return usage("--and-log goes with --from")
	}
	ev, err := o.evidence.evidence(a)
	if err != nil {
		return err
	}
	if o.progress != "" || o.merge || !o.andLog && (o.follow || strings.HasPrefix(o.to, "nats:")) {
		return usage("--from goes with neither --progress nor --merge, and with --follow and --to nats: only together with --and-log")
	}
	archived := make(positionSet)
	files := fromArchives(o.from, ev, q.Filter, archived)
	if !o.andLog {
		return proofError(a.send(ctx, files, a.sink(nil, o), o))
	}
	return a.connected(ctx, func(ctx context.Context, sys *system) error {
		all := func(yield func(replay.Batch, error) bool) {
			for batch, err := range files {
				if !yield(batch, err) || err != nil {
					return
				}
			}
			for batch, err := range replay.Read(ctx, sys.log, q) {
				batch.Events = slices.DeleteFunc(batch.Events, func(e *events.Event) bool { return archived.has(e.Position) })
				if !yield(batch, err) {
					return
				}
			}
		}
		return proofError(a.send(ctx, all, a.sink(sys, o), o))
	})
}

// A positionSet is a set of positions, a bit each.
type positionSet map[int][]uint64

func (s positionSet) add(p events.Position) {
	word := int(p.Seq / 64) //nolint:gosec // a log is not that long
	if missing := word + 1 - len(s[p.Shard]); missing > 0 {
		s[p.Shard] = append(s[p.Shard], make([]uint64, missing)...)
	}
	s[p.Shard][word] |= 1 << (p.Seq % 64)
}

func (s positionSet) has(p events.Position) bool {
	word := int(p.Seq / 64) //nolint:gosec // as above
	return word < len(s[p.Shard]) && s[p.Shard][word]&(1<<(p.Seq%64)) != 0
}

// A sink is where a replay goes.
type sink interface {
	// Send takes the next event.
	Send(ctx context.Context, e *events.Event) error
	// Flush returns when all that was sent has arrived.
	Flush() error
}

// send sends what the batches hold, and keeps book of how far it came.
func (a *app) send(ctx context.Context, batches func(func(replay.Batch, error) bool), out sink, o replayOptions) error {
	pacer := replay.Pacer{Pace: o.pace}
	for batch, err := range batches {
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		for i := range batch.Bad {
			a.say("left out %v: %v", batch.Bad[i].Event.Position, batch.Bad[i].Bad)
		}
		for _, e := range batch.Events {
			if err := pacer.Wait(ctx, e); err != nil {
				return errors.Join(fmt.Errorf("replay: %w", err), out.Flush())
			}
			if err := out.Send(ctx, e); err != nil {
				return fmt.Errorf("replay: %v: %w", e.Position, err)
			}
		}
		if err := a.keep(batch.After, out, o); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if ctx.Err() != nil && !o.follow {
		return fmt.Errorf("replay: stopped: %w", context.Cause(ctx))
	}
	return nil
}

// keep notes how far the replay came, once that has arrived.
func (a *app) keep(after replay.Positions, out sink, o replayOptions) error {
	if o.progress == "" && !o.follow {
		return nil
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if o.progress == "" {
		return nil
	}
	if err := replaceFile(o.progress, []byte(after.String()+"\n")); err != nil {
		return fmt.Errorf("--progress %s: %w", o.progress, err)
	}
	return nil
}

// replaceFile writes a file so that a reader sees the old or the new one.
func replaceFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is told
	}
	return err
}

// checkTarget returns a usage error if --to names no place, or the log itself.
func checkTarget(to string) error {
	if to == "" {
		return nil
	}
	if subject, ok := strings.CutPrefix(to, "nats:"); ok {
		first, _, _ := strings.Cut(subject, ".")
		if subject == "" || strings.ContainsAny(subject, "*> \t\r\n") || strings.HasPrefix(first, "$") || strings.HasPrefix(first, events.SubjectRoot) {
			return usage("--to nats:%s: want a subject without wildcards, outside of %s", subject, events.SubjectRoot)
		}
		return nil
	}
	if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usage("--to %q: want nats:SUBJECT, http://... or https://...", to)
	}
	return nil
}

func (a *app) sink(sys *system, o replayOptions) sink {
	if subject, ok := strings.CutPrefix(o.to, "nats:"); ok {
		return &natsSink{nc: sys.nc, subject: subject}
	}
	if o.to != "" {
		return httpSink{&replay.HTTP{URL: o.to, Client: &http.Client{Timeout: time.Minute}}}
	}
	return &lineSink{w: bufio.NewWriterSize(a.out, 256<<10)}
}

// A lineSink writes an event a line.
type lineSink struct {
	w *bufio.Writer
}

func (s *lineSink) Send(_ context.Context, e *events.Event) error {
	line := append(replay.AppendJSON(s.w.AvailableBuffer(), e), '\n')
	_, err := s.w.Write(line)
	return err
}

func (s *lineSink) Flush() error { return s.w.Flush() }

type httpSink struct{ *replay.HTTP }

func (httpSink) Flush() error { return nil } // each was answered

// A natsSink publishes to one subject.
type natsSink struct {
	nc      *nats.Conn
	subject string
}

func (s *natsSink) Send(_ context.Context, e *events.Event) error {
	h := nats.Header(e.Header())
	for name, value := range map[string]string{
		"ce-partitionkey": string(e.Slot.Document), "ce-correlationid": string(e.Slot.Document),
		"ce-sagadefinition": e.Slot.Definition, "ce-sagaversion": strconv.Itoa(e.Slot.Version),
		"ce-sagastep": string(e.Slot.Step), "ce-sagavisit": strconv.Itoa(e.Slot.Visit),
		"ce-sagaposition": e.Position.String(), "ce-sagastoredat": e.At.UTC().Format(time.RFC3339Nano),
	} {
		h[name] = []string{value}
	}
	return s.nc.PublishMsg(&nats.Msg{Subject: s.subject, Header: h, Data: e.Data})
}

func (s *natsSink) Flush() error { return s.nc.FlushTimeout(10 * time.Second) }
