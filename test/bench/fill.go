package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// Numbers of the first document that was there before, and of the one that
// shows that a restart is over.
const (
	fillOffset    = 1_000_000_000
	restartOffset = 2_000_000_000
)

// fill writes the whole histories of the documents that the log is to hold
// before anything is measured. Their flow is deployed, but no service listens.
func (s *site) fill(ctx context.Context) error {
	if s.setup.Before == 0 {
		return nil
	}
	d, err := catalog.Deploy(ctx, s.log, drawn(earlier, "earlier-", s.setup.Steps))
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range submitters {
		g.Go(func() error {
			for n := int(next.Add(1)); n <= s.setup.Before; n = int(next.Add(1)) {
				if err := s.writeHistory(ctx, d, documentID(fillOffset+n)); err != nil {
					return fmt.Errorf("bench: fill: %w", err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// writeHistory writes what a document that went through would have left.
func (s *site) writeHistory(ctx context.Context, d *saga.Definition, id events.DocumentID) error {
	e := events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, id, events.Submitted), Source: "/docsaga/submit",
		Time: time.Now().UTC().Truncate(time.Millisecond), Worker: "0123456789abcdef", Data: []byte(`{"output":` + submitted + `}`),
	}
	for n := 1; ; n++ {
		stored, err := s.log.Write(ctx, e)
		if err != nil {
			return err
		}
		if e.Slot.Kind == events.Ended {
			return nil
		}
		e.Cause, e.Result, e.Data = stored.ID(), events.Completed, []byte(carried)
		if n <= s.setup.Steps {
			e.Slot.Step, e.Slot.Kind, e.Slot.Visit = stepName(n), events.Outcome, 1
			e.Source = events.SourceService(string(stepName(n)))
			continue
		}
		e.Slot, e.Data = events.DocumentSlot(d.Name, d.Version, id, events.Ended), nil
		e.Source = "/docsaga/coordinator"
	}
}
