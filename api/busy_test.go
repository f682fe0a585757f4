package api_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/api/apitest"
	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/admission"
)

// waiting is how many documents wait for parsing.
type waiting struct{ n atomic.Uint64 }

func (w *waiting) Waiting(context.Context) (map[string]uint64, error) {
	return map[string]uint64{"parsing": w.n.Load()}, nil
}

// startGated starts a server that takes documents while fewer than ten wait.
func startGated(t *testing.T) (*client, *waiting) {
	t.Helper()
	system, queue := apitest.Start(t), new(waiting)
	system.Gate = admission.New(queue, admission.Config{Most: 10, Every: 1})
	server := httptest.NewServer(api.New(system.System, system.Hub, api.Config{Rate: 1e6, Logger: slog.New(slog.DiscardHandler)}).Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &client{t: t, system: system, url: server.URL}, queue
}

func TestASubmissionIsRefusedAsBusyBeforeAnythingOfItIsKept(t *testing.T) {
	c, queue := startGated(t)
	submit := map[string]func() reply{
		"a location": func() reply {
			return c.post("/v1/documents", `{"document":"d","location":"https://example.com/a.pdf"}`)
		},
		"an upload": func() reply { return c.upload("%PDF-1.7 x", "document", "d") },
		"an event": func() reply {
			return c.post("/v1/documents", `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"d","data":{"location":"https://example.com/a.pdf"}}`,
				"Content-Type", "application/cloudevents+json")
		},
		"a batch": func() reply {
			return c.post("/v1/documents", `[{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"d","data":{"location":"https://example.com/a.pdf"}}]`,
				"Content-Type", "application/cloudevents-batch+json")
		},
	}
	queue.n.Store(10)
	for name, send := range submit {
		r := c.want(send(), http.StatusTooManyRequests)
		if after := r.header.Get("Retry-After"); after != "10" {
			t.Errorf("%s: Retry-After %q, want 10 seconds", name, after)
		}
		if detail, _ := r.member(t, "detail").(string); !strings.HasPrefix(detail, "busy: 10 documents wait for parsing") {
			t.Errorf("%s: detail %q, want that it is busy, and with what", name, detail)
		}
	}
	if history, err := c.system.Log.History(t.Context(), "d"); err != nil || len(history) > 0 {
		t.Errorf("the log has %d events (error %v), want none", len(history), err)
	}
	file := events.File{Ref: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("%PDF-1.7 x"))), Size: 10, MediaType: "application/pdf"}
	if _, err := c.system.Files.Open(t.Context(), "d", file); err == nil {
		t.Errorf("the content of an upload that was refused is kept")
	}
	queue.n.Store(9)
	c.want(submit["an upload"](), http.StatusAccepted)
}

func TestABatchIsTakenAsFarAsThereIsRoom(t *testing.T) {
	c, queue := startGated(t)
	c.system.Gate = admission.New(queue, admission.Config{Most: 10}) // an answer holds for a second
	server := httptest.NewServer(api.New(c.system.System, c.system.Hub, api.Config{Logger: slog.New(slog.DiscardHandler)}).Handler())
	t.Cleanup(server.Close)
	c.url = server.URL
	queue.n.Store(8)
	var batch []string
	for _, id := range []string{"a", "b", "c"} {
		batch = append(batch, `{"specversion":"1.0","id":"`+id+`","source":"/s","type":"t","subject":"`+id+`","data":{"location":"https://example.com/a.pdf"}}`)
	}
	r := c.want(c.post("/v1/documents", "["+strings.Join(batch, ",")+"]", "Content-Type", "application/cloudevents-batch+json"), http.StatusMultiStatus)
	results, _ := r.member(t).([]any)
	if len(results) != 3 {
		t.Fatalf("results %s, want three", r.body)
	}
	for i, want := range []bool{true, true, false} {
		result, _ := results[i].(map[string]any)
		said, _ := result["error"].(string)
		if taken := result["position"] != nil; taken != want || !want && !strings.Contains(said, "busy") {
			t.Errorf("result %d is %v, want taken: %t, or busy", i, result, want)
		}
	}
}

func TestMetricsSayWhatWaits(t *testing.T) {
	queue := new(waiting)
	queue.n.Store(7)
	system := apitest.Start(t)
	system.Queues = queue
	server := httptest.NewServer(api.New(system.System, system.Hub, api.Config{Logger: slog.New(slog.DiscardHandler)}).Handler())
	t.Cleanup(server.Close)
	c := &client{t: t, system: system, url: server.URL}
	if text := string(c.want(c.get("/metrics"), http.StatusOK).body); !strings.Contains(text, "docsaga_waiting{queue=\"parsing\"} 7\n") {
		t.Errorf("metrics say %s, want that seven wait for parsing", text)
	}
}
