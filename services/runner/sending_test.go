package runner_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/memlog"
	"github.com/docsaga/docsaga/saga/catalog"
	"github.com/docsaga/docsaga/services/runner"
)

// A doubtful log may not know what became of what was sent.
type doubtful struct {
	*memlog.Log
	send   func(l *memlog.Log, e events.Event, then func(bool)) bool
	writes atomic.Int64
}

func (d *doubtful) Send(_ context.Context, e events.Event, then func(bool)) bool {
	return d.send(d.Log, e, then)
}

func (d *doubtful) Write(ctx context.Context, e events.Event) (events.Event, error) {
	d.writes.Add(1)
	return d.Log.Write(ctx, e)
}

func TestWhatWasSentIsWrittenIfNobodyKnowsThatItStands(t *testing.T) {
	stood := func(l *memlog.Log, e events.Event, then func(bool)) bool {
		_, err := l.Write(t.Context(), e)
		go then(err == nil)
		return true
	}
	for name, c := range map[string]struct {
		send   func(*memlog.Log, events.Event, func(bool)) bool
		writes int64
	}{
		"it stands":         {stood, 0},
		"it cannot be sent": {func(*memlog.Log, events.Event, func(bool)) bool { return false }, 1},
		"it was lost":       {func(_ *memlog.Log, _ events.Event, then func(bool)) bool { go then(false); return true }, 1},
		"its answer was lost": {func(l *memlog.Log, e events.Event, then func(bool)) bool {
			return stood(l, e, func(bool) { then(false) })
		}, 1},
		"it is known at once": {func(l *memlog.Log, e events.Event, then func(bool)) bool {
			_, err := l.Write(t.Context(), e)
			then(err == nil)
			return true
		}, 0},
		"it is unknown at once": {func(_ *memlog.Log, _ events.Event, then func(bool)) bool { then(false); return true }, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stage{T: t, log: memlog.New(memlog.Config{}), ctx: t.Context()}
			if _, err := catalog.Deploy(s.ctx, s.log, []byte(flow)); err != nil {
				t.Fatal(err)
			}
			l := &doubtful{Log: s.log, send: c.send}
			h := &fake{do: always(`{"n":1}`)}
			stop := s.hostOn(l, "left", h, runner.Config{})
			s.submit()
			synctest.Wait()
			stop()
			e, err := s.log.Read(s.ctx, slot("left", events.Outcome))
			if err != nil || e.Result != events.Completed || l.writes.Load() != c.writes || h.calls(1) != 1 {
				t.Errorf("%s: %v, %v; %d writes, want %d; done %d times", name, e.Result, err, l.writes.Load(), c.writes, h.calls(1))
			}
		})
	}
}

func TestARunnerThatStopsWaitsForWhatItHasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, log: memlog.New(memlog.Config{}), ctx: t.Context()}
		if _, err := catalog.Deploy(s.ctx, s.log, []byte(flow)); err != nil {
			t.Fatal(err)
		}
		sent := make(chan func(bool), 1)
		l := &doubtful{Log: s.log, send: func(_ *memlog.Log, _ events.Event, then func(bool)) bool {
			sent <- then
			return true
		}}
		stop := s.hostOn(l, "left", &fake{do: always(`{"n":1}`)}, runner.Config{})
		s.submit()
		then := <-sent
		stopped := make(chan struct{})
		go func() {
			stop()
			close(stopped)
		}()
		synctest.Wait()
		select {
		case <-stopped:
			t.Error("it has stopped, and nobody answers the delivery")
		default:
		}
		then(false) // nobody knows: it must be written yet
		<-stopped
		if _, err := s.log.Read(s.ctx, slot("left", events.Outcome)); err != nil || l.writes.Load() != 1 {
			t.Errorf("%v, %d writes", err, l.writes.Load())
		}
	})
}
