package flows

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// A Log is where documents are read and written.
type Log interface {
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
	// Tip returns the sequence of the last message about a document; 0 if there is
	// none.
	Tip(ctx context.Context, document events.DocumentID) (uint64, error)
	Read(ctx context.Context, slot events.Slot) (events.Event, error)
	Write(ctx context.Context, e events.Event) (events.Event, error)
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
	Latest(ctx context.Context, name string) (*saga.Definition, error)
	// Deployed returns when a version was deployed, by the log's clock.
	Deployed(ctx context.Context, name string, version int) (time.Time, error)
	// Watch yields the definitions that are deployed, then each new one.
	Watch(ctx context.Context) iter.Seq2[*saga.Definition, error]
}

// Notices keeps messages and signals, and who has claimed them.
type Notices interface {
	Tell(ctx context.Context, n events.Notice) (events.Notice, error)
	// Claim makes the n-th claim of a notice, and returns what stands as that.
	Claim(ctx context.Context, n events.Notice, number int, slot events.Slot) (events.Slot, error)
	Notice(ctx context.Context, id string) (events.Notice, error)
	FollowNotices(ctx context.Context) iter.Seq2[events.Posting, error]
}

// Config adjusts a [Flows]. The zero Config is a good one.
type Config struct {
	// Poll is how often what failed is tried again, and what nobody waited for
	// in time is forgotten; default 500 ms.
	Poll time.Duration
	// Workers is how many documents are read and written at once; default 64.
	Workers int
	// Now is the clock that start events and times to live go by; default time.Now.
	Now func() time.Time
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
}

// A Flows is a coordinator's Outside. It needs Run.
type Flows struct {
	log         Log
	definitions Definitions
	notices     Notices
	conf        Config
	concerns    sync.Map // of *saga.Definition: bool

	touches  chan coordinator.Touch
	postings chan events.Posting
	deployed chan *saga.Definition
	done     chan func()

	// What follows is only Run's.
	documents map[events.DocumentID]*document
	waits     map[string]map[events.Slot]*wait // by the name that they wait for
	kept      map[string][]*notice             // by name, the oldest first
	byID      map[string]*notice
	starts    map[string]*start               // by name of the definition
	asking    map[events.DocumentID]*document // those that call or were called
	toAsk     []events.DocumentID             // in this round
	askedAt   time.Time                       // when it began
	asks      int                             // that run
	pending   []job
	again     []job // pending from the next Poll on
	running   int
}

// A job reads and writes, and returns what then follows in Run.
type job func(ctx context.Context) (after func())

// New returns a Flows. Give it to a coordinator, and call Run.
func New(log Log, definitions Definitions, notices Notices, conf Config) (*Flows, error) {
	if conf.Poll < 0 || conf.Workers < 0 {
		return nil, errors.New("flows: a negative number in the configuration")
	}
	if conf.Poll == 0 {
		conf.Poll = 500 * time.Millisecond
	}
	if conf.Workers == 0 {
		conf.Workers = 64
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if conf.Logger == nil {
		conf.Logger = slog.Default()
	}
	return &Flows{
		log: log, definitions: definitions, notices: notices, conf: conf,
		touches: make(chan coordinator.Touch, 1024), postings: make(chan events.Posting), deployed: make(chan *saga.Definition),
		done: make(chan func(), conf.Workers), documents: make(map[events.DocumentID]*document),
		waits: make(map[string]map[events.Slot]*wait), kept: make(map[string][]*notice), byID: make(map[string]*notice),
		starts: make(map[string]*start), asking: make(map[events.DocumentID]*document),
	}, nil
}

// Concerns reports whether documents of a definition wait for others, tell
// them something or call them.
func (f *Flows) Concerns(d *saga.Definition) bool {
	if known, ok := f.concerns.Load(d); ok {
		return known.(bool)
	}
	concerns := false
	for i := range d.Nodes {
		n := &d.Nodes[i]
		concerns = concerns || n.Kind == saga.Call || n.Trigger == saga.MessageTrigger || n.Trigger == saga.SignalTrigger
	}
	f.concerns.Store(d, concerns)
	return concerns
}

// Touch takes note of where a document is.
func (f *Flows) Touch(ctx context.Context, t coordinator.Touch) error {
	select {
	case f.touches <- t:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run works until ctx ends, and returns nil then.
func (f *Flows) Run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return f.work(inner, g) })
	g.Go(func() error {
		for p, err := range f.notices.FollowNotices(inner) {
			if err == nil {
				err = send(inner, f.postings, p)
			}
			if err != nil {
				return fmt.Errorf("flows: %w", err)
			}
		}
		return inner.Err()
	})
	g.Go(func() error {
		for d, err := range f.definitions.Watch(inner) {
			if err != nil {
				f.conf.Logger.Warn("definition left aside", "error", err)
				continue
			}
			if err := send(inner, f.deployed, d); err != nil {
				return err
			}
		}
		return inner.Err()
	})
	if err := g.Wait(); ctx.Err() == nil {
		return err
	}
	return nil
}

func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work owns what is known. What reads and writes runs beside it.
func (f *Flows) work(ctx context.Context, g *errgroup.Group) error {
	tick := time.NewTicker(f.conf.Poll)
	defer tick.Stop()
	for {
		for next := f.next(); next != nil; next = f.next() {
			f.running++
			g.Go(func() error {
				f.done <- next(ctx)
				return nil
			})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case t := <-f.touches:
			f.touched(&t)
		case p := <-f.postings:
			f.posted(&p, f.conf.Now())
		case d := <-f.deployed:
			f.start(d)
		case after := <-f.done:
			f.running--
			if after != nil {
				after()
			}
		case <-tick.C:
			f.pending, f.again = append(f.pending, f.again...), nil
			f.look(f.conf.Now())
		}
	}
}

// next returns the next job, nil if there is none or no worker is free. Those
// who only ask have a quarter of the workers.
func (f *Flows) next() job {
	if f.running >= f.conf.Workers {
		return nil
	}
	if len(f.pending) > 0 {
		next := f.pending[0]
		f.pending = f.pending[1:]
		return next
	}
	for len(f.toAsk) > 0 && f.asks < max(1, f.conf.Workers/4) {
		if next := f.nextAsk(); next != nil {
			return next
		}
	}
	return nil
}

func (f *Flows) do(j job) { f.pending = append(f.pending, j) }

// try does something until it succeeds: at once, then every Poll. No worker
// waits meanwhile: what cannot be done must not keep others from what can.
func (f *Flows) try(what string, subject any, do func(ctx context.Context) error) {
	f.find(what, subject, func(ctx context.Context) (func(), error) { return nil, do(ctx) })
}

// find is try, with what then follows in Run.
func (f *Flows) find(what string, subject any, do func(ctx context.Context) (after func(), err error)) {
	var j job
	j = func(ctx context.Context) func() {
		after, err := do(ctx)
		switch {
		case err == nil:
			return after
		case isFinal(err):
			f.conf.Logger.Error(what, "subject", subject, "error", err)
			return nil
		case ctx.Err() != nil:
			return nil
		}
		f.conf.Logger.Warn(what+"; it is tried again", "subject", subject, "error", err)
		return func() { f.again = append(f.again, j) }
	}
	f.do(j)
}

// isFinal reports whether an error stays however often it is tried.
func isFinal(err error) bool {
	return errors.Is(err, events.ErrBadEvent) || errors.Is(err, events.ErrBadID) || errors.Is(err, events.ErrTooLarge)
}
