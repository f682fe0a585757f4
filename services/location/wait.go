package location

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Timeouts limit one fetch.
type Timeouts struct {
	Connect time.Duration // default 10 s
	Idle    time.Duration // without a byte; default 15 s
	Total   time.Duration // default 2 min
}

// fill sets what is not set.
func (t *Timeouts) fill() error {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&t.Connect, 10 * time.Second}, {&t.Idle, 15 * time.Second}, {&t.Total, 2 * time.Minute}} {
		if *d.value < 0 {
			return fmt.Errorf("location: timeout of %s: want more than 0", *d.value)
		}
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return nil
}

// The errors that end a wait.
var (
	errIdle  = errors.New("the server sent nothing for too long")
	errTotal = errors.New("the fetch took too long")
)

// A fetch is the time in which one document is fetched.
type fetch struct {
	ctx    context.Context //nolint:containedctx // this is what a fetch is
	cancel context.CancelCauseFunc
	stop   context.CancelFunc
	idle   time.Duration
}

func newFetch(ctx context.Context, t Timeouts) fetch {
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, stop := context.WithTimeoutCause(ctx, t.Total, errTotal)
	return fetch{ctx: ctx, cancel: cancel, stop: stop, idle: t.Idle}
}

func (f fetch) end() {
	f.stop()
	f.cancel(nil)
}

// patient returns the body of an answer so that each piece of it is waited for
// as long as is allowed. To close it ends the fetch.
func (f fetch) patient(body io.ReadCloser) *patient {
	p := &patient{fetch: f, body: body}
	p.timer = time.AfterFunc(f.idle, func() { f.cancel(errIdle) })
	p.timer.Stop()
	return p
}

type patient struct {
	fetch
	body  io.ReadCloser
	timer *time.Timer
}

// Read reads, or fails with [ErrUnreachable] and why.
func (p *patient) Read(b []byte) (int, error) {
	p.timer.Reset(p.idle)
	n, err := p.body.Read(b)
	p.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("location: read the answer: %w: %w", ErrUnreachable, because(p.ctx, err))
	}
	return n, err
}

// Close ends the fetch.
func (p *patient) Close() error {
	p.timer.Stop()
	p.end()
	return p.body.Close()
}

// because returns why ctx ended, if it did, and err otherwise.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
