// SPDX-License-Identifier: Apache-2.0

// Package telemetry sets the OpenTelemetry SDK up: traces, metrics and logs over OTLP/gRPC to the address in
// OTEL_EXPORTER_OTLP_ENDPOINT (http://localhost:4317 without it).
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Start makes the providers global and returns what flushes and ends them. The names in OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES win over `service`.
func Start(ctx context.Context, service string) (stop func(context.Context) error, err error) {
	var stops []func(context.Context) error
	stop = func(ctx context.Context) error {
		var errs []error
		for i := len(stops) - 1; i >= 0; i-- {
			errs = append(errs, stops[i](ctx))
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stop(ctx))
		}
	}()

	res, err := resource.New(ctx,
		resource.WithService(), // an id for this process
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", service)),
		resource.WithFromEnv(),
	)
	if err != nil {
		return stop, err
	}

	spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure())
	if err != nil {
		return stop, err
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(time.Second)))
	stops = append(stops, traces.Shutdown)
	otel.SetTracerProvider(traces)
	// W3C Trace Context: the caller's trace goes on in the service that is called.
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))

	points, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithInsecure())
	if err != nil {
		return stop, err
	}
	// Exemplars need no option: what is recorded under a sampled span may become one. OTEL_METRIC_EXPORT_INTERVAL says
	// how often points leave.
	metrics := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points, sdkmetric.WithProducer(runtime.NewProducer()))),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "order.value"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		)),
	)
	stops = append(stops, metrics.Shutdown)
	otel.SetMeterProvider(metrics)
	if err = runtime.Start(); err != nil {
		return stop, err
	}

	records, err := otlploggrpc.New(ctx, otlploggrpc.WithInsecure())
	if err != nil {
		return stop, err
	}
	logs := sdklog.NewLoggerProvider(
		sdklog.WithResource(res),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(records, sdklog.WithExportInterval(time.Second))),
	)
	stops = append(stops, logs.Shutdown)
	// Every line goes over OTLP, with the ids of the span it was written under, and to stdout, with the same ids.
	slog.SetDefault(slog.New(both{
		otelslog.NewHandler(service, otelslog.WithLoggerProvider(logs)),
		ids{slog.NewJSONHandler(os.Stdout, nil)},
	}))
	return stop, nil
}
