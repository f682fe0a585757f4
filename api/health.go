package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// healthTime is how long the parts may take to answer.
const healthTime = 2 * time.Second

// Health returns what says whether the server lives (/healthz) and whether it
// can answer (/readyz: the projections can be asked, and the log). Both ask for
// no key and tell nothing else.
func (s *Server) Health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { healthy(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTime)
		defer cancel()
		if err := s.ready(ctx); err != nil {
			s.conf.Logger.Warn("not ready", "error", err)
			healthy(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		healthy(w, http.StatusOK, "ready")
	})
	return s.secured(mux)
}

func (s *Server) ready(ctx context.Context) error {
	if _, err := s.system.Status.Positions(ctx); err != nil {
		return err
	}
	_, err := s.hub.last(ctx, 0)
	return err
}

func healthy(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": word}) // the client has gone
}
