// Package otlp sends the spans of package tracing to a collector, by
// OpenTelemetry's protocol over HTTP. What it is not told it takes from the
// variables that OpenTelemetry gives names to: OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and the like.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/docsaga/docsaga/events/tracing"
)

// Config says where spans go. The zero Config sends them where the variables
// say.
type Config struct {
	// Endpoint is the collector's URL, to which /v1/traces is added; empty for
	// that of OTEL_EXPORTER_OTLP_ENDPOINT.
	Endpoint string
	// Version of the program that sends.
	Version string
	// Logger is told once when a collector cannot be reached, and once when it
	// can be again; default slog.Default.
	Logger *slog.Logger
}

// path is where a collector takes traces.
const path = "/v1/traces"

// An Exporter sends spans, beside the work that they are of: what cannot be
// sent in time is dropped.
type Exporter struct {
	provider *sdktrace.TracerProvider
	sender   *quiet
}

// New returns an exporter. It connects to nothing before there are spans.
func New(ctx context.Context, conf Config) (*Exporter, error) {
	var options []otlptracehttp.Option
	if conf.Endpoint != "" {
		u, err := url.Parse(conf.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("otlp: endpoint %q: want a URL such as http://127.0.0.1:4318", conf.Endpoint)
		}
		if u.Path = strings.TrimSuffix(u.Path, "/"); !strings.HasSuffix(u.Path, path) {
			u.Path += path
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.String()))
	}
	sender, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	if conf.Logger == nil {
		conf.Logger = slog.Default()
	}
	what := []attribute.KeyValue{attribute.String("service.name", "docsaga"), attribute.String("service.version", conf.Version)}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(what...), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	quiet := &quiet{SpanExporter: sender, log: conf.Logger}
	return &Exporter{sdktrace.NewTracerProvider(sdktrace.WithBatcher(quiet), sdktrace.WithResource(res)), quiet}, nil
}

// Tracer returns the tracer whose spans are sent.
func (e *Exporter) Tracer() *tracing.Tracer { return tracing.New(e.provider) }

// Close sends what has not been sent, as long as ctx allows, and ends. What is
// lost by then the logger is told.
func (e *Exporter) Close(ctx context.Context) {
	if err := e.provider.Shutdown(ctx); err != nil {
		e.sender.note(err)
	}
}

// quiet says once that spans cannot be sent, not with each batch of them.
type quiet struct {
	sdktrace.SpanExporter
	log  *slog.Logger
	lost atomic.Bool
}

// ExportSpans sends spans. It returns nil in any case: nobody could do more
// about it.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	q.note(q.SpanExporter.ExportSpans(ctx, spans))
	return nil
}

// note tells when sending fails that did not, or the other way round.
func (q *quiet) note(err error) {
	switch {
	case err != nil && !q.lost.Swap(true):
		q.log.Warn("otlp: spans cannot be sent, and are dropped until they can be", "error", err)
	case err == nil && q.lost.Swap(false):
		q.log.Info("otlp: spans are sent again")
	}
}
