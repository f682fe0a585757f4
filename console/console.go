// Package console is docsaga in a browser: where documents are, what happened
// to them, what waits for a person. Its pages are made on the server and can be
// read without script; with it they follow the log live, and a slider moves
// diagram, state and payload of a document through its history together.
//
// Nothing is loaded from elsewhere and no script or style stands in a page, so
// that a hostile title or payload cannot become one.
package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/projections"
)

//go:embed pages/*.html
var pages embed.FS

//go:embed assets
var assets embed.FS

// Config adjusts a [Console]. The zero Config is a good one.
type Config struct {
	// Base is the path that the console is served under; default "/".
	Base string
	// Logger gets what goes wrong; default slog.Default.
	Logger *slog.Logger
}

// A Console serves pages.
type Console struct {
	server *api.Server
	conf   Config
	pages  *template.Template
	mux    *http.ServeMux
}

// New returns a console beside an API.
func New(server *api.Server, conf Config) (*Console, error) {
	if conf.Base == "" {
		conf.Base = "/"
	}
	if !strings.HasPrefix(conf.Base, "/") || !strings.HasSuffix(conf.Base, "/") {
		return nil, fmt.Errorf("console: base %q: want a path that begins and ends with a slash", conf.Base)
	}
	if conf.Logger == nil {
		conf.Logger = slog.Default()
	}
	t, err := template.ParseFS(pages, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c := &Console{server: server, conf: conf, pages: t, mux: http.NewServeMux()}
	c.routes()
	return c, nil
}

func (c *Console) routes() {
	for pattern, handler := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /{$}":                                       c.documents,
		"POST /documents":                                c.submit,
		"GET /documents/{document}":                      c.document,
		"GET /documents/{document}/export":               c.export,
		"POST /documents/{document}/operate":             c.operate,
		"GET /incidents":                                 c.incidents,
		"POST /incidents":                                c.mend,
		"GET /definitions":                               c.definitions,
		"POST /definitions":                              c.deploy,
		"GET /definitions/{name}/{version}":              c.definition,
		"GET /definitions/{name}/{version}/drawing.bpmn": c.drawing,
		"GET /log":                                       c.log,
		"GET /system":                                    c.system,
		"GET /tasks":                                     c.tasks,
		"POST /tasks":                                    c.doTask,
		"GET /messages":                                  c.messages,
		"POST /messages":                                 c.tell,
		"GET /stream":                                    c.stream,
		"/":                                              c.nothing,
	} {
		c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r = r.WithContext(context.WithValue(r.Context(), sinceKey{}, c.server.Hub().Now()))
			if err := handler(w, r); err != nil {
				status, detail := c.server.Problem(err)
				c.problem(w, r, status, detail)
			}
		})
	}
}

type sinceKey struct{}

// sinceOf returns where the log was when the request came.
func sinceOf(r *http.Request) string {
	since, _ := r.Context().Value(sinceKey{}).(string)
	return since
}

// Handler returns what serves the console and the API, under the console's
// base path.
func (c *Console) Handler() http.Handler {
	top := http.NewServeMux()
	answer := c.server.Handler()
	for _, p := range []string{"/v1/", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml", "/docs", "/docs.css", "/asyncapi.json", "/schemas", "/schemas/", "/metrics", "/healthz", "/readyz"} {
		top.Handle(p, answer)
	}
	top.HandleFunc("GET /assets/{name}", c.asset)
	top.HandleFunc("GET /login", c.login)
	top.HandleFunc("POST /login", c.login)
	top.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		c.server.Logout(w)
		http.Redirect(w, r, c.conf.Base+"login", http.StatusSeeOther)
	})
	top.Handle("/", c.server.Guard(c.mux, c.refused))
	if c.conf.Base == "/" {
		return secured(top)
	}
	return secured(http.StripPrefix(strings.TrimSuffix(c.conf.Base, "/"), top))
}

// secured sets the headers of pages; the API sets its own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "+
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (c *Console) refused(w http.ResponseWriter, r *http.Request, status int) {
	if status == http.StatusUnauthorized && r.Method == http.MethodGet {
		http.Redirect(w, r, c.conf.Base+"login", http.StatusSeeOther)
		return
	}
	c.problem(w, r, status, "")
}

// asset serves a vendored or own file, under a name that stays the same.
func (c *Console) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := assets.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	if mediaType := mime.TypeByExtension(path.Ext(name)); mediaType != "" {
		w.Header().Set("Content-Type", mediaType)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// A Frame is what all pages show.
type Frame struct {
	Title   string
	Here    string // name of the entry in Nav
	Base    string
	Self    string // path of the page
	Stream  string // what is followed live, or empty
	Since   string // from which positions on: none of what happens while the page is made is missed
	Drawing string // where the diagram is, or empty
	Notice  string
	Person  api.Person
	Login   bool
	Nav     []entry
}

type entry struct{ Name, Path string }

func (c *Console) frame(r *http.Request, here, title string) Frame {
	return Frame{
		Title: title, Here: here, Base: c.conf.Base, Self: c.conf.Base + strings.TrimPrefix(r.URL.Path, "/"), Person: api.PersonOf(r.Context()),
		Login: c.server.NeedsKeys() && api.PersonOf(r.Context()).Name != "", Stream: c.conf.Base + "stream?",
		Nav: c.nav(), Since: sinceOf(r),
	}
}

// nav returns the pages that there are.
func (c *Console) nav() []entry {
	nav := []entry{{"Documents", ""}, {"Incidents", "incidents"}}
	if c.server.System().Tasks != nil {
		nav = append(nav, entry{"Tasks", "tasks"})
	}
	if c.server.System().Notices != nil {
		nav = append(nav, entry{"Messages", "messages"})
	}
	return append(nav, entry{"Definitions", "definitions"}, entry{"Log", "log"}, entry{"System", "system"})
}

// show writes a page, whole or not at all.
func (c *Console) show(w http.ResponseWriter, status int, page string, data any) error {
	var b bytes.Buffer
	if err := c.pages.ExecuteTemplate(&b, page, data); err != nil {
		return fmt.Errorf("console: page %s: %w", page, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client has gone
	return nil
}

func (c *Console) problem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	frame := c.frame(r, "", http.StatusText(status))
	frame.Stream = ""
	err := c.show(w, status, "problem", struct {
		Frame
		Detail string
	}{frame, detail})
	if err != nil {
		c.conf.Logger.Error("console", "error", err)
		http.Error(w, http.StatusText(status), status)
	}
}

func (c *Console) nothing(w http.ResponseWriter, r *http.Request) error {
	c.problem(w, r, http.StatusNotFound, "There is no such page.")
	return nil
}

// back sends the browser to a page after a form was done.
func (c *Console) back(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, c.conf.Base+path, http.StatusSeeOther)
	return nil
}

// Shown is a state as a person reads it.
type Shown struct {
	State string
	Word  string
}

// shown returns the word for a state: a validated PDF is verified.
func shown(state, definition string) Shown {
	if state == projections.Completed && definition == "pdf-validation" {
		return Shown{State: state, Word: "verified"}
	}
	return Shown{State: state, Word: state}
}
