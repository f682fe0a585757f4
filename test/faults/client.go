//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/docsaga/docsaga/coordinator/verbs"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/verify"
	"github.com/docsaga/docsaga/saga/catalog"
)

// A client submits documents, keeps a record of that, and watches them end.
type client struct {
	log      *natslog.Log
	operator *verbs.Operator

	mu       sync.Mutex
	record   []verify.Submission
	open     map[events.DocumentID]time.Time // in the log since, and not ended
	ended    map[events.DocumentID]bool
	failed   map[events.DocumentID]uint64 // where an undo failed that nobody has asked for again
	aside    time.Duration                // the longest that a document which kills its worker took to end
	reads    []verify.Reading
	unread   int     // answers that did not come
	refused  int     // submissions that were refused as busy
	unlike   error   // a submission was answered neither so nor so
	reader   *reader // nil if nobody reads
	redone   int     // events that say that something was done again, or not as usual
	watching sync.WaitGroup
}

func newClient(ctx context.Context, sys *system) (*client, func(), error) {
	p := part{url: sys.url}
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	log, done, err := p.open(ready, "client")
	if err != nil {
		return nil, nil, fmt.Errorf("the system does not start: %w", err)
	}
	c := &client{log: log, open: make(map[events.DocumentID]time.Time), ended: make(map[events.DocumentID]bool), failed: make(map[events.DocumentID]uint64)}
	if sys.server != "" {
		c.reader = newReader(sys.server)
	}
	definitions := catalog.New(log)
	c.operator = verbs.New(log, definitions)
	if c.reader != nil {
		if err := c.reader.ready(ready); err != nil {
			done()
			return nil, nil, err
		}
	}
	for { // the broker deploys the definition after it has made the log
		if _, err := definitions.Latest(ready, "abc"); err == nil {
			return c, done, nil
		} else if ready.Err() != nil {
			done()
			return nil, nil, err
		}
		<-time.After(50 * time.Millisecond)
	}
}

// watch follows the log until ctx ends.
func (c *client) watch(ctx context.Context) {
	for shard := range c.log.Shards() {
		c.watching.Go(func() {
			at := events.Position{Shard: shard}
			for ctx.Err() == nil {
				for batch, err := range c.log.Follow(ctx, at) {
					if err != nil {
						<-time.After(100 * time.Millisecond)
						break
					}
					at = batch[len(batch)-1].Event.Position
					c.saw(ctx, batch)
				}
			}
		})
	}
}

func (c *client) saw(ctx context.Context, batch []events.Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range batch {
		e := &batch[i].Event
		id := e.Slot.Document
		switch {
		case e.Slot.Kind == events.Ended:
			if began, ok := c.open[id]; ok && harmful(id) {
				c.aside = max(c.aside, e.At.Sub(began))
			}
			delete(c.open, id)
			c.ended[id] = true
			c.learned(ctx, id, e.Position)
			delete(c.failed, id)
		case e.Slot.Kind == events.Undone && e.Result == events.Failed:
			c.failed[id] = e.Position.Seq
		case e.Slot.Kind == events.Changed: // of the system: it is no document
		case id != "" && !c.ended[id] && c.open[id].IsZero():
			c.open[id] = e.At
		}
	}
}

// harmful reports whether a document is there to do harm to others.
func harmful(id events.DocumentID) bool {
	return strings.HasPrefix(string(id), fatePoison+"-") || strings.HasPrefix(string(id), fateToxic+"-")
}

// left returns how many documents are accepted or in the log, and not ended.
func (c *client) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.open)
	for _, s := range c.record {
		if s.Answered && c.open[s.Document].IsZero() && !c.ended[s.Document] {
			n++
		}
	}
	return n
}

// submit submits documents over a time, each with a fate by its share, and
// goes on at that pace while more is open.
func (c *client) submit(ctx context.Context, rng *rand.Rand, s *scenario, documents int, over time.Duration, more <-chan struct{}) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(s.atOnce())
	began := time.Now()
	for i := 0; i < documents || isOpen(more); i++ {
		fate := s.fate(rng, i)
		id := events.DocumentID(fmt.Sprintf("%s-%s-%05d", fate, s.name, i))
		if due := began.Add(over * time.Duration(i) / time.Duration(documents)); over > 0 {
			select {
			case <-inner.Done():
			case <-time.After(time.Until(due)):
			}
		}
		cancel := fate == fateCancel
		g.Go(func() error {
			if at, err := c.submitOne(inner, id, s); err == nil {
				c.learned(ctx, id, at)
			}
			if cancel {
				c.cancel(inner, id)
			}
			return nil
		})
	}
	return g.Wait()
}

// isOpen reports whether a channel is there, and open.
func isOpen(c <-chan struct{}) bool {
	select {
	case <-c:
		return false
	default:
		return c != nil
	}
}

// submitOne submits a document, and keeps a record of it.
func (c *client) submitOne(ctx context.Context, id events.DocumentID, s *scenario) (events.Position, error) {
	attempt, cancel := context.WithTimeout(ctx, s.patience())
	defer cancel()
	var at events.Position
	var err error
	if s.overload {
		at, err = c.reader.submit(attempt, id)
	} else {
		var stored events.Event
		stored, err = c.log.Write(attempt, events.Event{
			Slot: events.DocumentSlot("abc", 1, id, events.Submitted), Source: "/faults", Worker: string(id), Time: time.Now(), Data: []byte(`{"output":{"n":1}}`),
		})
		at = stored.Position
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	refused := errors.Is(err, events.ErrBusy)
	if errors.Is(err, errAnswer) {
		c.unlike = err
	}
	if refused {
		c.refused++
	}
	c.record = append(c.record, verify.Submission{
		Document: id, Answered: err == nil, Refused: refused, Poisoned: harmful(id), Within: s.within.Seconds(),
	})
	return at, err
}

func (c *client) cancel(ctx context.Context, id events.DocumentID) {
	attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, _ = c.operator.Do(attempt, id, verbs.Command{Verb: verbs.Cancel, By: events.By{Actor: "faults", Reason: "to see"}}) // it may be too late
}

// mend retries the incidents, until ctx ends, as an operator would: undos that
// were to fail, and those that a fault has outlasted.
func (c *client) mend(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		failed := maps.Clone(c.failed)
		c.mu.Unlock()
		for id, at := range failed {
			done, err := c.operator.Do(ctx, id, verbs.Command{Verb: verbs.Retry, By: events.By{Actor: "faults", Reason: "mended"}})
			if err == nil {
				c.mended(id, at, !done.Already)
			} else if !errors.Is(err, verbs.ErrUnfit) {
				break
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// mended notes that an undo was asked for again, by this command or before it.
func (c *client) mended(id events.DocumentID, at uint64, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed[id] == at { // or it has failed again meanwhile
		delete(c.failed, id)
	}
	if now {
		c.redone++
	}
}

// count returns how many documents with a fate were accepted.
func (c *client) count(fate string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for i := range c.record {
		if c.record[i].Answered && strings.HasPrefix(string(c.record[i].Document), fate+"-") {
			n++
		}
	}
	return n
}

// lines returns things as lines of JSON.
func lines[T any](list []T) (raw []byte) {
	for i := range list {
		line, _ := json.Marshal(&list[i]) //nolint:errchkjson // nothing in it can fail
		raw = append(append(raw, line...), '\n')
	}
	return raw
}

// records returns what was submitted and what was read, as lines of JSON, and
// how many were submitted and accepted.
func (c *client) records() (submissions, reads []byte, submitted, accepted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.record {
		if c.record[i].Answered {
			accepted++
		}
	}
	return lines(c.record), lines(c.reads), len(c.record), accepted
}
