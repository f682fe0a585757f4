package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func now() time.Time { return time.Now() }

// withCookie returns a request of a browser that has a session.
func withCookie(t *testing.T, session string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	return r
}
