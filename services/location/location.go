// Package location is the service that fetches a document: from a local file,
// over HTTP, from S3-compatible storage, or from an upload that the submitter
// put into the file store. It is the one place where the outside is read, so it
// is strict about what it reads and from where.
//
// The step takes
//
//	{"location": "...", "sha256": "...", "name": "..."}
//
// of which only location is needed. It is one of
//
//	/srv/inbox/a.pdf, a.pdf, file:///srv/inbox/a.pdf   a regular file under one of [Config].Roots
//	https://example.com/a.pdf                          see [Web]
//	s3://bucket/key, s3://bucket/key?versionId=v       see [S3]
//	upload:sha256:<64 hex digits>                      a file of the document's step "document"
//
// sha256 (64 hexadecimal digits) pins the content: other bytes are refused.
// Without it, what the visit's first attempt has stored is the pin of the later.
// name is what the document is called, if its location does not say it. The
// step gives an [Output].
//
// What is fetched is read once. Its first KiB must hold "%PDF-", or nothing is
// stored; then it streams into the file store, and size and digest are checked
// on the way, before the store keeps it.
//
// Reasons for a rejection are the Reason constants. Whatever may pass (a server
// that is down, a timeout, a full disk) is an ordinary error, to be tried
// again, and wraps [ErrUnreachable] if it came from the source. Neither names
// paths, values of queries or credentials.
package location

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/services/runner"
)

// The reasons for which a document is rejected here.
const (
	ReasonNotFound       = "not-found"       // there is nothing at the location
	ReasonNotAllowed     = "not-allowed"     // the configuration, or the source, forbids it
	ReasonTooLarge       = "too-large"       // more bytes than Config.MaxBytes
	ReasonNotAPDF        = "not-a-pdf"       // no %PDF- in the first KiB
	ReasonContentChanged = "content-changed" // other bytes than the sha256 of the input says, or than an earlier attempt has stored
)

// ReasonUnreachable is why a document fails, in the end, whose source gave no
// answer in every attempt.
const ReasonUnreachable = "unreachable"

// ErrUnreachable reports that the source gave no answer, or an answer that may
// be another one later.
var ErrUnreachable = runner.Coded(ReasonUnreachable, "the source cannot be reached")

// MediaTypePDF is the media type of everything that is stored.
const MediaTypePDF = "application/pdf"

// DefaultMaxBytes is the size limit if [Config] gives none: 64 MiB.
const DefaultMaxBytes = 64 << 20

// Config says what may be fetched. The zero Config allows uploads and public
// HTTP servers, and no local files and no S3.
type Config struct {
	Roots    []string // absolute directories; files in and below them may be read
	MaxBytes int64    // size limit of a document; default [DefaultMaxBytes]
	Web      Web
	S3       *S3 // nil: no s3 locations
}

// Files is the file store. A method must be safe for use by several goroutines.
type Files interface {
	// Put stores what r gives for the document and the step. If r returns an
	// error, Put stores nothing and returns an error. To put the same bytes
	// again changes nothing.
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
	// Open opens a file that a step of the document has put. The error wraps
	// [events.ErrNotFound] if there is none. Of the file only Ref is known.
	Open(ctx context.Context, document events.DocumentID, file events.File) (io.ReadCloser, error)
	// Last returns what the step of the document has put last. The error wraps
	// [events.ErrNotFound] if there is nothing.
	Last(ctx context.Context, document events.DocumentID, step events.StepID) (events.File, error)
	// Release removes what the step has put for the document, if anything.
	Release(ctx context.Context, document events.DocumentID, step events.StepID) error
}

// Input is what the step takes.
type Input struct {
	Location string `json:"location"`
	SHA256   string `json:"sha256,omitempty"`
	Name     string `json:"name,omitempty"`
}

// Output is what the step gives.
type Output struct {
	File      events.File `json:"file"`
	Name      string      `json:"name"`      // base name, at most 255 bytes, no control characters
	Source    string      `json:"source"`    // "file", "http", "s3" or "upload"
	MediaType string      `json:"mediaType"` // "application/pdf"
}

// The sources, as [Output].Source names them.
const (
	SourceFile   = "file"
	SourceHTTP   = "http"
	SourceS3     = "s3"
	SourceUpload = "upload"
)

// A source opens what is at a location.
type source interface {
	open(ctx context.Context, v runner.Visit, location string) (found, error)
}

// found is what a source has opened.
type found struct {
	body   io.ReadCloser
	name   string
	size   int64  // -1: not known before it is read
	note   string // what else is known of the content, for the message of a refusal
	pin    string // the digest that the location itself promises
	stored bool   // the bytes are in the file store already
}

// A Handler does the step. Its methods may be called by several goroutines.
type Handler struct {
	files   Files
	max     int64
	sources map[string]source // by [Output].Source; one that is missing is not configured
}

// New returns the handler, or an error if the configuration cannot work.
func New(conf Config, files Files) (*Handler, error) {
	if files == nil {
		return nil, errors.New("location: no file store")
	}
	if conf.MaxBytes < 0 || conf.MaxBytes > 1<<40 {
		return nil, fmt.Errorf("location: size limit of %d bytes: want 1 to 2^40", conf.MaxBytes)
	}
	if conf.MaxBytes == 0 {
		conf.MaxBytes = DefaultMaxBytes
	}
	h := &Handler{files: files, max: conf.MaxBytes, sources: map[string]source{SourceUpload: upload{files}}}
	if len(conf.Roots) > 0 {
		l, err := newLocal(conf.Roots)
		if err != nil {
			return nil, err
		}
		h.sources[SourceFile] = l
	}
	if !conf.Web.Off {
		w, err := newWeb(conf.Web)
		if err != nil {
			return nil, err
		}
		h.sources[SourceHTTP] = w
	}
	if conf.S3 != nil {
		s, err := newS3(*conf.S3)
		if err != nil {
			return nil, err
		}
		h.sources[SourceS3] = s
	}
	return h, nil
}

// Do fetches the document, checks it, stores it, and returns an [Output].
func (h *Handler) Do(ctx context.Context, v runner.Visit) (any, error) {
	in, err := parseInput(v.Input)
	if err != nil {
		return nil, err
	}
	kind, err := kindOf(in.Location)
	if err != nil {
		return nil, err
	}
	from, ok := h.sources[kind]
	if !ok {
		return nil, runner.Reject(ReasonNotAllowed, "locations of kind %s are not configured", kind)
	}
	f, err := from.open(ctx, v, in.Location)
	if err != nil {
		return nil, err
	}
	defer f.body.Close() //nolint:errcheck // it was only read
	if in.SHA256 == "" && f.pin == "" {
		if f.pin, err = h.earlier(ctx, v); err != nil {
			return nil, err
		}
	}
	file, err := h.take(ctx, v, f, in.SHA256)
	if err != nil {
		return nil, err
	}
	name := in.Name
	if name == "" {
		name = f.name
	}
	return Output{File: file, Name: cleanName(name), Source: kind, MediaType: file.MediaType}, nil
}

// earlier returns the digest of what an earlier attempt has stored, if any. A
// document that goes through the step again may get something else there.
func (h *Handler) earlier(ctx context.Context, v runner.Visit) (digest string, err error) {
	if v.Attempt < 2 || v.Number != 1 {
		return "", nil
	}
	stored, err := h.files.Last(ctx, v.Document, v.Owner())
	if errors.Is(err, events.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("location: look for what an earlier attempt stored of document %s: %w", v.Document, err)
	}
	return stored.Digest()
}

// Undo removes what the visit has put into the file store. An upload is
// its submitter's, and stays.
func (h *Handler) Undo(ctx context.Context, v runner.Visit) error {
	if err := h.files.Release(ctx, v.Document, v.Owner()); err != nil {
		return fmt.Errorf("location: undo %s of document %s: %w", v.Step, v.Document, err)
	}
	return nil
}

func parseInput(raw json.RawMessage) (Input, error) {
	var in Input
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, runner.Reject(ReasonNotFound, "the input is not {\"location\": \"...\"}")
	}
	if in.Location == "" {
		return in, runner.Reject(ReasonNotFound, "no location is given")
	}
	if len(in.Location) > 8192 || strings.ContainsRune(in.Location, 0) {
		return in, runner.Reject(ReasonNotAllowed, "the location is longer than 8192 bytes or holds a zero byte")
	}
	if in.SHA256 != "" {
		pin, ok := digest(in.SHA256)
		if !ok {
			return in, runner.Reject(ReasonContentChanged, "the sha256 of the input is not 64 hexadecimal digits, so nothing can have it")
		}
		in.SHA256 = pin
	}
	return in, nil
}

// scheme is how a location with a scheme begins (RFC 3986, 3.1). One letter is
// a drive.
var scheme = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):`)

// kindOf returns which source a location belongs to.
func kindOf(location string) (string, error) {
	m := scheme.FindStringSubmatch(location)
	if m == nil {
		return SourceFile, nil
	}
	switch strings.ToLower(m[1]) {
	case "file":
		return SourceFile, nil
	case "http", "https":
		return SourceHTTP, nil
	case "s3":
		return SourceS3, nil
	case "upload":
		return SourceUpload, nil
	}
	return "", runner.Reject(ReasonNotAllowed, "the scheme of the location is none of file, http, https, s3, upload")
}

// cleanName returns the last part of a path as a name that is safe to show.
func cleanName(name string) string {
	name = filepath.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "?"), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1 // control characters, and those that turn the writing round
		}
		return r
	}, name)
	for len(name) > 255 {
		name = strings.ToValidUTF8(name[:255], "")
	}
	if name == "" || name == "." || name == ".." || name == "/" {
		return "document.pdf"
	}
	return name
}
