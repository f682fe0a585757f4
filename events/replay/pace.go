package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/docsaga/docsaga/events"
)

// A Pace says how fast events are replayed. The zero Pace is as fast as can be.
type Pace struct {
	Rate  float64 // events a second; 0 for no limit
	Speed float64 // times as fast as they were stored, 1 for as fast; 0 for no limit
}

// Check returns an error if the pace cannot be kept.
func (p Pace) Check() error {
	if !(p.Rate >= 0) || !(p.Speed >= 0) || p.Rate > 0 && p.Rate < 1e-6 || p.Speed > 0 && p.Speed < 1e-6 {
		return fmt.Errorf("replay: pace of %v events a second, %v times: want 0 or more", p.Rate, p.Speed)
	}
	return nil
}

// A Pacer waits before each event as a [Pace] says.
type Pacer struct {
	Pace
	began time.Time // of the replay
	first time.Time // when the first event was stored
	count int
}

// Due returns when the event is to be replayed, given that it is now.
func (p *Pacer) Due(e *events.Event, now time.Time) time.Time {
	if p.count == 0 {
		p.began, p.first = now, e.At
	}
	due := p.began
	if p.Rate > 0 {
		due = due.Add(time.Duration(float64(p.count) / p.Rate * float64(time.Second)))
	}
	if p.Speed > 0 {
		stored := p.began.Add(time.Duration(float64(e.At.Sub(p.first)) / p.Speed))
		if stored.After(due) {
			due = stored
		}
	}
	p.count++
	return due
}

// Wait returns when the event is due, or why ctx has ended.
func (p *Pacer) Wait(ctx context.Context, e *events.Event) error {
	if p.Pace == (Pace{}) {
		return nil
	}
	wait := time.Until(p.Due(e, time.Now()))
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
