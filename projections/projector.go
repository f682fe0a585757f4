package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/saga"
)

// Definitions returns definitions as they are deployed.
type Definitions interface {
	Get(ctx context.Context, name string, version int) (*saga.Definition, error)
}

// cached is how many records of a shard are kept in memory, twice.
const cached = 4096

// A Projector is a feed.Reader that keeps a store up to date.
type Projector struct {
	store       Store
	definitions Definitions

	mu     sync.Mutex
	shards map[int]*shard
}

// A shard is where the projector is in one shard of the log.
type shard struct {
	number int
	read   bool
	seq    uint64
	worked time.Duration // for the last batch
	// Records of documents that have not ended are kept in two generations: when
	// the young one is full it becomes the old one.
	young, old map[events.DocumentID]*Record

	mu      sync.Mutex
	applied uint64
	changed chan struct{} // closed when applied changes
	wanted  chan struct{} // says that somebody waits for more
}

// New returns a projector. Feed it with feed.Run, and [Projector.Resting] after it.
func New(store Store, definitions Definitions) *Projector {
	return &Projector{store: store, definitions: definitions, shards: make(map[int]*shard)}
}

func (p *Projector) shard(number int) *shard {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shards[number]
	if s == nil {
		s = &shard{number: number, changed: make(chan struct{}), wanted: make(chan struct{}, 1)}
		p.shards[number] = s
	}
	return s
}

// Start returns the last sequence of a shard that the store holds.
func (p *Projector) Start(ctx context.Context, number int) (uint64, error) {
	s := p.shard(number)
	if err := p.begin(ctx, s); err != nil {
		return 0, err
	}
	return s.seq, nil
}

// begin forgets what it knows of a shard and reads the cursor.
func (p *Projector) begin(ctx context.Context, s *shard) error {
	s.read, s.young, s.old = false, make(map[events.DocumentID]*Record), nil
	seq, err := p.store.Cursor(ctx, s.number)
	if err != nil {
		return fmt.Errorf("projections: cursor of shard %d: %w", s.number, err)
	}
	s.seq, s.read = seq, true
	s.publish()
	return nil
}

// publish tells those who wait where the shard is.
func (s *shard) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = s.seq
	close(s.changed)
	s.changed = make(chan struct{})
}

// Apply folds the next messages of a shard and saves what they have changed.
// After an error the projector is where the store is.
func (p *Projector) Apply(ctx context.Context, number int, batch []events.Delivery) error {
	s, began := p.shard(number), time.Now()
	for {
		if !s.read {
			if err := p.begin(ctx, s); err != nil {
				return err
			}
		}
		err := p.apply(ctx, s, batch)
		if err == nil {
			s.worked = time.Since(began)
			return nil
		}
		s.read = false
		if !errors.Is(err, ErrMoved) || ctx.Err() != nil {
			return fmt.Errorf("projections: shard %d after %d: %w", number, s.seq, err)
		}
	}
}

// Resting returns a reader that rests after the projector has worked. Feed it
// last of those that are fed in order, so that no other waits for it.
//
// After events that were stored just now it rests restShare times as long as the
// projector worked but at most mostRest, unless somebody waits: what a document
// goes through meanwhile is one change of its rows instead of several. A batch of
// more than many says that the projector does not keep up, and an old one that it
// catches up: then it does not rest.
func (p *Projector) Resting() Resting { return Resting{p} }

// Resting is the rest of a [Projector].
type Resting struct{ p *Projector }

const (
	many      = 2000
	justNow   = time.Second
	restShare = 30
	mostRest  = 300 * time.Millisecond
)

// Start returns where the projector is.
func (r Resting) Start(ctx context.Context, number int) (uint64, error) {
	return r.p.Start(ctx, number)
}

// Apply rests.
func (r Resting) Apply(ctx context.Context, number int, batch []events.Delivery) error {
	s := r.p.shard(number)
	if len(batch) == 0 || len(batch) > many || time.Since(batch[len(batch)-1].Event.At).Abs() > justNow {
		return nil
	}
	timer := time.NewTimer(min(restShare*s.worked, mostRest))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wanted:
	case <-ctx.Done():
	}
	return nil
}

func (p *Projector) apply(ctx context.Context, s *shard, batch []events.Delivery) error {
	for len(batch) > 0 && batch[0].Event.Position.Seq <= s.seq {
		batch = batch[1:]
	}
	if len(batch) == 0 {
		return nil
	}
	if err := p.load(ctx, s, batch); err != nil {
		return err
	}
	c := Changes{Shard: s.number, From: s.seq, Tallies: make(map[Tally]int64), Totals: make(map[Total]int64)}
	var touched []*Record
	for i := range batch {
		c.To = batch[i].Event.Position.Seq
		e, ok := batch[i].Fact()
		if !ok {
			continue
		}
		r := s.record(e.Slot.Document)
		d, err := p.definition(ctx, r.follows(e))
		if err != nil {
			return err
		}
		if !r.touched {
			touched = append(touched, r)
		}
		r.apply(d, e, &c)
	}
	for _, r := range touched {
		r.collect(&c)
	}
	if err := p.store.Save(ctx, &c); err != nil {
		return err
	}
	s.seq = c.To
	s.tidy(touched)
	s.publish()
	return nil
}

// definition returns a definition, nil if it cannot be had.
func (p *Projector) definition(ctx context.Context, ref events.DefinitionRef) (*saga.Definition, error) {
	d, err := p.definitions.Get(ctx, ref.Name, ref.Version)
	if err == nil {
		return d, nil
	}
	if ctx.Err() == nil && (errors.Is(err, events.ErrNotFound) || errors.Is(err, saga.ErrBadDefinition)) {
		return nil, nil
	}
	return nil, err
}

// load fetches the records that a batch needs and that are not in memory.
func (p *Projector) load(ctx context.Context, s *shard, batch []events.Delivery) error {
	var missing []events.DocumentID
	asked := make(map[events.DocumentID]bool)
	for i := range batch {
		id := batch[i].Event.Slot.Document
		if id == "" || asked[id] || s.young[id] != nil {
			continue
		}
		if r := s.old[id]; r != nil {
			s.young[id] = r
			continue
		}
		asked[id] = true
		missing = append(missing, id)
	}
	if len(missing) == 0 {
		return nil
	}
	records, err := p.store.Load(ctx, missing)
	if err != nil {
		return err
	}
	for _, r := range records {
		s.young[r.Document.Document] = r
	}
	return nil
}

// record returns the record of a document, a new one if there is none.
func (s *shard) record(id events.DocumentID) *Record {
	r := s.young[id]
	if r == nil {
		r = new(Record)
		s.young[id] = r
	}
	return r
}

// tidy forgets documents that have ended, and those not heard of for long.
func (s *shard) tidy(touched []*Record) {
	for _, r := range touched {
		if r.EndedAt != nil {
			delete(s.young, r.Document.Document)
			delete(s.old, r.Document.Document)
		}
	}
	if len(s.young) > cached {
		s.old, s.young = s.young, make(map[events.DocumentID]*Record)
	}
}

// Wait returns when the store holds all up to a position, or with an error if
// ctx ends before.
func (p *Projector) Wait(ctx context.Context, position events.Position) error {
	s := p.shard(position.Shard)
	for {
		s.mu.Lock()
		applied, changed := s.applied, s.changed
		s.mu.Unlock()
		if applied >= position.Seq {
			return nil
		}
		select {
		case s.wanted <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("projections: wait for %v, now at %d: %w", position, applied, context.Cause(ctx))
		}
	}
}
