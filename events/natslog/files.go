package natslog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/seal"
)

const (
	chunkSize = 256 << 10
	// maxChunks keeps a file's meta message under the server's payload limit.
	maxChunks = 60_000
)

// Files is the file store: bytes that are too big for an event, each owned by
// a document and a step. They lie on the plain stream DOCSAGA_FILES. A file
// below 256 KiB is one message, with what is said about it in a header; a
// larger one is chunks of 256 KiB and then one message that says which chunks
// are the file:
//
//	docsaga-files.<document>.<step>.m.<sha256>   Docsaga-File: {"size","mediaType"}, and the bytes
//	docsaga-files.<document>.<step>.c.<nonce>.<number>
//	docsaga-files.<document>.<step>.m.<sha256>   {"size","mediaType","chunks":[sequence,...]}
//
// So all that a step has put there, finished or not, goes with one purge.
//
// Of a document that has a key, content and chunks are sealed, as package seal
// says, and in place of the digest stands an HMAC of it under that key.
type Files struct {
	l      *Log
	sealer *seal.Sealer // nil if nothing is sealed
}

// Files returns the log's file store.
func (l *Log) Files() *Files { return &Files{l: l, sealer: l.sealer} }

type fileMeta struct {
	Size      int64    `json:"size"`
	MediaType string   `json:"mediaType"`
	Chunks    []uint64 `json:"chunks,omitempty"`
	Box       []byte   `json:"box,omitempty"` // the digest, sealed; nil of a file that is not

	whole   bool // the file is in the message itself
	content []byte
}

// fileHeader says about a file what its message's data would, if that were not
// the file itself.
const fileHeader = "Docsaga-File"

// A found is a message of the file store.
type found struct {
	subject string
	header  nats.Header
	data    []byte
}

// meta reads from the leader: a follower may not have it yet, or have it still.
func (f *Files) meta(ctx context.Context, subject string) (at string, meta fileMeta, err error) {
	get := f.direct // quicker, and the same on one server
	if f.l.conf.Replicas > 1 {
		get = f.leader
	}
	m, err := get(ctx, fmt.Appendf(nil, `{"last_by_subj":%q}`, subject))
	if err != nil {
		return "", fileMeta{}, err
	}
	data := m.data
	if said := m.header.Get(fileHeader); said != "" {
		meta.whole, meta.content, data = true, m.data, []byte(said)
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return "", fileMeta{}, fmt.Errorf("message on %s of %s: %w", subject, filesStream, err)
	}
	return m.subject, meta, nil
}

// direct gets a message from any replica, or from the leader if that one does
// not have it.
func (f *Files) direct(ctx context.Context, request []byte) (found, error) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	reply, err := f.l.nc.RequestWithContext(attempt, "$JS.API.DIRECT.GET."+filesStream, request)
	if err == nil && reply.Header.Get("Nats-Sequence") != "" {
		return found{subject: reply.Header.Get("Nats-Subject"), header: reply.Header, data: reply.Data}, nil
	}
	return f.leader(ctx, request)
}

func (f *Files) leader(ctx context.Context, request []byte) (found, error) {
	msg, err := f.l.storedMessage(ctx, filesStream, request)
	m := found{subject: msg.Subject, data: msg.Data}
	if err == nil && len(msg.Header) > 0 {
		m.header, err = nats.DecodeHeadersMsg(msg.Header)
	}
	return m, err
}

// Last returns the file that a step has put last and completely. The error
// wraps [events.ErrNotFound] if there is none.
func (f *Files) Last(ctx context.Context, document events.DocumentID, step events.StepID) (events.File, error) {
	root, err := filesOf(document, step)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: last file: %w", err)
	}
	file, err := f.lastOf(ctx, document, root)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: last file of %s, step %s: %w", document, step, err)
	}
	return file, nil
}

func (f *Files) lastOf(ctx context.Context, document events.DocumentID, root string) (events.File, error) {
	msg, err := f.l.lastMessage(ctx, filesStream, root+".m.*")
	if err != nil {
		return events.File{}, err
	}
	at, meta, err := f.meta(ctx, msg.Subject)
	if err != nil {
		return events.File{}, err
	}
	digest := at[strings.LastIndexByte(at, '.')+1:]
	if meta.Box != nil {
		key, err := f.key(ctx, document, false)
		if err != nil {
			return events.File{}, err
		}
		plain, err := openBox(key, meta.Box, at)
		if err != nil {
			return events.File{}, err
		}
		digest = string(plain)
	}
	return events.File{Ref: "sha256:" + digest, Size: meta.Size, MediaType: meta.MediaType}, nil
}

func openBox(key *seal.Key, box []byte, place string) ([]byte, error) {
	if key == nil {
		return nil, fmt.Errorf("natslog: %s: %w", place, seal.ErrNoKey)
	}
	return key.Open(box, place)
}

// Open returns the content of a document's file. The error, or that of a
// Read, wraps [events.ErrNotFound] if the file is not there or is released
// while it is read. Read returns an error instead of io.EOF if the content is
// not what the file's digest says.
func (f *Files) Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error) {
	digest, err := file.Digest()
	if err == nil {
		err = events.CheckID(document)
	}
	if err != nil {
		return nil, fmt.Errorf("natslog: open file: %w", err)
	}
	r := &reader{hash: sha256.New(), want: digest}
	if err := f.open(ctx, document, r); err != nil {
		return nil, fmt.Errorf("natslog: open file %s of %s: %w", file.Ref, document, err)
	}
	r.fetch = func(seq uint64) ([]byte, error) {
		m, err := f.direct(ctx, fmt.Appendf(nil, `{"seq":%d}`, seq))
		if err == nil && r.key != nil {
			m.data, err = r.key.Open(m.data, m.subject)
		}
		if err != nil {
			return nil, fmt.Errorf("natslog: read file %s of %s: %w", file.Ref, document, err)
		}
		return m.data, nil
	}
	return r, nil
}

// open finds the file that the reader wants: sealed, or as somebody has put it
// there who does not seal.
func (f *Files) open(ctx context.Context, document events.DocumentID, r *reader) error {
	key, err := f.key(ctx, document, false)
	if err != nil {
		return err
	}
	prefix := filesRoot + "." + string(document) + ".*.m."
	at, meta, err := f.meta(ctx, prefix+nameOf(r.want, key))
	if errors.Is(err, events.ErrNotFound) && key != nil {
		at, meta, err = f.meta(ctx, prefix+r.want)
	}
	if err != nil {
		return err
	}
	if meta.Box != nil {
		r.key = key
	}
	if meta.whole && r.key != nil {
		if meta.content, err = r.key.Open(meta.content, at); err != nil {
			return err
		}
	}
	r.chunks, r.rest = meta.Chunks, meta.content
	_, _ = r.hash.Write(r.rest) // a hash never fails
	return nil
}

// A reader yields the chunks of a file.
type reader struct {
	fetch  func(seq uint64) ([]byte, error)
	chunks []uint64
	rest   []byte
	key    *seal.Key // that the chunks are sealed with, or nil
	hash   hash.Hash
	want   string
	err    error
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		if len(r.chunks) == 0 {
			r.err = io.EOF
			if got := hex.EncodeToString(r.hash.Sum(nil)); got != r.want {
				r.err = fmt.Errorf("natslog: file sha256:%s has content of digest %s", r.want, got)
			}
			break
		}
		if r.rest, r.err = r.fetch(r.chunks[0]); r.err == nil {
			r.chunks = r.chunks[1:]
			_, _ = r.hash.Write(r.rest) // a hash never fails
		}
	}
	if len(r.rest) == 0 && len(p) > 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the reading.
func (r *reader) Close() error {
	r.rest, r.err = nil, io.ErrClosedPipe
	return nil
}

// Release removes all that a step of a document has put there, what it did
// not finish too. It may be called again.
func (f *Files) Release(ctx context.Context, document events.DocumentID, step events.StepID) error {
	root, err := filesOf(document, step)
	if err == nil {
		err = f.purge(ctx, root+".>")
	}
	if err != nil {
		return fmt.Errorf("natslog: release files of %s, step %s: %w", document, step, err)
	}
	return nil
}

// Erase removes all files of a document. It may be called again.
func (f *Files) Erase(ctx context.Context, document events.DocumentID) error {
	err := events.CheckID(document)
	if err == nil {
		err = f.purge(ctx, filesRoot+"."+string(document)+".>")
	}
	if err != nil {
		return fmt.Errorf("natslog: erase files of %s: %w", document, err)
	}
	return nil
}

func (f *Files) purge(ctx context.Context, subject string) error {
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := f.l.ask(ctx, "STREAM.PURGE."+filesStream, fmt.Appendf(nil, `{"filter":%q}`, subject), &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

func filesOf(document events.DocumentID, step events.StepID) (string, error) {
	if err := events.CheckID(document); err != nil {
		return "", fmt.Errorf("document: %w", err)
	}
	if err := events.CheckID(step); err != nil {
		return "", fmt.Errorf("step: %w", err)
	}
	return filesRoot + "." + string(document) + "." + string(step), nil
}
