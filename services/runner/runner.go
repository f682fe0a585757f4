package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/writer"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/catalog"
)

// Slots is where the runner reads what stands and writes what became of a visit.
type Slots interface {
	Write(ctx context.Context, e events.Event) (events.Event, error)
	Read(ctx context.Context, slot events.Slot) (events.Event, error)
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
}

// Queues is where the runner gets its cues and commands from.
type Queues interface {
	Shards() int
	Prepare(ctx context.Context, queue string, patterns []events.Pattern) error
	Cues(ctx context.Context, queue string, shard, inFlight int) iter.Seq2[events.Delivery, error]
}

// A Log is the saga log, as a runner sees it. One that is a [Sender] too keeps
// no worker waiting for what was written.
type Log interface {
	Slots
	Queues
}

// A Sender takes an event that is to be written, and calls then when it is
// known whether it stands. If it does not, or Send returns false, the event must
// be written; see natslog.Log.Send.
type Sender interface {
	Send(ctx context.Context, e events.Event, then func(stands bool)) bool
}

// A Definitions returns definitions as they are deployed; see [catalog.Catalog].
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
	Watch(ctx context.Context) iter.Seq2[*saga.Definition, error]
}

// Config adjusts a [Runner]. The zero Config is a good one for quick handlers.
type Config struct {
	// Concurrency is how many visits are worked on at once; default 64.
	Concurrency int
	// Timeout is how long one attempt may take; default five minutes.
	Timeout time.Duration
	// Retries is how many attempts a visit has, where its definition does not
	// say; default 5. An undo has twice as many.
	Retries int
	// Backoff is the pause after the first attempt, doubled after each further
	// one up to a minute, with jitter; default 200 ms.
	Backoff time.Duration
	// Crashes is how many deliveries of a visit, beyond its retries, may come to
	// no answer, for they kill their worker, never return or are given back by
	// a process that stops, before it is failed without being run; default 3.
	Crashes int
	// Drain is how long work at hand may go on once the context has ended, and
	// how long after its deadline an attempt may return; default ten seconds.
	Drain time.Duration
	// Middleware wraps the handler, the first outermost.
	Middleware []message.HandlerMiddleware
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
	// Tracer makes a span of each attempt, which handlers find in their context;
	// nil for none.
	Tracer *tracing.Tracer
}

func (c Config) withDefaults() (Config, error) {
	if c.Concurrency < 0 || c.Timeout < 0 || c.Retries < 0 || c.Backoff < 0 || c.Crashes < 0 || c.Drain < 0 {
		return c, errors.New("runner: a negative number in the configuration")
	}
	c.Concurrency = orDefault(c.Concurrency, 64)
	c.Timeout = orDefault(c.Timeout, 5*time.Minute)
	c.Retries = orDefault(c.Retries, 5)
	c.Backoff = orDefault(c.Backoff, 200*time.Millisecond)
	c.Crashes = orDefault(c.Crashes, 3)
	c.Drain = orDefault(c.Drain, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// A Runner hosts one service: it takes the service's cues from the log, calls
// its handler, and writes what became of it.
type Runner struct {
	service     string
	source      string // of its events
	handler     Handler
	log         Log
	sender      Sender // may be nil
	definitions Definitions
	conf        Config
	worker      string // tells this runner's events from another's
	attempts    atomic.Uint64
	stopping    <-chan struct{} // closed when nothing new is begun
	keeper      keeper
	workers     workers
	working     sync.WaitGroup // workers, and what was sent and is not known to stand
}

// New returns a runner of the named service. The name is what definitions call
// it by: the type of their service tasks.
func New(service string, h Handler, log Log, definitions Definitions, conf Config) (*Runner, error) {
	if err := events.CheckID(service); err != nil {
		return nil, fmt.Errorf("runner: service %q: %w", service, err)
	}
	conf, err := conf.withDefaults()
	if err != nil {
		return nil, err
	}
	conf.Logger = conf.Logger.With("service", service)
	sender, _ := log.(Sender) // or it has to be written to
	return &Runner{
		service: service, source: events.SourceService(service), handler: h, log: log, sender: sender, definitions: definitions, conf: conf,
		worker: writer.New(), keeper: keeper{held: make(map[*events.Delivery]call), stuck: make(map[*events.Delivery]call)},
		workers: workers{most: conf.Concurrency, hand: make(chan *events.Delivery, 2*log.Shards()*conf.Concurrency)},
	}, nil
}

// Run works until ctx ends, and then finishes what is at hand. It returns nil
// when it was stopped so, and an error if it cannot go on: [ErrStuck] if
// handlers that do not return hold all its workers. Handlers that do not return
// when they must are left behind.
func (r *Runner) Run(ctx context.Context) error {
	cues, commands := make(chan struct{}), make(chan struct{})
	g, inner := errgroup.WithContext(ctx)
	r.stopping = inner.Done()
	work, release := r.work(inner)
	defer release()
	start := func(d *events.Delivery) {
		r.working.Go(func() { r.workers.run(inner, d, func(d *events.Delivery) { r.deliver(work, d) }) })
	}
	g.Go(func() error { return r.watch(inner, cues, commands) })
	g.Go(func() error { return r.keep(inner) })
	var following sync.WaitGroup
	follow := func(ready <-chan struct{}, queue string, shard int) {
		following.Add(1)
		g.Go(func() error {
			defer following.Done()
			return r.follow(inner, ready, queue, shard, start)
		})
	}
	for shard := range r.log.Shards() {
		follow(cues, r.service, shard)
		follow(commands, catalog.CommandQueue(r.service), shard)
	}
	g.Go(func() error {
		following.Wait()
		r.giveBack()
		return nil
	})
	err := g.Wait()
	r.leave()
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// work returns the context of work at hand, which outlives ctx by the drain.
func (r *Runner) work(ctx context.Context) (work context.Context, release func()) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(r.conf.Drain, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() {
		stop()
		cancel(nil)
	}
}

// watch prepares the queues for each definition, and tells when each has
// something to listen to: a queue without a filter would take everything.
func (r *Runner) watch(ctx context.Context, cues, commands chan<- struct{}) error {
	for d, err := range r.definitions.Watch(ctx) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.conf.Logger.Error("definition left aside", "error", err)
			continue
		}
		if err := catalog.Listen(ctx, r.log, d, r.service); err != nil {
			return err
		}
		c, m := d.Cues(r.service)
		if _, forgets := r.handler.(Forgetter); forgets && len(c) > 0 {
			forgotten := events.Pattern{Definition: d.Name, Version: d.Version, Step: events.StepDocument, Kind: events.Forgotten}
			m = append(m, forgotten)
			if err := r.log.Prepare(ctx, catalog.CommandQueue(r.service), []events.Pattern{forgotten}); err != nil {
				return fmt.Errorf("runner: %w", err)
			}
		}
		if len(c) > 0 && cues != nil {
			close(cues)
			cues = nil
		}
		if len(m) > 0 && commands != nil {
			close(commands)
			commands = nil
		}
	}
	return ctx.Err()
}

// follow gives what comes on one queue of one shard to the workers.
func (r *Runner) follow(ctx context.Context, ready <-chan struct{}, queue string, shard int, start func(*events.Delivery)) error {
	select {
	case <-ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	for d, err := range r.log.Cues(ctx, queue, shard, r.conf.Concurrency) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("runner: queue %s of shard %d: %w", queue, shard, err)
		}
		r.keeper.hold(&d)
		if err := r.workers.give(ctx, &d, start); err != nil {
			r.keeper.drop(&d)
			return err
		}
	}
	return ctx.Err()
}

// giveBack lets others have at once what no worker has begun.
func (r *Runner) giveBack() {
	for {
		select {
		case d := <-r.workers.hand:
			r.keeper.drop(d)
			if err := d.Nak(0); err != nil {
				r.conf.Logger.Warn("give back", "event", d.Event.ID(), "error", err)
			}
		default:
			return
		}
	}
}

// deliver handles one delivery. Its ctx outlives that of Run, so that work at
// hand is finished.
func (r *Runner) deliver(ctx context.Context, d *events.Delivery) {
	if err := r.handle(ctx, d); !errors.Is(err, errSent) {
		r.finish(d, err)
	}
}

// finish answers a delivery.
func (r *Runner) finish(d *events.Delivery, err error) {
	held := r.keeper.drop(d)
	switch {
	case err == nil:
		err = d.Ack()
	case !held: // it was given back meanwhile
		return
	default:
		pause := r.pause(d.Attempt)
		r.conf.Logger.Warn("delivery comes again", "event", d.Event.ID(), "attempt", d.Attempt, "after", pause, "error", err)
		err = d.Nak(pause)
	}
	if err != nil {
		r.conf.Logger.Warn("acknowledge", "event", d.Event.ID(), "error", err)
	}
}
