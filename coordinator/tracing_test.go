package coordinator_test

import (
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/services/runner"
)

func TestADecisionBelongsToTheTraceOfItsCauseWhateverTimeHasPassed(t *testing.T) {
	const trace, began = "0af7651916cd43dd8448eb211c80319c", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	inBubble(t, timed("P3D"), func(b *bubble) {
		spans := tracetest.NewSpanRecorder()
		b.poll, b.tracer = time.Minute, tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
		_, stop := b.coordinate()
		e := events.Event{Slot: events.DocumentSlot("abc", 1, "d", events.Submitted), Source: "/test", Worker: "w", Trace: began, Data: []byte(`{}`)}
		if _, err := b.log.Write(b.Context(), e); err != nil {
			t.Fatal(err)
		}
		for _, service := range []string{"a", "c"} { // without a tracer: they hand on what they get
			b.host(service, newEffects(), runner.Config{})
		}
		b.pass(time.Hour)
		stop()
		b.coordinate() // knows nothing of the events before
		b.pass(4 * 24 * time.Hour)
		b.host("b", newEffects(), runner.Config{}) // undoes what it may have done
		b.pass(time.Hour)
		if got := b.ended("d"); got != events.Failed {
			t.Fatalf("ended %v, want failed", got)
		}
		parent := "b7ad6b7169203331" // of each: that of the decision before
		names := []string{"decide b.timed-out", "decide b.undo", "decide a.undo", "decide document.failed"}
		if len(spans.Started()) != len(names) {
			t.Fatalf("%d spans, want %d: %v", len(spans.Started()), len(names), spans.Started())
		}
		for i, s := range spans.Started() {
			if s.Name() != names[i] || s.SpanContext().TraceID().String() != trace || s.Parent().SpanID().String() != parent {
				t.Errorf("%s of trace %s under %s, want %s under %s", s.Name(), s.SpanContext().TraceID(), s.Parent().SpanID(), names[i], parent)
			}
			parent = s.SpanContext().SpanID().String()
		}
	})
}
