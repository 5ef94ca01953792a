// SPDX-License-Identifier: Apache-2.0

// A service written the way the usual tutorial does it, on the newest SDK, with logs, exemplars and an exponential
// histogram too: `peer MODE ENDPOINT` with MODE grpc or http; both are pointed at whatever port they are given, in plain text.
// Without ENDPOINT the SDK's environment says where to and how (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_CERTIFICATE ...).
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
)

type exporters struct {
	traces  *otlptrace.Exporter
	metrics sdkmetric.Exporter
	logs    sdklog.Exporter
}

func fromEnvironment(ctx context.Context, mode string) (e exporters, err error) {
	if mode == "grpc" {
		if e.traces, err = otlptracegrpc.New(ctx); err != nil {
			return e, err
		}
		if e.metrics, err = otlpmetricgrpc.New(ctx); err != nil {
			return e, err
		}
		e.logs, err = otlploggrpc.New(ctx)
		return e, err
	}
	if e.traces, err = otlptracehttp.New(ctx); err != nil {
		return e, err
	}
	if e.metrics, err = otlpmetrichttp.New(ctx); err != nil {
		return e, err
	}
	e.logs, err = otlploghttp.New(ctx)
	return e, err
}

func newExporters(ctx context.Context, mode, endpoint string) (e exporters, err error) {
	if endpoint == "" {
		return fromEnvironment(ctx, mode)
	}
	if mode == "grpc" {
		if e.traces, err = otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(endpoint),
			otlptracegrpc.WithCompressor("gzip")); err != nil {
			return e, err
		}
		if e.metrics, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithEndpoint(endpoint)); err != nil {
			return e, err
		}
		e.logs, err = otlploggrpc.New(ctx, otlploggrpc.WithInsecure(), otlploggrpc.WithEndpoint(endpoint))
		return e, err
	}
	if e.traces, err = otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(endpoint)); err != nil {
		return e, err
	}
	if e.metrics, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithEndpoint(endpoint),
		otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression)); err != nil {
		return e, err
	}
	e.logs, err = otlploghttp.New(ctx, otlploghttp.WithInsecure(), otlploghttp.WithEndpoint(endpoint))
	return e, err
}

func run(ctx context.Context, mode, endpoint string) error {
	to, err := newExporters(ctx, mode, endpoint)
	if err != nil {
		return err
	}
	res, err := resource.New(ctx, resource.WithAttributes(
		semconv.ServiceName("go-new-"+mode), semconv.ServiceInstanceID("one"), semconv.ServiceVersion("1.2.3")))
	if err != nil {
		return err
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(to.traces), sdktrace.WithResource(res))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(to.metrics)),
		sdkmetric.WithResource(res), sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "dice.exponential"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})))
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(to.logs)), sdklog.WithResource(res))
	otel.SetTracerProvider(tp)
	otel.SetMeterProvider(mp)
	global.SetLoggerProvider(lp)

	work(ctx)

	if err := tp.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	if err := mp.Shutdown(ctx); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := lp.Shutdown(ctx); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	return nil
}

func work(ctx context.Context) {
	tracer := otel.Tracer("tutorial")
	meter := otel.Meter("tutorial")
	rolls, _ := meter.Int64Counter("dice.rolls", metric.WithDescription("Rolls of the dice"), metric.WithUnit("{roll}"))
	took, _ := meter.Float64Histogram("dice.duration", metric.WithUnit("s"))
	exponential, _ := meter.Float64Histogram("dice.exponential", metric.WithUnit("s"))
	logger := global.Logger("tutorial")
	for i := 0; i < 6; i++ {
		ctx, parent := tracer.Start(ctx, "roll")
		_, child := tracer.Start(ctx, "throw")
		child.SetAttributes(attribute.Int("roll.value", i+1))
		child.AddEvent("landed")
		child.End()
		rolls.Add(ctx, 1, metric.WithAttributes(attribute.Bool("even", i%2 == 1)))
		took.Record(ctx, 0.01*float64(i+1)) // in a sampled span: with an exemplar
		exponential.Record(ctx, 0.01*float64(i+1))
		var record otellog.Record
		record.SetTimestamp(time.Now())
		record.SetSeverity(otellog.SeverityInfo)
		record.SetBody(attribute.StringValue("rolled"))
		record.AddAttributes(attribute.Int("roll.value", i+1))
		logger.Emit(ctx, record)
		parent.End()
	}
}

func main() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Fatal(err) }))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	endpoint := ""
	if len(os.Args) > 2 {
		endpoint = os.Args[2]
	}
	if err := run(ctx, os.Args[1], endpoint); err != nil {
		log.Fatal(err)
	}
}
