# SPDX-License-Identifier: Apache-2.0
"""The prometheusremotewrite receiver and those that push to it: Prometheus 2 (version 1.0), Prometheus 3 (2.0), vmagent; and what
comes of it behind otelcd."""

import json
import subprocess
import threading
import time

import pytest
from harness.servers.compiled import compiled
from harness.limits import CI, PATIENCE, free_port, tool
from harness.servers.prometheus import wait_same_series
from harness.targets import Target, points

PAGE = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="/",code="200"} 1500
requests_total{path="/a\\\\b",code="500"} 3
# TYPE load gauge
load -0.25
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 3
latency_seconds_bucket{le="+Inf"} 8
latency_seconds_sum 17.5
latency_seconds_count 8
# TYPE size_bytes summary
size_bytes{quantile="0.5"} 100
size_bytes_sum 4200
size_bytes_count 40
untyped_thing 7
"""
SERIES = '{job="test",__name__!~"scrape_.*"}'
GONE = b'gone_soon{x="1"} 1\n'

RELAY = """
receivers:
  prometheusremotewrite: {{endpoint: "127.0.0.1:{port}"}}
exporters:
  prometheus_remote_write:
    endpoint: {url}
    add_metric_suffixes: false
    retry_on_failure: {{initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0s}}
    wal: {{directory: {folder}/queue}}
service:
  pipelines:
    metrics: {{receivers: [prometheusremotewrite], exporters: [prometheus_remote_write]}}
"""
FILE = """
receivers:
  prometheusremotewrite: {endpoint: "127.0.0.1:0"}
exporters:
  file: {path: points}
service:
  pipelines:
    metrics: {receivers: [prometheusremotewrite], exporters: [file]}
"""


def pushing(target, url, **more):
    queue = {"batch_send_deadline": "200ms", "min_backoff": "30ms", "max_backoff": "200ms"}
    job = {"job_name": "test", "static_configs": [{"targets": [target.address]}], **more.pop("job", {})}
    return json.dumps({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [job],
        "remote_write": [{"url": url, "queue_config": queue, **more}],
    })


@pytest.fixture
def target():
    t = Target(PAGE + GONE)
    yield t
    t.close()


def write_url(d):
    return f"http://{d.http_address('prometheusremotewrite')}/api/v1/write"


def test_prometheus_pushes_through_otelcd_what_it_has_itself(otelcd, target, prometheus, victoria_metrics, tmp_path):
    v = victoria_metrics()
    d = otelcd(RELAY.format(port=0, url=v.write_url, folder=tmp_path), allow=["."])
    p = prometheus(None, config=pushing(target, write_url(d)))
    wait_same_series(p, v, SERIES, 13)
    target.page = PAGE
    wait_same_series(p, v, SERIES, 12)  # the stale marker has come through
    assert d.stop() == 0


def samples_of(p, before):
    """{labels: {time: value}} of what is older than `before`, in seconds."""
    found = {}
    for one in p.query(f"{SERIES}[10m]"):
        found[frozenset(one["metric"].items())] = {round(t * 1000): float(v) for t, v in one["values"] if t < before}
    return found


def missing(p, v, before):
    have, there = samples_of(p, before), samples_of(v, before)
    return [(dict(k), t) for k, values in have.items() for t in values if there.get(k, {}).get(t) != values[t]]


def test_kill_9_between_prometheus_and_victoriametrics_loses_nothing(otelcd, target, prometheus, victoria_metrics, tmp_path):
    v = victoria_metrics()
    text = RELAY.format(port=free_port(), url=v.write_url, folder=tmp_path)
    d = otelcd(text, end=False, allow=["."])
    p = prometheus(None, config=pushing(target, write_url(d)))
    for _ in range(3):
        n = len(target.asked)
        target.wait_asked(n + 3)
        d.process.kill()
        d.process.wait()
        target.wait_asked(n + 5)
        d = otelcd(text, end=False, allow=["."])
    target.wait_asked(len(target.asked) + 2)
    until, deadline = time.time(), time.monotonic() + PATIENCE
    while lost := missing(p, v, until):
        assert time.monotonic() < deadline, (len(lost), lost[:10])
        time.sleep(0.3)
    assert len(samples_of(p, until)) == 13
    assert d.stop() == 0


def wait_metrics(d, names):
    """{name: metric} once all of them have come."""
    deadline = time.monotonic() + PATIENCE
    while True:
        path = d.folder / "points"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        found = {
            m["name"]: m
            for line in lines
            for g in json.loads(line)["resourceMetrics"]
            for s in g["scopeMetrics"]
            for m in s["metrics"]
        }
        if names <= found.keys():
            return found
        assert time.monotonic() < deadline, names - found.keys()
        threading.Event().wait(0.1)


def test_vmagent_pushes_what_it_scrapes(otelcd, target, tmp_path):
    d = otelcd(FILE)
    (tmp_path / "scrape.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": [target.address]}]}],
    }))
    log = open(tmp_path / "vmagent.log", "wb")
    agent = subprocess.Popen([
        tool("vmagent"), f"-promscrape.config={tmp_path}/scrape.yml", f"-remoteWrite.url={write_url(d)}", "-remoteWrite.flushInterval=1s",
        f"-remoteWrite.tmpDataPath={tmp_path}/agent", f"-httpListenAddr=127.0.0.1:{free_port()}",
    ], stdout=log, stderr=log)
    try:
        got = wait_metrics(d, {"up", "requests_total", "load", "latency_seconds_bucket", "size_bytes"})
        assert got["requests_total"]["sum"]["isMonotonic"] and "gauge" in got["latency_seconds_bucket"]
        (first, *_) = [p for r in points(d) for p in r if p.name == "load"]
        assert (first.job, first.instance, first.value) == ("test", target.address, -0.25)
    finally:
        agent.terminate()
        agent.wait(PATIENCE)
        log.close()


@pytest.fixture(scope="module")
def program():
    return compiled("prometheus3", minutes="minutes", asked=CI)


NATIVE = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200"} 1500 # {trace_id="abababababababababababababababab"} 1
# TYPE latency_seconds histogram
# UNIT latency_seconds seconds
latency_seconds_bucket{le="0.1"} 3
latency_seconds_bucket{le="+Inf"} 8
latency_seconds_sum 17.5
latency_seconds_count 8
# EOF
"""
OPENMETRICS = {"Content-Type": "application/openmetrics-text; version=1.0.0"}


@pytest.mark.xdist_group("prometheus3")
def test_prometheus_3_pushes_2_0_with_metadata_exemplars_and_histograms(otelcd, target, prometheus, program):
    target.page = (200, OPENMETRICS, NATIVE.replace(b"# TYPE requests_total", b"# TYPE requests").replace(b"# HELP requests_total", b"# HELP requests"))
    d = otelcd(FILE)
    job = {"convert_classic_histograms_to_nhcb": True, "always_scrape_classic_histograms": True, "scrape_native_histograms": True}
    text = pushing(target, write_url(d), job=job, protobuf_message="io.prometheus.write.v2.Request", send_exemplars=True, send_native_histograms=True)
    prometheus(None, config=text, features="exemplar-storage,metadata-wal-records", program=program)
    got = wait_metrics(d, {"up", "requests_total", "latency_seconds", "latency_seconds_count"})
    assert got["requests_total"]["description"] == "Requests." and got["requests_total"]["sum"]["isMonotonic"]
    assert got["latency_seconds"]["histogram"]["dataPoints"][0]["explicitBounds"] == [0.1]
    assert got["latency_seconds"]["unit"] == "s"
    assert "abababababababababababababababab" in (d.folder / "points").read_text()
