// SPDX-License-Identifier: Apache-2.0
//! A service on the OpenTelemetry SDK for Rust: `peer MODE ADDRESS [gzip]`, MODE grpc, json or proto. It makes three spans,
//! a counter, a histogram, an exponential histogram and a log record, and exits 0 when all were taken.

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_sdk::Resource;
use std::collections::HashMap;
use std::error::Error;

type Fallible<T> = Result<T, Box<dyn Error>>;

struct To {
    mode: String,
    address: String,
    gzip: bool,
}

macro_rules! exporter {
    ($exporter:ident, $to:expr, $path:literal) => {
        if $to.mode == "grpc" {
            let mut b = $exporter::builder().with_tonic().with_endpoint(format!("http://{}", $to.address));
            if $to.gzip {
                b = b.with_compression(Compression::Gzip);
            }
            b.build()?
        } else {
            let protocol = if $to.mode == "json" { Protocol::HttpJson } else { Protocol::HttpBinary };
            let mut b = $exporter::builder()
                .with_http()
                .with_endpoint(format!("http://{}/v1/{}", $to.address, $path))
                .with_protocol(protocol);
            if $to.gzip {
                b = b.with_compression(Compression::Gzip);
            }
            b.build()?
        }
    };
}

fn traces(to: &To, resource: &Resource) -> Fallible<()> {
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter!(SpanExporter, to, "traces"))
        .with_resource(resource.clone())
        .build();
    let tracer = provider.tracer("shop");
    let checkout = Context::new().with_span(tracer.start("checkout"));
    let mut charge = tracer.start_with_context("charge", &checkout);
    charge.add_event("retried", vec![KeyValue::new("attempt", 2)]);
    charge.set_status(Status::error("card declined"));
    charge.end();
    tracer.start_with_context("ship", &checkout).end();
    checkout.span().end();
    provider.force_flush()?;
    Ok(provider.shutdown()?)
}

fn metrics(to: &To, resource: &Resource) -> Fallible<()> {
    let exponential = |i: &Instrument| {
        let how = Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
        (i.name() == "cart.exponential").then(|| Stream::builder().with_aggregation(how).build().unwrap())
    };
    let provider = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter!(MetricExporter, to, "metrics"))
        .with_resource(resource.clone())
        .with_view(exponential)
        .build();
    let meter = provider.meter("shop");
    meter.u64_counter("cart.items").with_unit("{item}").build().add(5, &[KeyValue::new("shop", "web")]);
    meter.f64_histogram("cart.duration").with_unit("ms").build().record(12.5, &[]);
    let exponential = meter.f64_histogram("cart.exponential").build();
    for v in [1.0, 2.0, 4.0, 8.0] {
        exponential.record(v, &[]);
    }
    Ok(provider.shutdown()?)
}

fn logs(to: &To, resource: &Resource) -> Fallible<()> {
    let provider = SdkLoggerProvider::builder()
        .with_batch_exporter(exporter!(LogExporter, to, "logs"))
        .with_resource(resource.clone())
        .build();
    let logger = provider.logger("shop");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_body(AnyValue::Map(Box::new(HashMap::from([
        (Key::new("order"), AnyValue::Int(17)),
        (Key::new("paid"), AnyValue::Boolean(true)),
    ]))));
    record.add_attribute("large.number", 12345678901i64);
    logger.emit(record);
    provider.force_flush()?;
    Ok(provider.shutdown()?)
}

fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let to = To { mode: words[0].clone(), address: words[1].clone(), gzip: words.get(2).is_some() };
    let resource = Resource::builder()
        .with_service_name(format!("rust-{}", to.mode))
        .with_attribute(KeyValue::new("service.instance.id", "one"))
        .build();
    let runtime = tokio::runtime::Runtime::new()?;
    let entered = (to.mode == "grpc").then(|| runtime.enter()); // the blocking HTTP client wants none

    traces(&to, &resource)?;
    metrics(&to, &resource)?;
    logs(&to, &resource)?;
    drop(entered);
    Ok(())
}
