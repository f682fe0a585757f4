package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
)

// Names of the pipelines.
const (
	Docsaga = "docsaga"
	Bare    = "bare"    // one publish a message
	Batched = "batched" // what waits goes as an atomic batch
	Audited = "audited" // docsaga, with a recorder of checkpoints beside it
	Signed  = "signed"  // docsaga, with each event signed by its writer and checked by each reader
)

// A pipeline takes documents, and tells a tracker when each is through.
type pipeline interface {
	name() string
	start(ctx context.Context, g *errgroup.Group) error
	submit(ctx context.Context, id events.DocumentID) error
	// settle waits until nothing more follows from so many documents.
	settle(ctx context.Context, documents int) error
}

// Run measures one round of the named pipeline.
func Run(ctx context.Context, name string, setup Setup) (Result, error) {
	setup, err := setup.withDefaults()
	if err != nil {
		return Result{}, err
	}
	setup.audited, setup.signed = name == Audited, name == Signed
	debug.FreeOSMemory() // what the round before has left
	s, err := newSite(ctx, setup)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	if err := s.fill(ctx); err != nil {
		return Result{}, err
	}
	warm := min(1000, 1+setup.Documents/10)
	t := newTracker(setup, warm+setup.Documents)
	r := Result{Pipeline: name, Before: setup.Before, Documents: setup.Documents}
	err = with(ctx, name, s, t, func(ctx context.Context, p pipeline) error { return measure(ctx, p, s, t, &r) })
	if err == nil && setup.Before > 0 {
		r.Restart, err = restart(ctx, name, s)
	}
	return r, err
}

// restart returns how many seconds it takes from a stopped server until a
// document is through that is submitted after it.
func restart(ctx context.Context, name string, s *site) (seconds float64, err error) {
	s.stop()
	began := time.Now()
	if err := s.start(ctx); err != nil {
		return 0, fmt.Errorf("bench: start servers again: %w", err)
	}
	t := newTracker(s.setup, 1)
	t.offset = restartOffset
	err = with(ctx, name, s, t, func(ctx context.Context, p pipeline) error {
		return errors.Join(t.drive(ctx, 0, 0, 1, p.submit), p.settle(ctx, 1))
	})
	return time.Since(began).Seconds(), err
}

// with starts the named pipeline, calls do, and stops it.
func with(ctx context.Context, name string, s *site, t *tracker, do func(context.Context, pipeline) error) error {
	var p pipeline
	release := func() {}
	switch name {
	case Docsaga, Audited, Signed:
		ours := &docsaga{site: s, tracker: t}
		p, release = ours, func() { ours.release() }
	case Bare, Batched:
		p = &bare{site: s, tracker: t, batches: name == Batched}
	default:
		return fmt.Errorf("bench: no pipeline is named %q", name)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	g, inner := errgroup.WithContext(inner)
	err := p.start(inner, g)
	if err == nil {
		err = do(inner, p)
	}
	cancel()
	err = errors.Join(err, g.Wait())
	release()
	return err
}

func measure(ctx context.Context, p pipeline, s *site, t *tracker, r *Result) error {
	warm, all := len(t.took)-r.Documents, len(t.took)
	if err := t.drive(ctx, s.setup.Rate, 0, warm, p.submit); err != nil {
		return err
	}
	if err := p.settle(ctx, warm); err != nil {
		return err
	}
	before, err := s.stored(ctx)
	if err != nil {
		return err
	}
	began, used := time.Now(), processorTime()
	if err := t.drive(ctx, s.setup.Rate, warm, all, p.submit); err != nil {
		return err
	}
	if err := p.settle(ctx, all); err != nil {
		return err
	}
	r.PerSecond = float64(r.Documents) / time.Since(began).Seconds()
	r.CPU = float64((processorTime() - used).Microseconds()) / float64(r.Documents)
	r.Memory = residentMiB()
	t.percentiles(r, warm)
	after, err := s.stored(ctx)
	r.Events = after - before
	return err
}
