package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/projections"
	"github.com/docsaga/docsaga/saga"
)

// The greatest lengths of what is not a document, in bytes.
const (
	maxHeader     = 32 << 10
	maxBody       = 1 << 20
	maxDefinition = 4 << 20
)

// A Server answers requests over HTTP.
type Server struct {
	system System
	conf   Config
	hub    *Hub
	secret []byte // signs sessions
	limits limits
	api    huma.API
	mux    *http.ServeMux
	// uploads holds one token for each upload under way.
	uploads chan struct{}
}

// New returns a server. Feed hub from the log besides.
func New(system System, hub *Hub, conf Config) *Server {
	s := &Server{system: system, conf: conf.withDefaults(), hub: hub, secret: []byte(rand.Text()), mux: http.NewServeMux(), uploads: make(chan struct{}, maxUploads)}
	s.limits.rate = s.conf.Rate
	about := huma.DefaultConfig("docsaga", "1")
	about.DocsPath, about.SchemasPath, about.CreateHooks = "", "", nil
	about.Info.Description = "Documents that travel through services, choreographed over an event-sourced log."
	about.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}}
	about.Security = []map[string][]string{{"key": {}}}
	s.api = humago.New(s.mux, about)
	describe(about.Components.Schemas)
	s.api.UseMiddleware(s.allow)
	for _, register := range []func(){
		s.registerDocuments, s.registerHistory, s.registerSubmit, s.registerFiles,
		s.registerVerbs, s.registerDefinitions, s.registerLive, s.registerRecords, s.registerTasks, s.registerMessages,
	} {
		register()
	}
	nullable(about.Components.Schemas, "Document", "stop")
	s.mux.HandleFunc("GET /docs", s.docs)
	s.mux.HandleFunc("GET /docs.css", docsStyle)
	s.mux.HandleFunc("GET /asyncapi.json", s.asyncAPI)
	s.mux.HandleFunc("GET /metrics", s.metrics)
	s.mux.HandleFunc("GET /schemas", s.schemas)
	s.mux.HandleFunc("GET /schemas/{name}", s.schema)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { problem(w, r, http.StatusNotFound) })
	return s
}

// Handler returns what answers, behind the guard; whether the server lives may
// be asked by everybody.
func (s *Server) Handler() http.Handler {
	top, health := http.NewServeMux(), s.Health()
	top.Handle("/healthz", health)
	top.Handle("/readyz", health)
	top.Handle("/", s.Guard(s.secured(s.mux), problem))
	return top
}

// secured sets headers that hold for all answers; a console sets its own.
func (s *Server) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

const roleMeta = "role"

// op returns an operation that a role may do.
func op(role Role, method, path, summary string) huma.Operation {
	return huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: operationID(method, path),
		Metadata: map[string]any{roleMeta: role}, Tags: []string{tag(path)}, MaxBodyBytes: maxBody, BodyReadTimeout: 10 * time.Second,
		Description: "For the role " + role.String() + " and above.",
	}
}

// operationID returns a name such as get-v1-documents-document.
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(path)
}

func tag(path string) string {
	const version = "/v1/"
	for i := len(version); i < len(path); i++ {
		if path[i] == '/' {
			return path[len(version):i]
		}
	}
	return path[len(version):]
}

// allow refuses operations that the person's role may not do.
func (s *Server) allow(ctx huma.Context, next func(huma.Context)) {
	need, _ := ctx.Operation().Metadata[roleMeta].(Role)
	if p := PersonOf(ctx.Context()); p.Role < need {
		_ = huma.WriteErr(s.api, ctx, http.StatusForbidden, fmt.Sprintf("this needs the role %s; the key %s has the role %s", need, p.Name, p.Role)) // the client has gone
		return
	}
	next(ctx)
}

// asProblem turns an error into a problem with the right status. What the
// client cannot know of goes to the server's log.
func (s *Server) asProblem(err error) error {
	for _, known := range []struct {
		is     error
		status int
	}{
		{events.ErrNotFound, http.StatusNotFound},
		{events.ErrBadID, http.StatusUnprocessableEntity},
		{projections.ErrBadPage, http.StatusBadRequest},
		{saga.ErrBadDefinition, http.StatusUnprocessableEntity},
		{ErrNotNow, http.StatusConflict},
		{events.ErrConflict, http.StatusConflict},
		{events.ErrTaken, http.StatusConflict},
		{events.ErrTooLarge, http.StatusRequestEntityTooLarge},
		{events.ErrBusy, http.StatusTooManyRequests},
	} {
		if errors.Is(err, known.is) {
			return huma.NewError(known.status, err.Error())
		}
	}
	if status, ok := taskStatus(err); ok {
		return badTask(status, err)
	}
	var status huma.StatusError
	if errors.As(err, &status) {
		return err // with its headers
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return huma.NewError(http.StatusServiceUnavailable, "the answer was not there in time; try again")
	}
	s.conf.Logger.Error("request failed", "error", err)
	return huma.NewError(http.StatusInternalServerError, "see the server's log")
}

// Problem returns the status of an error and what may be said of it.
func (s *Server) Problem(err error) (status int, detail string) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = statusError(http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", tooLarge.Limit))
	}
	var refused huma.StatusError
	if !errors.As(s.asProblem(err), &refused) {
		return http.StatusInternalServerError, "see the server's log"
	}
	return refused.GetStatus(), refused.Error()
}

// System returns what the server stands on.
func (s *Server) System() System { return s.system }

// Hub returns what hands on the events of the log.
func (s *Server) Hub() *Hub { return s.hub }

// NeedsKeys reports whether a request needs a key, or a token.
func (s *Server) NeedsKeys() bool { return len(s.conf.Keys) > 0 || s.conf.Issuer != nil }

// Allowed reports whether an address may make another request now.
func (s *Server) Allowed(r *http.Request) bool { return s.limits.allow(limitKey(r, Person{}, false)) }
