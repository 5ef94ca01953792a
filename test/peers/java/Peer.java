// SPDX-License-Identifier: Apache-2.0

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.concurrent.TimeUnit;

/**
 * A service on the OpenTelemetry SDK for Java: {@code Peer MODE ADDRESS [gzip]}, MODE grpc or http. It makes three spans, a
 * counter, a histogram, an exponential histogram and a log record, and exits 0 when all were taken.
 */
public final class Peer {
    private final boolean grpc;
    private final String url;
    private final String compression;

    private Peer(String[] words) {
        grpc = words[0].equals("grpc");
        url = "http://" + words[1];
        compression = words.length > 2 ? words[2] : "none";
    }

    private SpanExporter spans() {
        return grpc
            ? OtlpGrpcSpanExporter.builder().setEndpoint(url).setCompression(compression).build()
            : OtlpHttpSpanExporter.builder().setEndpoint(url + "/v1/traces").setCompression(compression).build();
    }

    private MetricExporter metrics() {
        return grpc
            ? OtlpGrpcMetricExporter.builder().setEndpoint(url).setCompression(compression).build()
            : OtlpHttpMetricExporter.builder().setEndpoint(url + "/v1/metrics").setCompression(compression).build();
    }

    private LogRecordExporter logs() {
        return grpc
            ? OtlpGrpcLogRecordExporter.builder().setEndpoint(url).setCompression(compression).build()
            : OtlpHttpLogRecordExporter.builder().setEndpoint(url + "/v1/logs").setCompression(compression).build();
    }

    private static void end(CompletableResultCode result, String what) {
        if (!result.join(20, TimeUnit.SECONDS).isSuccess()) {
            throw new IllegalStateException(what + " were not taken");
        }
    }

    private void makeSpans(Resource resource) {
        SdkTracerProvider provider = SdkTracerProvider.builder()
            .setResource(resource).addSpanProcessor(BatchSpanProcessor.builder(spans()).build()).build();
        Tracer tracer = provider.get("shop");
        Span checkout = tracer.spanBuilder("checkout").startSpan();
        try (Scope scope = checkout.makeCurrent()) {
            Span charge = tracer.spanBuilder("charge").startSpan();
            charge.addEvent("retried", Attributes.of(AttributeKey.longKey("attempt"), 2L));
            charge.recordException(new IllegalArgumentException("card declined"));
            charge.setStatus(StatusCode.ERROR);
            charge.end();
            tracer.spanBuilder("ship").startSpan().end();
        }
        checkout.end();
        end(provider.forceFlush(), "spans");
        end(provider.shutdown(), "spans");
    }

    private void measure(Resource resource) {
        SdkMeterProvider provider = SdkMeterProvider.builder()
            .setResource(resource)
            .registerMetricReader(PeriodicMetricReader.builder(metrics()).build())
            .registerView(InstrumentSelector.builder().setName("cart.exponential").build(),
                View.builder().setAggregation(Aggregation.base2ExponentialBucketHistogram()).build())
            .build();
        Meter meter = provider.get("shop");
        meter.counterBuilder("cart.items").setUnit("{item}").build().add(5, Attributes.of(AttributeKey.stringKey("shop"), "web"));
        meter.histogramBuilder("cart.duration").setUnit("ms").build().record(12.5);
        DoubleHistogram exponential = meter.histogramBuilder("cart.exponential").build();
        for (int v = 1; v <= 8; v *= 2) {
            exponential.record(v);
        }
        end(provider.forceFlush(), "metrics");
        end(provider.shutdown(), "metrics");
    }

    private void log(Resource resource) {
        SdkLoggerProvider provider = SdkLoggerProvider.builder()
            .setResource(resource).addLogRecordProcessor(BatchLogRecordProcessor.builder(logs()).build()).build();
        provider.get("shop").logRecordBuilder()
            .setSeverity(Severity.INFO)
            .setBody(Value.of(java.util.Map.of("order", Value.of(17), "paid", Value.of(true))))
            .setAttribute(AttributeKey.longKey("large.number"), 12345678901L)
            .emit();
        end(provider.forceFlush(), "logs");
        end(provider.shutdown(), "logs");
    }

    public static void main(String[] words) {
        Peer peer = new Peer(words);
        Resource resource = Resource.getDefault().merge(Resource.create(Attributes.of(
            AttributeKey.stringKey("service.name"), "java-" + words[0], AttributeKey.stringKey("service.instance.id"), "one")));
        peer.makeSpans(resource);
        peer.measure(resource);
        peer.log(resource);
        System.exit(0); // the senders' threads would linger
    }
}
