package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Person is who makes a request.
type Person struct {
	Name   string
	Role   Role
	Groups []string
}

type personKey struct{}

// PersonOf returns who makes a request that has passed the guard.
func PersonOf(ctx context.Context) Person {
	p, _ := ctx.Value(personKey{}).(Person)
	return p
}

// Guard lets requests pass that may: by a name of this server, from a page of
// its own if from a page, not too many, and by somebody who may do at least
// something. Others get a problem, or what refused writes.
func (s *Server) Guard(next http.Handler, refused func(http.ResponseWriter, *http.Request, int)) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.survive(w, r)
		switch person, ok := s.person(r); {
		case !s.rightHost(r.Host):
			refused(w, r, http.StatusMisdirectedRequest)
		case !s.limits.allow(limitKey(r, person, ok)):
			w.Header().Set("Retry-After", "1")
			refused(w, r, http.StatusTooManyRequests)
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="docsaga"`)
			refused(w, r, http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, person)))
		}
	})
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refused(w, r, http.StatusForbidden) }))
	return crossOrigin.Handler(guarded)
}

// person returns who makes the request, and false if nobody that is known.
func (s *Server) person(r *http.Request) (Person, bool) {
	if !s.NeedsKeys() {
		return Person{Name: "local", Role: Admin}, isLoopback(host(r.RemoteAddr)) || r.RemoteAddr == "@" || r.RemoteAddr == "pipe"
	}
	key, ok := s.session(r)
	if secret, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); bearer {
		secret = strings.TrimSpace(secret)
		if s.conf.Issuer != nil && isToken(secret) {
			return s.conf.Issuer.person(r.Context(), secret)
		}
		key, ok = s.conf.Keys.find(secret)
	}
	return Person{Name: key.Name, Role: key.Role, Groups: key.Groups}, ok
}

// rightHost reports whether a request is meant for this server: without keys
// another site's name may point here, and its pages would be let in.
func (s *Server) rightHost(name string) bool {
	name = host(name)
	return s.NeedsKeys() && len(s.conf.Hosts) == 0 || isLoopback(name) || slices.Contains(s.conf.Hosts, name)
}

func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return strings.Trim(addr, "[]")
}

func limitKey(r *http.Request, p Person, known bool) string {
	if known {
		return "key " + p.Name
	}
	return "address " + host(r.RemoteAddr)
}

// survive turns a panic into a 500 of one request.
func (s *Server) survive(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	s.conf.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
	problem(w, r, http.StatusInternalServerError)
}

// problem answers with a problem that says no more than the status does.
func problem(w http.ResponseWriter, _ *http.Request, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": reasons(status)}) // the client has gone
}

func reasons(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "give a key: Authorization: Bearer <key>"
	case http.StatusForbidden:
		return "another site's page may not do this"
	case http.StatusTooManyRequests:
		return "too many requests: wait a second"
	case http.StatusMisdirectedRequest:
		return "this server does not go by that name; name it with --host"
	case http.StatusNotFound:
		return "there is nothing here; see /docs"
	}
	return "see the server's log"
}

// limits bounds the requests of each key or address. It holds a bounded number
// of them.
type limits struct {
	rate float64

	mu   sync.Mutex
	each map[string]*rate.Limiter
}

const maxLimiters = 10_000

func (l *limits) allow(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each == nil || len(l.each) >= maxLimiters {
		l.each = make(map[string]*rate.Limiter)
	}
	limiter := l.each[key]
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Limit(l.rate), int(10*l.rate))
		l.each[key] = limiter
	}
	return limiter.AllowN(time.Now(), 1)
}
