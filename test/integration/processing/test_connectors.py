# SPDX-License-Identifier: Apache-2.0
"""What connectors make of spans, case by case (harness/connected.py); and those that the Go collector cannot be asked about."""

import json
import subprocess

import pytest
from harness import connected
from harness.limits import OTELCD, PATIENCE

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("name", connected.CASES)
def test_a_case_comes_out_as_expected(otelcd, name, tmp_path):
    case = connected.CASES[name]
    d = otelcd(connected.config(case, tmp_path / "out"))
    assert d.http("POST", "/v1/traces", connected.request(case), JSON)[0] == 200
    assert connected.differing(tmp_path / "out", connected.intervals(case)) == connected.expected(name)
    if "deprecated" in name:
        d.expect_warning("Fault in the configuration")
    if "limit" in name:
        d.expect_warning("Too many series")


MADE = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
connectors:
  {name}: {options}
exporters:
  file/metrics: {{path: {folder}/metrics}}
  {more}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [{name}]}}
    metrics: {{receivers: [{name}], exporters: [file/metrics]}}
    {logs}
"""


def made(folder, name, options, logs=False):
    more = f"file/logs: {{path: {folder}/logs}}" if logs else ""
    pipeline = f"logs: {{receivers: [{name}], exporters: [file/logs]}}" if logs else ""
    return MADE.format(name=name, options=json.dumps(options), folder=folder, more=more, logs=pipeline)


def test_an_attribute_of_spans_is_summed_up(otelcd, tmp_path):
    options = {"spans": {"total": {"source_attribute": "http.status_code", "attributes": [{"key": "http.method"}]}}}
    d = otelcd(made(tmp_path, "sum", options))
    assert d.http("POST", "/v1/traces", connected.request({"input": "shop"}), JSON)[0] == 200
    (line,) = (tmp_path / "metrics").read_text().splitlines()
    found = {
        (p["attributes"][0]["value"]["stringValue"], p["asDouble"])
        for r in json.loads(line)["resourceMetrics"]
        for p in r["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    }
    assert found == {("GET", 1100), ("POST", 0)}
    assert d.ledger("pipeline", "metrics")["delivered"] == 2


LARGEST = {
    "span_metrics": ("traces.span.metrics.calls", "traces.span.metrics.duration", "span.name"),
    "service_graph": ("traces_service_graph_request_total", "traces_service_graph_request_client", "server"),
}


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_metrics_of_a_connector_and_its_labels_are_shown(otelcd, tmp_path, name):
    one, other, label = LARGEST[name]
    d = otelcd(made(tmp_path, name, {"metrics_flush_interval": "100ms"}))
    assert d.http("POST", "/v1/traces", connected.request({"input": "shop"}), JSON)[0] == 200
    d.wait_metrics(lambda m: m.find("otelcd_prometheus_largest_metrics", connector=name))
    n = d.metric("otelcd_prometheus_largest_metrics", connector=name, metric=one)
    assert n > 1 and d.metric("otelcd_prometheus_largest_metrics", connector=name, metric=other) == n
    assert 1 < d.metric("otelcd_prometheus_label_values", connector=name, label=label) <= n


def test_series_that_are_forgotten_are_no_longer_among_the_largest(otelcd, tmp_path):
    d = otelcd(made(tmp_path, "span_metrics", {"metrics_flush_interval": "100ms", "metrics_expiration": "1s"}))
    assert d.http("POST", "/v1/traces", connected.request({"input": "shop"}), JSON)[0] == 200
    d.wait_metrics(lambda m: m.find("otelcd_prometheus_largest_metrics", connector="span_metrics"))
    d.wait_metrics(lambda m: m.sum("otelcd_span_metrics_series") == 0 and not m.find("otelcd_prometheus_largest_metrics"))


def test_exceptions_become_metrics_and_records(otelcd, tmp_path):
    d = otelcd(made(tmp_path, "exceptions", {}, logs=True))
    assert d.http("POST", "/v1/traces", connected.request({"input": "shop"}), JSON)[0] == 200
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_delivered_items")) >= 18 + 1 + 2)
    (line,) = (tmp_path / "metrics").read_text().splitlines()
    points = json.loads(line)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    assert [p["asInt"] for p in points] == ["2"]
    (line,) = (tmp_path / "logs").read_text().splitlines()
    records = [r["scopeLogs"][0]["logRecords"][0] for r in json.loads(line)["resourceLogs"]]
    kinds = [{a["key"]: a["value"]["stringValue"] for a in r["attributes"] if a["key"].startswith(("exc", "service"))} for r in records]
    assert kinds == [{"exception.type": "Boom", "exception.stacktrace": "", "service.name": "shop"}] * 2


def test_a_connector_that_makes_two_signals_may_be_asked_for_one(otelcd, tmp_path):
    d = otelcd(made(tmp_path, "exceptions", {}))
    assert d.http("POST", "/v1/traces", connected.request({"input": "shop"}), JSON)[0] == 200
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_delivered_items", pipeline="metrics")) == 1)


EMPTY = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  log_dedup:
  groupbytrace:
connectors:
  routing/l: {table: [{context: log, condition: "severity_number == 1", pipelines: [logs/o]}], default_pipelines: [logs/o]}
  routing/t: {table: [{condition: 'attributes["a"] == 1', pipelines: [traces/o]}]}
  routing/m: {table: [{context: datapoint, condition: "value_int == 1", pipelines: [metrics/o]}]}
  span_metrics:
  service_graph:
  exceptions:
  sum: {spans: {a: {source_attribute: b}}}
exporters:
  nop:
service:
  pipelines:
    logs/i: {receivers: [otlp], processors: [log_dedup], exporters: [routing/l]}
    logs/o: {receivers: [routing/l, exceptions], exporters: [nop]}
    traces/i: {receivers: [otlp], processors: [groupbytrace], exporters: [routing/t, span_metrics, service_graph, exceptions, sum]}
    traces/j: {receivers: [otlp], exporters: [routing/t, span_metrics, service_graph, exceptions, sum]}
    traces/o: {receivers: [routing/t], exporters: [nop]}
    metrics/i: {receivers: [otlp], exporters: [routing/m]}
    metrics/o: {receivers: [routing/m, span_metrics, service_graph, exceptions, sum], exporters: [nop]}
"""


def test_requests_without_an_item_harm_nobody(otelcd):
    d = otelcd(EMPTY)
    for signal, request in (
        ("traces", {}),
        ("logs", {}),
        ("metrics", {}),
        ("traces", {"resourceSpans": [{}]}),
        ("traces", {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "s"}}]}]}),
        ("logs", {"resourceLogs": [{}, {"scopeLogs": [{}]}]}),
        ("metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m"}, {"name": "n", "gauge": {}}]}]}]}),
    ):
        assert d.http("POST", f"/v1/{signal}", json.dumps(request), JSON)[0] == 200


@pytest.mark.parametrize(
    "name, options, complaint",
    [
        ("sum", {"spans": {"x": {}}}, "spans::x::source_attribute: spans: metric source_attribute missing"),
        ("sum", {"spans": {"x": {"source_attribute": "a", "source": 1}}}, "write source_attribute, description"),
        ("sum", {"metrics": {"x": {"source_attribute": "a", "attributes": [{"key": "k"}]}}}, "metrics attributes not supported"),
        ("exceptions", {"dimensions": [{"name": "span.kind"}]}, "dimensions::0: duplicate dimension name span.kind"),
        ("exceptions", {"dimensions": [{"name": "a", "default": 1}]}, "dimensions::0: default is a string"),
        ("span_metrics", {"dimensions": [{"name": "a"}, {"name": "a"}]}, 'failed validating dimensions: duplicate dimension name "a"'),
        ("span_metrics", {"dimensions": [{"name": "a", "glob": "b"}]}, "dimension entry must set only one of `name` or `glob`"),
        ("span_metrics", {"dimensions": [{}]}, "dimension entry must set one of `name` or `glob`"),
        ("span_metrics", {"dimensions": [{"glob": "span.*"}]}, 'conflicting with glob "span.*"'),
        ("span_metrics", {"calls_dimensions": [{"glob": "a[b"}]}, 'failed validating calls dimensions: invalid dimension glob "a[b"'),
        ("span_metrics", {"events": {"enabled": True}}, "no dimensions configured for events"),
        ("span_metrics", {"histogram": {"explicit": {}, "exponential": {}}}, "use either `explicit` or `exponential`"),
        ("span_metrics", {"histogram": {"explicit": {"buckets": ["1s", "1ms"]}}}, "bounds rise: 1ms does not come after 1s"),
        ("span_metrics", {"metrics_expiration": "-1s"}, "invalid metrics_expiration: the duration should be positive"),
        ("span_metrics", {"aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA", "metric_timestamp_cache_size": 0}, "invalid delta timestamp cache size"),
        ("service_graph", {"exponential_histogram_max_size": -1}, "`exponential_histogram_max_size` can not be negative"),
        ("service_graph", {"exponential_histogram_max_size": 9, "latency_histogram_buckets": ["1s"]}, "use either `latency_histogram_buckets`"),
        ("service_graph", {"latency_histogram_buckets": ["soon"]}, '"soon" is no duration'),
    ],
)
def test_a_mistake_has_its_place(tmp_path, name, options, complaint):
    (tmp_path / "c.yaml").write_text(made(tmp_path, name, options))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert complaint in ran.stderr and ran.returncode == 1, ran.stderr
