# SPDX-License-Identifier: Apache-2.0
"""The prometheus receiver beside a real Prometheus, and with targets that other programs are."""

import contextlib
import json
import subprocess
import threading
import time
import urllib.request
import wsgiref.simple_server

import prometheus_client
import pytest
from harness.servers.compiled import compiled
from harness.limits import PATIENCE, ROOT, free_port, tool
from harness.otlp import sample
from harness.programs import running
from harness.servers.prometheus import wait_same_series
from harness.targets import Target, config, job, wait_point, wait_points
from test_sdks import BUILT, PEERS, made_once, make, toolchain

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
SERIES = '{job="test",__name__!~"target_info|scrape_.*"}'  # of the job, but for what differs from scrape to scrape
GONE = "gone_soon{x=\"1\"} 1\n"


@pytest.fixture
def target():
    t = Target((PAGE + GONE).encode())
    yield t
    t.close()


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
    wait_same_series(its_own, written, SERIES, 15)
    target.page = PAGE.encode()
    wait_same_series(its_own, written, SERIES, 14)  # what is gone is gone at once, not after five minutes
    target.page = (500, {}, b"")
    wait_same_series(its_own, written, SERIES, 1)  # up, which is 0
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


# --- what other programs show ---


@contextlib.contextmanager
def exposing(address, *command):
    with running(command, lambda: urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE).close()):
        yield address


def node_exporter():
    address = f"127.0.0.1:{free_port()}"
    quiet = [f"--no-collector.{c}" for c in ("netclass", "netdev", "filesystem", "diskstats", "arp", "cpufreq")]  # others' devices come and go
    return exposing(address, tool("prometheus-node-exporter"), f"--web.listen-address={address}", *quiet)


def go_client(version):
    address = f"127.0.0.1:{free_port()}"
    return exposing(address, compiled(f"client_{version}"), address)


def java_client():
    folder, sources = BUILT / "java_metrics", sorted((PEERS / "java_metrics").iterdir())
    javac, maven = toolchain("javac", "the client for Java"), toolchain("mvn", "the client for Java")
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    with made_once(folder, *sources) as due:
        if due:
            pom = str(PEERS / "java_metrics/pom.xml")
            make("mvn failed", maven, "-q", "-B", "-f", pom, copy, f"-DoutputDirectory={folder / 'lib'}")
            make("javac failed", javac, "-cp", f"{folder}/lib/*", "-d", str(folder / "classes"), str(PEERS / "java_metrics/Metrics.java"))
    port = free_port()
    small = ["-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return exposing(f"127.0.0.1:{port}", tool("java"), *small, "-cp", f"{folder}/classes:{folder}/lib/*", "Metrics", str(port))


REAL = {
    "node_exporter": node_exporter,
    "Go, newest": lambda: go_client("newest"),
    "Go, oldest": lambda: go_client("oldest"),
    "Java": java_client,
}


def names_of(p):
    """Series without their values. A bound is a number, which Prometheus 2 leaves as it was written."""
    number = lambda k, v: float(v) if k in ("le", "quantile") else v  # noqa: E731
    return {frozenset((k, str(number(k, v))) for k, v in labels) for labels in p.series(SERIES)}


@pytest.mark.parametrize("name", REAL)
def test_real_targets_become_the_series_that_prometheus_has_of_them(otelcd, prometheus, writable_prometheus, name):
    with REAL[name]() as address:
        scrape = {**job(address), "scrape_interval": "1s", "scrape_timeout": "1s"}
        its_own = prometheus(None, features="exemplar-storage", config=json.dumps({"scrape_configs": [scrape]}))  # no native histograms
        written = writable_prometheus()
        text = config([scrape]).replace(
            "file: {path: points}",
            f"{{prometheus_remote_write: {{endpoint: '{written.write_url}', disable_scope_info: true}}, prometheus: {{endpoint: '127.0.0.1:0'}}}}",
        )
        d = otelcd(text.replace("exporters: [file]", "exporters: [prometheus_remote_write, prometheus]"), allow=[FAILED])
        deadline = time.monotonic() + PATIENCE
        while True:
            left, right = names_of(its_own), names_of(written)
            if left == right and len(left) > 10:
                break
            assert time.monotonic() < deadline, sorted(map(sorted, left ^ right))[:10]
            time.sleep(0.3)
        page = urllib.request.urlopen(f"http://{d.scrape_address('prometheus')}/metrics", timeout=PATIENCE).read()
        ran = subprocess.run([tool("promtool"), "check", "metrics"], input=page, capture_output=True)
        assert ran.returncode in (0, 3), ran.stderr  # 3: it does not like the names that the target chose
        assert d.stop() == 0


# What the Go collector has besides, and why it is not there.
NOT_OURS = {
    "otelcol_process_runtime_total_alloc_bytes",  # the allocator does not count it
    "otelcol_exporter_in_flight_requests",  # of its queue
    "otelcol_receiver_failed_metric_points",  # what failed inside is refused, or dropped with its reason
    "promhttp_metric_handler_errors_total",  # of Go's client library
}


def test_the_self_scrape_has_the_names_that_the_go_collector_gives_itself(otelcd, unused_port):
    """test/data/self_scrape.txt: what v0.158.0 writes to a file of its own endpoint, scraped by its own receiver, of a pipeline
    like this one: name, kind, unit."""
    text = config([job(f"127.0.0.1:{unused_port}", name="otel-collector")], above="processors: {batch: {timeout: 100ms}}", pipeline="processors: [batch],")
    text += f"  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {unused_port}}}}}}}}}]}}}}\n"
    d = otelcd(text, allow=[FAILED])
    expected = {tuple(line.split(",")) for line in (ROOT / "test/data/self_scrape.txt").read_text().split() if line.split(",")[0] not in NOT_OURS}

    def found(_):
        path = d.folder / "points"
        requests = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        kinds = {
            (m["name"], next(k for k in ("sum", "gauge", "histogram", "summary") if k in m), m.get("unit", ""))
            for r in requests for rm in r["resourceMetrics"] for sm in rm["scopeMetrics"] for m in sm["metrics"]
        }  # fmt: skip
        return kinds if expected <= kinds else None

    assert wait_points(d, found)
