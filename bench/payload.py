# SPDX-License-Identifier: Apache-2.0
"""Request bodies as SDKs send them, in files for bench/load: for each its length (u32, big endian), then the bytes."""

import gzip
import random
import struct

from otlp import logs_service_pb2, metrics_service_pb2, trace_service_pb2

# load puts the time of sending where it finds this fixed64.
MARK = 0x1122334455667788
START = 1_760_000_000_000_000_000


def put(attributes, **values):
    for key, value in values.items():
        any_value = attributes.add(key=key.replace("__", ".")).value
        if isinstance(value, int):
            any_value.int_value = value
        else:
            any_value.string_value = value


def resource(attributes):
    put(
        attributes,
        service__name="checkout",
        service__instance__id="627cc493-f310-47de-96bd-71410b7dec09",
        service__version="1.14.2",
        telemetry__sdk__language="go",
        telemetry__sdk__name="opentelemetry",
        telemetry__sdk__version="1.38.0",
        host__name="ip-10-0-12-33.eu-central-1.compute.internal",
        k8s__pod__name="checkout-7d9c6b5f4-x2x9q",
    )


def traces(spans):
    """HTTP server spans: 45 kB for 100."""
    return [traces_request(spans).SerializeToString()]


def traces_request(spans):
    draw = random.Random(spans)
    request = trace_service_pb2.ExportTraceServiceRequest()
    rs = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.37.0")
    resource(rs.resource.attributes)
    ss = rs.scope_spans.add()
    ss.scope.name = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
    ss.scope.version = "0.63.0"
    for i in range(spans):
        start = START + draw.randrange(5_000_000_000)
        span = ss.spans.add(
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
            parent_span_id=draw.randbytes(8),
            name="GET /api/v1/carts/{id}",
            kind=2,
            start_time_unix_nano=start,
            end_time_unix_nano=start + draw.randrange(5_000_000),
            flags=0x101,
        )
        put(
            span.attributes,
            http__request__method="GET",
            http__route="/api/v1/carts/{id}",
            http__response__status_code=200,
            url__path=f"/api/v1/carts/{draw.randrange(10**5)}",
            url__scheme="https",
            server__address="checkout.shop.svc.cluster.local",
            network__protocol__version="1.1",
            client__address=f"10.0.{draw.randrange(250)}.{draw.randrange(250)}",
            user_agent__original="Mozilla/5.0 (X11; Linux x86_64)",
        )
        if i % 4 == 0:
            put(span.events.add(name="cache miss", time_unix_nano=start + 1000).attributes, cache__key=f"cart:{82_000 + i}")
    return request


def open_traces(traces, seed, spans=10, requests=4, each=100):
    """Whole traces whose spans, of 220 bytes, come in several requests: of `each` traces at a time, a part of every trace in
    each request."""
    draw = random.Random(seed)
    whole = traces_request(spans * each).resource_spans[0].scope_spans[0].spans
    for span in whole:
        del span.attributes[4:], span.events[:]
    bodies = []
    for _ in range(traces // each):
        ids = [draw.randbytes(16) for _ in range(each)]
        for part in range(requests):
            request = traces_request(0)
            group = request.resource_spans[0].scope_spans[0]
            for i, trace_id in enumerate(ids):
                for k in range(part * spans // requests, (part + 1) * spans // requests):
                    span = group.spans.add()
                    span.CopyFrom(whole[i * spans + k])
                    span.trace_id = trace_id
            bodies.append(request.SerializeToString())
    return bodies


def logs(records, wide=False):
    """Application log records, 211 bytes each; wide, 306."""
    draw = random.Random(records)
    request = logs_service_pb2.ExportLogsServiceRequest()
    rl = request.resource_logs.add()
    resource(rl.resource.attributes)
    sl = rl.scope_logs.add()
    sl.scope.name = "checkout/orders"
    for i in range(records):
        record = sl.log_records.add(
            time_unix_nano=START + i * 1_000_000 + draw.randrange(1_000_000),
            observed_time_unix_nano=START + i * 1_000_000 + 1_000_010,
            severity_number=9,
            severity_text="INFO",
            trace_id=draw.randbytes(16),
            span_id=draw.randbytes(8),
            flags=1,
        )
        record.body.string_value = f"order {draw.randrange(10**6)} accepted, payment handed to provider"
        put(record.attributes, order__id=draw.randrange(10**6), payment__provider="adyen", code__function="AcceptOrder", thread__id=i % 16)
        if wide:
            put(record.attributes, user__email=f"user{draw.randrange(10**5)}@example.com", http__request__method="POST", http__route="/orders")
    return [request.SerializeToString()]


def metrics(points, series=None, times=1):
    """Points of counters with three attributes, 124 kB for 1000: bodies of `points` points until `series` are told apart."""
    series = series or points
    assert series % points == 0
    bodies = [_metrics_body(points, first) for first in range(0, series, points)]
    return bodies * times


CUMULATIVE, DELTA = b"\x10\x02\x18\x01", b"\x10\x01\x18\x01"  # how the data of these metrics ends


def deltas(points):
    """The same as deltas."""
    assert all(body.count(CUMULATIVE) == max(points // 100, 1) for body in metrics(points))
    return [body.replace(CUMULATIVE, DELTA) for body in metrics(points)]


def _metrics_body(points, first):
    # Only the digits of one attribute differ, and they have a fixed width: written over, not built anew.
    if points not in _templates:
        _templates[points] = _metrics_template(points)
    template, offsets = _templates[points]
    body = bytearray(template)
    for i, at in enumerate(offsets):
        body[at : at + 8] = b"%08d" % (first + i)
    return bytes(body)


_templates = {}


def _metrics_template(points):
    request = metrics_service_pb2.ExportMetricsServiceRequest()
    rm = request.resource_metrics.add()
    resource(rm.resource.attributes)
    sm = rm.scope_metrics.add()
    sm.scope.name = "checkout/http"
    per_metric = min(points, 100)
    for m in range(points // per_metric):
        metric = sm.metrics.add(name=f"http.server.request.count.{m}", unit="{request}", description="Requests served")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = 2
        for i in range(per_metric):
            n = m * per_metric + i
            point = metric.sum.data_points.add(start_time_unix_nano=START, time_unix_nano=MARK, as_int=n * 7919 + 100_000)
            put(point.attributes, http__route="/api/v1/carts/{id}/items", http__method="GET", user=f"u@@{n:06d}-{n:08d}")
    body = request.SerializeToString()
    offsets, at = [], body.find(b"u@@")
    while at >= 0:
        offsets.append(at + 10)
        at = body.find(b"u@@", at + 1)
    assert len(offsets) == points
    return body, offsets


def write(path, bodies, compress=False):
    with open(path, "wb") as f:
        for body in bodies:
            if compress:
                body = gzip.compress(body, 6)
            f.write(struct.pack(">I", len(body)) + body)
    return path



def exposition(series):
    """The same series as a page to scrape."""
    name = "http_server_request_duration_seconds_count"
    lines = [f"# TYPE {name} counter"]
    for i in range(series):
        lines.append(
            f'{name}{{http_request_method="GET",http_route="/api/v1/resource/{i}",http_response_status_code="200",'
            f'otel_scope_name="go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"}} {i}'
        )
    return ("\n".join(lines) + "\n").encode()
