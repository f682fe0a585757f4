package natslog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

// A savedKey is a line of a file with keys: as they are kept, bare or wrapped.
type savedKey struct {
	Document events.DocumentID `json:"document"`
	Key      []byte            `json:"key"`
}

// Save writes the keys of all documents that were not forgotten, a line each,
// and returns how many. They must never lie where the log's backups lie.
func (k *Keys) Save(ctx context.Context, w io.Writer) (n int, err error) {
	subjects, err := k.l.subjects(ctx, keysStream, keysRoot+".*"+keyToken)
	if err != nil {
		return 0, fmt.Errorf("natslog: save keys: %w", err)
	}
	enc := json.NewEncoder(w)
	for len(subjects) > 0 {
		some := subjects[:min(len(subjects), maxKeys)]
		subjects = subjects[len(some):]
		ids := make([]events.DocumentID, len(some))
		for i, subject := range some {
			ids[i], _ = readKey(subject, nil)
		}
		stored, err := k.Get(ctx, ids)
		if err != nil {
			return n, err
		}
		for i, key := range stored {
			if len(key) == 0 || string(key) == seal.Gone {
				continue
			}
			if err := enc.Encode(savedKey{ids[i], key}); err != nil {
				return n, fmt.Errorf("natslog: save keys: %w", err)
			}
			n++
		}
	}
	return n, nil
}

// ProvisionKeys makes the place for keys on a server that has a restored log,
// and returns the name of the stream.
func ProvisionKeys(ctx context.Context, nc *nats.Conn) (string, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return "", fmt.Errorf("natslog: provision keys: %w", err)
	}
	conf, err := discover(ctx, js)
	if err != nil {
		return "", fmt.Errorf("natslog: provision keys: %w", err)
	}
	return keysStream, provisionStream(ctx, js, conf.keysStream())
}

// Restore brings keys back that [Keys.Save] wrote, but for those of documents
// that the log says were forgotten, and returns how many.
func (k *Keys) Restore(ctx context.Context, r io.Reader) (n int, err error) {
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		var saved savedKey
		err := json.Unmarshal(lines.Bytes(), &saved)
		if err == nil {
			err = events.CheckID(saved.Document)
		}
		if err != nil || len(saved.Key) == 0 {
			return n, fmt.Errorf("natslog: restore keys: line %d is no key", number)
		}
		gone, err := k.l.forgotten(ctx, saved.Document)
		if err != nil {
			return n, fmt.Errorf("natslog: restore keys: %w", err)
		}
		if gone {
			if err := k.Destroy(ctx, saved.Document); err != nil {
				return n, err
			}
			continue
		}
		if _, err := k.Make(ctx, saved.Document, saved.Key); err != nil {
			return n, err
		}
		n++
	}
	if err := lines.Err(); err != nil {
		return n, fmt.Errorf("natslog: restore keys: %w", err)
	}
	return n, nil
}

// forgotten reports whether the log says that a document was forgotten.
func (l *Log) forgotten(ctx context.Context, document events.DocumentID) (bool, error) {
	shard := events.Shard(document, l.conf.Shards)
	_, err := l.lastMessage(ctx, shardName(shard), forgottenSubject(document))
	if errors.Is(err, events.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
