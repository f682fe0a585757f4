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
	debug.FreeOSMemory() // what the round before has left
	s, err := newSite(ctx, setup)
	if err != nil {
		return Result{}, err
	}
	defer s.close()
	warm := min(1000, 1+setup.Documents/10)
	t := newTracker(setup, warm+setup.Documents)
	var p pipeline
	release := func() {}
	switch name {
	case Docsaga:
		ours := &docsaga{site: s, tracker: t}
		p, release = ours, func() { ours.release() }
	case Bare, Batched:
		p = &bare{site: s, tracker: t, batches: name == Batched}
	default:
		return Result{}, fmt.Errorf("bench: no pipeline is named %q", name)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	g, inner := errgroup.WithContext(inner)
	err = p.start(inner, g)
	r := Result{Pipeline: name, Documents: setup.Documents}
	if err == nil {
		err = measure(inner, p, s, t, &r)
	}
	cancel()
	err = errors.Join(err, g.Wait())
	release()
	return r, err
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
