package otlp_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	traces "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/events/tracing/otlp"
	"github.com/docsaga/docsaga/events/tracing/otlp/otlptest"
)

func submitted(id events.DocumentID) *events.Event {
	return &events.Event{Slot: events.DocumentSlot("flow", 3, id, events.Submitted), Data: []byte(`{"output":{"secret":"tulip"}}`)}
}

// visit traces a visit on which a submission led.
func visit(ctx context.Context, t *tracing.Tracer, cue *events.Event) tracing.Span {
	slot := cue.Slot.Of(events.Outcome)
	slot.Step, slot.Visit = "weigh", 2
	_, span := t.Start(ctx, tracing.Work{Operation: tracing.Do, Event: cue, Slot: slot, Service: "scales", Attempt: 4})
	return span
}

func TestASpanSaysWhatItIsAboutAndNothingOfTheDocument(t *testing.T) {
	collector := otlptest.Start(t)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	e, err := otlp.New(t.Context(), otlp.Config{Endpoint: collector.URL + "/", Version: "v9"})
	if err != nil {
		t.Fatal(err)
	}
	cue := submitted("d1")
	cue.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	span := visit(t.Context(), e.Tracer(), cue)
	next := span.Traceparent(cue.Trace)
	span.End("failed", "too-heavy")
	e.Close(t.Context())
	list := collector.Spans()
	if len(list) != 1 {
		t.Fatalf("%d spans came, want 1", len(list))
	}
	got := list[0]
	if want := "00-" + got.Trace + "-" + got.ID + "-01"; next != want || got.Trace != cue.Trace[3:35] || got.Parent != cue.Trace[36:52] {
		t.Errorf("span %s of trace %s under %s hands on %s", got.ID, got.Trace, got.Parent, next)
	}
	if got.Name != "do weigh" || got.Kind != traces.Span_SPAN_KIND_CONSUMER || got.Failed != "too-heavy" || got.Events != 0 {
		t.Errorf("span %+v", got)
	}
	want := map[string]string{
		"messaging.system": "nats", "messaging.operation.name": "do", "messaging.operation.type": "process",
		"messaging.destination.name": cue.Slot.Subject(), "messaging.message.id": cue.ID(), "messaging.message.conversation_id": "d1",
		"messaging.consumer.group.name": "scales", "docsaga.document": "d1", "docsaga.definition": "flow", "docsaga.version": "3",
		"docsaga.step": "weigh", "docsaga.visit": "2", "docsaga.attempt": "4", "docsaga.outcome": "failed", "error.type": "too-heavy",
	}
	for name, value := range want {
		if got.Attributes[name] != value {
			t.Errorf("%s is %q, want %q", name, got.Attributes[name], value)
		}
	}
	for name, value := range got.Attributes {
		if strings.Contains(value, "tulip") {
			t.Errorf("%s tells what is in the document: %s", name, value)
		}
	}
	for name, value := range map[string]string{"service.name": "docsaga", "service.version": "v9", "deployment.environment.name": "test"} {
		if got.Resource[name] != value {
			t.Errorf("resource: %s is %q, want %q", name, got.Resource[name], value)
		}
	}
}

func TestACollectorThatDoesNotAnswerHoldsUpNothing(t *testing.T) {
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer silent.Close()
	defer close(release)
	var log bytes.Buffer
	e, err := otlp.New(t.Context(), otlp.Config{Endpoint: silent.URL, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for range 20_000 { // many times what is kept to be sent
		visit(t.Context(), e.Tracer(), submitted("d1")).End("completed", "")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	e.Close(ctx)
	if n := strings.Count(log.String(), "spans cannot be sent"); n != 1 {
		t.Errorf("told %d times that spans cannot be sent, want once: %s", n, log.String())
	}
}

func TestWhatIsNoCollectorIsRefused(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "::"} {
		if _, err := otlp.New(t.Context(), otlp.Config{Endpoint: endpoint}); err == nil {
			t.Errorf("%s was taken", endpoint)
		}
	}
}

func TestWithoutATracerTheTraceIsHandedOnAndNothingIsAllocated(t *testing.T) {
	var none *tracing.Tracer
	cue := submitted("d1")
	cue.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, handed := t.Context(), ""
	allocations := testing.AllocsPerRun(100, func() {
		span := visit(ctx, none, cue)
		handed = span.Traceparent(cue.Trace)
		span.End("completed", "")
	})
	if allocations != 0 || handed != cue.Trace || none.On() {
		t.Errorf("%v allocations, %s handed on", allocations, handed)
	}
}
