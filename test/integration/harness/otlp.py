# SPDX-License-Identifier: Apache-2.0
"""OTLP requests, built from our own proto files, and what each signal is called on the wire."""

import itertools
import time
from collections import namedtuple

from otlp import logs_pb2, logs_service_pb2, metrics_pb2, metrics_service_pb2, profiles_service_pb2
from otlp import trace_pb2, trace_service_pb2

Signal = namedtuple("Signal", "name rpc path request response items")

_PREFIX = "/opentelemetry.proto.collector."
TRACES = Signal(
    "traces",
    _PREFIX + "trace.v1.TraceService/Export",
    "/v1/traces",
    trace_service_pb2.ExportTraceServiceRequest,
    trace_service_pb2.ExportTraceServiceResponse,
    "spans",
)
METRICS = Signal(
    "metrics",
    _PREFIX + "metrics.v1.MetricsService/Export",
    "/v1/metrics",
    metrics_service_pb2.ExportMetricsServiceRequest,
    metrics_service_pb2.ExportMetricsServiceResponse,
    "metric_points",
)
LOGS = Signal(
    "logs",
    _PREFIX + "logs.v1.LogsService/Export",
    "/v1/logs",
    logs_service_pb2.ExportLogsServiceRequest,
    logs_service_pb2.ExportLogsServiceResponse,
    "log_records",
)
PROFILES = Signal(
    "profiles",
    _PREFIX + "profiles.v1development.ProfilesService/Export",
    "/v1development/profiles",
    profiles_service_pb2.ExportProfilesServiceRequest,
    profiles_service_pb2.ExportProfilesServiceResponse,
    "profile_samples",
)
SIGNALS = {s.name: s for s in (TRACES, METRICS, LOGS, PROFILES)}

CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = metrics_pb2.AGGREGATION_TEMPORALITY_DELTA

_ids = itertools.count(1)


def now():
    return time.time_ns()


def put(attributes, values):
    """Adds a dict of Python values to a repeated KeyValue field."""
    for key, value in values.items():
        any_value = attributes.add(key=key).value
        if isinstance(value, bool):
            any_value.bool_value = value
        elif isinstance(value, int):
            any_value.int_value = value
        elif isinstance(value, float):
            any_value.double_value = value
        elif isinstance(value, bytes):
            any_value.bytes_value = value
        else:
            any_value.string_value = value


RESOURCE = {"service.name": "checkout", "service.instance.id": "checkout-1"}


def traces(n=1, attributes=None, resource=None):
    """A request with n spans."""
    request = TRACES.request()
    rs = request.resource_spans.add()
    put(rs.resource.attributes, RESOURCE if resource is None else resource)
    ss = rs.scope_spans.add()
    ss.scope.name = "test"
    start = now()
    for i in range(n):
        span = ss.spans.add(
            trace_id=next(_ids).to_bytes(16, "big"),
            span_id=next(_ids).to_bytes(8, "big"),
            name=f"GET /cart/{i}",
            kind=trace_pb2.Span.SPAN_KIND_SERVER,
            start_time_unix_nano=start,
            end_time_unix_nano=start + 1_000_000,
        )
        put(span.attributes, attributes or {"http.request.method": "GET", "http.response.status_code": 200})
    return request


def logs(n=1, resource=None):
    """A request with n log records."""
    request = LOGS.request()
    rl = request.resource_logs.add()
    put(rl.resource.attributes, RESOURCE if resource is None else resource)
    sl = rl.scope_logs.add()
    for i in range(n):
        record = sl.log_records.add(
            time_unix_nano=now(), severity_number=logs_pb2.SEVERITY_NUMBER_INFO, severity_text="INFO"
        )
        record.body.string_value = f"order {i} paid"
        put(record.attributes, {"order.id": i})
    return request


class Metrics:
    """A metrics request in the making: Metrics().gauge("x", 1).sum("y", 2).request"""

    def __init__(self, resource=None, scope="test", start=None):
        self.request = METRICS.request()
        rm = self.request.resource_metrics.add()
        put(rm.resource.attributes, RESOURCE if resource is None else resource)
        self.scope = rm.scope_metrics.add()
        self.scope.scope.name = scope
        self.start = start or now() - 60_000_000_000

    def _metric(self, name, unit, description):
        return self.scope.metrics.add(name=name, unit=unit, description=description)

    def _point(self, points, attributes, **fields):
        point = points.add(start_time_unix_nano=self.start, time_unix_nano=now(), **fields)
        put(point.attributes, attributes)
        return point

    def gauge(self, name, value, unit="", description="", **attributes):
        m = self._metric(name, unit, description)
        self._point(m.gauge.data_points, attributes, as_double=value)
        return self

    def gauges(self, name, n):
        """One gauge with n points, told apart by the attribute `i`."""
        m = self._metric(name, "", "")
        for i in range(n):
            self._point(m.gauge.data_points, {"i": i}, as_int=i)
        return self

    def sum(self, name, value, unit="", description="", monotonic=True, temporality=CUMULATIVE, exemplar=None, **attributes):
        m = self._metric(name, unit, description)
        m.sum.is_monotonic = monotonic
        m.sum.aggregation_temporality = temporality
        point = self._point(m.sum.data_points, attributes, as_int=value)
        if exemplar is not None:
            _exemplar(point, exemplar)
        return self

    def histogram(self, name, values, bounds, unit="", description="", exemplars=(), trace=None, **attributes):
        m = self._metric(name, unit, description)
        m.histogram.aggregation_temporality = CUMULATIVE
        counts = [0] * (len(bounds) + 1)
        for v in values:
            counts[next((i for i, b in enumerate(bounds) if v <= b), len(bounds))] += 1
        point = self._point(m.histogram.data_points, attributes, count=len(values), sum=float(sum(values)))
        point.explicit_bounds.extend(bounds)
        point.bucket_counts.extend(counts)
        for e in exemplars:
            _exemplar(point, e, trace or TRACE_ID)
        return self

    def exponential(self, name, scale, offset, counts, zero=0, total=0.0, unit="", **attributes):
        m = self._metric(name, unit, "")
        m.exponential_histogram.aggregation_temporality = CUMULATIVE
        point = self._point(
            m.exponential_histogram.data_points, attributes, count=zero + sum(counts), sum=total, scale=scale, zero_count=zero
        )
        point.positive.offset = offset
        point.positive.bucket_counts.extend(counts)
        return self

    def summary(self, name, quantiles, count, total, **attributes):
        m = self._metric(name, "", "")
        point = self._point(m.summary.data_points, attributes, count=count, sum=total)
        for q, v in quantiles.items():
            point.quantile_values.add(quantile=q, value=v)
        return self


TRACE_ID = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
SPAN_ID = bytes.fromhex("b7ad6b7169203331")


def _exemplar(point, value, trace=TRACE_ID):
    e = point.exemplars.add(as_double=value, time_unix_nano=now(), trace_id=trace, span_id=SPAN_ID)
    put(e.filtered_attributes, {"user": "42"})


def sample(signal, n=1):
    """Any request with n items of that signal (profiles excepted)."""
    if signal == "traces":
        return traces(n)
    if signal == "logs":
        return logs(n)
    return Metrics().gauges("sample", n).request
