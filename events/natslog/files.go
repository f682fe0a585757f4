package natslog

import (
	"bytes"
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
	"github.com/nats-io/nuid"

	"github.com/docsaga/docsaga/events"
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
type Files struct{ l *Log }

// Files returns the log's file store.
func (l *Log) Files() *Files { return &Files{l: l} }

type fileMeta struct {
	Size      int64    `json:"size"`
	MediaType string   `json:"mediaType"`
	Chunks    []uint64 `json:"chunks,omitempty"`

	whole   bool // the file is in the message itself
	content []byte
}

// fileHeader says about a file what its message's data would, if that were not
// the file itself.
const fileHeader = "Docsaga-File"

// Put stores what r yields and returns what stands for it in an event. The
// same content put again by the same step is stored once.
func (f *Files) Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error) {
	root, err := filesOf(document, step)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: put file: %w", err)
	}
	digest, size, err := f.put(ctx, root, mediaType, r)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: put file of %s, step %s: %w", document, step, err)
	}
	return events.File{Ref: "sha256:" + digest, Size: size, MediaType: mediaType}, nil
}

func (f *Files) put(ctx context.Context, root, mediaType string, r io.Reader) (digest string, size int64, err error) {
	first := make([]byte, chunkSize)
	n, err := io.ReadFull(r, first)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // what wraps them is a reader's failure, not its end
		sum := sha256.Sum256(first[:n])
		digest = hex.EncodeToString(sum[:])
		_, err = f.putMeta(ctx, root+".m."+digest, fileMeta{Size: int64(n), MediaType: mediaType, whole: true, content: first[:n]})
		return digest, int64(n), err
	case err != nil:
		return "", 0, err
	}
	chunks := root + ".c." + nuid.Next()
	digest, meta, err := f.putChunks(ctx, chunks, io.MultiReader(bytes.NewReader(first), r))
	meta.MediaType = mediaType
	isNew := false
	if err == nil {
		isNew, err = f.putMeta(ctx, root+".m."+digest, meta)
	}
	if !isNew && len(meta.Chunks) > 0 {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptTimeout)
		defer cancel()
		if purgeErr := f.purge(clean, chunks+".>"); purgeErr != nil {
			f.l.log.Warn("natslog: chunks are left until the step is released", "subject", chunks, "error", purgeErr)
		}
	}
	return digest, meta.Size, err
}

func (f *Files) putChunks(ctx context.Context, subject string, r io.Reader) (digest string, meta fileMeta, err error) {
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
			msg := &nats.Msg{Subject: fmt.Sprintf("%s.%d", subject, len(meta.Chunks)), Data: buffer[:n]}
			seq, err := f.store(ctx, msg)
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
		standing, readErr := f.meta(ctx, subject)
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

// meta reads from the leader: a follower may not have it yet, or have it still.
func (f *Files) meta(ctx context.Context, subject string) (meta fileMeta, err error) {
	get := f.direct // quicker, and the same on one server
	if f.l.conf.Replicas > 1 {
		get = f.leader
	}
	header, data, err := get(ctx, fmt.Appendf(nil, `{"last_by_subj":%q}`, subject))
	if err != nil {
		return fileMeta{}, err
	}
	if said := header.Get(fileHeader); said != "" {
		meta.whole, meta.content, data = true, data, []byte(said)
	}
	if err := json.Unmarshal(data, &meta); err != nil {
		return fileMeta{}, fmt.Errorf("message on %s of %s: %w", subject, filesStream, err)
	}
	return meta, nil
}

// direct gets a message from any replica, or from the leader if that one does
// not have it.
func (f *Files) direct(ctx context.Context, request []byte) (header nats.Header, data []byte, err error) {
	attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	reply, err := f.l.nc.RequestWithContext(attempt, "$JS.API.DIRECT.GET."+filesStream, request)
	if err == nil && reply.Header.Get("Nats-Sequence") != "" {
		return reply.Header, reply.Data, nil
	}
	return f.leader(ctx, request)
}

func (f *Files) leader(ctx context.Context, request []byte) (header nats.Header, data []byte, err error) {
	msg, err := f.l.storedMessage(ctx, filesStream, request)
	if err == nil && len(msg.Header) > 0 {
		header, err = nats.DecodeHeadersMsg(msg.Header)
	}
	return header, msg.Data, err
}

// Last returns the file that a step has put last and completely. The error
// wraps [events.ErrNotFound] if there is none.
func (f *Files) Last(ctx context.Context, document events.DocumentID, step events.StepID) (events.File, error) {
	root, err := filesOf(document, step)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: last file: %w", err)
	}
	msg, err := f.l.lastMessage(ctx, filesStream, root+".m.*")
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: last file of %s, step %s: %w", document, step, err)
	}
	meta, err := f.meta(ctx, msg.Subject)
	if err != nil {
		return events.File{}, fmt.Errorf("natslog: last file of %s, step %s: %w", document, step, err)
	}
	return events.File{Ref: "sha256:" + msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:], Size: meta.Size, MediaType: meta.MediaType}, nil
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
	meta, err := f.meta(ctx, filesRoot+"."+string(document)+".*.m."+digest)
	if err != nil {
		return nil, fmt.Errorf("natslog: open file %s of %s: %w", file.Ref, document, err)
	}
	r := &reader{chunks: meta.Chunks, hash: sha256.New(), want: digest}
	if meta.whole {
		r.rest = meta.content
		_, _ = r.hash.Write(r.rest) // a hash never fails
	}
	r.fetch = func(seq uint64) ([]byte, error) {
		_, data, err := f.direct(ctx, fmt.Appendf(nil, `{"seq":%d}`, seq))
		if err != nil {
			return nil, fmt.Errorf("natslog: read file %s of %s: %w", file.Ref, document, err)
		}
		return data, nil
	}
	return r, nil
}

// A reader yields the chunks of a file.
type reader struct {
	fetch  func(seq uint64) ([]byte, error)
	chunks []uint64
	rest   []byte
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
