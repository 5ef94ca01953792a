# SPDX-License-Identifier: Apache-2.0
"""Prometheus 3, a second Prometheus: what it scrapes and what it is sent by remote write, read back by its queries.

Debian has version 2. This one is compiled from Go modules (test/peers/prometheus3), which takes minutes with cold caches: under
CI=true it is, and where OTELCD_PROMETHEUS3=1 asks for it; else only what was compiled once already is used."""

import pytest

from configs import SCRAPE
from harness import otlp
from harness.servers.compiled import compiled
from harness.limits import CI
from test_prometheus import everything

FEATURES = "exemplar-storage,metadata-wal-records"

pytestmark = pytest.mark.xdist_group("prometheus3")  # one worker compiles it, the others go on


@pytest.fixture(scope="module")
def program():
    return compiled("prometheus3", minutes="minutes", asked=CI)


@pytest.fixture
def prometheus3(prometheus, program):
    """prometheus3(target): it scrapes that each second; prometheus3(None): it takes remote write."""
    return lambda target=None, **more: prometheus(target, **{"features": FEATURES, "program": program, **more})


def exemplars(p, name):
    found = p.api("query_exemplars", query=name, start=0, end=2**32)
    return [e for series in found for e in series["exemplars"]]


NATIVE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: otelcd
    honor_labels: true
    scrape_native_histograms: true
    static_configs: [{{targets: ["{target}"]}}]
"""


def test_prometheus_3_scrapes_values_exemplars_and_native_histograms(otelcd, prometheus3):
    d = otelcd(SCRAPE)
    d.export(everything())
    p = prometheus3(None, config=NATIVE.format(target=d.scrape_address("prometheus")))
    p.wait("http_requests_total")
    assert p.value("up") == 1
    assert p.value('room_temperature_celsius{room="kitchen",job="checkout",instance="checkout-1"}') == 21.5
    assert p.value("histogram_count(rpc_duration_seconds)") == 11
    assert p.value("histogram_sum(rpc_duration_seconds)") == 12
    assert p.value('http_duration_seconds_bucket{le="0.25"}') == 2
    assert {e["value"] for e in exemplars(p, "http_duration_seconds_bucket")} == {"0.2", "5"}
    assert p.value('target_info{job="checkout"}') == 1


def test_prometheus_3_scrapes_openmetrics_with_names_in_utf_8(otelcd, prometheus3):
    d = otelcd(SCRAPE.replace('prometheus: {endpoint: "127.0.0.1:0"', 'prometheus: {translation_strategy: NoTranslation, endpoint: "127.0.0.1:0"', 1))
    d.export(everything())
    p = prometheus3(d.scrape_address("prometheus"))
    p.wait('{"http.requests"}')
    assert p.value("up") == 1
    assert p.value('{"room.temperature",room="kitchen"}') == 21.5
    assert p.value('{"gc.pause",quantile="0.99"}') == 0.02


REMOTE_WRITE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  prometheus_remote_write: {{endpoint: {url}, protobuf_message: {form}, wal: {{directory: {folder}/queue}}{more}}}
service:
  pipelines:
    metrics: {{receivers: [otlp], exporters: [prometheus_remote_write]}}
"""
WRITE_1, WRITE_2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"


def send(otelcd, p, folder, form, more=""):
    d = otelcd(REMOTE_WRITE.format(url=p.write_url, form=form, folder=folder, more=more))
    d.export(everything())
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items")).sum("otelcd_exporter_delivered_items") == 7


@pytest.mark.parametrize("form", [WRITE_1, WRITE_2])
def test_prometheus_3_has_all_that_remote_write_delivered(otelcd, prometheus3, tmp_path, form):
    p = prometheus3()
    send(otelcd, p, tmp_path, form)
    assert p.wait('http_requests_total{code="200"} == 17')
    assert p.value("queue_depth") == -3
    assert p.value('gc_pause{quantile="0.99"}') == 0.02
    assert p.value('http_duration_seconds_bucket{le="+Inf"}') == 4
    assert p.value("histogram_count(rpc_duration_seconds)") == 11
    assert exemplars(p, "http_requests_total")[0]["labels"]["trace_id"] == otlp.TRACE_ID.hex()


def test_prometheus_3_takes_classic_histograms_with_custom_buckets(otelcd, prometheus3, tmp_path):
    p = prometheus3()
    send(otelcd, p, tmp_path, WRITE_2, ", convert_explicit_histograms_to_nhcb: true")
    p.wait("http_duration_seconds")
    assert p.value("histogram_count(http_duration_seconds)") == 4
    assert 0.25 < p.value("histogram_quantile(0.7, http_duration_seconds)") <= 1


def test_prometheus_3_takes_names_in_utf_8_by_remote_write(otelcd, prometheus3, tmp_path):
    p = prometheus3()
    send(otelcd, p, tmp_path, WRITE_2, ", translation_strategy: NoTranslation")
    p.wait('{"http.requests"}')
    assert p.value('{"room.temperature",room="kitchen"}') == 21.5


def test_a_point_too_far_in_the_future_is_dropped_alone(otelcd, prometheus3, tmp_path):
    p = prometheus3()
    d = otelcd(REMOTE_WRITE.format(url=p.write_url, form=WRITE_1, folder=tmp_path, more=""), allow=["."])
    request = otlp.Metrics().gauge("good", 1.0).gauge("early", 2.0).request
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        if metric.name == "early":
            metric.gauge.data_points[0].time_unix_nano += 3600 * 10**9
    d.export(request)
    m = d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0 and m.sum("otelcd_exporter_dropped_items") == 1)
    assert m.sum("otelcd_exporter_delivered_items") == 1
    assert p.wait("good == 1")
    assert p.query("early") == []


OTLP = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  otlp_http: {{endpoint: "http://{address}/api/v1/otlp", encoding: proto, compression: {compression}}}
service:
  pipelines:
    metrics: {{receivers: [otlp], exporters: [otlp_http]}}
"""


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_prometheus_3_takes_otlp_and_gives_it_back(otelcd, prometheus3, compression):
    p = prometheus3(None, flags=["--web.enable-otlp-receiver"])
    d = otelcd(OTLP.format(address=p.address, compression=compression), allow=["."])
    d.export(everything())
    p.wait("http_requests_total")
    assert p.value('room_temperature_celsius{room="kitchen",job="checkout",instance="checkout-1"}') == 21.5
    assert p.value('http_duration_seconds_bucket{le="0.25"}') == 2
    assert p.value("histogram_count(rpc_duration_seconds)") == 11
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger("exporter", "otlp_http", "metrics")
    assert ledger["delivered"] == ledger["received"], ledger
