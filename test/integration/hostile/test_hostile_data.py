# SPDX-License-Identifier: Apache-2.0
"""Requests that are valid OTLP and meant badly: each costs its sender, whatever all exporters make of it; the others are served."""

import math
import socket
import threading
import time

import pytest

from harness import otlp
from harness.limits import SANITIZED
from harness.watch import MIB, PeakRss, recovery, serves

ALL = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 32}
      http: {endpoint: "127.0.0.1:0", max_request_body_size: 33554432}
processors:
  attributes: {actions: [{key: added, value: 1, action: upsert}, {key: "k7", action: delete}]}
  batch: {timeout: 10ms}
exporters:
  prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true, resource_to_telemetry_conversion: {enabled: true}}
  prometheus_remote_write: {endpoint: "http://127.0.0.1:1/", remote_write_queue: {queue_size: 100}}
  debug: {verbosity: detailed, use_internal_logger: false}
  file: {path: ./out.json}
service:
  shutdown_timeout: 5s
  pipelines:
    traces: {receivers: [otlp], processors: [attributes, batch], exporters: [debug, file]}
    metrics: {receivers: [otlp], processors: [attributes, batch], exporters: [prometheus, prometheus_remote_write, debug]}
    logs: {receivers: [otlp], processors: [attributes, batch], exporters: [debug, file]}
"""

MANY = 20_000 if SANITIZED else 100_000
FAR = 2**64 - 1
TEXT = 'a"b\\c\nd\re\x00f\x1b[31mg\u2028h\U0001f600'


def many(attributes, n, value=1):
    for i in range(n):
        one = attributes.add()
        one.key, one.value.int_value = f"k{i}", value


def span_with(change):
    request = otlp.traces(1)
    change(request.resource_spans[0], request.resource_spans[0].scope_spans[0].spans[0])
    return request


def long_key(resource, span):
    for attributes in (span.attributes, resource.resource.attributes):
        one = attributes.add()
        one.key, one.value.string_value = "k" * (10 * MIB), TEXT


def many_attributes(resource, span):
    many(span.attributes, MANY)
    many(resource.resource.attributes, MANY)


def many_events(_, span):
    for _ in range(MANY // 2):
        span.events.add(name="e", time_unix_nano=FAR)
        span.links.add(trace_id=bytes(16), span_id=bytes(8))


def deep(_, span):
    value = span.attributes.add(key="deep").value
    for _ in range(40):
        value = value.kvlist_value.values.add(key="k").value.array_value.values.add()


def odd_times(_, span):
    span.start_time_unix_nano, span.end_time_unix_nano = FAR, 0
    span.name = TEXT
    otlp.put(span.attributes, {TEXT: TEXT, "": "", "nan": math.nan, "inf": -math.inf})


def metric(name, **data):
    request = otlp.Metrics().gauges(name, 1).request
    one = request.resource_metrics[0].scope_metrics[0].metrics[0]
    one.Clear()
    one.name = name
    for kind, points in data.items():
        target = getattr(one, kind)
        target.SetInParent()
        if kind in ("sum", "histogram", "exponential_histogram"):
            target.aggregation_temporality = otlp.CUMULATIVE
        for p in points:
            target.data_points.add(**p)
    return request


def metric_attributes():
    request = metric("wide", gauge=[{"as_int": 1, "time_unix_nano": 1}])
    many(request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].attributes, MANY)
    many(request.resource_metrics[0].resource.attributes, 1_000)
    return request


def clashes():
    request = metric("a.b", gauge=[{"as_int": 1, "time_unix_nano": 1}])
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    for name in ("a_b", "a-b", "a/b", "a b", "a\u00e9b", "A_b", "", TEXT, "a" * MIB, "__name__", "le"):
        one = metrics.add(name=name, unit=TEXT[:5])
        one.sum.aggregation_temporality, one.sum.is_monotonic = otlp.CUMULATIVE, True
        p = one.sum.data_points.add(as_double=math.nan, time_unix_nano=FAR)
        otlp.put(p.attributes, {"le": "x", "job": TEXT, "__name__": "y", TEXT: TEXT, "quantile": "0.5"})
    return request


HISTOGRAMS = [
    {"count": FAR, "sum": math.nan, "bucket_counts": [FAR, FAR, FAR], "explicit_bounds": [1, 2]},
    {"count": 3, "sum": math.inf, "bucket_counts": [1, 1, 1], "explicit_bounds": [2, 1]},
    {"count": 3, "bucket_counts": [1, 1, 1], "explicit_bounds": [math.nan, math.nan]},
    {"count": 3, "bucket_counts": [1], "explicit_bounds": [1, 2, 3]},
    {"count": 0, "bucket_counts": [1] * 100_000, "explicit_bounds": list(range(99_999))},
    {"count": 1, "bucket_counts": [], "explicit_bounds": [1]},
]
EXPONENTIAL = [
    {"count": FAR, "scale": s, "zero_count": FAR, "positive": {"offset": o, "bucket_counts": [FAR] * 3}}
    for s in (-(2**31), -11, 20, 2**31 - 1)
    for o in (-(2**31), 0, 2**31 - 1)
]
SUMMARY = [{"quantile_values": [{"quantile": q, "value": math.nan} for q in (math.nan, -1, 2, 0.5, 0.5)], "count": FAR, "sum": math.inf}]

REQUESTS = {
    "keys of 10 MB": lambda: span_with(long_key),
    "200,000 attributes": lambda: span_with(many_attributes),
    "100,000 events and links": lambda: span_with(many_events),
    "80 deep": lambda: span_with(deep),
    "odd times and text": lambda: span_with(odd_times),
    "a series of 101,000 labels": metric_attributes,
    "names that clash": clashes,
    "histograms": lambda: metric("h", histogram=[{**h, "time_unix_nano": t, "start_time_unix_nano": FAR} for h in HISTOGRAMS for t in (0, 1, FAR)]),
    "exponential histograms": lambda: metric("e", exponential_histogram=[{**e, "time_unix_nano": FAR} for e in EXPONENTIAL]),
    "summaries": lambda: metric("s", summary=[{**s, "time_unix_nano": t} for s in SUMMARY for t in (0, FAR)]),
    "10,000 empty resources": lambda: otlp.TRACES.request(resource_spans=[{} for _ in range(10_000)]),
    "20,000 new series": lambda: otlp.Metrics().gauges("new", 20_000).request,
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_meant_badly_costs_its_sender(otelcd, figure, what):
    request = REQUESTS[what]()
    body = request.SerializeToString()
    d = otelcd(ALL, allow=["."])
    assert serves(d)
    cpu, waits, done = d.cpu_seconds(), [], threading.Event()

    def everyone_else():
        while not done.is_set():
            begun = time.monotonic()
            assert serves(d)
            waits.append(time.monotonic() - begun)

    other = threading.Thread(target=everyone_else)
    with PeakRss(d) as peak:
        other.start()
        for _ in range(5):
            assert d.post(request, body)[0] in (200, 400, 413, 503)
        d.scrape("prometheus"), d.scrape("prometheus", "application/openmetrics-text;version=1.0.0")
        done.set()
        other.join()
    figure("CPU of five requests, two scrapes and what the others sent", d.cpu_seconds() - cpu, "s")
    figure("longest that another sender waited", max(waits), "s")
    figure("peak RSS", peak.mib, "MiB")
    figure("served when it is over, after", recovery(d), "s")
    assert peak.mib < 500 or SANITIZED


def test_text_that_is_not_utf8_is_named_and_nobody_else_is_touched(otelcd):
    d = otelcd(ALL, allow=["."])
    body = otlp.traces(1).SerializeToString().replace(b"span", b"sp\xff\xfe", 1)
    assert d.post(otlp.traces(1), body)[0] in (200, 400)
    assert serves(d)


def test_a_request_smuggled_behind_another_is_read_as_one_of_its_own_or_not_at_all(otelcd):
    """Two framings of one body are refused, so that no proxy and otelcd disagree about where a request ends."""
    d = otelcd(ALL, allow=["."])
    host, port = d.http_address().rsplit(":", 1)
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    hidden = head + b"Content-Length: 0\r\n\r\n"
    for framing in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Content-Length: 0, 0x4\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0;\nx\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), 10) as s:
            s.sendall(head + framing + hidden)
            answers = b""
            try:
                while more := s.recv(65536):
                    answers += more
            except (ConnectionError, TimeoutError):
                pass
        assert answers.count(b"HTTP/1.1 200") == 0, framing
        assert answers.count(b"HTTP/1.1 ") <= 1, framing
    assert serves(d)
