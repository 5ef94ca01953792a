# SPDX-License-Identifier: Apache-2.0
"""The prometheus receiver beside a real Prometheus, and with targets that other programs are."""

import threading
import time
import wsgiref.simple_server

import prometheus_client
import pytest
from harness.limits import PATIENCE
from harness.otlp import sample
from harness.targets import Target, config, job, wait_point, wait_points

FAILED = "Failed to scrape Prometheus endpoint"

PAGE = r"""# HELP requests_total Requests, by path.
# TYPE requests_total counter
requests_total{path="/a\\b\"c\n",code="200"} 1.5e3
requests_total{path="/",code="500"} 3
# TYPE load gauge
load -0.25
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 3
latency_seconds_bucket{le="1"} 5
latency_seconds_bucket{le="+Inf"} 8
latency_seconds_sum 17.5
latency_seconds_count 8
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 100
size_bytes{quantile="0.99"} 1000
size_bytes_sum 4200
size_bytes_count 40
untyped_thing{job="its own",instance="too",exported_job="and this"} 7
"""
GONE = "gone_soon{x=\"1\"} 1\n"


@pytest.fixture
def target():
    t = Target((PAGE + GONE).encode())
    yield t
    t.close()


def series_of(p):
    """{labels: value} of the job, but for what differs from scrape to scrape."""
    found = {}
    for one in p.query('{job="test",__name__!~"target_info|scrape_.*"}'):
        found[frozenset(one["metric"].items())] = float(one["value"][1])
    return found


def wait_same(a, b, n):
    deadline = time.monotonic() + PATIENCE
    while True:
        left, right = series_of(a), series_of(b)
        if left == right and len(left) == n:
            return
        assert time.monotonic() < deadline, (sorted(map(sorted, left.keys() ^ right.keys())), left, right)
        time.sleep(0.2)


def test_what_is_scraped_and_written_on_is_what_prometheus_scrapes_itself(otelcd, target, prometheus, writable_prometheus):
    its_own = prometheus(None, config=f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: test
    static_configs: [{{targets: ["{target.address}"], labels: {{zone: a}}}}]
    relabel_configs: [{{source_labels: [__address__], regex: '(.*):.*', target_label: host}}]
    metric_relabel_configs: [{{source_labels: [code], regex: '5..', target_label: bad, replacement: 'yes'}}]
""")
    written = writable_prometheus()
    text = config([{
        "job_name": "test", "scrape_interval": "1s", "scrape_timeout": "1s",
        "static_configs": [{"targets": [target.address], "labels": {"zone": "a"}}],
        "relabel_configs": [{"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "host"}],
        "metric_relabel_configs": [{"source_labels": ["code"], "regex": "5..", "target_label": "bad", "replacement": "yes"}],
    }])
    text = text.replace("file: {path: points}", "prometheus_remote_write: {endpoint: '%s', disable_scope_info: true}" % written.write_url)
    d = otelcd(text.replace("exporters: [file]", "exporters: [prometheus_remote_write]"), allow=[FAILED])
    wait_same(its_own, written, 15)
    target.page = PAGE.encode()
    wait_same(its_own, written, 14)  # what is gone is gone at once, not after five minutes
    target.page = (500, {}, b"")
    wait_same(its_own, written, 1)  # up, which is 0
    assert d.stop() == 0


def test_pythons_client_library_is_scraped(otelcd):
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("jobs", "Jobs.", ["kind"], registry=registry).labels("a").inc(3, exemplar={"trace_id": "ab" * 16})
    prometheus_client.Histogram("wait_seconds", "Waits.", buckets=(1, 5), registry=registry).observe(2)
    prometheus_client.Summary("bytes_read", "Reads.", registry=registry).observe(10)
    prometheus_client.Info("build", "Build.", registry=registry).info({"version": "1"})
    prometheus_client.Enum("phase", "Phase.", states=["on", "off"], registry=registry).state("on")
    with wsgiref.simple_server.make_server("127.0.0.1", 0, prometheus_client.make_wsgi_app(registry)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            d = otelcd(config([job(f"127.0.0.1:{server.server_port}")]), allow=[FAILED])
            assert wait_point(d, "jobs_total", kind="a").value == 3
            assert wait_point(d, "wait_seconds").value in ("1", 1)
            assert wait_point(d, "bytes_read").value in ("1", 1)
            assert wait_point(d, "build").labels == {"version": "1"}
            assert wait_point(d, "phase", phase="on").value == 1
        finally:
            server.shutdown()


def test_one_otelcd_scrapes_another(otelcd):
    sender = otelcd("""
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
""")
    sender.export(sample("metrics", 3))
    d = otelcd(config([job(sender.scrape_address("prometheus"))]), allow=[FAILED])
    got = wait_points(d, lambda requests: next((r for r in requests if any(p.name == "up" and p.value == 1 for p in r)), None))
    assert len([p for p in got if p.name not in ("up",) and not p.name.startswith("scrape_")]) >= 3
