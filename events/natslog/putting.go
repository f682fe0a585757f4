package natslog

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

// Put stores what r yields and returns what stands for it in an event. The
// same content put again by the same step is stored once.
func (f *Files) Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	root, err := filesOf(document, step)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: put file: %w", err)
	}
	p := putting{f: f, root: root}
	if p.key, err = f.key(ctx, document, step == events.StepDocument); err != nil {
		return events.File{}, fmt.Errorf("natslog: put file of %s, step %s: %w", document, step, err)
	}
	digest, size, err := p.put(ctx, mediaType, r)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: put file of %s, step %s: %w", document, step, err)
	}
	return events.File{Ref: "sha256:" + digest, Size: size, MediaType: mediaType}, nil
}

// key returns the key that a document's files are sealed with, nil for none.
func (f *Files) key(ctx context.Context, document events.DocumentID, begins bool) (*seal.Key, error) {
	if f.sealer == nil {
		return nil, nil
	}
	return f.sealer.Key(ctx, document, begins)
}

// A putting is a Put at work.
type putting struct {
	f    *Files
	root string
	key  *seal.Key // nil if the file is not sealed
}

// box returns bytes as they are stored under a subject.
func (p *putting) box(b []byte, subject string) []byte {
	if p.key == nil {
		return b
	}
	return p.key.Seal(make([]byte, 0, len(b)+seal.Overhead), b, subject)
}

// meta returns what is stored of a file, and under which subject.
func (p *putting) meta(digest string, meta fileMeta) (string, fileMeta) {
	subject := p.root + ".m." + nameOf(digest, p.key)
	if p.key != nil {
		meta.Box = p.key.Seal(nil, []byte(digest), subject)
	}
	return subject, meta
}

// nameOf returns what stands for a file's digest in its subject.
func nameOf(digest string, key *seal.Key) string {
	if key == nil {
		return digest
	}
	mac := hmac.New(sha256.New, key.Bytes())
	_, _ = mac.Write([]byte("docsaga file " + digest)) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

func (p *putting) put(ctx context.Context, mediaType string, r io.Reader) (digest string, size int64, err error) {
	first := make([]byte, chunkSize)
	n, err := io.ReadFull(r, first)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // what wraps them is a reader's failure, not its end
		sum := sha256.Sum256(first[:n])
		digest = hex.EncodeToString(sum[:])
		subject, meta := p.meta(digest, fileMeta{Size: int64(n), MediaType: mediaType, whole: true})
		meta.content = p.box(first[:n], subject)
		_, err = p.f.putMeta(ctx, subject, meta)
		return digest, int64(n), err
	case err != nil:
		return "", 0, err
	}
	chunks := p.root + ".c." + nuid.Next()
	digest, meta, err := p.putChunks(ctx, chunks, io.MultiReader(bytes.NewReader(first), r))
	meta.MediaType = mediaType
	isNew := false
	if err == nil {
		subject, meta := p.meta(digest, meta)
		isNew, err = p.f.putMeta(ctx, subject, meta)
	}
	if !isNew && len(meta.Chunks) > 0 {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
		defer cancel()
		if purgeErr := p.f.purge(clean, chunks+".>"); purgeErr != nil {
			p.f.l.log.Warn("natslog: chunks are left until the step is released", "subject", chunks, "error", purgeErr)
		}
	}
	return digest, meta.Size, err
}

func (p *putting) putChunks(ctx context.Context, subject string, r io.Reader) (digest string, meta fileMeta, err error) {
	sum := sha256.New()
	buffer := make([]byte, chunkSize)
	meta.Chunks = []uint64{}
	for {
		n, err := io.ReadFull(r, buffer)
		if n > 0 {
			if len(meta.Chunks) == maxChunks {
				return "", meta, fmt.Errorf("more than %d bytes: %w", maxChunks*chunkSize, events.ErrTooLarge)
			}
			sum.Write(buffer[:n])
			msg := &nats.Msg{Subject: fmt.Sprintf("%s.%d", subject, len(meta.Chunks))}
			msg.Data = p.box(buffer[:n], msg.Subject)
			seq, err := p.f.store(ctx, msg)
			if err != nil {
				return "", meta, err
			}
			meta.Size += int64(n)
			meta.Chunks = append(meta.Chunks, seq)
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF: // what wraps them is a reader's failure, not its end
			return hex.EncodeToString(sum.Sum(nil)), meta, nil
		case err != nil:
			return "", meta, err
		}
	}
}

// putMeta reports whether the file was not there before.
func (f *Files) putMeta(ctx context.Context, subject string, meta fileMeta) (isNew bool, err error) {
	data, err := json.Marshal(meta)
	if err != nil {
		return false, err
	}
	msg := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"0"}}}
	if meta.whole {
		msg.Data, msg.Header[fileHeader] = meta.content, []string{string(data)}
	}
	for range 20 {
		if _, err = f.store(ctx, msg); !isTaken(err) {
			return err == nil, err
		}
		_, standing, readErr := f.meta(ctx, subject)
		if readErr == nil {
			// The same chunks: it was our own write, whose acknowledgement got lost.
			return len(meta.Chunks) > 0 && len(standing.Chunks) > 0 && standing.Chunks[0] == meta.Chunks[0], nil
		}
		if !errors.Is(readErr, events.ErrNotFound) {
			return false, readErr
		}
		if err := pause(ctx, firstBackoff); err != nil { // released meanwhile, or not yet decided
			return false, err
		}
	}
	return false, err
}

// store publishes, and tries again as long as the server does not answer. A
// chunk stored twice is a chunk too many, which goes with the step.
func (f *Files) store(ctx context.Context, msg *nats.Msg) (seq uint64, err error) {
	err = retry(ctx, func(ctx context.Context) (err error) {
		seq, err = f.l.publishOne(ctx, msg)
		return err
	})
	return seq, err
}
