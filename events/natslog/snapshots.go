package natslog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
)

// snapshots is the owner of all snapshots in the file store.
const snapshots events.DocumentID = "_snapshots"

// Snapshots keeps the last snapshot of each name in the file store.
type Snapshots struct{ files *Files }

// Snapshots returns the log's snapshots. They hold where documents are, and
// nothing of what is in them.
func (l *Log) Snapshots() *Snapshots { return &Snapshots{files: &Files{l: l}} }

// Save stores a snapshot and then removes the ones before it.
func (s *Snapshots) Save(ctx context.Context, name string, snapshot []byte) error {
	file, err := s.files.Put(ctx, snapshots, events.StepID(name), "application/octet-stream", bytes.NewReader(snapshot))
	if err != nil {
		return err
	}
	root, err := filesOf(snapshots, events.StepID(name))
	if err != nil {
		return fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	digest, err := file.Digest()
	if err != nil {
		return fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	_, meta, err := s.files.meta(ctx, root+".m."+digest)
	if err != nil || len(meta.Chunks) == 0 {
		return err
	}
	stream, err := s.files.l.js.Stream(ctx, filesStream)
	if err != nil {
		return fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(root+".>"), jetstream.WithPurgeSequence(meta.Chunks[0])); err != nil {
		return fmt.Errorf("natslog: remove the snapshots before %s: %w", name, err)
	}
	return nil
}

// Load returns the last snapshot of a name, or an error that wraps
// [events.ErrNotFound].
func (s *Snapshots) Load(ctx context.Context, name string) ([]byte, error) {
	root, err := filesOf(snapshots, events.StepID(name))
	if err != nil {
		return nil, fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	msg, err := s.files.l.lastMessage(ctx, filesStream, root+".m.*")
	if err != nil {
		return nil, fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	digest := msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:]
	r, err := s.files.Open(ctx, snapshots, events.File{Ref: "sha256:" + digest})
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read
	snapshot, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("natslog: snapshot %s: %w", name, err)
	}
	return snapshot, nil
}
