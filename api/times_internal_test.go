package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestARequestWhoseBodyIsThereMayTakeLonger(t *testing.T) {
	const limit = 50 * time.Millisecond
	server := httptest.NewServer(bodyWithin(limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-r.Context().Done():
			t.Error("the request ended with the time of its body")
		case <-time.After(5 * limit):
		}
		w.WriteHeader(http.StatusAccepted)
	})))
	defer server.Close()
	for range 2 { // on one connection
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusAccepted {
			t.Errorf("status %d", response.StatusCode)
		}
	}
}

// endless is content that has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestWhoDoesNotTakeAFileIsLetGo(t *testing.T) {
	stopped := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stopped <- send(w, endless{}, 100*time.Millisecond)
	}))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // not read
	select {
	case err := <-stopped:
		if err == nil {
			t.Error("a file without end was sent")
		}
	case <-time.After(20 * time.Second):
		server.CloseClientConnections()
		t.Error("the server waits for a client that takes nothing")
	}
}
