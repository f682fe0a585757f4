// Package tracing makes OpenTelemetry spans of what happens to documents: one
// for a submission, one for each attempt at a visit or an undo, one for each
// decision of a coordinator. A span's parent is named by the traceparent of the
// event that led to it, and the event that comes of it carries the span's own,
// so that a document is one trace, whoever does its steps.
//
// A nil [Tracer] makes no spans and costs nothing: traces that came from
// outside are then handed on as they are.
//
// Spans hold names, ids and codes, as the semantic conventions for messaging
// say, and nothing of what is in a document: no payload, no file name, no
// message of an error.
package tracing

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/docsaga/docsaga/events"
)

// Name is that of the instrumentation.
const Name = "github.com/docsaga/docsaga"

// Words for what became of an attempt, besides those for results.
const (
	Again = "again" // it has failed, and is to be tried once more
	Lost  = "lost"  // another's event stands in the slot
)

const header = "traceparent"

// An Operation is what is done.
type Operation string

// The operations.
const (
	Submit Operation = "submit" // a document enters the log
	Do     Operation = "do"     // a service does a visit
	Undo   Operation = "undo"   // a service undoes one
	Decide Operation = "decide" // a coordinator decides what no service does
)

// A Work is what a span is about.
type Work struct {
	Operation Operation
	Event     *events.Event // that is handled or, for Submit and Decide, made
	Slot      events.Slot   // of what comes of it
	Service   string        // that does it, or empty
	Attempt   int           // 0 if it is not counted
}

// A Tracer makes spans. Its methods may be called at once, and on nil.
type Tracer struct{ tracer trace.Tracer }

// New returns a tracer whose spans a provider takes.
func New(p trace.TracerProvider) *Tracer { return &Tracer{p.Tracer(Name)} }

// On reports whether spans are made.
func (t *Tracer) On() bool { return t != nil }

// Start begins a span whose parent is the trace of the work's event or, if it
// has none, the span in ctx. The span is in the context that is returned.
func (t *Tracer) Start(ctx context.Context, w Work) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	if w.Event.Trace != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: w.Event.Trace})
	}
	ctx, span := t.tracer.Start(ctx, w.name(), trace.WithSpanKind(w.kind()), trace.WithAttributes(w.attributes()...))
	return ctx, Span{span}
}

func (w *Work) name() string {
	switch w.Operation {
	case Submit:
		return "submit " + w.Slot.Definition
	case Decide:
		return "decide " + w.Event.Type()[len(events.SubjectRoot)+1:]
	case Do, Undo:
	}
	return string(w.Operation) + " " + string(w.Slot.Step)
}

func (w *Work) kind() trace.SpanKind {
	if w.Operation == Do || w.Operation == Undo {
		return trace.SpanKindConsumer
	}
	return trace.SpanKindProducer
}

func (w *Work) attributes() []attribute.KeyValue {
	operation := "send"
	if w.kind() == trace.SpanKindConsumer {
		operation = "process"
	}
	list := append(make([]attribute.KeyValue, 0, 16),
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.operation.name", string(w.Operation)),
		attribute.String("messaging.operation.type", operation),
		attribute.String("messaging.destination.name", w.Event.Slot.Subject()),
		attribute.String("messaging.destination.template", events.SubjectRoot+".{partition}.{definition}.{version}.{document}.{step}.{visit}.{kind}"),
		attribute.String("messaging.destination.partition.id", strconv.Itoa(events.Partition(w.Slot.Document))),
		attribute.String("messaging.message.id", w.Event.ID()),
		attribute.String("messaging.message.conversation_id", string(w.Slot.Document)),
		attribute.String("docsaga.document", string(w.Slot.Document)),
		attribute.String("docsaga.definition", w.Slot.Definition),
		attribute.Int("docsaga.version", w.Slot.Version),
		attribute.String("docsaga.step", string(w.Slot.Step)),
		attribute.Int("docsaga.visit", w.Slot.Visit),
	)
	if w.Service != "" {
		list = append(list, attribute.String("messaging.consumer.group.name", w.Service))
	}
	if w.Attempt > 0 {
		list = append(list, attribute.Int("docsaga.attempt", w.Attempt))
	}
	return list
}

// A Span is work that is traced. The zero Span traces nothing.
type Span struct{ span trace.Span }

// Traceparent returns what the event that comes of the work carries: the
// span's own or, if there is none, that of the event that led here.
func (s Span) Traceparent(before string) string {
	if s.span == nil {
		return before
	}
	c := s.span.SpanContext()
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + (c.TraceFlags() & trace.FlagsSampled).String()
}

// End ends the span with what became of the work, and the code that says why,
// or empty. The span has failed if there is one, unless the outcome is a
// business no.
func (s Span) End(outcome, code string) {
	if s.span == nil {
		return
	}
	if outcome != "" {
		s.span.SetAttributes(attribute.String("docsaga.outcome", outcome))
	}
	if code != "" {
		s.span.SetAttributes(attribute.String("docsaga.reason", code))
		if outcome != events.Rejected.String() {
			s.span.SetAttributes(attribute.String("error.type", code))
			s.span.SetStatus(codes.Error, code)
		}
	}
	s.span.End()
}
