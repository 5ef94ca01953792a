# SPDX-License-Identifier: Apache-2.0
"""A service on the OpenTelemetry SDK for Python: `peer.py MODE ADDRESS [gzip]`, MODE grpc or http. It makes three spans, a
counter, a histogram, an exponential histogram and a log record, and exits 0 when all were taken."""

import logging
import sys

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

mode, address, compression = sys.argv[1], sys.argv[2], sys.argv[3:]
complaints = []


class Listener(logging.Handler):
    def emit(self, record):
        complaints.append(self.format(record))


logging.getLogger().addHandler(Listener(logging.WARNING))


def exporter(over_grpc, over_http, path):
    if mode == "grpc":
        how = grpc.Compression.Gzip if compression else grpc.Compression.NoCompression
        return over_grpc(endpoint=f"http://{address}", insecure=True, compression=how)
    how = Compression.Gzip if compression else Compression.NoCompression
    return over_http(endpoint=f"http://{address}/v1/{path}", compression=how)


resource = Resource.create({"service.name": f"python-{mode}", "service.instance.id": "one"})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(exporter(GrpcSpans, HttpSpans, "traces")))
meters = MeterProvider(
    resource=resource,
    metric_readers=[PeriodicExportingMetricReader(exporter(GrpcMetrics, HttpMetrics, "metrics"))],
    views=[View(instrument_name="cart.exponential", aggregation=ExponentialBucketHistogramAggregation())],
)
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(exporter(GrpcLogs, HttpLogs, "logs")))

tracer = tracers.get_tracer("shop")
with tracer.start_as_current_span("checkout"):
    with tracer.start_as_current_span("charge") as charge:
        charge.add_event("retried", {"attempt": 2})
        charge.record_exception(ValueError("card declined"))
        charge.set_status(Status(StatusCode.ERROR))
    tracer.start_span("ship").end()
meter = meters.get_meter("shop")
meter.create_counter("cart.items", unit="{item}").add(5, {"shop": "web"})
meter.create_histogram("cart.duration", unit="ms").record(12.5)
exponential = meter.create_histogram("cart.exponential")
for value in (1, 2, 4, 8):
    exponential.record(value)
loggers.get_logger("shop").emit(
    LogRecord(
        severity_number=SeverityNumber.INFO,
        body={"order": 17, "paid": True, "parts": ["a", b"b", None]},
        attributes={"large.number": 12345678901, "grün": "ja"},
    )
)

for provider in (tracers, meters, loggers):
    provider.shutdown()
if complaints:
    sys.exit("\n".join(complaints))
