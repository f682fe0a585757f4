package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/writer"
	"github.com/docsaga/docsaga/saga"
)

// A Log is where the coordinator reads what it needs and writes what it decides.
type Log interface {
	Shards() int
	Last(ctx context.Context, shard int) (uint64, error)
	History(ctx context.Context, document events.DocumentID) ([]events.Event, error)
	Write(ctx context.Context, e events.Event) (events.Event, error)
}

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// Snapshots keeps the last snapshot of each name.
type Snapshots interface {
	Save(ctx context.Context, name string, snapshot []byte) error
	// Load returns the last one, or an error that wraps events.ErrNotFound.
	Load(ctx context.Context, name string) ([]byte, error)
}

// Config adjusts a [Coordinator]. The zero Config is a good one.
type Config struct {
	// Poll is how often deadlines are looked at; default 250 ms.
	Poll time.Duration
	// SnapshotEvery is how many events of a shard lie between snapshots;
	// default 50,000.
	SnapshotEvery int
	// Writers is how many decisions are written at once; default 256.
	Writers int
	// Outside carries messages, signals and calls; nil if nothing does.
	Outside Outside
	// Now is the clock that deadlines are looked at by; it must not be behind the
	// log's. Default time.Now.
	Now func() time.Time
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
	// Tracer makes a span of each decision that is written; nil for none.
	Tracer *tracing.Tracer
}

func (c Config) withDefaults() (Config, error) {
	if c.Poll < 0 || c.SnapshotEvery < 0 || c.Writers < 0 {
		return c, errors.New("coordinator: a negative number in the configuration")
	}
	if c.Poll == 0 {
		c.Poll = 250 * time.Millisecond
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 50_000
	}
	if c.Writers == 0 {
		c.Writers = 256
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// A Coordinator is a feed.Reader of the log; it needs Run beside the feed.
type Coordinator struct {
	log         Log
	definitions Definitions
	snapshots   Snapshots
	conf        Config
	worker      string
	shards      []*shard
	queue       chan task
	aside       aside
}

// A task is a decision to be written.
type task struct {
	definition *saga.Definition
	document   events.DocumentID
	decision   saga.Decision
	cause      string
	trace      string // of the cause; empty if it is not at hand
	seq        uint64 // of the last event that it is decided from
}

// New returns a coordinator. Feed it with feed.Run, and call Run.
func New(log Log, definitions Definitions, snapshots Snapshots, conf Config) (*Coordinator, error) {
	conf, err := conf.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Coordinator{
		log: log, definitions: definitions, snapshots: snapshots, conf: conf,
		worker: writer.New(), queue: make(chan task, 16*conf.Writers),
	}
	for i := range log.Shards() {
		c.shards = append(c.shards, &shard{number: i, documents: make(map[events.DocumentID]*document)})
	}
	return c, nil
}

// Run writes what is decided, and watches the deadlines, until ctx ends. Then
// it saves a snapshot of each shard and returns nil.
func (c *Coordinator) Run(ctx context.Context) error {
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return c.write(inner) })
	g.Go(func() error { return c.watch(inner) })
	err := g.Wait()
	if ctx.Err() == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, s := range c.shards {
		if err := c.save(last, s, 1); err != nil {
			c.conf.Logger.Warn("snapshot on shutdown; the next start reads more of the log", "error", err)
		}
	}
	return nil
}

// watch decides for documents whose deadline has passed.
func (c *Coordinator) watch(ctx context.Context) error {
	tick := time.NewTicker(c.conf.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now := c.conf.Now()
		for _, s := range c.shards {
			if err := c.enqueue(ctx, c.due(s, now)); err != nil {
				return err
			}
		}
	}
}

func (c *Coordinator) enqueue(ctx context.Context, tasks []task) error {
	for _, t := range tasks {
		select {
		case c.queue <- t:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Open returns how many documents are open, over all shards.
func (c *Coordinator) Open() int {
	n := 0
	for _, s := range c.shards {
		s.mu.Lock()
		n += len(s.documents)
		s.mu.Unlock()
	}
	return n
}

// write writes the decisions in the queue, as many at once as the
// configuration says.
func (c *Coordinator) write(ctx context.Context) error {
	var writing sync.WaitGroup
	for range c.conf.Writers {
		writing.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case t := <-c.queue:
					c.writeOne(ctx, t)
				}
			}
		})
	}
	writing.Wait()
	return ctx.Err()
}

// writeOne writes one decision, until it stands or another does in its place.
// What can never be written sets its document aside.
func (c *Coordinator) writeOne(ctx context.Context, t task) {
	pause := 50 * time.Millisecond
	for {
		e, err := c.event(ctx, t)
		if err == nil {
			err = c.put(ctx, &t, e)
		}
		if err == nil || errors.Is(err, events.ErrTaken) || ctx.Err() != nil {
			return
		}
		if isFinal(err) {
			c.setAside(t.document, err)
			return
		}
		c.conf.Logger.Warn("decision is tried again", "slot", t.decision.Slot(t.definition, t.document).ID(), "after", pause, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// put tells others of a decision's event, if it says so, and writes it.
func (c *Coordinator) put(ctx context.Context, t *task, e events.Event) (err error) {
	ctx, span := c.conf.Tracer.Start(ctx, tracing.Work{Operation: tracing.Decide, Event: &e, Slot: e.Slot})
	e.Trace = span.Traceparent(e.Trace)
	if err = c.tell(ctx, t, &e); err == nil {
		_, err = c.log.Write(ctx, e)
	}
	switch {
	case errors.Is(err, events.ErrTaken):
		span.End(tracing.Lost, "")
	case err != nil:
		span.End(tracing.Again, "error")
	default:
		span.End(e.Result.String(), "") // a command has no result
	}
	return err
}

// errBehind reports a history that lacks what was decided from: a replica of
// the log may hand an event out before the one that is asked has taken it.
var errBehind = errors.New("the log does not tell yet of what it has handed out")

// isFinal reports whether an error stays however often a decision is tried.
func isFinal(err error) bool {
	return errors.Is(err, events.ErrBadEvent) || errors.Is(err, events.ErrBadID) || errors.Is(err, events.ErrTooLarge)
}

// event makes the event of a decision.
func (c *Coordinator) event(ctx context.Context, t task) (events.Event, error) {
	e := events.Event{
		Slot: t.decision.Slot(t.definition, t.document), Result: t.decision.Result, Source: events.SourceCoordinator,
		Time: c.conf.Now().UTC().Truncate(time.Millisecond), Cause: t.cause, Worker: c.worker, Trace: t.trace,
	}
	var history []events.Event
	var err error
	if t.decision.Merge || t.decision.Kind == events.Undo || t.trace == "" && c.conf.Tracer.On() {
		if history, err = c.history(ctx, t.document); err != nil {
			return e, err
		}
		if n := len(history); n == 0 || history[n-1].Position.Seq < t.seq {
			return e, fmt.Errorf("coordinator: history of %s: %w", t.document, errBehind)
		}
		history = events.Own(history, events.DefinitionRef{Name: t.definition.Name, Version: t.definition.Version})
		if e.Trace == "" {
			e.Trace = events.TraceOf(history, t.cause)
		}
	}
	result, data, err := settleSafely(&t, history)
	if err != nil {
		return e, fmt.Errorf("coordinator: %s: %w: %w", e.ID(), err, events.ErrBadEvent)
	}
	raw, err := data.Marshal()
	if err != nil {
		return e, fmt.Errorf("coordinator: %s: %w: %w", e.ID(), err, events.ErrBadEvent)
	}
	if len(raw) > events.MaxData {
		result, raw = tooLarge(e.Slot.Kind, result, len(raw))
	}
	e.Result, e.Data = result, raw
	return e, nil
}

// history returns a document's events, without messages that are no event:
// they have put nothing out.
func (c *Coordinator) history(ctx context.Context, id events.DocumentID) ([]events.Event, error) {
	history, err := c.log.History(ctx, id)
	if err != nil && !errors.Is(err, events.ErrBadEvent) {
		return nil, fmt.Errorf("coordinator: history of %s: %w", id, err)
	}
	return history, nil
}

// tooLarge returns what stands for data that no event can hold: an outcome
// fails; an undo is commanded without the context.
func tooLarge(kind events.Kind, result events.Result, size int) (events.Result, []byte) {
	if kind != events.Outcome {
		return result, nil
	}
	return events.Failed, fmt.Appendf(nil, `{"error":{"code":"output","message":"context and output take %d bytes, at most %d"}}`, size, events.MaxData)
}

// A shard holds the open documents of one shard of the log.
type shard struct {
	number int

	mu        sync.Mutex
	seq       uint64 // the last event folded
	saved     uint64 // the last event in the snapshot
	target    uint64 // what the log held at the start; until then nothing is decided
	live      bool
	documents map[events.DocumentID]*document
	deadlines deadlines
	strays    strays
}

// all returns the open documents. The caller holds mu.
func (s *shard) all() []*document {
	return slices.AppendSeq(make([]*document, 0, len(s.documents)), maps.Values(s.documents))
}

// empty forgets all documents. The caller holds mu.
func (s *shard) empty() {
	s.seq, s.saved, s.deadlines, s.strays = 0, 0, nil, strays{}
	clear(s.documents)
}

// A document is the state of an open document. It is kept in its binary form,
// which is a third of the other's size: there may be millions of them.
type document struct {
	id         events.DocumentID
	definition *saga.Definition // nil if it was set aside
	packed     []byte
	migrated   bool   // since the start
	touched    bool   // by the batch that is being folded
	parent     string // the source of its submission, if it was called
	due        int64  // Unix milliseconds
	place      int    // in the heap of deadlines, or -1
}

// state returns the document's state; the zero State if nothing was kept.
func (d *document) state() saga.State {
	var s saga.State
	if len(d.packed) > 0 {
		_ = s.UnmarshalBinary(d.packed) // keep has made it
	}
	return s
}

// keep keeps the document's state, in as little memory as it takes.
func (d *document) keep(s *saga.State) {
	var room [512]byte
	b, _ := s.AppendBinary(room[:0]) // never fails
	if cap(d.packed) < len(b) {
		d.packed = make([]byte, len(b))
	}
	d.packed = d.packed[:copy(d.packed[:len(b)], b)]
}
