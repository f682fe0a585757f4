package main

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/docsaga/docsaga/events/tracing/otlp"
)

// tracesDrain is how long the last spans may take to reach their collector.
const tracesDrain = 3 * time.Second

// trace makes spans from now on, if a collector is named, and none otherwise.
func (a *app) trace(ctx context.Context) error {
	named := cmp.Or(a.settings.otlp, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	off := os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if named == "" || off && a.settings.otlp == "" {
		return nil
	}
	spans, err := otlp.New(ctx, otlp.Config{Endpoint: a.settings.otlp, Version: version(), Logger: a.settings.logger})
	if err != nil {
		return usage("--otlp: %w", err)
	}
	a.spans, a.tracer = spans, spans.Tracer()
	return nil
}

// traced sends the spans that are left.
func (a *app) traced(ctx context.Context) {
	if a.spans == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tracesDrain)
	defer cancel()
	a.spans.Close(ctx)
}
