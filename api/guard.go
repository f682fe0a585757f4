package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
)

// A Person is who makes a request.
type Person struct {
	Name string
	// Alias stands for the name where it stays for ever and nothing erases it;
	// empty if the name itself may stand there.
	Alias  string
	Role   Role
	Groups []string
}

type personKey struct{}

// PersonOf returns who makes a request that has passed the guard.
func PersonOf(ctx context.Context) Person {
	p, _ := ctx.Value(personKey{}).(Person)
	return p
}

// source returns what the person's events have as their source. It is never
// erased, so that it must not say who a token's holder is.
func (p Person) source(through string) string {
	if p.Alias != "" {
		return "/docsaga/" + through + "/" + p.Alias
	}
	return "/docsaga/" + through + "/" + p.Name
}

// Guard lets requests pass that may: by a name of this server, from a page of
// its own if from a page, not too many, and by somebody who may do at least
// something. Others get a problem, or what refused writes.
func (s *Server) Guard(next http.Handler, refused func(http.ResponseWriter, *http.Request, int)) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.survive(w, r)
		if !s.rightHost(r.Host) {
			refused(w, r, http.StatusMisdirectedRequest)
			return
		}
		person, status := s.admitted(r)
		switch status {
		case http.StatusOK:
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, person)))
			return
		case http.StatusTooManyRequests:
			w.Header().Set("Retry-After", "1")
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", `Bearer realm="docsaga"`)
		}
		refused(w, r, status)
	})
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { refused(w, r, http.StatusForbidden) }))
	return crossOrigin.Handler(guarded)
}

// admitted returns who makes a request, and http.StatusOK if it may go on. To
// check a token costs work, and may cost a question to its issuer: it counts as
// the address's until it has proved good.
func (s *Server) admitted(r *http.Request) (Person, int) {
	address, token := limitKey(r, Person{}, false), s.token(r) != ""
	if token && !s.limits.allow(address) {
		return Person{}, http.StatusTooManyRequests
	}
	person, ok := s.person(r)
	if token && ok {
		s.limits.giveBack(address)
	}
	switch {
	case (ok || !token) && !s.limits.allow(limitKey(r, person, ok)):
		return Person{}, http.StatusTooManyRequests
	case !ok:
		return Person{}, http.StatusUnauthorized
	}
	return person, http.StatusOK
}

// token returns the issuer's token that a request carries, or nothing.
func (s *Server) token(r *http.Request) string {
	if secret, ok := bearer(r); ok && s.conf.Issuer != nil && isToken(secret) {
		return secret
	}
	return ""
}

func bearer(r *http.Request) (secret string, ok bool) {
	secret, ok = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return strings.TrimSpace(secret), ok
}

// person returns who makes the request, and false if nobody that is known.
func (s *Server) person(r *http.Request) (Person, bool) {
	if !s.NeedsKeys() {
		return Person{Name: "local", Role: Admin}, isLoopback(host(r.RemoteAddr)) || r.RemoteAddr == "@" || r.RemoteAddr == "pipe"
	}
	if token := s.token(r); token != "" {
		return s.conf.Issuer.person(r.Context(), token)
	}
	key, ok := s.session(r)
	if secret, given := bearer(r); given {
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
	return "address " + network(host(r.RemoteAddr))
}

// network returns whom an address belongs to: in IPv6 whoever has one has all
// with the same 64 bits in front.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
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
