package natslog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

const (
	snapshotChunk   = 256 << 10
	snapshotSilence = 30 * time.Second // without a chunk
	restoreTimeout  = 10 * time.Minute // for the server to take what it was sent
)

// Streams returns the streams of the log in the order in which they must be
// saved: what an event names is saved after the event.
func (l *Log) Streams() []string {
	var names []string
	for shard := range l.conf.Shards {
		names = append(names, shardName(shard))
	}
	return append(names, filesStream, "KV_"+definitionsBucket, "KV_"+queuesBucket)
}

// SaveStream writes a snapshot of a stream, as it is at one moment, to w in the
// server's own form (compressed; sequences and times are kept). The stream goes
// on meanwhile. Its consumers are left out. It returns the stream's settings
// and state, {"config":{...},"state":{"last_seq":1047,...}}, which are needed to
// restore it.
func (l *Log) SaveStream(ctx context.Context, name string, w io.Writer) (json.RawMessage, error) {
	return saveStream(ctx, l.nc, name, w)
}

func saveStream(ctx context.Context, nc *nats.Conn, name string, w io.Writer) (json.RawMessage, error) {
	inbox := nc.NewInbox()
	chunks := make(chan *nats.Msg, 128) // the server's window is 8 MiB: 32 chunks
	sub, err := nc.ChanSubscribe(inbox, chunks)
	if err != nil {
		return nil, fmt.Errorf("natslog: save stream %s: %w", name, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
	var answer struct {
		Error  *jetstream.APIError `json:"error,omitempty"`
		Config json.RawMessage     `json:"config"`
		State  json.RawMessage     `json:"state"`
	}
	request := fmt.Appendf(nil, `{"deliver_subject":%q,"no_consumers":true,"chunk_size":%d,"jsck":true}`, inbox, snapshotChunk)
	err = ask(ctx, nc, "STREAM.SNAPSHOT."+name, request, &answer)
	if err == nil && answer.Error != nil {
		err = answer.Error
	}
	if err == nil {
		err = receive(ctx, nc, chunks, w)
	}
	if err != nil {
		return nil, fmt.Errorf("natslog: save stream %s: %w", name, err)
	}
	meta, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("natslog: save stream %s: %w", name, err)
	}
	return meta, nil
}

// receive writes the chunks of a snapshot and acknowledges each.
func receive(ctx context.Context, nc *nats.Conn, chunks <-chan *nats.Msg, w io.Writer) error {
	timer := time.NewTimer(snapshotSilence)
	defer timer.Stop()
	for {
		select {
		case m := <-chunks:
			if status := m.Header.Get("Status"); len(m.Data) == 0 && status != "" && status != "204" {
				return fmt.Errorf("the server says %s %s", status, m.Header.Get("Description"))
			}
			if len(m.Data) == 0 {
				return nil
			}
			if _, err := w.Write(m.Data); err != nil {
				return err
			}
			if m.Reply != "" {
				if err := nc.Publish(m.Reply, nil); err != nil {
					return err
				}
			}
			timer.Reset(snapshotSilence)
		case <-timer.C:
			return errors.New("the snapshot has stopped coming")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// RestoreStream makes a stream from a snapshot that [Log.SaveStream] wrote. The
// error wraps [events.ErrConflict] if the stream exists.
func RestoreStream(ctx context.Context, nc *nats.Conn, name string, meta json.RawMessage, r io.Reader) error {
	err := restoreStream(ctx, nc, name, meta, r)
	if err != nil {
		return fmt.Errorf("natslog: restore stream %s: %w", name, err)
	}
	return nil
}

// RemoveStream removes a stream that [RestoreStream] has made, of a log that
// did not become whole.
func RemoveStream(ctx context.Context, nc *nats.Conn, name string) error {
	js, err := jetstream.New(nc)
	if err == nil {
		err = js.DeleteStream(ctx, name)
	}
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("natslog: remove stream %s: %w", name, err)
	}
	return nil
}

const codeStreamExists = 10130

func restoreStream(ctx context.Context, nc *nats.Conn, name string, meta json.RawMessage, r io.Reader) error {
	to, err := restoreSubject(ctx, nc, name, meta)
	if err != nil {
		return err
	}
	buffer := make([]byte, snapshotChunk)
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if err := sendChunk(ctx, nc, to, buffer[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return sendChunk(ctx, nc, to, nil)
		case err != nil:
			return err
		}
	}
}

func restoreSubject(ctx context.Context, nc *nats.Conn, name string, request []byte) (string, error) {
	attempt, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	reply, err := nc.RequestWithContext(attempt, "$JS.API.STREAM.RESTORE."+name, request)
	if err != nil {
		return "", err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Deliver string              `json:"deliver_subject"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return "", err
	}
	if answer.Error != nil && answer.Error.ErrorCode == codeStreamExists {
		return "", fmt.Errorf("%w: %w", events.ErrConflict, answer.Error)
	}
	if answer.Error != nil {
		return "", answer.Error
	}
	return answer.Deliver, nil
}

// sendChunk sends a chunk, or the end, and waits until the server has it.
func sendChunk(ctx context.Context, nc *nats.Conn, to string, chunk []byte) error {
	attempt, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	reply, err := nc.RequestWithContext(attempt, to, chunk)
	if err != nil || len(reply.Data) == 0 {
		return err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

// QueuePositions returns, of each queue and shard, the sequence up to which all
// deliveries are acknowledged.
func (l *Log) QueuePositions(ctx context.Context) (map[string][]uint64, error) {
	prefix := "$KV." + queuesBucket + "."
	subjects, err := l.subjects(ctx, "KV_"+queuesBucket, prefix+">")
	if err != nil {
		return nil, fmt.Errorf("natslog: queues: %w", err)
	}
	all := make(map[string][]uint64)
	for _, subject := range subjects {
		queue := strings.TrimPrefix(subject, prefix)
		if events.CheckID(queue) != nil {
			continue // a lock
		}
		for shard := range l.conf.Shards {
			floor, err := l.floor(ctx, queue, shard)
			if err != nil {
				return nil, fmt.Errorf("natslog: position of queue %s on shard %d: %w", queue, shard, err)
			}
			all[queue] = append(all[queue], floor)
		}
	}
	return all, nil
}

func (l *Log) floor(ctx context.Context, queue string, shard int) (floor uint64, err error) {
	err = retry(ctx, func(ctx context.Context) error {
		consumer, err := l.js.Consumer(ctx, shardName(shard), queue)
		if err == nil {
			floor = consumer.CachedInfo().AckFloor.Stream
		}
		return err
	})
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	return floor, err
}

// RestoreQueues makes the queues of a restored log. Each goes on after the
// positions that [Log.QueuePositions] returned before the log was saved.
func (l *Log) RestoreQueues(ctx context.Context, positions map[string][]uint64) error {
	for queue, floors := range positions {
		filters, _, err := l.remembered(ctx, queue)
		if err == nil && len(filters) == 0 {
			continue // it came after the queues were saved
		}
		for shard, floor := range floors {
			if err == nil {
				err = l.resumeQueue(ctx, queue, shard, floor, filters)
			}
		}
		if err != nil {
			return fmt.Errorf("natslog: restore queue %s: %w", queue, err)
		}
	}
	return nil
}

func (l *Log) resumeQueue(ctx context.Context, queue string, shard int, floor uint64, filters []string) error {
	if err := l.checkShard(shard); err != nil {
		return err
	}
	conf := l.queueConfig(queue, filters)
	if floor > 0 {
		conf.DeliverPolicy, conf.OptStartSeq = jetstream.DeliverByStartSequencePolicy, floor+1
	}
	return retry(ctx, func(ctx context.Context) error {
		_, err := l.js.CreateConsumer(ctx, shardName(shard), conf)
		return err
	})
}

// DropSnapshots removes all snapshots from the file store. Those of a restored
// log may be ahead of its shards.
func (l *Log) DropSnapshots(ctx context.Context) error { return l.Files().Erase(ctx, snapshots) }
