package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/writer"
	"github.com/docsaga/docsaga/saga"
)

const sourceSubmit = "/docsaga/submit"

// A submission is a document on its way into the log.
type submission struct {
	document events.DocumentID
	input    map[string]any // what the definition sees as `document`
	tracer   *tracing.Tracer
}

// newDocumentID returns a new id, a ULID.
func newDocumentID() events.DocumentID { return events.DocumentID(ulid.Make().String()) }

// submissionLog is what submitting needs of the log.
type submissionLog interface {
	Write(ctx context.Context, e events.Event) (events.Event, error)
}

// submit writes the document's submission under the given definition. The
// same submission again is the same document; another one under its id is an
// [events.ErrConflict].
func (s submission) submit(ctx context.Context, log submissionLog, d *saga.Definition) (events.Event, error) {
	output, err := json.Marshal(s.input)
	if err != nil {
		return events.Event{}, fmt.Errorf("submit %s: %w", s.document, err)
	}
	data, err := events.Data{Output: output}.Marshal()
	if err != nil {
		return events.Event{}, fmt.Errorf("submit %s: %w", s.document, err)
	}
	e := events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, s.document, events.Submitted), Source: sourceSubmit,
		Time: time.Now().UTC().Truncate(time.Millisecond), Worker: writer.New(), Data: data,
	}
	ctx, span := s.tracer.Start(ctx, tracing.Work{Operation: tracing.Submit, Event: &e, Slot: e.Slot})
	e.Trace = span.Traceparent(e.Trace)
	standing, err := log.Write(ctx, e)
	if err != nil {
		span.End("refused", "error")
	} else {
		span.End("accepted", "")
	}
	if errors.Is(err, events.ErrTaken) {
		if bytes.Equal(standing.Data, e.Data) && standing.Slot.Definition == e.Slot.Definition {
			return standing, nil
		}
		return standing, fmt.Errorf("submit: document %s was submitted at %s with something else: %w", s.document, standing.At.Format(time.RFC3339), events.ErrConflict)
	}
	if err != nil {
		return e, fmt.Errorf("submit %s: %w", s.document, err)
	}
	return standing, nil
}

// isURL reports whether a place is named by a URL, not by a file's path.
func isURL(place string) bool {
	u, err := url.Parse(place)
	return err == nil && len(u.Scheme) > 1 && strings.Contains(place, ":")
}

// checkFile returns the absolute path of a file that can be submitted, or a
// usage error that says what is wrong with it.
func checkFile(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", coded{code: exitNotFound, err: fmt.Errorf("%s: there is no such file", path)}
	case err != nil:
		return "", fmt.Errorf("%s: %w", path, err)
	case info.IsDir():
		return "", usage("%s is a directory: name the files in it, or give --recursive", path)
	case !info.Mode().IsRegular():
		return "", usage("%s is not a regular file", path)
	}
	return abs, nil
}

// checkUpload says what is wrong with the size of a file that is to be uploaded.
func checkUpload(path string, most int64) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("upload: %w", err)
	case info.Size() == 0:
		return usage("%s is empty", path)
	case info.Size() > most:
		return usage("%s has %d bytes, --max-bytes allows %d", path, info.Size(), most)
	}
	return nil
}

// An uploader puts a submitter's file where the location service finds it.
type uploader interface {
	Put(ctx context.Context, document events.DocumentID, step events.StepID, mediaType string, r io.Reader) (events.File, error)
}

// upload puts a local file into the file store for the document.
func upload(ctx context.Context, files uploader, document events.DocumentID, path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	stored, err := files.Put(ctx, document, events.StepDocument, "application/pdf", f)
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", path, err)
	}
	return map[string]any{"location": "upload:" + stored.Ref, "name": filepath.Base(path)}, nil
}
