package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	sessionCookie = "docsaga_session"
	sessionTime   = 12 * time.Hour
)

// Login gives a browser a session if the secret is that of a key, and reports
// whether it is.
func (s *Server) Login(w http.ResponseWriter, r *http.Request, secret string) bool {
	key, ok := s.conf.Keys.find(secret)
	if !ok {
		return false
	}
	until := time.Now().Add(sessionTime)
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: s.sign(key, until), Path: "/", Expires: until,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	return true
}

// Logout ends a browser's session.
func (s *Server) Logout(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// sign returns name.expiry.mac. The MAC covers the key's hash, so that a
// session ends with its key.
func (s *Server) sign(key Key, until time.Time) string {
	said := key.Name + "." + strconv.FormatInt(until.Unix(), 10)
	h := hmac.New(sha256.New, s.secret)
	_, _ = h.Write([]byte(said + "." + key.Hash)) // never fails
	return said + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// session returns the key whose session a browser has.
func (s *Server) session(r *http.Request) (Key, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Key{}, false
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 {
		return Key{}, false
	}
	key, ok := s.conf.Keys.named(parts[0])
	until, err := strconv.ParseInt(parts[1], 10, 64)
	if !ok || err != nil || time.Now().Unix() > until {
		return Key{}, false
	}
	return key, hmac.Equal([]byte(cookie.Value), []byte(s.sign(key, time.Unix(until, 0))))
}
