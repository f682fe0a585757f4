package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admin"
	"github.com/docsaga/docsaga/events/admission"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/natslog/embedded"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/pdfium"
)

// A system is a connection to a saga log, and what this process hosts of the rest.
type system struct {
	app     *app
	dir     string           // of the databases
	broker  *embedded.Server // nil if the server is another process
	nc      *nats.Conn
	log     *natslog.Log
	catalog *catalog.Catalog
	pool    *pdfium.Pool // nil until a service needs it
}

// embed starts a server in this process, on the directory, and opens the log
// in it, new if need be. An empty address makes it reachable in process only.
func (a *app) embed(ctx context.Context, dir, addr string) (*system, error) {
	if err := a.settings.check(); err != nil {
		return nil, err
	}
	shortened := false
	broker, err := embedded.Start(embedded.Config{
		Dir: filepath.Join(dir, "nats"), Addr: addr, Durability: natslog.Durability(a.settings.durability), Logger: a.settings.logger,
		Before: func(nats string) (err error) {
			shortened, err = a.checkAnchor(nats, dir)
			return err
		},
	})
	if errors.Is(err, anchor.ErrDamaged) {
		return nil, coded{code: exitFailed, err: fmt.Errorf("start NATS: %w", err)}
	}
	if err != nil {
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	s := &system{app: a, dir: dir, broker: broker}
	if s.nc, err = broker.Connect(); err != nil {
		broker.Stop()
		return nil, fmt.Errorf("start NATS: %w", err)
	}
	err = s.open(ctx, true)
	if err == nil && shortened {
		err = s.shortened(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// connect opens the log of the server that --nats names.
func (a *app) connect(ctx context.Context) (*system, error) { return a.dial(ctx, false) }

// connectNew is connect, with the log made if there is none.
func (a *app) connectNew(ctx context.Context) (*system, error) { return a.dial(ctx, true) }

func (a *app) dial(ctx context.Context, provision bool) (*system, error) {
	s := &system{app: a, dir: orElse(a.settings.data, defaultData)}
	nc, err := natslog.Connect(a.settings.nats, natslog.ConnectOptions{
		Name: "docsaga", CredentialsFile: a.settings.creds, CAFile: a.settings.ca, InboxPrefix: a.settings.inbox, Logger: a.settings.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w (start one with `docsaga dev`, or name another with --nats)", redacted(a.settings.nats), err)
	}
	s.nc = nc
	if err := s.open(ctx, provision); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *system) open(ctx context.Context, provision bool) error {
	if provision {
		if err := s.provision(ctx); err != nil {
			return err
		}
	}
	opts, err := s.app.logOptions()
	if err != nil {
		return err
	}
	log, err := natslog.Open(ctx, s.nc, opts)
	if err != nil {
		return fmt.Errorf("open the saga log: %w", err)
	}
	s.log, s.catalog = log, catalog.New(log)
	if provision {
		if err := s.trusted(ctx); err != nil {
			return err
		}
		return s.changed(ctx, admin.Settings, settingsState(log.Config()))
	}
	return nil
}

func (s *system) provision(ctx context.Context) error {
	set := s.app.settings
	conf := natslog.Config{Shards: set.shards, Replicas: set.replicas, Durability: natslog.Durability(set.durability)}
	if err := natslog.Provision(ctx, s.nc, conf); err != nil {
		return fmt.Errorf("provision the saga log: %w", err)
	}
	return nil
}

// gate returns what refuses documents when too many wait.
func (s *system) gate() *admission.Gate {
	return admission.New(s.log, admission.Config{Most: s.app.settings.maxWaiting, Logger: s.app.settings.logger})
}

func (s *system) close() {
	if s.nc != nil {
		s.nc.Close()
	}
	if s.broker != nil {
		s.broker.Stop()
	}
}

func (s *system) deploy(ctx context.Context, drawn []byte) (*saga.Definition, error) {
	d, err := catalog.Deploy(ctx, s.log, drawn)
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	return d, admin.Deployed(ctx, s.log, events.DefinitionRef{Name: d.Name, Version: d.Version}, drawn, s.app.who.by())
}

// parts says what a process hosts.
type parts struct {
	services    []string
	coordinator bool
	projections bool
	http        string // address of the HTTP API, which needs the projections; empty for none
	audit       auditFlags
}

// host runs the parts, and work, until work returns, ctx ends or a part fails;
// then it stops all of them and waits. Readers are fed besides the parts' own.
func (s *system) host(ctx context.Context, p parts, work func(context.Context) error, readers ...feed.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, inner := errgroup.WithContext(ctx)
	release, err := s.start(inner, g, p, readers)
	if err == nil {
		g.Go(func() error {
			defer cancel()
			return work(inner)
		})
	} else {
		cancel()
	}
	err = errors.Join(err, g.Wait())
	release()
	return err
}

// start adds the parts to the group, and returns what to call when it is done.
func (s *system) start(ctx context.Context, g *errgroup.Group, p parts, readers []feed.Reader) (release func(), err error) {
	var closers []func()
	release = func() {
		for _, done := range slices.Backward(closers) {
			done()
		}
	}
	for _, name := range p.services {
		part, err := s.service(ctx, name)
		closers = append(closers, part.release)
		if err != nil {
			return release, err
		}
		for _, run := range part.run {
			g.Go(func() error { return untilEnd(ctx, run) })
		}
	}
	if p.projections {
		part, fed, err := s.projected(ctx, p.http)
		closers = append(closers, part.release)
		if err != nil {
			return release, err
		}
		for _, run := range part.run {
			g.Go(func() error { return untilEnd(ctx, run) })
		}
		readers = append(fed, readers...)
	}
	if s.broker != nil {
		if readers, err = s.anchored(ctx, g, readers); err != nil {
			return release, err
		}
	}
	if p.coordinator {
		if readers, err = s.coordinated(ctx, g, readers, p.audit.key != ""); err != nil {
			return release, err
		}
	}
	if p.audit.key != "" {
		r, err := s.recorder(ctx, p.audit)
		if err != nil {
			return release, err
		}
		closers = append(closers, func() { _ = r.Close() }) // all that is signed is on the disk
		g.Go(func() error { return r.Run(ctx) })
		readers = append(readers, feed.Unhurried(r, recorderRest))
	}
	if len(readers) > 0 {
		g.Go(func() error { return feed.Run(ctx, s.log, readers...) })
	}
	g.Go(func() error { return s.watchSettings(ctx) })
	return release, nil
}

// anchored adds the anchor of the log that this process keeps to its readers.
func (s *system) anchored(ctx context.Context, g *errgroup.Group, readers []feed.Reader) ([]feed.Reader, error) {
	a, err := anchor.Open(anchorFile(s.dir))
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	g.Go(func() error { return a.Run(ctx) })
	return append(readers, a), nil
}

// recorderRest is how long the recorder of checkpoints rests after a batch. What
// it signs, every few seconds, may be that much older.
const recorderRest = 50 * time.Millisecond

// coordinated starts a coordinator. If there are other readers, or one will
// come, it reads with them; alone it need not follow what another coordinator
// decides about.
func (s *system) coordinated(ctx context.Context, g *errgroup.Group, readers []feed.Reader, together bool) ([]feed.Reader, error) {
	outside, err := s.outside(ctx, g)
	if err != nil {
		return nil, err
	}
	c, err := coordinator.New(s.log, s.catalog, s.log.Snapshots(), coordinator.Config{Outside: outside, Logger: s.app.settings.logger, Tracer: s.app.tracer})
	if err != nil {
		return nil, fmt.Errorf("coordinator: %w", err)
	}
	g.Go(func() error { return c.Run(ctx) })
	if len(readers) == 0 && !together {
		if shared, err := s.share(ctx, g, c); shared || err != nil {
			return nil, err
		}
	}
	return append([]feed.Reader{c}, readers...), nil
}

// anchorFile is where the end of the log is noted, outside of it.
func anchorFile(dir string) string { return filepath.Join(dir, "anchor.json") }

// share lets the coordinator share the shards with others, if the log has
// leases for it: one that was made before there were any has none.
func (s *system) share(ctx context.Context, g *errgroup.Group, c *coordinator.Coordinator) (bool, error) {
	leases, err := s.log.Leases(ctx, rand.Text()[:16])
	if errors.Is(err, natslog.ErrNotProvisioned) {
		s.app.settings.logger.Warn("this coordinator decides about all shards, for the log has no leases; `docsaga provision` makes them")
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("coordinator: %w", err)
	}
	g.Go(func() error { return c.Share(ctx, s.log, leases) })
	return true, nil
}

// untilEnd runs a part; that ctx has ended is no error.
func untilEnd(ctx context.Context, run func(context.Context) error) error {
	if err := run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// watchSettings looks at the streams' settings from time to time: the slots
// are only as good as they are.
func (s *system) watchSettings(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.log.CheckSettings(ctx); errors.Is(err, natslog.ErrDrift) {
			return fmt.Errorf("stopped, for the log's promises may not hold: %w", err)
		}
	}
}

// report tells a document's history.
func (s *system) report(ctx context.Context, id events.DocumentID) (report, error) {
	return s.reportAt(ctx, id, "")
}

// reportAt tells a document's history up to a position or time; see asOf.
func (s *system) reportAt(ctx context.Context, id events.DocumentID, at string) (report, error) {
	history, err := s.log.History(ctx, id)
	if err != nil {
		return report{}, fmt.Errorf("document %s: %w", id, err)
	}
	if len(history) == 0 {
		return report{}, fmt.Errorf("document %s: %w", id, events.ErrNotFound)
	}
	if history, err = asOf(history, at); err != nil {
		return report{}, err
	}
	versions, err := catalog.Versions(ctx, s.catalog, history)
	if err != nil {
		return report{}, fmt.Errorf("document %s: %w", id, err)
	}
	r, err := newReport(versions, history)
	if err != nil {
		return r, fmt.Errorf("document %s: %w", id, err)
	}
	if at != "" {
		return r, nil // the record is that of today
	}
	return r, s.addRecord(ctx, &r)
}

const defaultData = "docsaga-data"

// dataDir returns the directory given by --data or the default, made if need be.
func (a *app) dataDir() (string, error) {
	dir := orElse(a.settings.data, defaultData)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data directory: %w", err)
	}
	return dir, nil
}
