// SPDX-License-Identifier: Apache-2.0

// backend is service B: it takes orders.
//
//	GET /order   takes one, in 1 to 20 ms
//	GET /slow    takes one, in 0.6 to 1 s, on purpose
//	GET /fail    fails, on purpose
//	GET /health  GET /counts
//
// PORT (8081), HOST, OTEL_*.
package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"example.com/otelcd/example/internal/web"
)

const fullStock = 1000

type backend struct {
	tracer trace.Tracer
	orders metric.Int64Counter
	value  metric.Float64Histogram
	stock  atomic.Int64
	counts *web.Counts
}

func (b *backend) instruments(m metric.Meter) error {
	var errs [3]error
	b.orders, errs[0] = m.Int64Counter("orders", metric.WithUnit("{order}"), metric.WithDescription("Orders that were taken."))
	b.value, errs[1] = m.Float64Histogram("order.value", metric.WithUnit("{euro}"),
		metric.WithDescription("What an order is worth; an exponential histogram, by a view."))
	_, errs[2] = m.Int64ObservableGauge("stock.level", metric.WithUnit("{item}"), metric.WithDescription("Items in stock."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(b.stock.Load())
			return nil
		}))
	return errors.Join(errs[:]...)
}

// take is a span of its own, with what it takes from the stock.
func (b *backend) take(ctx context.Context, wait time.Duration) {
	ctx, span := b.tracer.Start(ctx, "take order")
	defer span.End()
	time.Sleep(wait)
	kind := attribute.String("kind", []string{"book", "record", "tea"}[rand.IntN(3)])
	value := float64(1+rand.IntN(40000)) / 100
	if b.stock.Add(-1) < 0 {
		b.stock.Store(fullStock)
		slog.WarnContext(ctx, "out of stock; more was bought", "items", fullStock)
	}
	b.orders.Add(ctx, 1, metric.WithAttributes(kind))
	b.value.Record(ctx, value)
	b.counts.Add("orders "+kind.Value.AsString(), 1)
	b.counts.Add("order value count", 1)
	b.counts.Add("order value sum", value)
	span.SetAttributes(kind, attribute.Float64("order.value", value))
	slog.InfoContext(ctx, "order taken", "kind", kind.Value.AsString(), "value", value)
}

func (b *backend) order(least, most time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.take(r.Context(), least+rand.N(most-least))
		web.Answer(w, http.StatusOK, map[string]any{"stock": b.stock.Load()})
	}
}

func fail(w http.ResponseWriter, r *http.Request) {
	err := errors.New("failed on purpose")
	span := trace.SpanFromContext(r.Context())
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
	slog.ErrorContext(r.Context(), "the order cannot be taken", "error", err.Error())
	web.Answer(w, http.StatusInternalServerError, map[string]any{"error": err.Error()})
}

func main() {
	web.Main("backend", "8081", func(s *web.Server) error {
		b := &backend{tracer: otel.Tracer("example/backend"), counts: &s.Counts}
		b.stock.Store(fullStock)
		s.Handle("/order", b.order(time.Millisecond, 20*time.Millisecond))
		s.Handle("/slow", b.order(600*time.Millisecond, time.Second))
		s.Handle("/fail", fail)
		return b.instruments(otel.Meter("example/backend"))
	})
}
