package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/console"
	"github.com/docsaga/docsaga/coordinator/forget"
	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/services/records"
)

// httpDrain is how long requests may go on when the server is stopped.
const httpDrain = 5 * time.Second

// operate does for the API what people decide.
type operate struct {
	operator  *verbs.Operator
	forgetter *forget.Forgetter
}

// Do is part of api.Operator.
func (o operate) Do(ctx context.Context, c api.Command) (events.Event, error) {
	if c.Verb == api.VerbForget {
		done, err := o.forgetter.Do(ctx, c.Document, forget.Request{By: c.By})
		return done.Event, notNow(err)
	}
	done, err := o.operator.Do(ctx, c.Document, operatorCommand(c))
	return done.Event, notNow(err)
}

// Plan is part of api.Planner.
func (o operate) Plan(ctx context.Context, c api.Command) error {
	_, err := o.operator.Plan(ctx, c.Document, operatorCommand(c))
	return notNow(err)
}

func operatorCommand(c api.Command) verbs.Command {
	command := verbs.Command{Verb: verbs.Verb(c.Verb), By: c.By, Step: c.Step, Result: c.Outcome, Output: c.Output}
	if c.Outcome == events.Rejected {
		command.Error = &events.Error{Code: "resolved", Message: c.By.Reason}
	}
	return command
}

func notNow(err error) error {
	if errors.Is(err, verbs.ErrUnfit) || errors.Is(err, verbs.ErrBadCommand) || errors.Is(err, forget.ErrOpen) || errors.Is(err, forget.ErrPlain) {
		return fmt.Errorf("%w: %w", err, api.ErrNotNow)
	}
	return err
}

// recorded shows the API what documents became.
type recorded struct{ store *records.Store }

// Record is part of api.Records.
func (r recorded) Record(ctx context.Context, id events.DocumentID) (json.RawMessage, error) {
	record, err := r.store.Get(ctx, id)
	if errors.Is(err, records.ErrNotFound) {
		return nil, fmt.Errorf("record of %s: %w", id, events.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(record)
}

// Records is part of api.Records.
func (r recorded) Records(ctx context.Context, q api.RecordQuery) (page []json.RawMessage, next string, err error) {
	list, next, err := r.store.List(ctx, records.Query{
		Kind: q.Kind, Number: q.Number, Party: q.Party, From: q.From, To: q.To, Limit: q.Limit, After: q.After,
	})
	if err != nil {
		return nil, "", err
	}
	for _, record := range list {
		raw, err := json.Marshal(record)
		if err != nil {
			return nil, "", err
		}
		page = append(page, raw)
	}
	return page, next, nil
}

// keys reads the file of keys, if one is named.
func (a *app) keys() (api.Keys, error) {
	path := a.settings.keys
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--keys: %w", err)
	}
	keys, err := api.ReadKeys(raw)
	if err != nil {
		return nil, usage("--keys %s: %w", path, err)
	}
	return keys, nil
}

// web returns the HTTP server at an address, what feeds it, and its part.
func (s *system) web(ctx context.Context, addr string, status *sqlstore.Store, positions *projections.Projector) (hosted, feed.Reader, error) {
	part := hosted{release: func() {}}
	keys, err := s.app.keys()
	if err != nil {
		return part, nil, err
	}
	issuer, err := s.app.settings.oidc.issuer(ctx)
	if err != nil {
		return part, nil, err
	}
	if err := api.CheckListen(addr, len(keys) > 0 || issuer != nil); err != nil {
		return part, nil, usage("--http: %w", err)
	}
	store, err := records.Open(ctx, s.recordsURL())
	if err != nil {
		return part, nil, fmt.Errorf("records: %w", err)
	}
	part.release = func() { _ = store.Close() }
	desk, err := s.desk(ctx)
	if err != nil {
		return part, nil, err
	}
	told, err := s.told(ctx)
	if err == nil {
		err = s.configured(ctx, keys)
	}
	if err != nil {
		return part, nil, err
	}
	hub, gate := api.NewHub(s.log.Last), s.gate()
	part.run = append(part.run, gate.Run)
	server := api.New(api.System{
		Log: s.log, Files: s.log.Files(), Definitions: s.catalog, Target: s.log, Status: status, Positions: positions,
		Operator: operate{verbs.New(s.log, s.catalog), forget.New(s.log, s.catalog)}, Records: recorded{store}, Tasks: desk, Notices: told, Gate: gate, Queues: s.log,
	}, hub, api.Config{Keys: keys, Issuer: issuer, MaxUpload: s.app.settings.maxBytes, Definition: defaultDefinition, Logger: s.app.settings.logger, Tracer: s.app.tracer})
	pages, err := console.New(server, console.Config{Logger: s.app.settings.logger})
	if err != nil {
		return part, nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return part, nil, fmt.Errorf("--http: %w", err)
	}
	s.app.say("HTTP at http://%s", listener.Addr())
	part.run = append(part.run, func(ctx context.Context) error { return serveHTTP(ctx, listener, pages.Handler()) })
	return part, hub, nil
}

// told returns where messages and signals are kept, nil if the log was made
// before there were any.
func (s *system) told(ctx context.Context) (api.Notices, error) {
	notices, err := s.log.Notices(ctx)
	if errors.Is(err, natslog.ErrNotProvisioned) {
		return nil, nil
	}
	return notices, err
}

// serveHTTP answers until ctx ends, and lets requests at hand finish.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := api.HTTP(handler)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpDrain)
		defer cancel()
		stopped <- server.Shutdown(drain)
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return <-stopped
}

func (a *app) keyCommand() *cobra.Command {
	var role string
	var groups []string
	cmd := &cobra.Command{
		Use:   "key NAME",
		Short: "Make a key for the HTTP API",
		Long: `Prints a new key to the terminal's error output, once, and the line that stands
for it in the file that --keys names, with the key hashed, to standard output.`,
		Example: `  docsaga key scanner --role submitter >> keys.jsonl
  docsaga key ann --role submitter --group accounting >> keys.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var r api.Role
			if err := r.UnmarshalText([]byte(role)); err != nil {
				return usage("--role: %w", err)
			}
			key, secret, err := api.NewKey(args[0], r)
			if err != nil {
				return usage("%w", err)
			}
			key.Groups = groups
			a.say("the key, shown this once: %s", secret)
			return json.NewEncoder(a.out).Encode(key)
		},
	}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "a group that the holder is in, for tasks (repeatable)")
	cmd.Flags().StringVar(&role, "role", "viewer", "viewer, submitter, operator or admin")
	return cmd
}
