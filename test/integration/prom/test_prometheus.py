# SPDX-License-Identifier: Apache-2.0
"""The scrape endpoint as a real Prometheus, promtool and an OpenMetrics parser see it."""

import gzip

import pytest

from configs import SCRAPE
from harness import exposition, otlp
from harness.exposition import OPENMETRICS, PROTOBUF, TEXT


def everything():
    """One request with every kind of metric."""
    return (
        otlp.Metrics()
        .gauge("room.temperature", 21.5, unit="Cel", description="How warm it is", room="kitchen")
        .sum("http.requests", 17, unit="{request}", description='Says "hello"\\\nand more', exemplar=1.0, code="200")
        .sum("queue.depth", -3, monotonic=False)
        .sum("disk.read", 4096, unit="By")
        .histogram("http.duration", [0.01, 0.2, 0.3, 5], [0.1, 0.25, 1], unit="s", exemplars=[0.2, 5.0], route="/cart")
        .exponential("rpc.duration", 0, -2, [1, 2, 3, 4], zero=1, total=12.0, unit="s")
        .summary("gc.pause", {0.5: 0.001, 0.99: 0.02}, 12, 0.1)
        .request
    )


def test_a_real_prometheus_reads_values_exemplars_and_native_histograms(otelcd, prometheus):
    d = otelcd(SCRAPE)
    d.export(everything())
    p = prometheus(d.scrape_address("prometheus"))
    p.wait("up == 1")
    p.wait("http_requests_total")
    assert p.value('room_temperature_celsius{room="kitchen",job="checkout",instance="checkout-1"}') == 21.5
    assert p.value('http_requests_total{code="200"}') == 17
    assert p.value("queue_depth") == -3
    assert p.value("disk_read_bytes_total") == 4096
    assert p.value('gc_pause{quantile="0.99"}') == 0.02
    assert p.value('target_info{job="checkout"}') == 1
    # With native histograms on, Prometheus asks for protobuf.
    assert p.value("histogram_count(rpc_duration_seconds)") == 11
    assert p.value("histogram_sum(rpc_duration_seconds)") == 12
    assert 1 <= p.value("histogram_quantile(0.9, rpc_duration_seconds)") <= 4
    assert p.value('http_duration_seconds_bucket{le="0.25"}') == 2
    found = p.api("query_exemplars", query="http_duration_seconds_bucket", start=0, end=2**32)
    exemplars = [e for series in found for e in series["exemplars"]]
    assert {e["value"] for e in exemplars} == {"0.2", "5"}, found
    assert exemplars[0]["labels"]["trace_id"] == otlp.TRACE_ID.hex()
    d.export(otlp.Metrics().sum("http.requests", 18, unit="{request}", code="200").request)
    p.wait('http_requests_total{code="200"} == 18')


def test_a_real_prometheus_without_features_reads_openmetrics(otelcd, prometheus):
    d = otelcd(SCRAPE)
    d.export(everything())
    p = prometheus(d.scrape_address("prometheus"), features="exemplar-storage")
    p.wait("http_requests_total")
    assert p.value("up") == 1
    assert p.value("rpc_duration_seconds_count") == 11
    found = p.api("query_exemplars", query="http_requests_total", start=0, end=2**32)
    assert found[0]["exemplars"][0]["labels"]["span_id"] == otlp.SPAN_ID.hex()
    metadata = p.api("metadata", metric="room_temperature_celsius")["room_temperature_celsius"][0]
    assert metadata == {"type": "gauge", "help": "How warm it is", "unit": ""} or metadata["type"] == "gauge"


def test_text_is_accepted_by_promtool_and_parser(otelcd):
    d = otelcd(SCRAPE)
    d.export(everything())
    headers, body = d.scrape("prometheus", TEXT)
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    exposition.promtool_accepts(body.decode())
    samples = exposition.from_text(body.decode())
    assert samples.value("http_duration_seconds_bucket", le="+Inf") == 4
    assert samples.value("http_duration_seconds_count", route="/cart") == 4


def test_openmetrics_is_accepted_by_the_reference_parser(otelcd):
    d = otelcd(SCRAPE)
    d.export(everything())
    headers, body = d.scrape("prometheus", OPENMETRICS)
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    samples = exposition.from_openmetrics(body.decode())
    total = samples.find("http_requests_total", code="200")[0]
    assert total.value == 17 and total.exemplar.labels["trace_id"] == otlp.TRACE_ID.hex()
    buckets = samples.find("http_duration_seconds_bucket")
    assert [b.value for b in buckets] == [1, 2, 3, 4]
    assert buckets[1].exemplar.value == 0.2 and buckets[3].exemplar.value == 5.0


def test_protobuf_has_native_histograms(otelcd):
    d = otelcd(SCRAPE)
    d.export(everything())
    headers, body = d.scrape("prometheus", PROTOBUF)
    assert headers["Content-Type"].startswith("application/vnd.google.protobuf")
    families = exposition.from_protobuf(body)
    h = families["rpc_duration_seconds"].metric[0].histogram
    assert (h.schema, h.zero_count, h.sample_count, h.sample_sum) == (0, 1, 11, 12.0)
    assert [(s.offset, s.length) for s in h.positive_span] == [(-1, 4)]
    assert list(h.positive_delta) == [1, 1, 1, 1]


def test_own_telemetry_is_accepted_too(otelcd):
    d = otelcd(SCRAPE)
    for request in (everything(), otlp.traces(3), otlp.logs(4)):
        d.export(request)
        d.post(request)
    text = d.scrape("telemetry", TEXT)[1].decode()
    exposition.promtool_accepts(text)
    samples = exposition.from_text(text)
    assert samples.value("otelcol_receiver_accepted_spans", receiver="otlp", transport="grpc") == 3
    assert samples.value("otelcol_receiver_accepted_log_records", receiver="otlp", transport="http") == 4
    assert samples.value("otelcol_process_uptime") > 0
    assert samples.value("otelcol_process_memory_rss") > 1 << 20
    assert samples.find("target_info")[0].labels["service_name"] == "otelcd"


def test_one_listener_when_both_name_one_address(otelcd, unused_port):
    config = SCRAPE.replace('prometheus: {endpoint: "127.0.0.1:0"', f'prometheus: {{endpoint: "127.0.0.1:{unused_port}"')
    config += f"""
  telemetry:
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {unused_port}}}}}}}}}]}}
"""
    d = otelcd(config)
    d.export(everything())
    samples = d.wait_metrics(lambda m: m.find("http_requests_total"), "prometheus")
    assert samples.find("otelcol_process_uptime")
    text = d.scrape("prometheus", TEXT)[1].decode()
    assert text.count("# TYPE target_info gauge") == 1
    exposition.promtool_accepts(text)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_scrapes_are_gzipped_when_asked(otelcd, method):
    d = otelcd(SCRAPE)
    d.export(everything())
    status, headers, body = d.http(method, "/metrics", headers={"Accept-Encoding": "gzip"}, address=d.scrape_address("prometheus"))
    assert status == 200
    if method == "GET":
        assert headers["Content-Encoding"] == "gzip"
        assert b"http_requests_total" in gzip.decompress(body)
    assert d.http("GET", "/other", address=d.scrape_address("prometheus"))[0] == 404


def test_series_expire(otelcd):
    d = otelcd(SCRAPE.replace("enable_open_metrics: true", "metric_expiration: 300ms"))
    d.export(otlp.Metrics().gauge("short.lived", 1).request)
    d.wait_metrics(lambda m: "short_lived" in m.names(), "prometheus")
    d.wait_metrics(lambda m: "short_lived" not in m.names(), "prometheus")


def test_a_conflict_spoils_one_family_only(otelcd):
    d = otelcd(SCRAPE, allow=["conflict|type"])
    d.export(otlp.Metrics().gauge("twice", 1).gauge("fine", 2).request)
    d.export(otlp.Metrics(scope="other").histogram("twice", [1], [2]).sum("fine.too", 3).request)
    text = d.scrape("prometheus", TEXT)[1].decode()
    exposition.promtool_accepts(text)
    samples = exposition.from_text(text)
    assert samples.value("twice") == 1 and samples.value("fine") == 2 and samples.value("fine_too_total") == 3


def test_20000_series_survive_a_scrape_while_they_change(otelcd):
    d = otelcd(SCRAPE)
    for _ in range(3):
        d.export(otlp.Metrics().gauges("many", 20_000).request)
        samples = d.metrics("prometheus")
        assert len(samples.find("many")) == 20_000
