package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/events/verify"
)

type verifyOptions struct {
	archives    archiveFlags
	store       string
	submitted   string
	effects     string
	effectSteps []string
	reads       string
	grace       time.Duration
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check on the raw log that nothing was lost, doubled or left half undone",
		Long: `Reads the raw streams, of a running server or of a stopped one's directory, and
checks docsaga's invariants by code of its own. Prints a line for each with
what was looked at and what breaches it. Exit code 1 if anything does.

With --store or --data, how far the log must reach is read from its anchor.

--submitted names a file with a line {"document":"...","answered":true} for each
submission, kept by whoever submitted, with "refused":true for what was refused;
--effects one with a line
{"document":"...","step":"...","visit":1} for each effect that exists; --reads one
with a line {"document":"...","asked":"3-17","answered":"3-21","state":"running"}
for each answer to a reader who asked from a position on. In --submitted a
document that is there to do harm has "poisoned":true, and another "within":5 if
it must end within five seconds beside such ones.

Where archived documents were taken out of the log, no more is checked of them
than that they were submitted and have ended; with --archive all is.

With --status the rows of that projection are compared with the log, and with
what fresh processes make of the same events in other time zones and with other
numbers of processors.`,
		Example: `  docsaga verify
  docsaga verify --store docsaga-data --submitted submitted.jsonl -o json
  docsaga verify --status docsaga-data/status.db
  docsaga verify --grace 1m            while documents are under way`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verify(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.store, "store", "", "directory of a server that is stopped, instead of --nats; it is copied, not changed")
	f.StringVar(&o.submitted, "submitted", "", "record of what was submitted, JSON lines")
	f.StringVar(&o.effects, "effects", "", "record of the effects that exist, JSON lines")
	f.StringSliceVar(&o.effectSteps, "effect-steps", nil, "with --effects: the steps whose effects the record holds")
	f.StringVar(&o.reads, "reads", "", "record of what readers were told, JSON lines")
	o.archives.add(cmd)
	f.DurationVar(&o.grace, "grace", 0, "documents touched within this time may be open")
	return cmd
}

// verifyRecords are what verify compares the log with.
type verifyRecords struct {
	submitted  []verify.Submission
	effects    []verify.Effect
	reads      []verify.Reading
	projection verify.Projection
}

// records reads what is given, before the log: what it tells of must be there.
func (o *verifyOptions) records(ctx context.Context, status string) (r verifyRecords, err error) {
	if o.effects != "" && len(o.effectSteps) == 0 {
		return r, usage("--effects: say with --effect-steps of which steps")
	}
	r.submitted, err = readLines[verify.Submission](o.submitted)
	if err == nil {
		r.effects, err = readLines[verify.Effect](o.effects)
	}
	if err == nil {
		r.reads, err = readLines[verify.Reading](o.reads)
	}
	if err == nil && status != "" {
		r.projection, err = readStatus(ctx, status)
	}
	return r, err
}

func (a *app) verify(ctx context.Context, o verifyOptions) error {
	records, err := o.records(ctx, a.settings.status)
	if err != nil {
		return err
	}
	raw, done, err := a.rawLog(ctx, o.store)
	if err != nil {
		return err
	}
	defer done()
	if raw.guard, err = a.settings.signing.guard(); err != nil {
		return err
	}
	if raw.files, err = o.archives.open(a); err != nil {
		return err
	}
	defer o.archives.close()
	var marks map[int]anchor.Mark
	if dir := orElse(o.store, a.settings.data); dir != "" {
		marks, err = anchor.Marks(anchorFile(dir))
	}
	if err != nil {
		return err
	}
	c, err := raw.check(ctx, o.grace, marks)
	if err != nil {
		return err
	}
	if a.settings.status != "" && !raw.holds(records.projection.Cursors) {
		c.Projected(records.projection) // nobody can fold what is not there
	} else if a.settings.status != "" && len(raw.archived) > 0 && raw.files == nil {
		records.projection.Unfolded = "archived documents were removed from the log; nobody can fold it without --archive"
		c.Projected(records.projection)
	} else if a.settings.status != "" {
		if records.projection.Folds, err = a.foldElsewhere(ctx, raw.url, records.projection.Cursors, o.archives); err != nil {
			return err
		}
		c.Projected(records.projection)
	}
	r := o.finish(c, &records)
	if err := printOne(a, r, a.showVerified); err != nil {
		return err
	}
	if !r.OK() {
		return coded{code: exitFailed}
	}
	return nil
}

// finish compares the log with the records that were given.
func (o *verifyOptions) finish(c *verify.Checker, r *verifyRecords) verify.Report {
	if o.submitted != "" {
		c.Submissions(r.submitted)
	}
	if o.effects != "" {
		steps := make([]events.StepID, len(o.effectSteps))
		for i, s := range o.effectSteps {
			steps[i] = events.StepID(s)
		}
		c.Effects(steps, r.effects)
	}
	if o.reads != "" {
		c.Read(r.reads)
	}
	return c.Finish()
}

// readLines reads a file of JSON lines; no name is no lines.
func readLines[T any](path string) ([]T, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var list []T
	r := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var v T
			if err := json.Unmarshal(line, &v); err != nil {
				return nil, usage("%s: line %d: %w", path, number, err)
			}
			list = append(list, v)
		}
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
	}
}

// rawLog connects to the server, or starts one on a copy of a stopped one's
// directory.
func (a *app) rawLog(ctx context.Context, store string) (*rawLog, func(), error) {
	if store == "" {
		nc, err := natslog.Connect(a.settings.nats, natslog.ConnectOptions{
			Name: "docsaga verify", CredentialsFile: a.settings.creds, CAFile: a.settings.ca, InboxPrefix: a.settings.inbox, Logger: a.settings.logger,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("connect to %s: %w", redacted(a.settings.nats), err)
		}
		raw, err := newRawLog(ctx, nc)
		if err != nil {
			nc.Close()
			return nil, nil, err
		}
		raw.url = a.settings.nats
		return raw, nc.Close, nil
	}
	if _, err := os.Stat(filepath.Join(store, "nats")); err == nil {
		store = filepath.Join(store, "nats")
	}
	if _, err := os.Stat(filepath.Join(store, "jetstream")); err != nil {
		return nil, nil, coded{code: exitNotFound, err: fmt.Errorf("--store %s: it holds no saga log", store)}
	}
	dir, err := os.MkdirTemp("", "docsaga-verify-")
	if err != nil {
		return nil, nil, fmt.Errorf("copy the store: %w", err)
	}
	clean := func() { _ = os.RemoveAll(dir) }
	nc, url, stop, err := a.startCopy(store, dir)
	if err != nil {
		clean()
		return nil, nil, err
	}
	done := func() { stop(); clean() }
	raw, err := newRawLog(ctx, nc)
	if err != nil {
		done()
		return nil, nil, err
	}
	raw.url = url
	return raw, done, nil
}

// startCopy starts a server on a copy of a directory, which others can reach
// if they are to fold its log.
func (a *app) startCopy(store, dir string) (nc *nats.Conn, url string, stop func(), err error) {
	if err := os.CopyFS(filepath.Join(dir, "nats"), os.DirFS(store)); err != nil {
		return nil, "", nil, fmt.Errorf("copy the store: %w", err)
	}
	addr := ""
	if a.settings.status != "" {
		addr = "127.0.0.1:0"
	}
	broker, err := embedded.Start(embedded.Config{Dir: filepath.Join(dir, "nats"), Addr: addr, Durability: natslog.Relaxed, Logger: a.settings.logger})
	if err != nil {
		return nil, "", nil, fmt.Errorf("start NATS on a copy of %s: %w", store, err)
	}
	if nc, err = broker.Connect(); err != nil {
		broker.Stop()
		return nil, "", nil, fmt.Errorf("start NATS on a copy of %s: %w", store, err)
	}
	return nc, broker.URL(), func() { nc.Close(); broker.Stop() }, nil
}

func (a *app) showVerified(r verify.Report) error {
	_, _ = fmt.Fprintf(a.out, "%d documents, %d messages, %d of them no event, %d not signed; open %d", r.Documents, r.Messages, r.Malformed, r.Unsigned, r.Open)
	for _, state := range []events.Result{events.Completed, events.Rejected, events.Failed, events.Cancelled} {
		_, _ = fmt.Fprintf(a.out, ", %s %d", state, r.Ended[state.String()])
	}
	if r.Archived > 0 {
		_, _ = fmt.Fprintf(a.out, "; of %d archived only that they began and ended is in the log", r.Archived)
	}
	_, _ = fmt.Fprint(a.out, "\n\n")
	err := printList(a, r.Findings, func(list []verify.Finding) table {
		t := table{head: []string{"", "INVARIANT", "CHECKED", "BREACHES", ""}}
		for _, f := range list {
			t.rows = append(t.rows, []string{strconv.Itoa(f.Invariant), f.Name, strconv.Itoa(f.Checked), strconv.Itoa(f.Breaches), f.Skipped})
		}
		return t
	})
	if err != nil || len(r.Breaches) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(a.out)
	return printList(a, r.Breaches, func(list []verify.Breach) table {
		t := table{head: []string{"", "DOCUMENT", "BREACH"}}
		for _, b := range list {
			t.rows = append(t.rows, []string{strconv.Itoa(b.Invariant), orElse(string(b.Document), "-"), b.Detail})
		}
		return t
	})
}
