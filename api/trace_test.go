package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/docsaga/docsaga/api"
	"github.com/docsaga/docsaga/events/tracing"
)

const (
	traceOfRequest = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traceOfEvent   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

// traceOf returns the trace that a document's submission belongs to.
func (c *client) traceOf(id string) string {
	c.t.Helper()
	list := c.want(c.get("/v1/documents/"+id+"/events"), http.StatusOK).member(c.t, "events").([]any)
	kept, _ := list[0].(map[string]any)["traceparent"].(string)
	return kept
}

func TestASubmissionKeepsTheTraceThatItBelongsTo(t *testing.T) {
	c := start(t, api.Config{})
	for id, trace := range map[string]string{
		"good": traceOfRequest, "none": "", "short": "00-0af7-b7ad-01", "upper": "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
		"markup": "00-0af7651916cd43dd8448eb211c80319c-<b>d6b7169203331-01", "longer": traceOfRequest + "-02",
	} {
		c.want(c.post("/v1/documents", `{"document":"`+id+`","location":"https://example.com/"}`, "Traceparent", trace), http.StatusAccepted)
		if kept := c.traceOf(id); kept != map[string]string{"good": traceOfRequest}[id] {
			t.Errorf("%s: trace %q", id, kept)
		}
	}
}

func TestACloudEventKeepsTheTraceInWhichItBegan(t *testing.T) {
	c := start(t, api.Config{})
	event := func(id, trace string) string {
		raw, err := json.Marshal(map[string]any{
			"specversion": "1.0", "id": id, "source": "/shop", "type": "order", "subject": id, "traceparent": trace,
			"data": map[string]string{"location": "https://example.com/"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	structured := []string{"Content-Type", "application/cloudevents+json", "Traceparent", traceOfRequest}
	c.want(c.post("/v1/documents", event("structured", traceOfEvent), structured...), http.StatusAccepted)
	c.want(c.post("/v1/documents", event("nonsense", "00-xyz"), structured...), http.StatusAccepted)
	c.want(c.post("/v1/documents", `{"location":"https://example.com/"}`, "Content-Type", "application/json", "Traceparent", traceOfRequest,
		"Ce-Specversion", "1.0", "Ce-Id", "binary", "Ce-Source", "/shop", "Ce-Type", "order", "Ce-Subject", "binary", "Ce-Traceparent", traceOfEvent), http.StatusAccepted)
	c.want(c.post("/v1/documents", "["+event("first", traceOfEvent)+","+event("second", "")+"]",
		"Content-Type", "application/cloudevents-batch+json", "Traceparent", traceOfRequest), http.StatusMultiStatus)
	for id, want := range map[string]string{
		"structured": traceOfEvent, "nonsense": traceOfRequest, "binary": traceOfEvent, "first": traceOfEvent, "second": traceOfRequest,
	} {
		if kept := c.traceOf(id); kept != want {
			t.Errorf("%s: trace %q, want %q", id, kept, want)
		}
	}
}

func TestASubmissionIsASpanThatItsEventCarries(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	c := start(t, api.Config{Tracer: tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))})
	c.want(c.post("/v1/documents", `{"document":"d","location":"https://example.com/Ada"}`, "Traceparent", traceOfRequest), http.StatusAccepted)
	c.want(c.post("/v1/documents", `{"document":"d","location":"https://example.com/Bob"}`), http.StatusConflict)
	list := spans.Ended()
	if len(list) != 2 {
		t.Fatalf("%d spans, want one a submission", len(list))
	}
	id := list[0].SpanContext().SpanID().String()
	if want := traceOfRequest[:36] + id + "-01"; c.traceOf("d") != want || list[0].Parent().SpanID().String() != traceOfRequest[36:52] {
		t.Errorf("the event carries %s, want %s; parent %s", c.traceOf("d"), want, list[0].Parent().SpanID())
	}
	if got := list[1].Status().Description; got != "conflict" {
		t.Errorf("the refused submission has status %q, want conflict", got)
	}
	for _, s := range list {
		for _, kv := range s.Attributes() {
			if v := kv.Value.String(); strings.Contains(v, "Ada") || strings.Contains(v, "Bob") {
				t.Errorf("%s tells what was submitted: %s", kv.Key, v)
			}
		}
	}
}
