package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/projections/sqlstore"
)

// Freshness is what every read of projections may ask for.
type Freshness struct {
	MinPosition string `header:"Saga-Min-Position" maxLength:"40" doc:"answer from this position of the log on" example:"3-1047"`
	Prefer      string `header:"Prefer" maxLength:"200" doc:"wait=<seconds>: how long to wait for that position, at most 60"`
}

// await waits until the projections are as fresh as the request wants them.
func (s *Server) await(ctx context.Context, f Freshness) error {
	if f.MinPosition == "" {
		return nil
	}
	position, err := events.ParsePosition(f.MinPosition)
	if err == nil && position.Shard >= s.system.Log.Shards() {
		err = fmt.Errorf("position %s: the log has %d shards", f.MinPosition, s.system.Log.Shards())
	}
	if err != nil {
		return huma.NewError(http.StatusBadRequest, "Saga-Min-Position: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, f.wait())
	defer cancel()
	if err := s.system.Positions.Wait(ctx, position); err != nil {
		return huma.ErrorWithHeaders(huma.NewError(http.StatusServiceUnavailable, "position "+f.MinPosition+" is not there yet; try again"),
			http.Header{"Retry-After": {"1"}})
	}
	return nil
}

func (f Freshness) wait() time.Duration {
	for preference := range strings.SplitSeq(f.Prefer, ",") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(preference), "wait="); ok {
			if seconds, err := strconv.Atoi(text); err == nil {
				return time.Duration(max(0, min(seconds, 60))) * time.Second
			}
		}
	}
	return 2 * time.Second
}

// FilterQuery is a projections.Filter as a query.
type FilterQuery struct {
	State      string    `query:"state" enum:"running,compensating,incident,completed,rejected,failed,cancelled"`
	Step       string    `query:"step" maxLength:"64" doc:"that documents are in or stopped at"`
	Definition string    `query:"definition" maxLength:"64"`
	Version    int       `query:"version" minimum:"0" maximum:"2147483647"`
	Reason     string    `query:"reason" maxLength:"64" doc:"why documents stopped"`
	Text       string    `query:"text" maxLength:"200" doc:"a part of the id or name, in any case"`
	Since      time.Time `query:"since" doc:"submitted at or after"`
	Until      time.Time `query:"until" doc:"submitted before"`
}

func (f *FilterQuery) filter() projections.Filter {
	return projections.Filter{
		State: f.State, Step: plain(f.Step), Definition: plain(f.Definition), Version: f.Version, Reason: plain(f.Reason), Text: plain(f.Text),
		Since: f.Since, Until: f.Until,
	}
}

// plain takes out what no text in the projections has, and a database may refuse.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

type documentsInput struct {
	Freshness
	FilterQuery
	Limit     int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	PageToken string `query:"pageToken" maxLength:"512" doc:"nextPageToken of the page before, with the same filter"`
}

type documentsOutput struct{ Body projections.Page }

// DocumentPath names a document.
type DocumentPath struct {
	Document string `path:"document" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" example:"01JDA4XN"`
}

// PastQuery asks for a document as it is or was.
type PastQuery struct {
	DocumentPath
	Freshness
	At          string `query:"at" maxLength:"64" doc:"as it was at a position of the log, or at a time (RFC 3339)" example:"3-1047"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"200"`
}

type documentOutput struct {
	ETag     string `header:"ETag"`
	Position string `header:"Saga-Position"`
	Body     projections.Document
}

type countsOutput struct {
	Body struct {
		States      map[string]int64 `json:"states"`
		Definitions []sqlstore.Count `json:"definitions"`
	}
}

func (s *Server) registerDocuments() {
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents", "List documents, the youngest first"), s.documents)
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/documents/{document}", "Where a document is and what became of its steps"), s.document)
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/counts", "How many documents are in each state"), s.counts)
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/positions", "How far the log was read"), s.positions)
	huma.Register(s.api, op(Viewer, http.MethodGet, "/v1/incidents", "What waits for a person"), s.incidents)
}

func (s *Server) documents(ctx context.Context, in *documentsInput) (*documentsOutput, error) {
	if err := s.await(ctx, in.Freshness); err != nil {
		return nil, err
	}
	f := in.filter()
	f.Limit, f.Page = in.Limit, in.PageToken
	page, err := s.system.Status.Documents(ctx, f)
	if err != nil {
		return nil, s.asProblem(err)
	}
	return &documentsOutput{Body: page}, nil
}

func (s *Server) document(ctx context.Context, in *PastQuery) (*documentOutput, error) {
	d, err := s.lookUp(ctx, in)
	if err != nil {
		return nil, s.asProblem(err)
	}
	tag := `"` + d.Position.String() + `"`
	for match := range strings.SplitSeq(in.IfNoneMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(match), "W/") == tag {
			return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"Etag": {tag}})
		}
	}
	return &documentOutput{ETag: tag, Position: d.Position.String(), Body: d}, nil
}

// lookUp returns a document as it is now, or as it was.
func (s *Server) lookUp(ctx context.Context, in *PastQuery) (projections.Document, error) {
	if in.At != "" {
		r, _, err := s.past(ctx, events.DocumentID(in.Document), in.At)
		if err != nil {
			return projections.Document{}, err
		}
		return r.Document, nil
	}
	if err := s.await(ctx, in.Freshness); err != nil {
		return projections.Document{}, err
	}
	return s.system.Status.Document(ctx, events.DocumentID(in.Document))
}

func (s *Server) counts(ctx context.Context, in *struct{ Freshness }) (*countsOutput, error) {
	if err := s.await(ctx, in.Freshness); err != nil {
		return nil, err
	}
	counts, err := s.system.Status.Counts(ctx)
	if err != nil {
		return nil, s.asProblem(err)
	}
	out := &countsOutput{}
	out.Body.Definitions, out.Body.States = counts, make(map[string]int64)
	for _, state := range projections.States() {
		out.Body.States[state] = 0
	}
	for _, c := range counts {
		out.Body.States[c.State] += c.Documents
	}
	return out, nil
}

type positionsOutput struct {
	Body struct {
		Positions []events.Position `json:"positions"`
		Shards    int               `json:"shards"`
	}
}

func (s *Server) positions(ctx context.Context, _ *struct{}) (*positionsOutput, error) {
	positions, err := s.system.Status.Positions(ctx)
	if err != nil {
		return nil, s.asProblem(err)
	}
	out := &positionsOutput{}
	out.Body.Positions, out.Body.Shards = positions, s.system.Log.Shards()
	return out, nil
}

type incidentsInput struct {
	Freshness
	Step   string `query:"step" maxLength:"64"`
	Reason string `query:"reason" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type incidentsOutput struct {
	Body struct {
		Groups    []sqlstore.TroubleGroup `json:"groups"`
		Incidents []projections.Trouble   `json:"incidents"`
	}
}

func (s *Server) incidents(ctx context.Context, in *incidentsInput) (*incidentsOutput, error) {
	if err := s.await(ctx, in.Freshness); err != nil {
		return nil, err
	}
	groups, err := s.system.Status.TroubleGroups(ctx)
	if err != nil {
		return nil, s.asProblem(err)
	}
	list, err := s.system.Status.Troubles(ctx, events.StepID(plain(in.Step)), plain(in.Reason), in.Limit)
	if err != nil {
		return nil, s.asProblem(err)
	}
	out := &incidentsOutput{}
	out.Body.Groups, out.Body.Incidents = groups, list
	return out, nil
}
