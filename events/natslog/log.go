package natslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/natslog/wire"
	"github.com/docsaga/docsaga/events/seal"
)

// window is how many publishes may wait for their acknowledgement at once.
const window = 4000

const defaultAckWait = 30 * time.Second

// Options adjusts a [Log]. The zero Options is a good one.
type Options struct {
	// Logger gets warnings about what the log heals by itself; default
	// slog.Default().
	Logger *slog.Logger
	// AckWait is how long a delivery may stay unanswered before it is handed
	// out again, for queues that [Log.Prepare] makes; default 30 s.
	AckWait time.Duration
	// Seal gives each document that is submitted through this log, or whose
	// file is, a key; see package seal. What has a key is sealed anyway.
	Seal bool
	// Master is the key that wraps the documents' keys, if they are wrapped.
	Master *seal.Master
	// Check, if there is one, refuses to write events that are not as they
	// should be; see package schema.
	Check func(*events.Event) error
	// Guard signs what is written and checks what is read, both as it is
	// stored; default none.
	Guard events.Guard
}

// A Log is the saga log of one server. Its methods may be called at once. It
// has a connection of its own beside the one that it was opened on, and ends
// with that.
type Log struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	conf    Config
	log     *slog.Logger
	ackWait time.Duration
	check   func(*events.Event) error // or nil
	guard   events.Guard              // may be nil

	conn        *wire.Conn // for publishing to the log, and for reading it
	publisher   *publisher
	writes      sync.Pool     // of *write
	room        chan struct{} // holds one token for each publish under way
	groups      []group       // one a shard; nil unless writers combine
	definitions jetstream.KeyValue
	queueFilter jetstream.KeyValue
	sealer      *seal.Sealer // nil if the log has no keys
	removals    removals
}

// Open returns the log on nc's server. Its error wraps [ErrNotProvisioned] if
// there is none, and [ErrDrift] if its settings are not what they must be.
func Open(ctx context.Context, nc *nats.Conn, opts Options) (*Log, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("natslog: open: %w", err)
	}
	conf, err := discover(ctx, js)
	if err != nil {
		return nil, fmt.Errorf("natslog: open: %w", err)
	}
	l := &Log{nc: nc, js: js, conf: conf, log: opts.Logger, ackWait: opts.AckWait, check: opts.Check, guard: opts.Guard, room: make(chan struct{}, window)}
	if l.log == nil {
		l.log = slog.Default()
	}
	if l.ackWait == 0 {
		l.ackWait = defaultAckWait
	}
	if err := l.CheckSettings(ctx); err != nil {
		return nil, err
	}
	if l.definitions, err = l.bucket(ctx, definitionsBucket); err != nil {
		return nil, err
	}
	if l.queueFilter, err = l.bucket(ctx, queuesBucket); err != nil {
		return nil, err
	}
	if err := l.openKeys(ctx, opts); err != nil {
		return nil, err
	}
	if l.conn, err = connect(ctx, nc, l.log); err != nil {
		return nil, fmt.Errorf("natslog: open: %w", err)
	}
	l.publisher = newPublisher(nc, l.conn)
	if conf.Durability == Strict {
		l.groups = make([]group, conf.Shards)
	}
	return l, nil
}

// connect opens the connection that the log is written and followed on.
func connect(ctx context.Context, nc *nats.Conn, log *slog.Logger) (conn *wire.Conn, err error) {
	err = retry(ctx, func(context.Context) error {
		conn, err = wire.Open(nc, log)
		return err
	})
	return conn, err
}

func (l *Log) bucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	var kv jetstream.KeyValue
	err := retry(ctx, func(ctx context.Context) (err error) {
		kv, err = l.js.KeyValue(ctx, name)
		return err
	})
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, fmt.Errorf("natslog: open bucket %s: %w", name, ErrNotProvisioned)
	}
	if err != nil {
		return nil, fmt.Errorf("natslog: open bucket %s: %w", name, err)
	}
	return kv, nil
}

// Shards returns how many shards the log has.
func (l *Log) Shards() int { return l.conf.Shards }

// Config returns what the log was provisioned with.
func (l *Log) Config() Config { return l.conf }

// Last returns the sequence of the last message of a shard; 0 if it is empty.
func (l *Log) Last(ctx context.Context, shard int) (uint64, error) {
	if err := l.checkShard(shard); err != nil {
		return 0, err
	}
	info, err := streamInfo(ctx, l.js, shardName(shard))
	if err != nil {
		return 0, fmt.Errorf("natslog: last of shard %d: %w", shard, err)
	}
	return info.State.LastSeq, nil
}

func (l *Log) checkShard(shard int) error {
	if shard < 0 || shard >= l.conf.Shards {
		return fmt.Errorf("natslog: shard %d: the log has %d", shard, l.conf.Shards)
	}
	return nil
}

func streamInfo(ctx context.Context, js jetstream.JetStream, name string) (*jetstream.StreamInfo, error) {
	var info *jetstream.StreamInfo
	err := retry(ctx, func(ctx context.Context) error {
		stream, err := js.Stream(ctx, name)
		if err == nil {
			info = stream.CachedInfo()
		}
		return err
	})
	return info, err
}
