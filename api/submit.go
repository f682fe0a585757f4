package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/writer"
)

// A Submission is a document that shall enter the log.
type Submission struct {
	Document   events.DocumentID // empty for one that is made
	Definition string            // empty for the server's default
	Source     string            // a URI reference
	Trace      string            // W3C traceparent, or empty
	By         *events.By        // who submits it, if the source does not say
	Input      Input
	Upload     *Upload // or nil

	made bool // its id was made here, so nobody has used it
}

// An Input is what the definition sees as "document".
type Input struct {
	Location string `json:"location" minLength:"1" maxLength:"4096" doc:"URL that the location service fetches" example:"https://example.com/invoice.pdf"`
	Name     string `json:"name,omitempty" maxLength:"1024" doc:"of the file, for people"`
	SHA256   string `json:"sha256,omitempty" pattern:"^[0-9a-f]{64}$" doc:"refuse other content"`
}

// An Upload is a document's content.
type Upload struct {
	Content   io.ReadSeeker
	SHA256    string // of Content, hexadecimal
	MediaType string
}

// An Accepted says where a submission stands.
type Accepted struct {
	Document   events.DocumentID `json:"document"`
	Definition string            `json:"definition"`
	Version    int               `json:"version"`
	Position   events.Position   `json:"position"`
	New        bool              `json:"new" doc:"false if the same was submitted before"`
}

// documentFor returns the id of a document that is named by something else:
// the same names give the same id.
func documentFor(kind string, names ...string) events.DocumentID {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{kind}, names...), "\x00")))
	return events.DocumentID(kind + "-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])))
}

// Submit puts a document into the log, and makes a span of that. The same submission again is the same
// document; another one under its id is an events.ErrConflict. When too many
// documents wait it is an events.ErrBusy, and nothing is kept.
func (s *Server) Submit(ctx context.Context, sub Submission) (Accepted, error) {
	e, sub, err := s.submission(ctx, sub)
	if err != nil {
		return Accepted{}, err
	}
	ctx, span := s.conf.Tracer.Start(ctx, tracing.Work{Operation: tracing.Submit, Event: &e, Slot: e.Slot})
	e.Trace = span.Traceparent(e.Trace)
	a, err := s.put(ctx, sub, e)
	switch {
	case err == nil:
		span.End("accepted", "")
	case errors.Is(err, events.ErrConflict):
		span.End("refused", "conflict")
	case errors.Is(err, events.ErrBusy):
		span.End("refused", "busy")
	default:
		span.End("refused", "error")
	}
	return a, err
}

// submission returns the event of a submission, and that with what it left out.
func (s *Server) submission(ctx context.Context, sub Submission) (events.Event, Submission, error) {
	bad := func(err error) (events.Event, Submission, error) { return events.Event{}, sub, err }
	if sub.Document == "" {
		sub.Document, sub.made = events.DocumentID(ulid.Make().String()), true
	}
	if err := events.CheckDocument(sub.Document); err != nil {
		return bad(fmt.Errorf("document: %w", err))
	}
	if sub.Definition == "" {
		sub.Definition = s.conf.Definition
	}
	if err := events.CheckID(sub.Definition); err != nil {
		return bad(fmt.Errorf("definition: %w", err))
	}
	d, err := s.system.Definitions.Latest(ctx, sub.Definition)
	if err != nil {
		return bad(err)
	}
	if sub.Upload != nil {
		sub.Input.Location = "upload:sha256:" + sub.Upload.SHA256
	}
	output, err := canonical(sub.Input)
	if err != nil {
		return bad(err)
	}
	data, err := events.Data{Output: output, By: sub.By}.Marshal()
	if err != nil {
		return bad(err)
	}
	return events.Event{
		Slot: events.DocumentSlot(d.Name, d.Version, sub.Document, events.Submitted), Source: sub.Source,
		Worker: writer.New(), Trace: sub.Trace, Data: data,
	}, sub, nil
}

// put stores a submission's file, if it has one, and writes its event.
func (s *Server) put(ctx context.Context, sub Submission, e events.Event) (Accepted, error) {
	if err := s.admit(ctx, 1); err != nil {
		return Accepted{}, err
	}
	if sub.Upload != nil {
		if accepted, err := s.keep(ctx, sub, e.Data); err != nil || !accepted.New {
			return accepted, err
		}
	}
	e.Time = time.Now().UTC().Truncate(time.Millisecond)
	standing, err := s.system.Log.Write(ctx, e)
	if errors.Is(err, events.ErrTaken) {
		return same(standing, sub, e.Data)
	}
	return accepted(standing, true), err
}

// keep puts the content into the file store, unless the document is there
// already: other content must not come to lie beside its own.
func (s *Server) keep(ctx context.Context, sub Submission, data []byte) (Accepted, error) {
	if !sub.made {
		history, err := s.system.Log.History(ctx, sub.Document)
		if err != nil && !errors.Is(err, events.ErrBadEvent) {
			return Accepted{}, err
		}
		if len(history) > 0 {
			return same(history[0], sub, data)
		}
	}
	if _, err := sub.Upload.Content.Seek(0, io.SeekStart); err != nil {
		return Accepted{}, fmt.Errorf("upload: %w", err)
	}
	file, err := s.system.Files.Put(ctx, sub.Document, events.StepDocument, sub.Upload.MediaType, sub.Upload.Content)
	if err != nil {
		return Accepted{}, err
	}
	if file.Ref != "sha256:"+sub.Upload.SHA256 {
		return Accepted{}, fmt.Errorf("upload of %s: the file store has %s, want %s", sub.Document, file.Ref, sub.Upload.SHA256)
	}
	return Accepted{New: true}, nil
}

// same accepts a submission that stands already, if it is the same.
func same(standing events.Event, sub Submission, data []byte) (Accepted, error) {
	if standing.Slot.Kind == events.Submitted && bytes.Equal(standing.Data, data) && standing.Slot.Definition == sub.Definition {
		return accepted(standing, false), nil
	}
	return Accepted{}, fmt.Errorf("document %s was submitted at %s with something else: %w",
		sub.Document, standing.At.Format(time.RFC3339), events.ErrConflict)
}

func accepted(e events.Event, isNew bool) Accepted {
	return Accepted{Document: e.Slot.Document, Definition: e.Slot.Definition, Version: e.Slot.Version, Position: e.Position, New: isNew}
}

// canonical returns the input as JSON with sorted keys, as other submitters
// write it, so that the same submission has the same bytes.
func canonical(in Input) (json.RawMessage, error) {
	if in.SHA256 != "" {
		if raw, err := hex.DecodeString(in.SHA256); err != nil || len(raw) != sha256.Size || in.SHA256 != strings.ToLower(in.SHA256) {
			return nil, badRequest("sha256: want 64 lower-case hexadecimal digits")
		}
	}
	if in.Location == "" {
		return nil, badRequest("location is missing")
	}
	fields := map[string]string{"location": in.Location}
	if in.Name != "" {
		fields["name"] = in.Name
	}
	if in.SHA256 != "" {
		fields["sha256"] = in.SHA256
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("submission: %w", err)
	}
	return raw, nil
}

func badRequest(detail string) error { return statusError(http.StatusUnprocessableEntity, detail) }
