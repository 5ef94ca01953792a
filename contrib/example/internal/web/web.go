// SPDX-License-Identifier: Apache-2.0

// Package web is what both services share: routes that are traced and measured, /health, /counts and /metrics that are
// not, and an end that loses nothing.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"example.com/otelcd/example/internal/telemetry"
)

// Counts is what a service has counted by itself, without OpenTelemetry: what a query has to give.
type Counts struct {
	mu    sync.Mutex
	count map[string]float64
}

func (c *Counts) Add(name string, n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[string]float64{}
	}
	c.count[name] += n
}

func (c *Counts) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	Answer(w, http.StatusOK, c.count)
}

func Answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Debug("the client has gone", "error", err)
	}
}

// Server has the routes of a service.
type Server struct {
	Counts Counts
	mux    http.ServeMux
	traced http.ServeMux
	active metric.Int64UpDownCounter
}

func New(service string) (*Server, error) {
	s := &Server{}
	var err error
	s.active, err = otel.Meter("example/web").Int64UpDownCounter("http.server.active_requests",
		metric.WithUnit("{request}"), metric.WithDescription("Number of active HTTP server requests."))
	if err != nil {
		return nil, err
	}
	s.mux.Handle("/", otelhttp.NewHandler(&s.traced, service,
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path })))
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.Handle("GET /counts", &s.Counts)
	// What Prometheus' own client says of the process (go_*, process_*), for a scrape that goes past otelcd: `up` tells
	// whether the process lives even when its telemetry does not arrive.
	s.mux.Handle("GET /metrics", promhttp.Handler())
	return s, nil
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Handle serves `GET path`, and counts its requests by status.
func (s *Server) Handle(path string, h http.HandlerFunc) {
	method := metric.WithAttributes(attribute.String("http.request.method", http.MethodGet), attribute.String("url.scheme", "http"))
	s.traced.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(r.Context(), 1, method)
		defer s.active.Add(r.Context(), -1, method)
		sw := &statusWriter{w, http.StatusOK}
		h(sw, r)
		s.Counts.Add(fmt.Sprintf("requests %s %d", path, sw.status), 1)
	})
}

// Main runs a service until SIGINT or SIGTERM: `routes` adds what it serves.
func Main(service, port string, routes func(*Server) error) {
	if err := run(service, port, routes); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", service, err)
		os.Exit(1)
	}
}

func run(service, port string, routes func(*Server) error) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	stop, err := telemetry.Start(ctx, service)
	if err != nil {
		return err
	}
	// Shutdown sends what the SDK still holds.
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s: telemetry was lost at the end: %v\n", service, err)
		}
	}()
	s, err := New(service)
	if err != nil {
		return err
	}
	if err := routes(s); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), Env("PORT", port)))
	if err != nil {
		return fmt.Errorf("%w (PORT chooses another port)", err)
	}
	server := &http.Server{Handler: &s.mux, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) }}
	slog.Info("listening", "address", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	end, cancelEnd := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelEnd()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// Env is the environment variable, or what stands for it.
func Env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
