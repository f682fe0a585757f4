package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events/natslog/wire"
	"github.com/docsaga/docsaga/events/removed"
)

// closedRoot begins the subject of a shard that takes no messages.
const closedRoot = "docsaga-closed"

func closedSubject(name string) string { return closedRoot + "." + name }

func isClosed(c jetstream.StreamConfig) bool {
	return len(c.Subjects) == 1 && c.Subjects[0] == closedSubject(c.Name)
}

// A Rewriter takes messages out of the shards of a log, for an administrator,
// while nobody writes. It needs the right to remove streams, and works on a log
// that [Open] refuses because a rewriting was interrupted.
//
// The server lets nobody delete a message of a shard, and does not let that be
// changed. So a shard is closed, saved, thinned on another server, and put back.
type Rewriter struct {
	nc   *nats.Conn
	conn *wire.Conn
	js   jetstream.JetStream
	conf Config
}

// NewRewriter returns a rewriter of the log of a server.
func NewRewriter(nc *nats.Conn, conf Config) (*Rewriter, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("natslog: rewrite: %w", err)
	}
	conn, err := wire.Open(nc, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("natslog: rewrite: %w", err)
	}
	return &Rewriter{nc: nc, conn: conn, js: js, conf: conf}, nil
}

// Log returns the log as it is, to be read only. It steps over what the set
// has, too.
func (r *Rewriter) Log(set removed.Set) *Log {
	return &Log{nc: r.nc, conn: r.conn, js: r.js, conf: r.conf, log: slog.New(slog.DiscardHandler), removals: removals{set: set}}
}

// A ShardState is what a rewriter finds.
type ShardState struct {
	Missing  bool // it was removed, and is to be put back
	Closed   bool // it takes no messages
	Removed  int  // messages that were taken out of it
	Messages uint64
	Bytes    uint64
	Subjects uint64
	Last     uint64
}

// State returns how a shard is.
func (r *Rewriter) State(ctx context.Context, shard int) (ShardState, error) {
	info, err := streamInfo(ctx, r.js, shardName(shard))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return ShardState{Missing: true}, nil
	}
	if err != nil {
		return ShardState{}, fmt.Errorf("natslog: shard %d: %w", shard, err)
	}
	n, _ := strconv.Atoi(info.Config.Metadata[metaRemoved]) // none is 0
	return ShardState{
		Closed: isClosed(info.Config), Removed: n, Last: info.State.LastSeq,
		Messages: info.State.Msgs, Bytes: info.State.Bytes, Subjects: info.State.NumSubjects,
	}, nil
}

// Busy returns the consumers of the log that somebody waits at: services,
// coordinators and others that follow it.
func (r *Rewriter) Busy(ctx context.Context) ([]string, error) {
	var busy []string
	for shard := range r.conf.Shards {
		stream, err := r.js.Stream(ctx, shardName(shard))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("natslog: readers of shard %d: %w", shard, err)
		}
		list := stream.ListConsumers(ctx)
		for info := range list.Info() {
			if info.NumWaiting > 0 || info.PushBound {
				busy = append(busy, shardName(shard)+" "+info.Name)
			}
		}
		if err := list.Err(); err != nil {
			return nil, fmt.Errorf("natslog: readers of shard %d: %w", shard, err)
		}
	}
	return busy, nil
}

// Close takes a shard's subjects from it: from then on nothing is written to
// it, and whoever has the log open finds that its settings have drifted.
func (r *Rewriter) Close(ctx context.Context, shard int) error {
	return r.update(ctx, shard, []string{closedSubject(shardName(shard))})
}

// Reopen lets a closed shard that was not changed take messages again.
func (r *Rewriter) Reopen(ctx context.Context, shard int) error {
	return r.update(ctx, shard, r.conf.shardStream(shard).Subjects)
}

func (r *Rewriter) update(ctx context.Context, shard int, subjects []string) error {
	err := retry(ctx, func(ctx context.Context) error {
		stream, err := r.js.Stream(ctx, shardName(shard))
		if err != nil {
			return err
		}
		conf := stream.CachedInfo().Config
		conf.Subjects = subjects
		_, err = r.js.UpdateStream(ctx, conf)
		return err
	})
	if err != nil {
		return fmt.Errorf("natslog: subjects of shard %d: %w", shard, err)
	}
	return nil
}

// Save writes a snapshot of a closed shard, as [Log.SaveStream] does.
func (r *Rewriter) Save(ctx context.Context, shard int, w io.Writer) (json.RawMessage, error) {
	return saveStream(ctx, r.nc, shardName(shard), w)
}

// A Thinning is a shard on another server, from which messages can be deleted.
type Thinning struct {
	on    *Rewriter
	shard int
}

// Thin brings a saved shard to an empty server of nobody else's.
func (r *Rewriter) Thin(ctx context.Context, other *nats.Conn, shard int, meta json.RawMessage, saved io.Reader) (*Thinning, error) {
	on, err := NewRewriter(other, r.conf)
	if err != nil {
		return nil, err
	}
	meta, err = withConfig(meta, func(c *jetstream.StreamConfig) {
		c.Subjects, c.DenyDelete, c.Replicas, c.Placement = []string{closedSubject(c.Name)}, false, 1, nil
	})
	if err == nil {
		err = RestoreStream(ctx, other, shardName(shard), meta, saved)
	}
	if err != nil {
		return nil, err
	}
	return &Thinning{on, shard}, nil
}

// Delete deletes messages. Those that are gone already may be among them.
func (t *Thinning) Delete(ctx context.Context, list []removed.Message) error {
	stream, err := t.on.js.Stream(ctx, shardName(t.shard))
	for i := range list {
		if err != nil {
			break
		}
		// Overwritten, so that no copy of its block holds it.
		err = stream.SecureDeleteMsg(ctx, list[i].Seq)
		var api *jetstream.APIError
		if errors.As(err, &api) && api.ErrorCode == codeNotThere || errors.Is(err, jetstream.ErrMsgNotFound) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("natslog: thin shard %d: %w", t.shard, err)
	}
	return nil
}

// codeNotThere is what a server says of a message that it is to delete and has
// not, besides other things that a check of the state afterwards finds.
const codeNotThere = 10057

// Log returns the shard to be read; it steps over what the set has.
func (t *Thinning) Log(set removed.Set) *Log { return t.on.Log(set) }

// State returns how the shard is.
func (t *Thinning) State(ctx context.Context) (ShardState, error) { return t.on.State(ctx, t.shard) }

// Save writes a snapshot of the shard.
func (t *Thinning) Save(ctx context.Context, w io.Writer) (json.RawMessage, error) {
	return t.on.Save(ctx, t.shard, w)
}

// Remove removes the shard, of which a snapshot must be on the disk.
func (r *Rewriter) Remove(ctx context.Context, shard int) error {
	return RemoveStream(ctx, r.nc, shardName(shard))
}

// PutBack makes a shard that was removed from a snapshot of it. It takes
// messages again, with all settings as they must be. So many were taken out of
// it, in all.
func (r *Rewriter) PutBack(ctx context.Context, shard, without int, meta json.RawMessage, saved io.Reader) error {
	meta, err := withConfig(meta, func(c *jetstream.StreamConfig) {
		want := r.conf.shardStream(shard)
		c.Subjects, c.DenyDelete, c.Replicas = want.Subjects, true, want.Replicas
		c.Metadata = maps.Clone(c.Metadata)
		if c.Metadata == nil {
			c.Metadata = make(map[string]string)
		}
		c.Metadata[metaRemoved] = strconv.Itoa(without)
	})
	if err != nil {
		return err
	}
	return RestoreStream(ctx, r.nc, shardName(shard), meta, saved)
}

// withConfig returns the settings and state of a stream with others.
func withConfig(meta json.RawMessage, change func(*jetstream.StreamConfig)) (json.RawMessage, error) {
	var m struct {
		Config jetstream.StreamConfig `json:"config"`
		State  json.RawMessage        `json:"state"`
	}
	if err := json.Unmarshal(meta, &m); err != nil {
		return nil, fmt.Errorf("natslog: settings of a saved stream: %w", err)
	}
	change(&m.Config)
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("natslog: settings of a saved stream: %w", err)
	}
	return raw, nil
}

// ResumeQueue makes a queue's consumer on a shard that was put back, if it is
// not there. It goes on after a sequence.
func (r *Rewriter) ResumeQueue(ctx context.Context, queue string, shard int, after uint64, filters []string) error {
	l := r.Log(removed.Set{})
	info, err := l.consumer(ctx, queue, shard)
	if err == nil && info == nil {
		l.ackWait = defaultAckWait
		err = l.resumeQueue(ctx, queue, shard, after, filters)
	}
	if err != nil {
		return fmt.Errorf("natslog: queue %s of shard %d: %w", queue, shard, err)
	}
	return nil
}

// A Queue is a queue as it must be made again.
type Queue struct {
	Filters []string `json:"filters"`
	Floors  []uint64 `json:"floors"` // by shard: up to where all is acknowledged
}

// Queues returns all queues.
func (l *Log) Queues(ctx context.Context) (map[string]Queue, error) {
	positions, err := l.QueuePositions(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Queue, len(positions))
	for name, floors := range positions {
		filters, _, err := l.remembered(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("natslog: queue %s: %w", name, err)
		}
		if len(filters) > 0 {
			all[name] = Queue{Filters: filters, Floors: floors}
		}
	}
	return all, nil
}
