# SPDX-License-Identifier: Apache-2.0
"""The prometheus_remote_write exporter, against a receiver that misbehaves as told, and against real ones."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading

import grpc
import pytest
from harness.disk import SmallDisk
from harness.limits import OTELCD, PATIENCE, SANITIZED
from harness.otlp import DELTA, Metrics, put
from harness.remote_write import STALE, Receiver, accept, key

PIPELINE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  prometheus_remote_write:
    endpoint: {url}
    {more}
service:
  pipelines:
    metrics: {{receivers: [otlp], exporters: [prometheus_remote_write]}}
"""
EXPORTER = ("exporter", "prometheus_remote_write", "metrics")


def config(url, *more):
    return PIPELINE.format(url=url, more="\n    ".join(more))


def settled(d):
    return d.ledger(*EXPORTER)["held"] == 0


def wait_settled(d):
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
    return d.ledger(*EXPORTER)


def point(name, value, ms, **attributes):
    """One gauge point at a time of its own: ms after a fixed one."""
    request = Metrics().gauge(name, value, **attributes).request
    p = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    p.time_unix_nano = 1_800_000_000_000_000_000 + ms * 1_000_000
    return request


def everything():
    m = Metrics()
    m.gauge("room.temperature", 21.5, unit="Cel", description="Warmth", room="kitchen")
    m.sum("requests", 42, unit="1", exemplar=7.0, method="GET")
    m.histogram("latency", [0.1, 0.3, 7.0], [0.25, 1.0, 1000000.0], unit="s", exemplars=[0.3], route="/")
    m.summary("sizes", {0.5: 10.0, 0.99: 20.0}, 4, 60.0)
    m.exponential("spread", 2, -1, [1, 0, 0, 3, 4], zero=2, total=12.5)
    return m.request


@pytest.mark.parametrize("form", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
def test_every_kind_of_metric_arrives_with_its_labels_and_values(otelcd, receiver, form):
    r = receiver(accept)
    d = otelcd(config(r.url, f"protobuf_message: {form}", "external_labels: {cluster: a}"))
    d.export(everything())
    wait_settled(d)
    second = form != "prometheus.WriteRequest"
    base = {"job": "checkout", "instance": "checkout-1", "cluster": "a", "otel_scope_name": "test"}
    got = {(s.name, s.labels.get("le"), s.labels.get("quantile")): s for s in r.samples}
    assert got["room_temperature_celsius", None, None].value == 21.5
    assert got["room_temperature_celsius", None, None].labels == {**base, "room": "kitchen"}
    counter = got["requests_total", None, None]
    assert counter.value == 42 and counter.exemplars[0][1] == 7.0
    assert counter.exemplars[0][0]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    buckets = {le: s.value for (name, le, _), s in got.items() if name == "latency_seconds_bucket"}
    assert buckets == {"0.25": 1, "1": 2, "1000000": 3, "+Inf": 3}
    assert got["latency_seconds_count", None, None].value == 3 and abs(got["latency_seconds_sum", None, None].value - 7.4) < 1e-9
    assert got["latency_seconds_bucket", "1", None].exemplars[0][1] == 0.3 and not got["latency_seconds_bucket", "0.25", None].exemplars
    assert got["sizes", None, "0.99"].value == 20 and got["sizes_count", None, None].value == 4
    h = got["spread", None, None].histogram
    assert (h["count"], h["sum"], h["schema"], h["zero_count"], h["zero_threshold"]) == (10, 12.5, 2, 2, 1e-128)
    assert sum(n for _, n in h["positive_spans"]) == len(h["positive_deltas"])
    if second:
        assert counter.metadata[0] == 1 and counter.start != 0
        assert got["room_temperature_celsius", None, None].metadata == (2, "Warmth", "celsius")
    request = r.requests[0]
    assert request.headers["Content-Encoding"] == "snappy" and request.headers["User-Agent"].startswith("otelcd/")
    assert request.headers["Content-Type"] == "application/x-protobuf" + (";proto=" + form if second else "")
    assert d.ledger(*EXPORTER)["delivered"] == 5


def test_target_info_tells_of_the_resource(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url))
    d.export(Metrics(resource={"service.name": "a", "host.name": "h1"}).gauge("x", 1.0).request)
    wait_settled(d)
    assert [s.labels for s in r.samples if s.name == "target_info"] == [{"job": "a", "host_name": "h1"}]


@pytest.mark.parametrize("namespace, name", [("", "target_info"), ("shop", "shop_target_info"), ("9a", "_a_target_info")])
def test_target_info_has_a_valid_name_and_the_external_labels(otelcd, receiver, namespace, name):
    r = receiver()
    d = otelcd(
        config(r.url, "external_labels: {cluster: c, host_name: other}", f"namespace: '{namespace}'").replace(
            "exporters:\n", f"exporters:\n  prometheus: {{endpoint: '127.0.0.1:0', namespace: '{namespace}'}}\n", 1
        ).replace("exporters: [prom", "exporters: [prometheus, prom")
    )
    resource = {"service.name": "a", "service.instance.id": "i", "host.name": "h1"}
    d.export(Metrics(resource=resource).gauge("x", 1.0).request)
    wait_settled(d)
    sent = [s for s in r.samples if s.name.endswith("target_info")]
    assert [(s.name, s.labels) for s in sent] == [(name, {"job": "a", "instance": "i", "host_name": "h1", "cluster": "c"})]
    assert [s.name for s in d.metrics("prometheus").all if s.name.endswith("target_info")] == [name]


def test_a_summary_without_a_sum_has_the_sum_0(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url))
    d.export(Metrics().summary("s", {}, 3, 0.0).request)
    wait_settled(d)
    assert (r.values("s_sum"), r.values("s_count")) == ([0.0], [3.0])


def test_labels_have_the_names_that_the_go_collector_writes(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url))
    d.export(Metrics().gauge("x", 1.0, **{"_under": "a", "__x": "b", "a..b": "c", "1st": "d"}).request)
    wait_settled(d)
    labels = next(s for s in r.samples if s.name == "x").labels
    assert {k: labels[k] for k in ("key_under", "key_x", "a_b", "key_1st")} == {"key_under": "a", "key_x": "b", "a_b": "c", "key_1st": "d"}


def test_deltas_are_dropped_and_said_so(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url), expect=["delta_temporality"])
    d.export(Metrics().sum("d", 1, temporality=DELTA).gauge("g", 2.0).request)
    ledger = wait_settled(d)
    assert ledger["delivered"] == 1 and ledger["dropped"] == 1 and r.values("g") == [2.0]


def test_an_end_of_series_is_a_stale_marker(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url))
    request = Metrics().gauge("x", 1.0).request
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].flags = 1
    d.export(request)
    wait_settled(d)
    assert int.from_bytes(r.values("x")[0], "little") == STALE


def test_samples_of_one_series_leave_in_the_order_of_their_times(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url), expect=["duplicate_timestamp"])
    m = Metrics()
    metric = m.scope.metrics.add(name="x")
    for t, v in ((3, 3.0), (1, 1.0), (2, 2.0), (2, 2.5)):
        p = metric.gauge.data_points.add(time_unix_nano=1700000000_000000000 + t * 1_000_000, as_double=v)
        put(p.attributes, {"a": "b"})
    d.export(m.request)
    ledger = wait_settled(d)
    assert [s.value for s in r.samples if s.name == "x"] == [1.0, 2.5, 3.0]
    assert ledger["dropped"] == 1


def test_streams_that_are_one_series_to_prometheus_are_sent_once_and_the_others_counted(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url, "target_info: {enabled: false}"), expect=["collision", "Several senders have one series"])
    m = Metrics()
    metric = m.scope.metrics.add(name="g")
    for value, attribute in ((3, 1), (9, "1")):
        p = metric.gauge.data_points.add(time_unix_nano=1_700_000_100_000_000_000, as_int=value)
        put(p.attributes, {"a": attribute})
    for name in ("x.y", "x_y"):
        m.scope.metrics.add(name=name).gauge.data_points.add(time_unix_nano=1_700_000_100_000_000_000, as_int=len(name))
    for ms in (3, 1):
        metric = m.scope.metrics.add(name="t")
        metric.gauge.data_points.add(time_unix_nano=1_700_000_100_000_000_000 + ms * 1_000_000, as_int=ms)
    d.export(m.request)
    ledger = wait_settled(d)
    assert (ledger["delivered"], ledger["dropped"]) == (4, 2)
    assert r.values("g") == [9.0] and len(r.values("x_y")) == 1 and r.values("t") == [1.0, 3.0]
    for request in r.requests:
        series = [key(s) for s in request.series]
        assert request.message.count(b"__name__") == len(set(series)), series
    assert d.metric("otelcd_remote_write_points_not_sent", reason="collision") == 2


def test_one_bad_sample_among_several_of_a_series_is_found(otelcd, receiver):
    def answer(request):
        return (400, {}, b"out of bounds") if any(s.value == 5.0 for s in request.series) else (204, {}, b"")

    r = receiver(answer)
    d = otelcd(config(r.url, "target_info: {enabled: false}"), expect=["too_old"])
    m = Metrics()
    for ms in range(9):
        p = m.scope.metrics.add(name="t").gauge.data_points.add(as_int=ms)
        p.time_unix_nano = 1_700_000_100_000_000_000 + ms * 1_000_000
    d.export(m.request)
    ledger = wait_settled(d)
    assert (ledger["delivered"], ledger["dropped"]) == (8, 1)
    assert r.values("t") == [float(v) for v in range(9) if v != 5]


def test_a_small_batch_is_one_request(otelcd, receiver):
    r = receiver()
    d = otelcd(config(r.url, "remote_write_queue: {num_consumers: 5}"))
    d.export(Metrics(resource={"service.name": "a", "host.name": "h1"}).gauges("x", 6).request)
    wait_settled(d)
    assert len(r.requests) == 1 and len(r.samples) == 7
    assert d.metric("prometheus_remote_storage_shards") == 1 and d.metric("prometheus_remote_storage_shards_max") == 5


def test_series_stay_in_order_while_the_number_of_shards_changes(otelcd, receiver):
    """A slow receiver, and batches that come all the time: more shards are taken into use."""
    r = receiver()
    pause = threading.Event()
    r.answer = lambda request: lambda handler: (pause.wait(0.02), handler.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n"))
    d = otelcd(config(r.url, "remote_write_queue: {num_consumers: 8}"), allow=["Remote write failed"])
    call = d.caller(Metrics().request)
    at = 0
    while d.metric("prometheus_remote_storage_shards") < 4:
        for _ in range(20):
            m = Metrics()
            metric = m.scope.metrics.add(name="x")
            for i in range(20):
                p = metric.gauge.data_points.add(as_double=float(at), time_unix_nano=1_700_000_000_000_000_000 + at * 1_000_000)
                put(p.attributes, {"i": i})
            call(m.request)
            at += 1
    wait_settled(d)
    seen = {}
    for request in r.requests:
        for s in request.series:
            if s.name == "x":
                seen.setdefault(s.labels["i"], []).append(s.time)
    assert len(seen) == 20
    for times in seen.values():
        assert list(dict.fromkeys(times)) == sorted(set(times)) and len(set(times)) == at


def bad_one(request):
    """400 for the whole request when one series is bad, as Prometheus does."""
    if any(s.labels.get("bad") for s in request.series):
        return 400, {}, b"out of order sample"
    return 204, {}, b""


@pytest.mark.parametrize("form", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
def test_a_bad_series_is_found_and_dropped_and_the_rest_is_delivered(otelcd, receiver, form):
    def answer(request):
        status, _, body = bad_one(request)
        n = str(len(request.series)) if status == 204 else "0"
        return status, {"X-Prometheus-Remote-Write-Samples-Written": n, "X-Prometheus-Remote-Write-Histograms-Written": "0"}, body

    r = receiver(answer)
    d = otelcd(config(r.url, f"protobuf_message: {form}"), expect=["Points are not sent.*out_of_order.*x\\{.*bad"])
    m = Metrics()
    for i in range(200):
        m.gauge("x", float(i), i=i, **({"bad": "yes"} if i == 77 else {}))
    d.export(m.request)
    ledger = wait_settled(d)
    assert sorted(r.values("x")) == [float(i) for i in range(200) if i != 77]
    assert ledger["delivered"] == 199 and ledger["dropped"] == 1
    assert d.metric("otelcd_remote_write_points_not_sent", reason="out_of_order") == 1


def test_a_500_that_one_series_causes_does_not_block_the_others(otelcd, receiver):
    def answer(request):
        return (500, {}, b"native histograms are disabled") if any(s.histogram for s in request.series) else (204, {}, b"")

    r = receiver(answer)
    d = otelcd(
        config(r.url, "remote_write_queue: {num_consumers: 1}", "retry_on_failure: {initial_interval: 1ms, max_interval: 5ms}"),
        expect=["server_error"],
        allow=["Remote write failed"],
    )
    d.export(Metrics().gauge("a", 1.0).exponential("spread", 2, 0, [1, 2]).gauge("b", 2.0).request)
    ledger = wait_settled(d)
    assert r.values("a") == [1.0] and r.values("b") == [2.0]
    assert ledger["delivered"] == 2 and ledger["dropped"] == 1


def test_an_outage_of_500s_loses_nothing(otelcd, receiver):
    failures = iter(range(60))
    r = receiver(lambda request: (500, {}, b"disk full") if next(failures, None) is not None else (204, {}, b""))
    d = otelcd(
        config(r.url, "retry_on_failure: {initial_interval: 1ms, max_interval: 5ms}"), allow=["Remote write failed"]
    )
    for n in range(5):
        m = Metrics()
        for i in range(50):
            m.gauge("x", float(n), i=i)
        for metric in m.scope.metrics:
            metric.gauge.data_points[0].time_unix_nano = 1_800_000_000_000_000_000 + n * 1_000_000
        d.export(m.request)
    ledger = wait_settled(d)
    assert ledger["delivered"] == 250 and ledger["dropped"] == 0
    series = {k: v for k, v in r.series().items() if k[0] == "x"}
    assert len(series) == 50 and all([v for _, v in s] == [0.0, 1.0, 2.0, 3.0, 4.0] for s in series.values())


def test_429_with_retry_after_is_waited_for(otelcd, receiver):
    answers = iter([(429, {"Retry-After": "1"}, b"slow down")])
    r = receiver(lambda request: next(answers, (204, {}, b"")))
    d = otelcd(config(r.url), allow=["Remote write failed.*slow down"])
    d.export(Metrics().gauge("x", 1.0).request)
    ledger = wait_settled(d)
    assert ledger["delivered"] == 1 and r.values("x") == [1.0]
    assert d.metric("prometheus_remote_storage_samples_retried_total") >= 1


def test_a_cut_connection_is_tried_again(otelcd, receiver):
    cuts = iter([None, None])
    r = receiver(lambda request: next(cuts, (204, {}, b"")))
    d = otelcd(config(r.url), allow=["Remote write failed"])
    d.export(Metrics().gauge("x", 1.0).request)
    assert wait_settled(d)["delivered"] == 1 and r.values("x") == [1.0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe rest never comes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nthe rest never comes",
        b"HTTP/1.1 200 OK\r\nX-Half: a li",
        b"",
    ],
)
def test_a_receiver_that_stalls_in_its_answer_is_given_up_and_asked_again(otelcd, receiver, answer):
    released = threading.Event()

    def stall(handler):
        handler.wfile.write(answer)
        handler.wfile.flush()
        released.wait(PATIENCE)

    r = receiver(lambda request: stall if len(r.requests) <= 2 else (204, {}, b""))
    d = otelcd(config(r.url, "timeout: 100ms", "retry_on_failure: {initial_interval: 5ms}"), expect=["Remote write failed"])
    d.export(point("x", 1.0, 1))
    ledger = wait_settled(d)
    released.set()
    assert ledger["delivered"] == 1 and r.values("x") == [1.0] and len(r.requests) == 3


def test_a_receiver_that_does_not_read_is_given_up_and_asked_again(otelcd, tmp_path):
    """More than the sockets' buffers hold, to a listener that takes connections and nothing else."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/w"
        d = otelcd(
            config(url, "timeout: 200ms", "retry_on_failure: {initial_interval: 5ms, max_interval: 20ms, max_elapsed_time: 300ms}"),
            expect=["Remote write failed", "Points are not sent"],
        )
        for i in range(10):
            m = Metrics()
            metric = m.scope.metrics.add(name="x")
            for j in range(1000):
                p = metric.gauge.data_points.add(time_unix_nano=1_800_000_000_000_000_000, as_double=j)
                put(p.attributes, {"pad": os.urandom(1500).hex(), "i": i, "j": j})
            d.export(m.request)
        ledger = wait_settled(d)
        assert ledger["dropped"] == 10_000 and ledger["delivered"] == 0


def test_a_receiver_that_ignores_version_2_gets_version_1(otelcd, receiver):
    r = receiver(lambda request: (204, {}, b""))  # as who decodes an unknown message as an empty one
    d = otelcd(config(r.url, "protobuf_message: io.prometheus.write.v2.Request"), expect=["does not know Remote-Write 2.0"])
    d.export(point("x", 1.0, 1))
    d.export(point("x", 2.0, 2))
    assert wait_settled(d)["delivered"] == 2
    assert [s.value for q in r.requests if q.version == "0.1.0" for s in q.series if s.name == "x"] == [1.0, 2.0]


def test_a_receiver_of_version_1_gets_classic_histograms_and_no_custom_buckets(otelcd, receiver):
    r = receiver(lambda request: (415 if request.version.startswith("2") else 204, {}, b""))
    keys = ("protobuf_message: io.prometheus.write.v2.Request", "convert_explicit_histograms_to_nhcb: true")
    d = otelcd(config(r.url, *keys), expect=["does not know Remote-Write 2.0"])
    d.export(Metrics().histogram("x", [0.5, 2], [1]).request)
    assert wait_settled(d)["delivered"] == 1
    assert {s.name: s.value for s in r.samples if s.labels.get("le") in (None, "1")} == {"x_bucket": 1, "x_sum": 2.5, "x_count": 2}


def test_an_answer_of_1xx_without_end_is_broken_off(otelcd, receiver):
    """Each of them used to move all behind it: seconds of the loop for some megabytes."""
    floods = []

    def flood(handler):
        floods.append(1)
        for _ in range(100):
            handler.wfile.write(b"HTTP/1.1 100 \r\n\r\n" * 4000)

    r = receiver(lambda request: flood if not floods else (204, {}, b""))
    d = otelcd(config(r.url, "timeout: 20s", "retry_on_failure: {initial_interval: 50ms}"), expect=["Remote write failed"])
    d.export(Metrics().gauge("x", 1.0).request)
    assert wait_settled(d)["delivered"] == 1
    assert any("1xx" in r["error"] for r in d.records("Remote write failed"))


@pytest.mark.parametrize("status, reason", [(401, "unauthorized"), (404, "not_found"), (301, "redirected")])
def test_what_is_refused_for_good_is_dropped_with_its_reason(otelcd, receiver, status, reason):
    r = receiver(lambda request: (status, {}, b"no"))
    d = otelcd(config(r.url), expect=[reason])
    d.export(Metrics().gauge("x", 1.0).request)
    assert wait_settled(d)["dropped"] == 1
    assert d.metric("otelcd_remote_write_points_not_sent", reason=reason) == 1
    assert len(r.requests) <= 3  # target_info and x may be in two shards


def test_a_full_queue_tells_the_sender_to_come_again(otelcd, receiver):
    gate = threading.Event()

    def answer(request):
        gate.wait(PATIENCE)
        return 204, {}, b""

    r = receiver(answer)
    d = otelcd(config(r.url, "timeout: 0s", "remote_write_queue: {queue_size: 2, num_consumers: 1}"), allow=["queue"])
    refused = 0
    for i in range(6):
        status = None
        try:
            d.export(point("x", float(i), i))
        except Exception as e:
            status = e.code().name
            refused += 1
            assert status == "UNAVAILABLE" and "queue is full" in e.details()
    assert refused == 4
    gate.set()
    ledger = wait_settled(d)
    assert ledger["delivered"] == 2 and ledger["refused"] == 4
    assert d.metric("otelcol_exporter_enqueue_failed_metric_points") == 4


def test_at_the_end_what_waits_gets_one_last_try(otelcd, receiver):
    down = threading.Event()
    down.set()
    r = receiver(lambda request: (503, {}, b"") if down.is_set() else (204, {}, b""))
    d = otelcd(config(r.url, "retry_on_failure: {initial_interval: 30s}"), allow=["Remote write failed", "503"], end=False)
    d.export(Metrics().gauge("x", 1.0).request)
    r.wait(lambda r: len(r.requests) >= 1)
    down.clear()
    assert d.stop() == 0
    assert r.values("x") == [1.0]
    assert d.final_ledgers()[EXPORTER]["delivered"] == 1


def wal(folder, *more):
    return f"wal: {{directory: {folder}, {', '.join(more)}}}".replace(", }", "}")


def test_what_is_on_disk_outlives_a_restart_and_keeps_its_order(otelcd, receiver, tmp_path):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"down"))
    text = config(r.url, wal(tmp_path / "wal"), "retry_on_failure: {initial_interval: 5ms, max_interval: 50ms}")
    d = otelcd(text, allow=["Remote write failed"], end=False)
    for i in range(300):
        d.export(point("x", float(i), i))
    held = d.ledger(*EXPORTER)
    assert held["held"] == 300
    d.close_clients()
    assert d.stop() == 0
    d = otelcd(text, allow=["Remote write failed"])
    assert d.ledger(*EXPORTER)["received"] == 300
    d.export(point("x", 300.0, 300))
    up.set()
    ledger = wait_settled(d)
    assert ledger["delivered"] == 301
    assert r.values("x") == [float(i) for i in range(301)]


def test_ten_thousand_batches_wait_out_an_outage_in_order_without_a_gap_and_without_memory(otelcd, receiver, tmp_path):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"down"))
    text = config(r.url, wal(tmp_path / "wal"), "retry_on_failure: {initial_interval: 5ms, max_interval: 50ms}")
    text = text.replace("service:\n", "service:\n  memory_budget_mib: 256\n")  # of which the queue has a part in memory
    d = otelcd(text, allow=["Remote write failed"])
    series, pad = 50, "x" * 4000
    call = d.caller(Metrics().request)
    rss = {}
    for at in range(0, 10_000, series):  # no series twice among those under way, so that each has an order
        sent = [call.future(point(f"x{i}", float(at), at, pad=pad), timeout=PATIENCE) for i in range(series)]
        for one in sent:
            one.result()
        rss[at] = d.rss()
    assert d.ledger(*EXPORTER)["held"] == 10_000
    if not SANITIZED:
        assert rss[9950] - rss[5000] < 1 << 20, "what waits is on disk; in memory is what is being sent, 16 MB at most"
    up.set()
    assert wait_settled(d)["delivered"] == 10_000
    arrived = r.series()
    assert len(arrived) == series
    for samples in arrived.values():
        assert [v for _, v in samples] == [float(at) for at in range(0, 10_000, series)]
    if not SANITIZED:
        assert d.rss() - rss[5000] < 16 << 20, "what is sent again is bounded by what is in flight"


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(otelcd, receiver, tmp_path):
    r = receiver()
    text = config(r.url, wal(tmp_path / "wal"))
    sent = []
    for _ in range(4):
        d = otelcd(text, end=False, allow=["ended in the middle"])
        stop = threading.Event()

        def load(d=d, stop=stop):
            while not stop.is_set():
                value = float(len(sent))
                try:
                    d.export(point("x", value, len(sent)))
                except Exception:
                    return
                sent.append(value)

        t = threading.Thread(target=load)
        before = len(sent)
        t.start()
        r.wait(lambda r, before=before: len(sent) > before + 60)
        d.terminate(signal.SIGKILL)
        d.process.wait()
        stop.set()
        t.join(PATIENCE)
    d = otelcd(text, allow=["ended in the middle"])
    wait_settled(d)
    arrived = r.values("x")
    assert set(sent) <= set(arrived)
    first_times = list(dict.fromkeys(arrived))
    assert first_times == sorted(first_times), "out of order"
    ledger = d.ledger(*EXPORTER)
    assert ledger["received"] == ledger["delivered"]


def test_a_second_process_on_the_same_log_is_told_who_has_it(otelcd, receiver, tmp_path):
    r = receiver()
    text = config(r.url, wal(tmp_path / "wal"))
    first = otelcd(text)
    second = otelcd(text, ready=False, end=False, allow=["in use by another process"])
    assert second.wait_end() != 0
    assert re.search(f"in use by another process, pid {first.process.pid}", second.log())


def otelcd_wal(*arguments):
    return subprocess.run([OTELCD, "wal", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def test_what_is_lost_by_stopping_is_a_warning(otelcd, receiver):
    d = otelcd(config(receiver(lambda request: (503, {}, b"down")).url), allow=["Remote write failed"], end=False)
    d.export(point("x", 1.0, 1))
    d.close_clients()
    assert d.stop() == 0
    assert [(r["exporter"], r["dropped{shutdown}"]) for r in d.records("^Ledger$", "warn")] == [("prometheus_remote_write", 1)]
    assert [r["pipeline"] for r in d.records("^Ledger$", "info")] == ["metrics"]


OLD = (400, {}, b"out of order sample")  # what Prometheus says to all but the newest sample that it has already


def test_what_landed_without_an_answer_is_delivered_though_the_receiver_then_calls_it_out_of_order(otelcd, receiver):
    answers = iter([None])  # the connection is cut
    r = receiver(lambda request: next(answers, OLD))
    d = otelcd(config(r.url), allow=["Remote write failed"])
    d.export(point("x", 1.0, 1))
    assert wait_settled(d)["delivered"] == 1
    assert d.metric("otelcd_remote_write_duplicates", exporter="prometheus_remote_write") == 1


def test_what_landed_before_a_crash_is_delivered_and_what_is_late_afterwards_is_not(otelcd, receiver, tmp_path):
    r = receiver(lambda request: (503, {}, b"down"))
    d = otelcd(config(r.url, wal(tmp_path / "wal")), allow=["Remote write failed"], end=False)
    for i in range(3):
        d.export(point("x", float(i), i))
    d.close_clients()
    d.terminate(signal.SIGKILL)
    d.wait_end()
    d = otelcd(config(receiver(lambda request: OLD).url, wal(tmp_path / "wal")), expect=["Points are not sent"])
    assert wait_settled(d)["delivered"] == 3
    assert d.metric("otelcd_remote_write_duplicates", exporter="prometheus_remote_write") == 3
    d.export(point("x", 0.0, 0))
    ledger = wait_settled(d)
    assert (ledger["received"], ledger["delivered"], ledger["dropped"]) == (4, 3, 1)


def test_large_batches_that_landed_before_a_crash_are_delivered_too(otelcd, receiver, tmp_path):
    """Two are on their way at one time, each as large as it came."""
    r = receiver(lambda request: (503, {}, b"down"))
    d = otelcd(config(r.url, wal(tmp_path / "wal")), allow=["Remote write failed"], end=False)
    for i in range(2):
        request = point(f"x{i}", 1.0, i)
        request.resource_metrics[0].scope_metrics[0].metrics[0].description = "x" * 1_500_000
        d.export(request)
    d.close_clients()
    d.terminate(signal.SIGKILL)
    d.wait_end()
    d = otelcd(config(receiver(lambda request: OLD).url, wal(tmp_path / "wal")))
    assert wait_settled(d)["delivered"] == 2
    assert d.metric("otelcd_remote_write_duplicates", exporter="prometheus_remote_write") == 2


def test_a_queue_on_disk_shows_its_fill_in_bytes(otelcd, receiver, tmp_path):
    r = receiver(lambda request: (503, {}, b""))
    d = otelcd(config(r.url, wal(tmp_path / "wal", "max_size_mib: 8")), allow=["Remote write failed"], end=False)
    d.export(Metrics().gauges("many", 100).request)
    m = d.metrics()
    size = m.find("otelcd_exporter_wal_size")[0].value
    assert size > 1000 and m.find("otelcol_exporter_queue_size")[0].value == size
    assert m.find("otelcd_exporter_wal_capacity")[0].value == m.find("otelcol_exporter_queue_capacity")[0].value == 8 << 20


def test_the_wal_command_shows_checks_and_exports_what_waits(otelcd, receiver, tmp_path):
    r = receiver(lambda request: (503, {}, b"down"))
    d = otelcd(config(r.url, wal(tmp_path / "wal")), allow=["Remote write failed"], end=False)
    for i in range(3):
        d.export(point("x", float(i), i))
    d.close_clients()
    assert d.stop() == 0
    queue = tmp_path / "wal/prom_remotewrite"
    shown = otelcd_wal("inspect", queue)
    assert shown.returncode == 0 and "held 3 in 3 records" in shown.stdout, shown
    assert otelcd_wal("verify", queue).stdout.splitlines()[-1] == "whole"
    above = otelcd_wal("inspect", tmp_path / "wal")
    assert above.returncode == 1 and above.stderr.endswith(f"own directory: {queue}\n"), above
    lines = [json.loads(line) for line in otelcd_wal("export", queue).stdout.splitlines()]
    values = [
        q["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]["asDouble"] for q in lines
    ]
    assert values == [0, 1, 2]
    segment = next(queue.glob("*.wal"))
    damaged = bytearray(segment.read_bytes())
    damaged[damaged.index(b"checkout")] ^= 1
    segment.write_bytes(damaged)
    verified = otelcd_wal("verify", queue)
    assert verified.returncode == 1 and "are damaged" in verified.stdout
    assert otelcd_wal("verify", tmp_path).returncode == 1 and otelcd_wal("frobnicate", queue).returncode == 2
    d = otelcd(config(receiver().url, wal(tmp_path / "wal")), expect=["Damaged records"])
    ledger = wait_settled(d)
    assert (ledger["received"], ledger["delivered"], ledger["dropped"]) == (3, 2, 1)


def queue_of_three(otelcd, receiver, folder):
    """Stopped, with three records that wait; its one segment."""
    r = receiver(lambda request: (503, {}, b"down"))
    d = otelcd(config(r.url, wal(folder)), allow=["Remote write failed"], end=False)
    for i in range(3):
        d.export(point("x", float(i), i))
    d.close_clients()
    assert d.stop() == 0
    (segment,) = (folder / "prom_remotewrite").glob("*.wal")
    return segment


def data_records(segment):
    """Where each begins and ends (docs/wal-format.md)."""
    at = 64
    while at < len(segment):
        length, _, kind = struct.unpack_from("<III", segment, at)
        if kind == 1:
            yield at, at + (length + 7 & ~7)
        at += length + 7 & ~7


def test_records_that_read_as_zeros_are_told_at_the_start_and_by_verify(otelcd, receiver, tmp_path):
    segment = queue_of_three(otelcd, receiver, tmp_path / "wal")
    whole = segment.read_bytes()

    # in the middle: the numbers around them tell how many
    at, end = list(data_records(whole))[1]
    segment.write_bytes(whole[:at] + bytes(end - at) + whole[end:])
    verified = otelcd_wal("verify", segment.parent)
    assert verified.returncode == 1 and f"before byte {end} 1 of the records 2 to 2 are lost\n" in verified.stdout, verified
    assert verified.stdout.splitlines()[-1] == "damaged"

    # all behind the head: the file is shorter than it was made, so that there was something
    segment.write_bytes(whole[:64] + bytes(len(whole) - 64))
    verified = otelcd_wal("verify", segment.parent)
    assert verified.returncode == 1 and "they were when the file was closed" in verified.stdout, verified
    d = otelcd(config(receiver().url, wal(tmp_path / "wal")), expect=["The end of the log does not read as it was written"])
    assert d.metrics().sum("otelcd_exporter_wal_lost_bytes") == len(whole) - 64

    # and room that was not used yet, in a queue that is open, is none
    d.export(point("x", 1.0, 1))
    verified = otelcd_wal("verify", segment.parent)
    assert verified.returncode == 0 and "room that was never used, if the disk is right" in verified.stdout, verified
    assert verified.stdout.splitlines()[-1] == "whole"


def test_what_a_stop_leaves_of_a_file_that_was_being_removed_is_no_damage(otelcd, receiver, tmp_path):
    segment = queue_of_three(otelcd, receiver, tmp_path / "wal")
    whole = segment.read_bytes()
    d = otelcd(config(receiver().url, wal(tmp_path / "wal")), end=False)
    wait_settled(d)
    assert d.stop() == 0 and not segment.exists()
    at, _ = list(data_records(whole))[2]
    segment.write_bytes(whole[: at + 100])
    verified = otelcd_wal("verify", segment.parent)
    assert verified.returncode == 0 and verified.stdout.splitlines()[-1] == "whole", verified
    d = otelcd(config(receiver().url, wal(tmp_path / "wal")))
    d.export(point("x", 1.0, 1))
    assert wait_settled(d)["delivered"] == 4


def test_what_is_no_file_stops_neither_the_log_nor_the_wal_command(otelcd, receiver, tmp_path):
    queue = tmp_path / "wal/prom_remotewrite"
    queue.mkdir(parents=True)
    (queue / "0000000000000001.wal").mkdir()
    (queue / "0000000000000002.wal").symlink_to("/etc/passwd")
    os.mkfifo(queue / "0000000000000003.wal")
    r = receiver()
    d = otelcd(config(r.url, wal(tmp_path / "wal")), end=False, expect=["no regular file; it is left alone"])
    d.export(point("x", 1.0, 1))
    wait_settled(d)
    assert len(d.records("is no regular file")) == 3
    d.close_clients()
    assert d.stop() == 0
    for what in ("inspect", "verify", "export"):
        ran = otelcd_wal(what, queue)
        assert ran.returncode == 0, ran
        assert what == "export" or ran.stdout.count("left alone: no regular file") == 3, ran


def test_a_full_disk_quota_refuses_and_recovers(otelcd, receiver, tmp_path):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"down"))
    d = otelcd(
        config(r.url, wal(tmp_path / "wal", "max_size_mib: 8"), "retry_on_failure: {initial_interval: 5ms, max_interval: 50ms}"),
        allow=["Remote write failed", "queue"],
    )
    big = {"description": "x" * 100_000}
    accepted = 0
    refused = None
    for i in range(200):
        try:
            d.export(point("x", float(i), i, **big))
            accepted += 1
        except Exception as e:
            refused = e
            break
    assert refused is not None and refused.code().name == "UNAVAILABLE" and accepted > 20
    up.set()
    wait_settled(d)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_wal_size") < 4 << 20)  # what is delivered is freed a moment later
    d.export(point("x", 1000.0, 1000, **big))
    wait_settled(d)
    assert r.values("x") == [float(i) for i in range(accepted)] + [1000.0]


def test_a_full_disk_refuses_and_recovers_when_it_is_freed(otelcd, receiver, tmp_path):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"down"))
    disk = SmallDisk(tmp_path / "disk", 8 << 20)
    text = config(r.url, wal(disk.folder / "wal"), "retry_on_failure: {initial_interval: 5ms, max_interval: 50ms}")
    d = otelcd(text, under=disk.command, allow=["Remote write failed"], expect=["No space left on device|no space left on device"])
    (disk.seen_from(d) / "somebody's").write_bytes(bytes(4 << 20))
    big = {"description": "x" * 100_000}
    accepted, refusals, at = [], [], 0
    while len(refusals) < 5:
        at += 1
        try:
            d.export(point("x", float(at), at, **big))
            accepted.append(float(at))
        except grpc.RpcError as e:
            refusals.append(e)
        assert at < 200, "the disk never filled"
    assert {e.code().name for e in refusals} == {"UNAVAILABLE"}, "the sender shall come again"
    assert len(accepted) > 10 and d.ledger(*EXPORTER)["held"] == len(accepted)
    (disk.seen_from(d) / "somebody's").unlink()
    for at in range(at + 1, at + 11):
        d.export(point("x", float(at), at, **big))
        accepted.append(float(at))
    up.set()
    wait_settled(d)
    assert r.values("x") == accepted


def test_a_full_disk_empties_while_senders_never_fall_silent(otelcd, receiver, tmp_path):
    up, enough, refused = threading.Event(), threading.Event(), threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"down"))
    disk = SmallDisk(tmp_path / "disk", 6 << 20)
    text = config(r.url, wal(disk.folder / "wal"), "retry_on_failure: {initial_interval: 5ms, max_interval: 50ms}")
    d = otelcd(text, under=disk.command, allow=["Remote write failed"], expect=["[Nn]o space left on device"])
    pad = "x" * 20_000
    accepted, later = [[] for _ in range(4)], [0] * 4

    def load(k):
        call = d.caller(Metrics().request)
        for at in range(1, 1_000_000):
            if enough.is_set():
                return
            try:
                call(point(f"x{k}", float(at), at, description=pad), timeout=PATIENCE)
                accepted[k].append(float(at))
                later[k] += up.is_set()
            except grpc.RpcError as e:
                assert e.code() == grpc.StatusCode.UNAVAILABLE, e
                refused.set()

    threads = [threading.Thread(target=load, args=(k,), daemon=True) for k in range(4)]
    for t in threads:
        t.start()
    try:
        assert refused.wait(PATIENCE), "the disk never filled"
        up.set()
        r.wait(lambda r: min(later) > 200)  # more than the disk holds
    finally:
        enough.set()
    for t in threads:
        t.join(PATIENCE)
    wait_settled(d)
    for k in range(4):
        assert r.values(f"x{k}") == accepted[k]


@pytest.mark.parametrize(
    "line, words",
    [
        ("tls: {tpm: {enabled: true}}", "needs a key: write key_file"),
        ("compression: gzip", "compression type must be snappy"),
        ("translation_strategy: NoTranslation", "requires Prometheus Remote Write 2.0"),
        ("convert_explicit_histograms_to_nhcb: true", "Remote-Write 1.0 has no custom buckets"),
        ("keep_classic_histograms: true", "has no effect without convert_explicit_histograms_to_nhcb"),
        ("remote_write_queue: {queue_size: 0}", "a 0 size queue will drop all the data"),
        ("auth: {authenticator: x}", "no client authenticator extension found"),
        ("external_labels: {a: ''}", "empty"),
        (r'headers: {X-A: "a\x7fb"}', "has a control character"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(otelcd, line, words):
    scheme = "https" if line.startswith("tls") else "http"
    d = otelcd(config(f"{scheme}://127.0.0.1:1/x", line), ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    assert words in d.log()


PEERS = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:0"}}
  prometheus_remote_write/prometheus:
    endpoint: {prometheus}
    protobuf_message: {form}
    wal: {{directory: {folder}/one}}
  prometheus_remote_write/victoria:
    endpoint: {victoria}
    wal: {{directory: {folder}/two}}
service:
  pipelines:
    metrics: {{receivers: [otlp], exporters: [prometheus, prometheus_remote_write/prometheus, prometheus_remote_write/victoria]}}
"""


def test_prometheus_and_victoria_metrics_read_back_what_was_sent_across_a_kill_9(otelcd, tmp_path, writable_prometheus, victoria_metrics):
    p, v = writable_prometheus(), victoria_metrics()
    text = PEERS.format(prometheus=p.write_url, victoria=v.write_url, folder=tmp_path, form="prometheus.WriteRequest")
    d = otelcd(text, end=False)
    request = everything()
    d.export(request)
    d.terminate(signal.SIGKILL)
    d.process.wait()
    d.close_clients()
    d = otelcd(text, allow=["ended in the middle", "bad_histogram"])
    later = Metrics().sum("requests", 43, unit="1", method="GET").request
    d.export(later)
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
    for peer in (p, v):
        assert peer.wait('requests_total{method="GET"} == 43')
        assert peer.value("room_temperature_celsius") == 21.5
        assert peer.value('latency_seconds_bucket{le="1"}') == 2
        assert peer.value("latency_seconds_count") == 3
        assert peer.value('sizes{quantile="0.99"}') == 20
        assert peer.query('target_info') == [] or peer.value("target_info") == 1
    assert p.value("histogram_count(spread)") == 10 and p.value("histogram_sum(spread)") == 12.5
    exemplars = p.api("query_exemplars", query="latency_seconds_bucket", start=0, end=4e9)
    assert exemplars[0]["exemplars"][0]["labels"]["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_scrape_and_remote_write_agree_in_names_labels_and_values(otelcd, receiver):
    r = receiver()
    d = otelcd(
        PIPELINE.format(url=r.url, more="").replace("exporters:\n", 'exporters:\n  prometheus: {endpoint: "127.0.0.1:0"}\n', 1).replace(
            "exporters: [prometheus_remote_write]", "exporters: [prometheus, prometheus_remote_write]"
        )
    )
    d.export(everything())
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
    scraped = {
        (s.name, *sorted((k, v) for k, v in s.labels.items() if v and k not in ("le", "quantile")), float(s.labels.get("le", 0)), float(s.labels.get("quantile", 0))): s.value
        for s in d.metrics("prometheus").all
        if not s.name.startswith("spread") and not s.name.startswith("target_info")
    }
    written = {
        (s.name, *sorted((k, v) for k, v in s.labels.items() if k not in ("le", "quantile")), float(s.labels.get("le", 0)), float(s.labels.get("quantile", 0))): s.value
        for s in r.samples
        if s.histogram is None and s.name != "target_info"
    }
    assert written == scraped


class Slow(Receiver):
    """Its answer may wait for something else: it is found without the lock."""

    def _serve(self, handler, request):
        found, find = self.answer(request), self.answer
        self.answer = lambda _: found
        try:
            super()._serve(handler, request)
        finally:
            self.answer = find


QUICK = "retry_on_failure: {initial_interval: 20ms, max_interval: 30ms}"


def test_a_stop_while_bad_series_are_sought_books_each_part_as_what_became_of_it(otelcd):
    alone, go_on = threading.Event(), threading.Event()

    def answer(request):
        names = sorted(s.name for s in request.series)
        if "bad" in names:
            return 500, {}, b"boom"
        alone.set()
        go_on.wait(PATIENCE)
        return 204, {}, b""

    r = Slow(answer)
    d = otelcd(config(r.url, "max_batch_request_parallelism: 1", "target_info: {enabled: false}", QUICK), end=False, allow=["."])
    m = Metrics()
    m.gauge("bad", 1.0)
    m.gauge("good", 2.0)
    d.export(m.request)
    assert alone.wait(PATIENCE)
    d.terminate()
    d.wait_log("^Starting shutdown")
    go_on.set()
    assert d.wait_end() == 0
    r.close()
    ledger = d.final_ledgers()[EXPORTER]
    assert (ledger["delivered"], ledger["dropped"]) == (1, 1), ledger
    assert [s.name for s in r.samples] == ["good"]


def test_points_refused_before_the_form_changes_are_dropped_once(otelcd, receiver):
    answers = iter([(400, {}, b"bad label"), (415, {}, b"what")])
    r = receiver(lambda q: next(answers, (415, {}, b"what")) if q.version == "2.0.0" else (400, {}, b"bad label"))
    more = ("protobuf_message: io.prometheus.write.v2.Request", "remote_write_queue: {num_consumers: 2}")
    d = otelcd(config(r.url, *more, "target_info: {enabled: false}", QUICK), expect=["Points are not sent", "does not know Remote-Write 2.0"])
    m = Metrics()
    m.gauge("x0", 1.0)
    m.gauge("x1", 1.0)
    d.export(m.request)
    assert wait_settled(d)["dropped"] == 2


def test_reasons_and_counts_go_on_over_a_reload(otelcd, receiver, tmp_path):
    r = receiver(lambda q: (400, {}, b"per-user series limit of 10 exceeded"))
    text = config(r.url, f"wal: {{directory: {tmp_path / 'wal'}, max_size_mib: 64}}")
    text = text.replace("exporters:\n", "exporters:\n  prometheus: {endpoint: 'localhost:0', metric_expiration: 1s}\n", 1)
    d = otelcd(text.replace("exporters: [prom", "exporters: [prometheus, prom"), expect=["Points are not sent"], end=False)
    d.endpoint = lambda message, component=None: [
        x for x in d.records(message) if component in (None, x.get("otelcol.component.id"))][-1]["endpoint"]
    labels = dict(exporter="prometheus_remote_write", data_type="metrics")

    def written():
        return d.metrics().sum("otelcd_exporter_wal_written_bytes", **labels)

    def dropped(n):
        return d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items", reason="receiver_limit") == n)

    def expired(n):
        return d.wait_metrics(lambda m: m.sum("otelcd_prometheus_series_expired") == n)

    def send(value):
        m = Metrics()
        for i in range(5):
            m.gauge(f"g{i}", value)
        d.export(m.request, address=d.grpc_address())

    send(1.0)
    dropped(5)
    expired(5)
    d.reload((d.folder / "otelcd.yaml").read_text().replace("metric_expiration: 1s", "metric_expiration: 1100ms").replace("max_size_mib: 64", "max_size_mib: 65"))
    before = written()
    dropped(5)
    expired(5)
    send(2.0)
    dropped(10)
    assert written() > before
    expired(10)
    d.terminate()
    assert d.wait_end() == 0
