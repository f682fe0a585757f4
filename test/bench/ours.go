package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/audit"
	"github.com/docsaga/docsaga/events/feed"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// concurrency is how many visits each service works on at once.
const concurrency = 256

// empty is a service that does nothing.
type empty struct{}

func (empty) Do(context.Context, runner.Visit) (any, error) { return nil, nil }
func (empty) Undo(context.Context, runner.Visit) error      { return nil }

// lastStep tells the tracker what its service has written.
type lastStep struct {
	*natslog.Log
	t *tracker
}

func (l lastStep) Write(ctx context.Context, e events.Event) (events.Event, error) {
	stored, err := l.Log.Write(ctx, e)
	if err == nil {
		l.t.done(e.Slot.Document)
	}
	return stored, err
}

func (l lastStep) Send(ctx context.Context, e events.Event, then func(stands bool)) bool {
	return l.Log.Send(ctx, e, func(stands bool) {
		if stands {
			l.t.done(e.Slot.Document)
		}
		then(stands)
	})
}

// ends counts the ends that a coordinator has written.
type ends struct {
	*natslog.Log
	t *tracker
}

func (l ends) Write(ctx context.Context, e events.Event) (events.Event, error) {
	stored, err := l.Log.Write(ctx, e)
	if err == nil && e.Slot.Kind == events.Ended {
		l.t.ended.Add(1)
	}
	return stored, err
}

// docsaga is the pipeline under test.
type docsaga struct {
	site      *site
	tracker   *tracker
	flow      *saga.Definition
	projector *projections.Projector
	release   func()
}

func (*docsaga) name() string { return "docsaga" }

// start adds all parts to the group.
func (p *docsaga) start(ctx context.Context, g *errgroup.Group) (err error) {
	p.release = func() {}
	log, setup := p.site.log, p.site.setup
	if p.flow, err = catalog.Deploy(ctx, log, drawn(flowName, "", setup.Steps)); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	definitions := catalog.New(log)
	for n := 1; n <= setup.Steps; n++ {
		var l runner.Log = log
		if n == setup.Steps {
			l = lastStep{Log: log, t: p.tracker}
		}
		r, err := runner.New(string(stepName(n)), empty{}, l, definitions, runner.Config{Concurrency: concurrency, Logger: setup.Logger})
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		g.Go(func() error { return r.Run(ctx) })
	}
	readers, err := p.readers(ctx, g, definitions)
	if err == nil && len(readers) > 0 {
		g.Go(func() error { return feed.Run(ctx, log, readers...) })
	}
	return err
}

func (p *docsaga) readers(ctx context.Context, g *errgroup.Group, definitions *catalog.Catalog) ([]feed.Reader, error) {
	var readers []feed.Reader
	log, setup := p.site.log, p.site.setup
	if setup.Coordinator {
		c, err := coordinator.New(ends{Log: log, t: p.tracker}, definitions, log.Snapshots(), coordinator.Config{Logger: setup.Logger})
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		g.Go(func() error { return c.Run(ctx) })
		readers = append(readers, c)
	}
	if setup.Projections {
		store, err := sqlstore.Open(ctx, filepath.Join(p.site.dir, "status.db"))
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		p.release = func() { _ = store.Close() } // it is thrown away
		p.projector = projections.New(store, definitions)
		readers = append(readers, feed.InOrder(p.projector, p.projector.Resting()))
	}
	if setup.audited {
		r, err := p.recorder(ctx)
		if err != nil {
			return nil, err
		}
		g.Go(func() error { return r.Run(ctx) })
		readers = append(readers, feed.Unhurried(r, 50*time.Millisecond)) // as docsaga has it
	}
	return readers, nil
}

// recorder makes what records and signs checkpoints, each second.
func (p *docsaga) recorder(ctx context.Context) (*audit.Recorder, error) {
	path := filepath.Join(p.site.dir, "audit-"+rand.Text())
	if _, err := audit.GenerateKey(path, "bench"); err != nil {
		return nil, err
	}
	key, err := audit.LoadKey(path)
	if err != nil {
		return nil, err
	}
	verifier, err := audit.LoadPublicKey(path + ".pub")
	if err != nil {
		return nil, err
	}
	log := p.site.log
	r, err := audit.NewRecorder(ctx, log, log.Shards(), key, verifier, audit.Config{Dir: filepath.Join(p.site.dir, "audit"), Every: time.Second})
	if err != nil {
		return nil, err
	}
	release := p.release
	p.release = func() { _ = r.Close(); release() } // it is thrown away
	return r, nil
}

func (p *docsaga) submit(ctx context.Context, id events.DocumentID) error {
	_, err := p.site.log.Write(ctx, events.Event{
		Slot: events.DocumentSlot(p.flow.Name, p.flow.Version, id, events.Submitted), Source: "/docsaga/submit",
		Time: time.Now().UTC().Truncate(time.Millisecond), Worker: "0123456789abcdef", Data: []byte(`{"output":` + submitted + `}`),
	})
	return err
}

// settle waits until so many documents have ended and the projections hold
// all that the log does.
func (p *docsaga) settle(ctx context.Context, documents int) error {
	for p.site.setup.Coordinator && p.tracker.ended.Load() < int64(documents) {
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("bench: %d of %d documents have ended: %w", p.tracker.ended.Load(), documents, context.Cause(ctx))
		}
	}
	if p.projector == nil {
		return nil
	}
	var errs []error
	for shard := range p.site.setup.Shards {
		last, err := p.site.log.Last(ctx, shard)
		errs = append(errs, err, p.projector.Wait(ctx, events.Position{Shard: shard, Seq: last}))
	}
	return errors.Join(errs...)
}
