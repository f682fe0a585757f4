package runner_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/docsaga/docsaga/events"
	"github.com/docsaga/docsaga/events/tracing"
	"github.com/docsaga/docsaga/services/runner"
)

func recorded() (*tracing.Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))), spans
}

func said(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, kv := range s.Attributes() {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

func TestEachAttemptIsASpanUnderItsCueAndTheOutcomeCarriesTheLast(t *testing.T) {
	const began = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	play(t, func(s *stage) {
		tracer, spans := recorded()
		var inside []string // the span that the handler sees, and the metadata
		h := &fake{do: func(ctx context.Context, v runner.Visit) (any, error) {
			inside = append(inside, trace.SpanContextFromContext(ctx).SpanID().String())
			if v.Attempt == 1 {
				return nil, errors.New("the customer Ada Lovelace is not at home")
			}
			return map[string]int{"n": 1}, nil
		}}
		middleware := func(next message.HandlerFunc) message.HandlerFunc {
			return func(m *message.Message) ([]*message.Message, error) {
				inside = append(inside, strings.Split(m.Metadata.Get(runner.MetadataTrace), "-")[2])
				return next(m)
			}
		}
		s.host("left", h, runner.Config{Tracer: tracer, Middleware: []message.HandlerMiddleware{middleware}})
		s.write(events.Event{Slot: events.DocumentSlot("flow", 1, "d", events.Submitted), Trace: began, Data: []byte(`{"output":{"x":1}}`)})
		e, _ := s.outcome(slot("left", events.Outcome))
		synctest.Wait()
		list := spans.Ended()
		if len(list) != 2 {
			t.Fatalf("%d spans, want one an attempt", len(list))
		}
		for i, want := range []string{"again", "completed"} {
			id := list[i].SpanContext().SpanID().String()
			if list[i].Name() != "do left" || list[i].Parent().SpanID().String() != "b7ad6b7169203331" || said(list[i], "docsaga.outcome") != want ||
				inside[2*i] != id || inside[2*i+1] != id {
				t.Errorf("span %d: %s under %s came to %s, inside %v", i, list[i].Name(), list[i].Parent().SpanID(), said(list[i], "docsaga.outcome"), inside)
			}
			for _, kv := range list[i].Attributes() {
				if strings.Contains(kv.Value.String(), "Ada") {
					t.Errorf("%s tells who the document is about", kv.Key)
				}
			}
		}
		if got := list[0].Status(); got.Code != codes.Error || got.Description != runner.CodeError || len(list[0].Events()) != 0 {
			t.Errorf("the attempt that failed has status %+v and events %v, want the code alone", got, list[0].Events())
		}
		if want := "00-0af7651916cd43dd8448eb211c80319c-" + list[1].SpanContext().SpanID().String() + "-01"; e.Trace != want {
			t.Errorf("the outcome carries %s, want %s", e.Trace, want)
		}
	})
}

func TestAnUndoIsASpanAndOneThatLosesSaysSo(t *testing.T) {
	play(t, func(s *stage) {
		tracer, spans := recorded()
		h := &fake{}
		h.do = func(context.Context, runner.Visit) (any, error) {
			s.write(events.Event{Slot: slot("left", events.Outcome), Result: events.TimedOut, Worker: "another"})
			return map[string]int{"n": 1}, nil
		}
		s.host("left", h, runner.Config{Tracer: tracer})
		s.submit()
		s.outcome(slot("left", events.Outcome))
		synctest.Wait()
		s.write(events.Event{Slot: slot("left", events.Undo), Data: []byte(`{}`)})
		undone, _ := s.outcome(slot("left", events.Undone))
		synctest.Wait()
		var got []string
		for _, span := range spans.Ended() {
			got = append(got, span.Name()+" "+said(span, "docsaga.outcome"))
		}
		if want := "do left lost, undo left completed, undo left completed"; strings.Join(got, ", ") != want {
			t.Errorf("spans %v, want %s", got, want)
		}
		last := spans.Ended()[len(got)-1].SpanContext()
		if want := "00-" + last.TraceID().String() + "-" + last.SpanID().String() + "-01"; undone.Trace != want {
			t.Errorf("the undone carries %s, want %s", undone.Trace, want)
		}
	})
}

// BenchmarkVisitTraced is BenchmarkVisit with spans that nobody takes.
func BenchmarkVisitTraced(b *testing.B) {
	benchmarkVisit(b, runner.Config{Concurrency: 1, Tracer: tracing.New(sdktrace.NewTracerProvider())})
}
