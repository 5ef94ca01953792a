// SPDX-License-Identifier: Apache-2.0

// frontend is service A: what people talk to. It calls the backend over HTTP, with the trace's context.
//
//	GET /work    an order, placed with the backend
//	GET /slow    the same, with a backend that takes 0.6 to 1 s
//	GET /fail    a backend that fails: 500
//	GET /health  GET /counts
//
// PORT (8080), HOST, BACKEND_URL (http://localhost:8081), OTEL_*.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"example.com/otelcd/example/internal/web"
)

type frontend struct {
	backend  string
	client   http.Client
	duration metric.Float64Histogram
	counts   *web.Counts
}

// call asks the backend, and measures how long that takes: an exemplar of each bucket leads to a trace.
func (f *frontend) call(ctx context.Context, path string) (int, error) {
	begun := time.Now()
	defer func() {
		f.duration.Record(ctx, time.Since(begun).Seconds())
		f.counts.Add("backend calls", 1)
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.backend+path, nil)
	if err != nil {
		return 0, err
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, err
}

func (f *frontend) serve(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		span := trace.SpanFromContext(ctx)
		status, err := f.call(ctx, path)
		switch {
		case err != nil:
			slog.ErrorContext(ctx, "the backend is not there", "error", err.Error())
			status = http.StatusBadGateway
		case status != http.StatusOK:
			slog.ErrorContext(ctx, "the backend failed", "status", status)
			status = http.StatusInternalServerError
		default:
			slog.InfoContext(ctx, "order placed", "path", r.URL.Path)
		}
		if status != http.StatusOK {
			span.SetStatus(codes.Error, "the backend failed")
		}
		web.Answer(w, status, map[string]any{"status": status, "trace_id": span.SpanContext().TraceID().String()})
	}
}

func main() {
	web.Main("frontend", "8080", func(s *web.Server) error {
		duration, err := otel.Meter("example/frontend").Float64Histogram("backend.call.duration", metric.WithUnit("s"),
			metric.WithDescription("How long the backend takes."),
			metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5))
		if err != nil {
			return fmt.Errorf("backend.call.duration: %w", err)
		}
		f := &frontend{
			backend:  web.Env("BACKEND_URL", "http://localhost:8081"),
			client:   http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport), Timeout: 10 * time.Second},
			duration: duration,
			counts:   &s.Counts,
		}
		s.Handle("/work", f.serve("/order"))
		s.Handle("/slow", f.serve("/slow"))
		s.Handle("/fail", f.serve("/fail"))
		return nil
	})
}
