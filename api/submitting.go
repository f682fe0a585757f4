package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/docsaga/docsaga/events"
)

// maxBatch is how many CloudEvents a batch may hold.
const maxBatch = 1000

func statusError(status int, detail string) error { return huma.NewError(status, detail) }

// locationBody is a submission as JSON.
type locationBody struct {
	Document   string `json:"document,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"its id; one is made if there is none"`
	Definition string `json:"definition,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"what it follows"`
	Input
}

// sourceOwn is what the sources begin with of what docsaga itself writes. Its
// parts go by some of them: who called a document, and what started it.
const sourceOwn = "/docsaga/"

// cloudEvent is a CloudEvent that submits a document. Subject, if it can be an
// id, becomes the document's; else the key's name, source
// and id make one.
type cloudEvent struct {
	SpecVersion    string `json:"specversion" enum:"1.0"`
	ID             string `json:"id" minLength:"1"`
	Source         string `json:"source" minLength:"1" doc:"who says so; not /docsaga/..., which is kept for docsaga itself"`
	Type           string `json:"type" minLength:"1"`
	Subject        string `json:"subject,omitempty"`
	SagaDefinition string `json:"sagadefinition,omitempty" doc:"what the document follows"`
	TraceParent    string `json:"traceparent,omitempty" doc:"the trace that it belongs to, as W3C Trace Context has it; it goes before the request's"`
	Data           Input  `json:"data"`
}

type batchResult struct {
	ID       string            `json:"id" doc:"of the CloudEvent"`
	Document events.DocumentID `json:"document,omitempty"`
	Position string            `json:"position,omitempty"`
	Error    string            `json:"error,omitempty"`
}

func (s *Server) registerSubmit() {
	o := op(Submitter, http.MethodPost, "/v1/documents", "Submit a document")
	o.DefaultStatus = http.StatusAccepted
	o.Description += ` A file (multipart), a location (JSON), or CloudEvents: structured, binary or a batch. The same id or
Idempotency-Key with the same content is one document; with other content it is refused with 409.`
	schema := func(v any) *huma.MediaType {
		return &huma.MediaType{Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(v), true, "")}
	}
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: "string", Description: doc} }
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json":                   schema(locationBody{}),
		"application/cloudevents+json":       schema(cloudEvent{}),
		"application/cloudevents-batch+json": schema([]cloudEvent{}),
		"multipart/form-data": {Schema: &huma.Schema{Type: "object", Required: []string{"file"}, Properties: map[string]*huma.Schema{
			"file":     {Type: "string", Format: "binary"},
			"document": text("its id"), "definition": text("what it follows"), "name": text("of the file"), "sha256": text("refuse other content"),
		}}},
	}}
	answer := func(doc string, v any) *huma.Response {
		return &huma.Response{Description: doc, Content: map[string]*huma.MediaType{"application/json": schema(v)}}
	}
	refusal := func(doc string) *huma.Response {
		return &huma.Response{Description: doc, Content: map[string]*huma.MediaType{"application/problem+json": schema(huma.ErrorModel{})}}
	}
	o.Responses = map[string]*huma.Response{
		"202":     answer("Accepted: Location says where to look, Saga-Position where it stands in the log", Accepted{}),
		"207":     answer("What became of each CloudEvent of a batch", []batchResult{}),
		"429":     refusal("Busy: too many documents wait, or too many requests; nothing was kept, Retry-After says when to try again"),
		"default": refusal("Refused"),
	}
	o.Parameters = []*huma.Param{{
		Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: "string", MaxLength: new(256)},
		Description: "names the document, if nothing else does",
	}}
	s.api.OpenAPI().AddOperation(&o)
	s.api.Adapter().Handle(&o, s.api.Middlewares().Handler(func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		s.submit(w, r, ctx)
	}))
}

// SubmitFile submits the file of a form. If that is refused as busy, the
// answer's Retry-After is set.
func (s *Server) SubmitFile(w http.ResponseWriter, r *http.Request) (accepted Accepted, err error) {
	defer func() { retryAfter(w, err) }()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)) // or the connection has none
	r.Body = http.MaxBytesReader(w, r.Body, s.conf.MaxUpload+maxBody)
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return Accepted{}, statusError(http.StatusUnsupportedMediaType, "want multipart/form-data")
	}
	if err := s.admit(r.Context(), 0); err != nil {
		return Accepted{}, err
	}
	return s.takeFile(r, Submission{Source: PersonOf(r.Context()).source("console"), Trace: traceOf(r)}, params["boundary"])
}

// uploadTime is how long an upload may take.
const uploadTime = 2 * time.Minute

// submit answers a submission.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, hctx huma.Context) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)) // or the connection has none
	r.Body = http.MaxBytesReader(w, r.Body, s.conf.MaxUpload+maxBody)
	result, status, err := s.take(r)
	if err == nil {
		if a, ok := result.(Accepted); ok {
			w.Header().Set("Location", "/v1/documents/"+string(a.Document))
			w.Header().Set("Saga-Position", a.Position.String())
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(result) // the client has gone
		return
	}
	retryAfter(w, err)
	status, detail := s.Problem(err)
	_ = huma.WriteErr(s.api, hctx, status, detail) // the client has gone
}

// traceOf returns the trace that a request belongs to, as W3C Trace Context
// has it; empty if it names none, or nonsense. The services hand it on.
func traceOf(r *http.Request) string { return wellFormed(r.Header.Get("Traceparent")) }

// wellFormed returns a traceparent, or nothing if it is none.
func wellFormed(trace string) string {
	parts := strings.Split(trace, "-")
	if len(parts) != 4 {
		return ""
	}
	for i, size := range []int{2, 32, 16, 2} {
		if len(parts[i]) != size || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return ""
		}
	}
	return trace
}

// take reads a submission, whatever its form, and submits it.
func (s *Server) take(r *http.Request) (result any, status int, err error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, 0, statusError(http.StatusUnsupportedMediaType, "Content-Type is missing or malformed")
	}
	if err := s.admit(r.Context(), 0); err != nil {
		return nil, 0, err // before anything is read
	}
	sub := Submission{Source: PersonOf(r.Context()).source("api"), Trace: traceOf(r)}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		if len(key) > 256 {
			return nil, 0, badRequest("Idempotency-Key: at most 256 characters")
		}
		sub.Document = documentFor("key", PersonOf(r.Context()).Name, key)
	}
	switch {
	case mediaType == "multipart/form-data":
		result, err = s.takeFile(r, sub, params["boundary"])
	case r.Header.Get("Ce-Specversion") != "":
		result, err = s.takeBinary(r)
	case mediaType == "application/json":
		result, err = s.takeLocation(r, sub)
	case mediaType == "application/cloudevents+json":
		var e cloudEvent
		if err = s.readJSON(r, &e); err == nil {
			result, err = s.takeEvent(r, e)
		}
	case mediaType == "application/cloudevents-batch+json":
		result, err = s.takeBatch(r)
		return result, http.StatusMultiStatus, err
	default:
		err = statusError(http.StatusUnsupportedMediaType,
			"Content-Type: want multipart/form-data, application/json, application/cloudevents+json or application/cloudevents-batch+json")
	}
	return result, http.StatusAccepted, err
}

func (s *Server) readJSON(r *http.Request, into any) error {
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return statusError(http.StatusBadRequest, "body: "+err.Error())
	}
	return nil
}

func (s *Server) takeLocation(r *http.Request, sub Submission) (Accepted, error) {
	var body locationBody
	if err := s.readJSON(r, &body); err != nil {
		return Accepted{}, err
	}
	if body.Document != "" {
		sub.Document = events.DocumentID(body.Document)
	}
	if err := checkLocation(body.Location); err != nil {
		return Accepted{}, err
	}
	sub.Definition, sub.Input = body.Definition, body.Input
	return s.Submit(r.Context(), sub)
}

// checkLocation refuses locations that cannot be fetched. Whether they may be
// is for the location service to say.
func checkLocation(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.Scheme == "" || len(location) > 4096 {
		return badRequest("location: want a URL of at most 4096 characters, such as https://example.com/invoice.pdf")
	}
	if u.Scheme == "upload" {
		return badRequest("location: an upload is submitted as multipart/form-data")
	}
	return nil
}

// takeEvent submits what a CloudEvent says. Its own traceparent says where it
// began, that of the request only how it came here.
func (s *Server) takeEvent(r *http.Request, e cloudEvent) (Accepted, error) {
	if e.SpecVersion != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" {
		return Accepted{}, badRequest("CloudEvent: want specversion 1.0, id, source and type")
	}
	if len(e.ID)+len(e.Source) > 2048 {
		return Accepted{}, badRequest("CloudEvent: id and source are too long")
	}
	if strings.HasPrefix(e.Source, sourceOwn) {
		return Accepted{}, badRequest("source: what begins with " + sourceOwn + " is kept for what docsaga itself writes")
	}
	if err := checkLocation(e.Data.Location); err != nil {
		return Accepted{}, err
	}
	by := PersonOf(r.Context()).Name
	sub := Submission{
		Document: documentFor("ce", by, e.Source, e.ID), Definition: e.SagaDefinition, Source: e.Source, Input: e.Data, By: &events.By{Actor: by},
	}
	if sub.Trace = wellFormed(e.TraceParent); sub.Trace == "" {
		sub.Trace = traceOf(r)
	}
	if events.CheckDocument(events.DocumentID(e.Subject)) == nil {
		sub.Document = events.DocumentID(e.Subject)
	}
	return s.Submit(r.Context(), sub)
}

// takeBinary reads a CloudEvent in the binary mode of the HTTP binding.
func (s *Server) takeBinary(r *http.Request) (Accepted, error) {
	attribute := func(name string) string {
		v, err := url.PathUnescape(r.Header.Get("Ce-" + name))
		if err != nil {
			return ""
		}
		return v
	}
	e := cloudEvent{
		SpecVersion: attribute("Specversion"), ID: attribute("Id"), Source: attribute("Source"), Type: attribute("Type"),
		Subject: attribute("Subject"), SagaDefinition: attribute("Sagadefinition"), TraceParent: attribute("Traceparent"),
	}
	if err := s.readJSON(r, &e.Data); err != nil {
		return Accepted{}, err
	}
	return s.takeEvent(r, e)
}

func (s *Server) takeBatch(r *http.Request) ([]batchResult, error) {
	var batch []cloudEvent
	if err := s.readJSON(r, &batch); err != nil {
		return nil, err
	}
	if len(batch) > maxBatch {
		return nil, badRequest(fmt.Sprintf("batch of %d CloudEvents, at most %d", len(batch), maxBatch))
	}
	results := make([]batchResult, len(batch))
	for i, e := range batch {
		results[i].ID = e.ID
		a, err := s.takeEvent(r, e)
		if err != nil {
			results[i].Error = s.asProblem(err).Error()
			continue
		}
		results[i].Document, results[i].Position = a.Document, a.Position.String()
	}
	return results, nil
}

// takeFile takes the file of a form, if not too many are taken already.
func (s *Server) takeFile(r *http.Request, sub Submission, boundary string) (Accepted, error) {
	end, err := s.beginUpload()
	if err != nil {
		return Accepted{}, err
	}
	defer end()
	return s.takeForm(r, sub, boundary)
}

// takeForm spools an upload to disk: its digest must be known, and whether the
// document is there already, before the file store has it.
func (s *Server) takeForm(r *http.Request, sub Submission, boundary string) (Accepted, error) {
	if boundary == "" {
		return Accepted{}, statusError(http.StatusBadRequest, "Content-Type: boundary is missing")
	}
	spool, err := os.CreateTemp("", "docsaga-upload-")
	if err != nil {
		return Accepted{}, err
	}
	defer func() {
		_ = spool.Close()           // only a copy
		_ = os.Remove(spool.Name()) // the same
	}()
	var fields struct{ document, definition, name, sha256 string }
	into := map[string]*string{"document": &fields.document, "definition": &fields.definition, "name": &fields.name, "sha256": &fields.sha256}
	reader := multipart.NewReader(r.Body, boundary)
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Accepted{}, malformed(err)
		}
		if part.FormName() == "file" && sub.Upload == nil {
			if fields.name == "" {
				fields.name = path.Base(strings.ReplaceAll(part.FileName(), `\`, "/"))
			}
			if sub.Upload, err = s.spool(spool, part); err != nil {
				return Accepted{}, err
			}
			continue
		}
		field := into[part.FormName()]
		if field == nil {
			return Accepted{}, badRequest(fmt.Sprintf("unknown field %.80q", part.FormName()))
		}
		raw, err := io.ReadAll(io.LimitReader(part, 4097))
		if err != nil || len(raw) > 4096 {
			return Accepted{}, badRequest("field " + part.FormName() + " is too long")
		}
		*field = string(raw)
	}
	if sub.Upload == nil {
		return Accepted{}, badRequest("no file: want a field of the name file")
	}
	if fields.sha256 != "" && fields.sha256 != sub.Upload.SHA256 {
		return Accepted{}, badRequest("sha256: the file has " + sub.Upload.SHA256)
	}
	if fields.document != "" {
		sub.Document = events.DocumentID(fields.document)
	}
	sub.Definition, sub.Input.Name = fields.definition, clip(fields.name, 1024)
	return s.Submit(r.Context(), sub)
}

func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

func malformed(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return statusError(http.StatusBadRequest, "body: "+err.Error())
}

func (s *Server) spool(spool *os.File, part *multipart.Part) (*Upload, error) {
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(spool, digest), io.LimitReader(part, s.conf.MaxUpload+1))
	switch {
	case err != nil:
		return nil, malformed(err)
	case n > s.conf.MaxUpload:
		return nil, statusError(http.StatusRequestEntityTooLarge, fmt.Sprintf("the file has more than %d bytes", s.conf.MaxUpload))
	case n == 0:
		return nil, badRequest("the file is empty")
	}
	return &Upload{Content: spool, SHA256: hex.EncodeToString(digest.Sum(nil)), MediaType: "application/pdf"}, nil
}
