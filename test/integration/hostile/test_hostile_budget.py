# SPDX-License-Identifier: Apache-2.0
"""Whoever fills the memory budget stands in his own way only: shares by peer and by signal, and deadlines."""

import socket
import threading

import pytest

from configs import NOP
from harness import otlp
from harness.limits import PATIENCE, SANITIZED
from harness.stranger import Stranger
from harness.watch import MIB, PeakRss, recovery, serves

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
STRANGER = "127.0.0.2"  # everyone else is 127.0.0.1
LIMIT_MIB = 4000 if SANITIZED else 200  # a sanitizer keeps what was freed

LIMITED = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0"}}
      http: {{endpoint: "127.0.0.1:0"}}
processors:
  memory_limiter: {{check_interval: 1s, limit_mib: {limit}}}
exporters:
  nop:
service:
  {budget}
  pipelines:
    traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}
    metrics: {{receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}
"""


def begin_bodies(stranger, n, length, announce):
    """n calls, each with so many bytes of what it announces; as far as the windows go."""
    for _ in range(n):
        stream = stranger.begin(EXPORT, announce)
        sent, idle = 0, 0
        while stream in stranger.streams and sent < length and idle < 10 and not stranger.gone:
            now = stranger.more(stream, length - sent)
            idle = 0 if now else idle + 1
            sent += now
            if not now:
                stranger.take(0.02)


@pytest.mark.parametrize("budget", ["memory_budget_mib: 200", *([] if SANITIZED else [""])])
@pytest.mark.parametrize("connections, streams, length", [(20, 500, 64 << 10), (7, 200, 250_000), (10, 1000, 100)])
def test_unfinished_bodies_of_one_address_leave_room_for_everyone_else(otelcd, figure, budget, connections, streams, length):
    d = otelcd(LIMITED.format(budget=budget, limit=LIMIT_MIB), allow=["Request rejected", "Memory usage"])
    strangers = [Stranger(d.grpc_address(), STRANGER) for _ in range(connections)]
    with PeakRss(d) as peak:
        threads = [threading.Thread(target=begin_bodies, args=(s, streams, length, 1 << 20)) for s in strangers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        while_there = recovery(d)
        assert serves(d) and serves(d), "while the stranger stays"
        used = d.metrics().value("otelcd_budget_used_bytes")
    for s in strangers:
        s.close()
    figure("peak RSS", peak.mib, "MiB")
    figure("budget held", used / MIB, "MiB")
    figure("served while it lasts, after", while_there, "s")
    figure("served when it is over, after", recovery(d), "s")
    assert used < 120 * MIB, "a stranger has at most half of the room"
    assert peak.mib < 200 or SANITIZED


STALLED = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 16}}
      http: {{endpoint: "127.0.0.1:0"}}
processors:
  memory_limiter: {{check_interval: 1s, limit_mib: {limit}}}
exporters:
  nop:
  prometheus_remote_write:
    endpoint: http://{sink}/
    timeout: 60s
    remote_write_queue: {{queue_size: 100000}}
service:
  shutdown_timeout: 100ms
  pipelines:
    traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}
    metrics: {{receivers: [otlp], processors: [memory_limiter], exporters: [prometheus_remote_write]}}
"""


def metrics_of(n):
    """About 100 bytes for each of n points of one series, in the order of their time."""
    request = otlp.Metrics().gauges("stalled", 1).request
    points = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    otlp.put(points[0].attributes, {"pad": "x" * 60})
    points.extend([points[0]] * (n - 1))
    return request


def test_metrics_that_nobody_takes_do_not_pass_the_hard_limit_nor_silence_traces(otelcd, figure):
    with socket.create_server(("127.0.0.1", 0)) as sink:  # takes connections, and never reads
        config = STALLED.format(sink="127.0.0.1:%d" % sink.getsockname()[1], limit=400 if SANITIZED else LIMIT_MIB)
        d = otelcd(config, allow=["Request rejected", "Memory usage", "."])
        batch = metrics_of(10_000)
        with PeakRss(d) as peak:
            refused = 0
            for _ in range(600):
                refused += not serves(d, batch)
                if refused == 20:
                    break
            assert refused == 20, "the queue is full"
            assert all(serves(d) for _ in range(20)), "traces are served all the same"
        figure("peak RSS", peak.mib, "MiB")
        figure("held", d.ledger("exporter", "prometheus_remote_write", "metrics")["held"], "points")
        assert peak.mib < 200 or SANITIZED


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed")
def test_memory_goes_back_to_the_system_after_an_attack(otelcd, figure):
    """What is freed lies under what is still there: the heap does not shrink by itself."""
    d = otelcd(NOP.replace("service:\n", "service:\n  memory_budget_mib: 1024\n", 1))
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10000000\r\n\r\n"

    def begin(n, what):
        host, port = d.http_address().rsplit(":", 1)
        crowd = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(n)]
        for s in crowd:
            s.sendall(what)
        return crowd

    before = d.rss()
    attackers = begin(20, head + bytes(8_000_000))
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") > 150_000_000)
    peak = d.rss()
    stay = begin(200, head[:40])
    for s in attackers:
        s.close()
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") < 1_000_000)
    given = d.wait_log("Gave memory back to the system")
    assert given["rss_before_mib"] > 100 > 32 > (d.rss() - before) >> 20
    figure("peak RSS", peak >> 20, "MiB")
    figure("RSS at the end", d.rss() >> 20, "MiB")
    figure("time that it took the loop", given["seconds"] * 1e3, "ms")
    for s in stay:
        s.close()


BEHIND = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  batch: {timeout: 500ms, send_batch_size: 1000000}
  memory_limiter: {check_interval: 100ms, limit_mib: 80, spike_limit_mib: 60}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch, memory_limiter], exporters: [nop]}
"""


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory is above the limit")
def test_what_a_batch_holds_leaves_through_a_limiter_that_it_is_itself_above(otelcd):
    """It was refused for the memory that it held, again and again, until somebody restarted otelcd."""
    d = otelcd(BEHIND, allow=["Memory usage", "stands behind batch"])
    large = otlp.traces(1)
    otlp.put(large.resource_spans[0].scope_spans[0].spans[0].attributes, {"pad": "x" * MIB})
    for _ in range(40):
        assert d.post(large)[0] == 200
    d.wait_metrics(lambda m: m.value("otelcd_pipeline_delivered_items", pipeline="traces") == 40)
    assert d.post(otlp.traces(1))[0] == 200
