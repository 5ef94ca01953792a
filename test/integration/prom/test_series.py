# SPDX-License-Identifier: Apache-2.0
"""What becomes of points on their way to series: deltas with gaps, attributes of reserved names, senders that meet."""

import json

import pytest

from configs import SCRAPE
from harness import otlp
from harness.remote_write import Receiver, accept

START = 1_700_000_000


def point(start, end, value):
    return {"startTimeUnixNano": f"{start}000000000", "timeUnixNano": f"{end}000000000", "asInt": str(value)}


def orders(start, end, value):
    return {"name": "orders", "sum": {"aggregationTemporality": otlp.DELTA, "isMonotonic": True, "dataPoints": [point(start, end, value)]}}


def request(*metrics, resource=(("service.name", "shop"),)):
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in resource]
    return {"resourceMetrics": [{"resource": {"attributes": attributes}, "scopeMetrics": [{"metrics": list(metrics)}]}]}


def send(daemon, document):
    headers = {"Content-Type": "application/json"}
    status, _, body = daemon.http("POST", "/v1/metrics", json.dumps(document), headers)
    assert status == 200, body
    return json.loads(body)


def test_a_counter_that_is_not_touched_in_every_interval_loses_nothing(otelcd):
    d = otelcd(SCRAPE, allow=["not_newer"])
    for start, end, value in ((0, 10, 5), (20, 30, 5), (40, 50, 8)):
        assert send(d, request(orders(START + start, START + end, value))) == {"partialSuccess": {}}
    assert d.metrics("prometheus").value("orders_total") == 18
    assert send(d, request(orders(START + 40, START + 50, 8)))["partialSuccess"]["rejectedDataPoints"] == "1"
    assert d.metrics("prometheus").value("orders_total") == 18
    assert d.metric("otelcd_prometheus_points_rejected", reason="not_newer") == 1


def gauge(name, *values):
    points = [
        {**point(START, START, value), "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]}
        for value, attributes in values
    ]
    return {"name": name, "gauge": {"dataPoints": points}}


def test_attributes_called_job_or_instance_keep_their_series_apart(otelcd):
    d = otelcd(SCRAPE)
    send(d, request(gauge("queue.len", (3, {"job": "import"}), (9, {"job": "export"}), (1, {"instance": "disk0"}))))
    samples = d.metrics("prometheus")
    assert samples.value("queue_len", job="shop", exported_job="import") == 3
    assert samples.value("queue_len", job="shop", exported_job="export") == 9
    assert samples.value("queue_len", job="shop", instance="disk0") == 1  # nothing else is called so here


CHOSEN = "resource_to_telemetry_conversion: {enabled: true, include: [host.*, zone], exclude: [host.id]}"


@pytest.mark.parametrize("remote", [False, True], ids=["scrape", "remote_write"])
def test_chosen_attributes_of_the_resource_are_labels_and_what_makes_way_for_them_is_kept(otelcd, receiver, remote):
    r = receiver()
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {CHOSEN}}}" if remote else f"prometheus: {{endpoint: '127.0.0.1:0', {CHOSEN}}}"
    d = otelcd(SCRAPE.replace('prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}', exporter).replace("[prometheus]", f"[{exporter.partition(':')[0]}]"))
    about = (("service.name", "shop"), ("host.name", "web-1"), ("host.id", "7"), ("zone", "a"), ("os", "linux"))
    send(d, request(gauge("load", (1, {"host.name": "its own"}), (2, {"host.name": "web-1"})), resource=about))
    if remote:
        r.wait(lambda r: len(r.values("load")) == 2)
        labels = [s.labels for s in sorted(r.samples, key=lambda s: s.value) if s.name == "load"]
    else:
        labels = [s.labels for s in sorted(d.metrics("prometheus").find("load"), key=lambda s: s.value)]
    base = {"job": "shop", "host_name": "web-1", "zone": "a"}
    shown = [{k: v for k, v in one.items() if v and not k.startswith("otel_scope")} for one in labels]
    assert shown == [{**base, "exported_host_name": "its own"}, base]
    assert d.metric("otelcd_prometheus_labels_displaced", exporter=exporter.partition(":")[0]) == 1


@pytest.mark.parametrize("exporter", ["prometheus", "prometheus_remote_write"])
def test_the_largest_metrics_and_the_labels_with_most_values_are_shown(otelcd, receiver, exporter):
    r = receiver()
    text = SCRAPE
    if exporter != "prometheus":
        text = text.replace('prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}', f"{exporter}: {{endpoint: '{r.url}'}}")
    d = otelcd(text.replace("[prometheus]", f"[{exporter}]"))
    many = [(i, {"user": f"u{i}", "zone": f"z{i % 3}"}) for i in range(40)]
    send(d, request(gauge("logins", *many), gauge("load", (1, {"zone": "z1"}))))
    d.wait_metrics(lambda m: m.find("otelcd_prometheus_largest_metrics"))
    assert d.metric("otelcd_prometheus_largest_metrics", exporter=exporter, metric="logins") == 40
    assert d.metric("otelcd_prometheus_largest_metrics", exporter=exporter, metric="load") == 1
    assert 25 <= d.metric("otelcd_prometheus_label_values", exporter=exporter, label="user") <= 60
    assert d.metric("otelcd_prometheus_label_values", exporter=exporter, label="zone") in (2, 3)  # two may look like one


def test_hosts_without_a_service_name_are_told_that_they_share_a_series(otelcd):
    d = otelcd(SCRAPE, expect=["Several senders have one series"])
    hosts = [request(gauge("load", (n, {})), resource=(("host.name", f"web-{n}"),)) for n in (1, 2)]
    assert send(d, hosts[0]) == {"partialSuccess": {}}
    told = send(d, hosts[1])["partialSuccess"]
    assert told["rejectedDataPoints"] == "1" and "several senders" in told["errorMessage"]
    assert d.metrics("prometheus").value("load") == 2
    assert d.metric("otelcd_prometheus_series_collisions", exporter="prometheus", metric="load") == 1
    record = d.wait_log("Several senders have one series")
    assert (record["differ_in"], record["first"], record["second"]) == ("resource", "host.name=web-1", "host.name=web-2")
    assert "service.instance.id" in record["remedy"] and "resource_constant_labels" in record["remedy"]
    assert d.metric("otelcd_exporter_dropped_items", exporter="prometheus", reason="collision") == 1


def test_two_metrics_of_one_name_in_prometheus_are_told_of(otelcd):
    d = otelcd(SCRAPE, expect=["Several senders have one series"])
    told = send(d, request(gauge("x.y", (1, {})), gauge("x_y", (2, {})), gauge("g", (3, {"a.b": "z"}))))
    assert told["partialSuccess"]["rejectedDataPoints"] == "1"
    assert d.metrics("prometheus").value("x_y") == 2
    record = d.wait_log("Several senders have one series")
    assert (record["differ_in"], record["first"], record["second"]) == ("metric", "x.y", "x_y")


REMOTE_WRITE = SCRAPE.replace('prometheus: {endpoint: "127.0.0.1:0", enable_open_metrics: true}', "prometheus_remote_write: {endpoint: %s%s}").replace(
    "exporters: [prometheus]", "exporters: [prometheus_remote_write]"
)


def test_remote_write_tells_of_senders_that_share_a_series(otelcd):
    r = Receiver(accept)
    d = otelcd(REMOTE_WRITE % (r.url, ", remote_write_queue: {enabled: false}"), expect=["Several senders have one series"], allow=["Points are not sent"])
    told = send(d, request(gauge("x.y", (1, {})), gauge("x_y", (2, {}))))
    assert told["partialSuccess"]["rejectedDataPoints"] == "1"
    assert [s.value for s in r.samples if s.name == "x_y"] == [2]
    assert d.metric("otelcd_prometheus_series_collisions", exporter="prometheus_remote_write", metric="x_y") == 1
    record = d.wait_log("Several senders have one series")
    assert (record["differ_in"], record["first"], record["second"]) == ("metric", "x.y", "x_y")


def test_remote_write_refuses_new_series_beyond_max_series(otelcd):
    r = Receiver(accept)
    d = otelcd(
        REMOTE_WRITE % (r.url, ", max_series: 3, remote_write_queue: {enabled: false}"),
        expect=["New series are refused"], allow=["Points are not sent", "near their limit"],
    )
    many = request(gauge("g", *((i, {"user": str(i)}) for i in range(5))))
    for _ in range(2):
        assert send(d, many)["partialSuccess"]["rejectedDataPoints"] == "2"
    assert len([s for s in r.samples if s.name == "g"]) == 6
    assert d.metric("otelcd_prometheus_series_limit_refused", exporter="prometheus_remote_write", metric="g", label="user") == 4
