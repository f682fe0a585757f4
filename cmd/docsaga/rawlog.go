package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/anchor"
	"github.com/docsaga/docsaga/events/archive"
	"github.com/docsaga/docsaga/events/natslog"
	"github.com/docsaga/docsaga/events/removed"
	"github.com/docsaga/docsaga/events/verify"
	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// A rawLog reads the saga log as plain streams, without the code that serves it.
type rawLog struct {
	nc      *nats.Conn
	url     string // where others reach the server
	js      jetstream.JetStream
	streams []jetstream.Stream // by shard
	last    []uint64           // of each shard that was read
	graphs  map[events.DefinitionRef]*verify.Graph
	guard   events.Guard // may be nil

	files    *archive.Files // archived documents, to be checked as if they were in the log; may be nil
	removed  removed.Set    // what was taken out of the log
	archived map[events.DocumentID]bool
}

func newRawLog(ctx context.Context, nc *nats.Conn) (*rawLog, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	r := &rawLog{nc: nc, js: js, graphs: make(map[events.DefinitionRef]*verify.Graph)}
	for {
		s, err := js.Stream(ctx, fmt.Sprintf("DOCSAGA_%d", len(r.streams)))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("verify: stream %d: %w", len(r.streams), err)
		}
		r.streams = append(r.streams, s)
	}
	if len(r.streams) == 0 {
		return nil, fmt.Errorf("verify: %w", natslog.ErrNotProvisioned)
	}
	return r, r.definitions(ctx)
}

// definitions reads the tables of all deployed definitions.
func (r *rawLog) definitions(ctx context.Context) error {
	kv, err := r.js.KeyValue(ctx, "DOCSAGA_definitions")
	if err != nil {
		return fmt.Errorf("verify: definitions: %w", err)
	}
	keys, err := kv.ListKeys(ctx)
	if err != nil {
		return fmt.Errorf("verify: definitions: %w", err)
	}
	for key := range keys.Keys() {
		entry, err := kv.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("verify: definition %s: %w", key, err)
		}
		var name string
		var version int
		for i := len(key) - 1; i > 0; i-- {
			if key[i] == '.' {
				name = key[:i]
				_, _ = fmt.Sscan(key[i+1:], &version) // 0 is refused below
				break
			}
		}
		d, err := bpmn.Parse(entry.Value(), version)
		if err != nil {
			return fmt.Errorf("verify: definition %s: %w", key, err)
		}
		r.graphs[events.DefinitionRef{Name: name, Version: version}] = graphOf(d)
	}
	return nil
}

// graphOf takes from a definition the tables that the checker needs: data, not
// behaviour.
func graphOf(d *saga.Definition) *verify.Graph {
	g := &verify.Graph{Next: make(map[events.StepID][]events.StepID), Must: make(map[events.StepID]bool), May: make(map[events.StepID]bool)}
	for _, h := range d.Hops() {
		g.Next[h.From] = append(g.Next[h.From], h.To)
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		switch {
		case n.Kind == saga.EventSub, n.Kind == saga.Boundary && !n.Continues && n.Trigger != saga.CompensationTrigger,
			(n.Kind == saga.Throw || n.Kind == saga.End) && (n.Trigger == saga.CompensationTrigger || n.Trigger == saga.TerminateTrigger):
			g.Recalls = true
		}
		if n.Undo == nil {
			continue
		}
		if plain(d, n) {
			g.Must[n.ID] = true
		} else {
			g.May[n.ID] = true
		}
	}
	return g
}

// plain reports whether a step is in no loop, and in no sub-process that has
// an undo of its own.
func plain(d *saga.Definition, n *saga.Node) bool {
	if n.Loop != nil {
		return false
	}
	for at := n.Scope; at > 0; at = d.Nodes[at-1].Scope {
		if d.Nodes[at-1].Undo != nil || d.Nodes[at-1].Loop != nil {
			return false
		}
	}
	return true
}

// check feeds a checker all that the log holds now.
func (r *rawLog) check(ctx context.Context, grace time.Duration, marks map[int]anchor.Mark) (*verify.Checker, error) {
	conf := verify.Config{Shards: len(r.streams), Graph: func(name string, version int) (*verify.Graph, bool) {
		g, ok := r.graphs[events.DefinitionRef{Name: name, Version: version}]
		return g, ok
	}}
	if grace > 0 {
		conf.OpenAfter = time.Now().Add(-grace)
	}
	log, settings := natslog.Open(ctx, r.nc, natslog.Options{})
	if settings == nil && log.Shards() != len(r.streams) {
		settings = fmt.Errorf("there are %d streams of %d shards: %w", len(r.streams), log.Shards(), natslog.ErrDrift)
	}
	if settings == nil {
		if err := r.removals(ctx, log); err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
	}
	if r.files == nil {
		conf.Removed = r.removed.Has
		conf.Archived = func(id events.DocumentID) bool { return r.archived[id] }
	}
	c := verify.New(conf)
	for shard, s := range r.streams {
		info, err := s.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("verify: shard %d: %w", shard, err)
		}
		r.last = append(r.last, info.State.LastSeq)
		if err := r.read(ctx, c, shard, info.State.LastSeq); err != nil {
			return nil, fmt.Errorf("verify: shard %d: %w", shard, err)
		}
		c.Extent(verify.Extent{Shard: shard, First: info.State.FirstSeq, Last: info.State.LastSeq, Deleted: info.State.NumDeleted, Anchored: marks[shard].Seq})
	}
	c.Settings(settings)
	return c, nil
}

// removals reads what was taken out of the log after it was archived.
func (r *rawLog) removals(ctx context.Context, log *natslog.Log) error {
	r.archived = make(map[events.DocumentID]bool)
	for d, err := range log.RemovedDocuments(ctx) {
		if err != nil {
			return err
		}
		r.archived[d.Document] = true
		for _, m := range d.Messages {
			r.removed.Add(d.Shard, m.Seq)
		}
	}
	return nil
}

// fill feeds the checker the archived messages from a sequence on, up to one
// that is in the log.
func (r *rawLog) fill(c *verify.Checker, shard int, next, there uint64) error {
	if r.files == nil {
		return nil
	}
	for ; next < there; next++ {
		if !r.removed.Has(shard, next) {
			continue // the checker tells
		}
		d, err := r.files.Message(events.Position{Shard: shard, Seq: next})
		if err != nil {
			return err
		}
		m := verify.Message{Shard: shard, Seq: next, Subject: d.Subject, Header: d.Header, At: d.Event.At, Archived: true}
		m.Unsigned = r.unsigned(&m, d.Data)
		c.Take(&m)
	}
	return nil
}

// holds reports whether the log goes as far as a projection's cursors.
func (r *rawLog) holds(cursors map[int]uint64) bool {
	for shard, seq := range cursors {
		if shard >= len(r.last) || seq > r.last[shard] {
			return false
		}
	}
	return true
}

// unsigned reports whether readers refuse a message for want of a signature.
func (r *rawLog) unsigned(m *verify.Message, data []byte) bool {
	if r.guard == nil {
		return false
	}
	e, bad := events.Decode(m.Subject, m.Header, data)
	e.At = m.At
	_, bad = events.Guarded(r.guard, e, bad, events.Message{Subject: m.Subject, Header: m.Header, Data: data})
	return errors.Is(bad, events.ErrUnsigned)
}

// tries is how often a shard is asked for what does not come.
const tries = 4

// read feeds the checker a shard's messages, without their data
// unless a signature covers it.
func (r *rawLog) read(ctx context.Context, c *verify.Checker, shard int, last uint64) (err error) {
	next := uint64(1)
	for range tries { // a server that has just come back may not answer at once
		if next > last {
			return nil
		}
		if next, err = r.readFrom(ctx, c, shard, next, last); err != nil {
			return err
		}
	}
	return nil // what is missing at the end, the extent tells
}

// readFrom feeds the checker a shard's messages from a sequence on, until the
// last one or as long as they come, and returns which is the next.
func (r *rawLog) readFrom(ctx context.Context, c *verify.Checker, shard int, next, last uint64) (uint64, error) {
	consumer, err := r.js.OrderedConsumer(ctx, fmt.Sprintf("DOCSAGA_%d", shard), jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next, HeadersOnly: r.guard == nil, // a signature covers the data
	})
	if err != nil {
		return next, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2000))
	if err != nil {
		return next, err
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for next <= last {
		m, err := messages.Next(jetstream.NextMaxWait(5 * time.Second))
		if ctx.Err() != nil {
			return next, context.Cause(ctx)
		}
		if errors.Is(err, nats.ErrTimeout) {
			return next, nil
		}
		if err != nil {
			return next, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return next, err
		}
		taken := verify.Message{Shard: shard, Seq: meta.Sequence.Stream, Subject: m.Subject(), Header: events.LinesOf(events.Header(m.Headers())), At: meta.Timestamp}
		taken.Unsigned = r.unsigned(&taken, m.Data())
		if err := r.fill(c, shard, next, taken.Seq); err != nil {
			return next, err
		}
		c.Take(&taken)
		next = taken.Seq + 1
	}
	return next, nil
}
