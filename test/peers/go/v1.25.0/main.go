// SPDX-License-Identifier: Apache-2.0

// A service written the way the usual tutorial does it, on the SDK v1.25.0: `peer MODE ENDPOINT` with MODE
// grpc or http; both are pointed at whatever port they are given, wrong ones too.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.24.0"
)

func newExporters(ctx context.Context, mode, endpoint string) (*otlptrace.Exporter, sdkmetric.Exporter, error) {
	if mode == "grpc" {
		traces, err := otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(endpoint))
		if err != nil {
			return nil, nil, err
		}
		metrics, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithEndpoint(endpoint))
		return traces, metrics, err
	}
	traces, err := otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(endpoint))
	if err != nil {
		return nil, nil, err
	}
	metrics, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithEndpoint(endpoint),
		otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	return traces, metrics, err
}

func run(ctx context.Context, mode, endpoint string) error {
	traces, metrics, err := newExporters(ctx, mode, endpoint)
	if err != nil {
		return err
	}
	res, err := resource.New(ctx, resource.WithAttributes(
		semconv.ServiceName("go-old-"+mode), semconv.ServiceInstanceID("one"), semconv.ServiceVersion("1.2.3")))
	if err != nil {
		return err
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(traces), sdktrace.WithResource(res))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)),
		sdkmetric.WithResource(res))
	otel.SetTracerProvider(tp)
	otel.SetMeterProvider(mp)

	work(ctx)

	if err := tp.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	if err := mp.Shutdown(ctx); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

func work(ctx context.Context) {
	tracer := otel.Tracer("tutorial")
	meter := otel.Meter("tutorial")
	rolls, _ := meter.Int64Counter("dice.rolls", metric.WithDescription("Rolls of the dice"), metric.WithUnit("{roll}"))
	took, _ := meter.Float64Histogram("dice.duration", metric.WithUnit("s"))
	for i := 0; i < 6; i++ {
		ctx, parent := tracer.Start(ctx, "roll")
		_, child := tracer.Start(ctx, "throw")
		child.SetAttributes(attribute.Int("roll.value", i+1))
		child.AddEvent("landed")
		child.End()
		rolls.Add(ctx, 1, metric.WithAttributes(attribute.Bool("even", i%2 == 1)))
		took.Record(ctx, 0.01*float64(i+1))
		parent.End()
	}
}

func main() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Fatal(err) }))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}
