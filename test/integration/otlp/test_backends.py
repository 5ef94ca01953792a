# SPDX-License-Identifier: Apache-2.0
"""Real backends behind otelcd, sent OTLP as their documentation says: Jaeger, VictoriaMetrics and VictoriaLogs. What they were
sent is read back by their own queries.

All three are compiled from Go modules (test/peers). The two of VictoriaMetrics take seconds; Jaeger takes minutes, so only what
is there already is used: `make peers` compiles it, OTELCD_JAEGER names a program."""

import pytest

from harness import otlp
from harness.servers.backends import Jaeger, VictoriaLogs
from harness.servers.compiled import compiled
from test_prometheus import everything

pytestmark = pytest.mark.xdist_group("backends")  # one worker compiles them, the others go on

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  {exporter}: {{{options}}}
service:
  pipelines:
    {signal}: {{receivers: [otlp], exporters: [{exporter}]}}
"""


def send(otelcd, signal, exporter, options, request, n):
    """One request through otelcd; all of its n items are acknowledged by the backend."""
    d = otelcd(CONFIG.format(signal=signal, exporter=exporter, options=options))
    d.export(request)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == n)
    return d


@pytest.fixture
def jaeger(tmp_path):
    program = compiled("jaeger", minutes="minutes")
    folder = tmp_path / "jaeger"
    folder.mkdir()
    backend = Jaeger(folder, program)
    yield backend
    backend.close()


@pytest.fixture
def victoria_logs(tmp_path):
    program = compiled("victorialogs")
    folder = tmp_path / "victorialogs"
    folder.mkdir()
    backend = VictoriaLogs(folder, program)
    yield backend
    backend.close()


def attributes(of):
    return {a["key"]: a["value"] for a in of["attributes"]}


TO_JAEGER = {
    "otlp_grpc": lambda j, compression: f'endpoint: "{j.grpc}", tls: {{insecure: true}}, compression: {compression}',
    "otlp_http": lambda j, compression: f'endpoint: "http://{j.http}", compression: {compression}',
    "otlp_http/json": lambda j, compression: f'endpoint: "http://{j.http}", encoding: json, compression: {compression}',
}


@pytest.mark.parametrize("exporter", TO_JAEGER)
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_jaeger_gives_back_the_spans_it_was_sent(otelcd, jaeger, exporter, compression):
    request = otlp.traces(3, {"http.request.method": "GET", "size": 2**53 + 1, "ratio": 0.5, "cached": True, "who": "Žofie"})
    spans = request.resource_spans[0].scope_spans[0].spans
    for span in spans:
        span.trace_id = spans[0].trace_id
        span.events.add(name="retried", time_unix_nano=span.start_time_unix_nano + 7)
    spans[1].parent_span_id = spans[0].span_id
    spans[1].status.code = 2
    spans[1].status.message = "no such cart"
    send(otelcd, "traces", exporter, TO_JAEGER[exporter](jaeger, compression), request, 3)

    found = jaeger.trace(spans[0].trace_id, 3)
    assert all(attributes(r["resource"])["service.name"] == {"stringValue": "checkout"} for r in found)
    by_name = {span["name"]: span for r in found for s in r["scopeSpans"] for span in s["spans"]}
    assert by_name.keys() == {span.name for span in spans}
    first, second = by_name[spans[0].name], by_name[spans[1].name]
    assert attributes(first) == {
        "http.request.method": {"stringValue": "GET"},
        "size": {"intValue": str(2**53 + 1)},
        "ratio": {"doubleValue": 0.5},
        "cached": {"boolValue": True},
        "who": {"stringValue": "Žofie"},
    }
    assert (first["startTimeUnixNano"], first["endTimeUnixNano"]) == (str(spans[0].start_time_unix_nano), str(spans[0].end_time_unix_nano))
    assert first["events"][0]["name"] == "retried"
    assert second["parentSpanId"] == first["spanId"] == spans[0].span_id.hex()
    assert second["status"] == {"code": 2, "message": "no such cart"}
    assert "checkout" in jaeger.services()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_victoria_metrics_takes_otlp_at_its_own_path_and_gives_it_back(otelcd, victoria_metrics, compression):
    v = victoria_metrics(program=compiled("victoriametrics"), flags=["-opentelemetry.usePrometheusNaming"])
    options = f'metrics_endpoint: "http://{v.address}/opentelemetry/v1/metrics", compression: {compression}'
    d = send(otelcd, "metrics", "otlp_http", options, everything(), 7)
    v.flush()
    v.wait('http_requests_total{code="200"}')
    assert v.value('room_temperature_celsius{room="kitchen"}') == 21.5
    assert v.value('http_requests_total{code="200"}') == 17
    assert v.value("queue_depth") == -3
    assert v.value('http_duration_seconds_bucket{le="0.25"}') == 2
    assert v.value("http_duration_seconds_count") == 4
    assert v.value('gc_pause{quantile="0.99"}') == 0.02
    assert v.value("rpc_duration_seconds_count") == 11
    assert d.ledger("exporter", "otlp_http", "metrics")["dropped"] == 0


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_victoria_logs_takes_otlp_at_its_own_path_and_gives_it_back(otelcd, victoria_logs, compression):
    request = otlp.logs(3)
    record = request.resource_logs[0].scope_logs[0].log_records[1]
    record.trace_id, record.span_id = otlp.TRACE_ID, otlp.SPAN_ID
    record.body.string_value = 'paid "cash"\nin Žižkov'
    options = f'logs_endpoint: "http://{victoria_logs.address}/insert/opentelemetry/v1/logs", compression: {compression}'
    send(otelcd, "logs", "otlp_http", options, request, 3)
    found = {r["order.id"]: r for r in victoria_logs.records('service.name:="checkout"', 3)}
    assert found.keys() == {"0", "1", "2"}
    assert found["1"]["_msg"] == 'paid "cash"\nin Žižkov'
    assert (found["1"]["trace_id"], found["1"]["span_id"]) == (otlp.TRACE_ID.hex(), otlp.SPAN_ID.hex())
    assert found["0"]["severity_text"] == "INFO"
    assert found["2"]["service.instance.id"] == "checkout-1"


def test_victoria_logs_refuses_json_and_the_log_says_what_it_said(otelcd, victoria_logs):
    options = f'logs_endpoint: "http://{victoria_logs.address}/insert/opentelemetry/v1/logs", encoding: json'
    d = otelcd(CONFIG.format(signal="logs", exporter="otlp_http", options=options), expect=["The peer refuses", "Exporting failed"])
    d.export(otlp.logs(2))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") == 2)
    assert "json" in d.wait_log("The peer refuses")["answer"]
