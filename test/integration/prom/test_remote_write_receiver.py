# SPDX-License-Identifier: Apache-2.0
"""The prometheusremotewrite receiver: what is pushed to it, what it makes of it, and how it answers."""

import json
import struct

import pytest
from harness import pushed
from harness.pushed import COUNTER, GAUGE, HISTOGRAM, NOW, SUMMARY, V1, V2, Series, histogram, push, sample
from harness.remote_write import accept, key
from harness.targets import points_of, wait_points

CONFIG = """
receivers:
  prometheusremotewrite: {{endpoint: "127.0.0.1:0"{more}}}
exporters:
  file: {{path: points}}
service:
  pipelines:
    metrics: {{receivers: [prometheusremotewrite], exporters: [file]}}
"""
RELAY = """
receivers:
  prometheusremotewrite: {{endpoint: "127.0.0.1:0"}}
exporters:
  prometheus_remote_write: {{endpoint: {url}, protobuf_message: {form}{more}}}
service:
  pipelines:
    metrics: {{receivers: [prometheusremotewrite], exporters: [prometheus_remote_write]}}
"""
SETTLED = "otelcol_receiver_accepted_metric_points"


def config(**more):
    return CONFIG.format(more="".join(f", {k}: {json.dumps(v)}" for k, v in more.items()))


def requests(d):
    """What came out, as JSON."""
    wait_points(d, bool)
    return [json.loads(line) for line in (d.folder / "points").read_bytes().split(b"\n")[:-1]]


def metrics(d):
    """{name: metric} of all requests."""
    return {
        m["name"]: m for r in requests(d) for g in r["resourceMetrics"] for s in g["scopeMetrics"] for m in s["metrics"]
    }


@pytest.mark.parametrize("kind", [V1, V2])
def test_samples_arrive_with_labels_times_and_resources_before_the_answer(otelcd, kind):
    d = otelcd(config())
    body = pushed.ENCODE[kind](
        Series("up", sample(1), sample(0, NOW + 1000), job="shop/cart", instance="a:1", zone="b"),
        Series("load", sample(-2.5), job="other", instance="c:1", otel_scope_name="lib", otel_scope_version="2", otel_scope_x="y"),
    )
    assert push(d, body, kind) == (204, (3, 0, 0), "")
    (request,) = requests(d)  # it is there when the answer is
    got = [p for p in points_of(request)]
    assert [(p.name, p.value, p.time) for p in got] == [
        ("up", 1, NOW * 10**6), ("up", 0, (NOW + 1000) * 10**6), ("load", -2.5, NOW * 10**6)
    ]
    assert got[0].labels == {"zone": "b"} and got[2].labels == {}
    first, second = request["resourceMetrics"]
    assert {a["key"]: a["value"]["stringValue"] for a in first["resource"]["attributes"]} == {
        "service.namespace": "shop", "service.name": "cart", "service.instance.id": "a:1"
    }
    assert second["scopeMetrics"][0]["scope"] == {
        "name": "lib", "version": "2", "attributes": [{"key": "x", "value": {"stringValue": "y"}}]
    }


def test_what_2_0_says_of_a_series_is_said_of_its_metric(otelcd):
    d = otelcd(config())
    body = pushed.v2(
        Series("c_total", sample(3, start=NOW - 5000), kind=COUNTER, help="Many.", exemplars=[({"trace_id": "ab" * 16, "x": "y"}, 0.5, NOW)]),
        Series("g_seconds", sample(1, start=NOW - 5000), kind=GAUGE, unit="seconds"),
        Series("h_bucket", sample(1), kind=HISTOGRAM, le="0.5"),
        Series("s", sample(1), kind=SUMMARY, quantile="0.5"),
    )
    assert push(d, body) == (204, (4, 0, 1), "")
    m = metrics(d)
    c = m["c_total"]
    assert c["description"] == "Many." and c["sum"]["isMonotonic"] and c["sum"]["aggregationTemporality"] == 2
    (p,) = c["sum"]["dataPoints"]
    assert p["startTimeUnixNano"] == str((NOW - 5000) * 10**6)
    (x,) = p["exemplars"]
    assert x["traceId"] == "ab" * 16 and x["asDouble"] == 0.5 and x["filteredAttributes"][0]["key"] == "x"
    assert m["g_seconds"]["unit"] == "s" and "startTimeUnixNano" not in m["g_seconds"]["gauge"]["dataPoints"][0]
    assert m["h_bucket"]["gauge"]["dataPoints"][0]["attributes"] == [{"key": "le", "value": {"stringValue": "0.5"}}]
    assert m["s"]["metadata"] == [{"key": "prometheus.type", "value": {"stringValue": "summary"}}]


def test_what_1_0_says_of_families_is_remembered(otelcd):
    d = otelcd(config())
    assert push(d, pushed.v1(metadata=[(COUNTER, "c_total", "Many.", ""), (HISTOGRAM, "h", "Slow.", "seconds")]), V1) == (204, (0, 0, 0), "")
    body = pushed.v1(
        Series("c_total", sample(3)), Series("h_bucket", sample(1), le="+Inf"), Series("d_total", sample(1)), Series("e", sample(1))
    )
    assert push(d, body, V1)[0] == 204
    m = metrics(d)
    assert m["c_total"]["description"] == "Many." and m["c_total"]["sum"]["isMonotonic"]
    assert m["h_bucket"]["description"] == "Slow." and "gauge" in m["h_bucket"]
    assert "sum" in m["d_total"] and "gauge" in m["e"]


@pytest.mark.parametrize("kind", [V1, V2])
def test_native_histograms_are_exponential_ones(otelcd, kind):
    d = otelcd(config())
    h = histogram(58, 100, schema=8, zero=30, positive=([(-1, 3)], [1, 13, -1]), start=NOW - 1)
    assert push(d, pushed.ENCODE[kind](Series("h", histograms=[h], kind=HISTOGRAM)), kind) == (204, (0, 1, 0), "")
    (p,) = metrics(d)["h"]["exponentialHistogram"]["dataPoints"]
    assert (p["count"], p["sum"], p["scale"], p["zeroCount"]) == ("58", 100, 8, "30")
    assert p["positive"] == {"offset": -2, "bucketCounts": ["1", "14", "13"]}
    assert p["startTimeUnixNano"] == str((NOW - 1) * 10**6)


def test_native_histograms_of_custom_buckets_are_explicit_ones(otelcd):
    d = otelcd(config())
    h = histogram(37, 5, schema=-53, positive=([(0, 1), (2, 3)], [10, 10, -15, -3]), custom=[-2, -1, 0, 1, 2])
    assert push(d, pushed.v2(Series("h", histograms=[h], kind=HISTOGRAM)))[:2] == (204, (0, 1, 0))
    (p,) = metrics(d)["h"]["histogram"]["dataPoints"]
    assert p["explicitBounds"] == [-2, -1, 0, 1, 2] and p["bucketCounts"] == ["10", "0", "0", "20", "5", "2"]


@pytest.mark.parametrize("kind", [V1, V2])
def test_a_series_that_has_ended_is_a_point_without_a_value(otelcd, kind):
    d = otelcd(config())
    body = pushed.ENCODE[kind](Series("g", sample("stale"), a="b"), Series("h", histograms=[histogram(0, "stale")]))
    assert push(d, body, kind)[:2] == (204, (1, 1, 0))
    (request,) = requests(d)
    assert [(p.name, p.stale, p.value) for p in points_of(request)] == [("g", True, None), ("h", True, None)]


def test_target_info_gives_its_resource_attributes_in_this_request_and_later(otelcd):
    d = otelcd(config())
    about = {"job": "j", "instance": "i"}
    assert push(d, pushed.v2(Series("a", sample(1), **about), Series("target_info", sample(1), host_name="box", **about)))[1] == (2, 0, 0)
    assert push(d, pushed.v2(Series("a", sample(2), **about)))[0] == 204
    assert push(d, pushed.v2(Series("target_info", sample("stale"), host_name="box", **about)))[:2] == (204, (1, 0, 0))
    assert push(d, pushed.v2(Series("a", sample(3), **about)))[0] == 204
    hosts = [
        [a["value"]["stringValue"] for a in r["resourceMetrics"][0]["resource"]["attributes"] if a["key"] == "host_name"]
        for r in requests(d)
    ]
    assert hosts == [["box"], ["box"], []]


BAD = [
    ("no_name", [("a", "b")], "it has no name"),
    ("twice", [("__name__", "x"), ("a", "b"), ("a", "c")], "a label is there twice"),
    ("nameless_label", [("", "b"), ("__name__", "x")], "a label has no name"),
    ("not_text", [("__name__", "x"), ("a", b"\xff")], "a label is not UTF-8"),
    ("many_labels", [("__name__", "x"), *((f"l{i:03}", "v") for i in range(600))], "more than 512 labels"),
    ("long_label", [("__name__", "x"), ("a", "v" * 200_000)], "128 KiB"),
]


@pytest.mark.parametrize("pairs,why", [b[1:] for b in BAD], ids=[b[0] for b in BAD])
@pytest.mark.parametrize("kind", [V1, V2])
def test_a_bad_series_is_left_out_and_told_and_the_others_are_written(otelcd, kind, pairs, why):
    d = otelcd(config())
    d.expect_warning("Samples of a remote write were left out")
    status, written, text = push(d, pushed.ENCODE[kind](Series("", sample(1), pairs=pairs), Series("good", sample(1))), kind)
    assert status == 400 and why in text and written == (1, 0, 0)
    assert list(metrics(d)) == ["good"]
    assert d.metric("otelcd_receiver_left_out", reason="invalid") == 1


def test_labels_need_no_order_and_an_empty_one_is_none(otelcd):
    d = otelcd(config())
    assert push(d, pushed.v1(Series("", sample(1), pairs=[("z", "1"), ("b", ""), ("__name__", "x"), ("a", "2")])), V1)[0] == 204
    ((p,),) = [list(points_of(r)) for r in requests(d)]
    assert p.labels == {"a": "2", "z": "1"}


def refs(*numbers):
    return b"".join(map(pushed.varint, numbers))


def two(series, *symbols):
    return b"".join(pushed.field(4, s) for s in ("", *symbols)) + pushed.field(5, series)


ONE = pushed.field(2, sample(1))
MALFORMED = [
    ("ref_outside", two(pushed.field(1, refs(1, 2, 3, 9)) + ONE, "__name__", "x", "a"), 400, "symbol that is not there"),
    ("odd_refs", two(pushed.field(1, refs(1, 2, 3)) + ONE, "__name__", "x", "a"), 400, "a label has no value"),
    ("cut_ref", two(pushed.field(1, b"\x80") + ONE, "__name__"), 400, "does not parse"),
    ("metadata_outside", two(pushed.field(1, refs(1, 2)) + ONE + pushed.field(5, pushed.number(3, 77)), "__name__", "x"), 400, "metadata"),
    ("cut_message", pushed.v2(Series("x", sample(1)))[:-3], 400, "no protobuf"),
    ("no_protobuf", b"\xff" * 20, 400, "no protobuf"),
    ("time_before_1970", pushed.v2(Series("x", sample(1, at=-5))), 400, "before 1970"),
    ("spans_without_buckets", pushed.v2(Series("x", histograms=[histogram(1, 1, positive=([(0, 1 << 31)], [1]))])), 400, "spans"),
    ("schema", pushed.v2(Series("x", histograms=[histogram(1, 1, schema=77)])), 400, "no such schema"),
    ("bounds", pushed.v2(Series("x", histograms=[histogram(1, 1, schema=-53, custom=[2, 1])])), 400, "ascend"),
    ("buckets_beyond", pushed.v2(Series("x", histograms=[histogram(1, 1, schema=-53, positive=([(3, 1)], [1]), custom=[1])])), 400, "beyond"),
]


@pytest.mark.parametrize("body,status,why", [m[1:] for m in MALFORMED], ids=[m[0] for m in MALFORMED])
def test_a_malformed_message_is_refused_and_the_next_is_taken(otelcd, body, status, why):
    d = otelcd(config())
    d.expect_warning("Samples of a remote write were left out|Request rejected")
    got = push(d, body)
    assert got[0] == status and why in got[2]
    assert push(d, pushed.v2(Series("good", sample(1))))[0] == 204
    assert list(metrics(d)) == ["good"]


HEADERS = [
    (dict(path="/api/v1/push"), 404, "/api/v1/write"),
    (dict(method="PUT"), 405, "POST"),
    (dict(kind="application/json"), 415, "application/x-protobuf"),
    (dict(kind="application/x-protobuf;proto=io.prometheus.write.v3.Request"), 415, "io.prometheus.write.v2"),
    (dict(headers={"Content-Encoding": "br"}), 415, "snappy"),
    (dict(headers={"Content-Encoding": "identity"}), 415, "snappy"),
    (dict(packed=False), 400, "cannot decompress snappy"),
]


@pytest.mark.parametrize("more,status,why", HEADERS)
def test_a_request_that_is_no_remote_write_is_answered_by_the_protocol(otelcd, more, status, why):
    d = otelcd(config())
    d.expect_warning("Request rejected")
    got = push(d, pushed.v2(Series("x", sample(1))), **more)
    assert got[0] == status and why in got[2] and got[1] is None


def test_names_of_the_media_type_and_codings_are_read_as_http_has_them(otelcd):
    d = otelcd(config())
    body = pushed.v2(Series("x", sample(1)))
    assert push(d, body, 'Application/X-Protobuf; charset=utf-8; Proto="io.prometheus.write.v2.Request"')[0] == 204
    assert push(d, pushed.v1(Series("y", sample(1))), "", headers={"Content-Encoding": ""})[0] == 204
    assert push(d, pushed.v1(Series("z", sample(1))), "application/x-protobuf;proto=prometheus.WriteRequest")[0] == 204
    assert set(metrics(d)) == {"x", "y", "z"}


def test_a_body_beyond_the_limit_is_refused_packed_or_not(otelcd):
    d = otelcd(config(max_request_body_size=10_000))
    d.expect_warning("Request rejected")
    status, written, text = push(d, b"\0" * 20_000)
    assert status == 413 and "max_request_body_size" in text
    bomb = pushed.varint(1 + 64 * 1000) + b"\x00a" + b"\xfe\x01\x00" * 1000
    status, written, text = push(d, bomb, packed=False)
    assert status == 413 and "after decompression" in text


def test_labels_that_are_little_in_the_request_and_much_in_memory_are_refused(otelcd):
    d = otelcd(config(max_request_body_size=200_000))
    d.expect_warning("Request rejected")
    series = pushed.field(1, refs(1, 2, 3, 4)) + ONE * 5000
    status, written, text = push(d, two(series, "__name__", "x", "a", "v" * 100_000))
    assert status == 413 and "memory" in text
    assert push(d, pushed.v2(Series("good", sample(1))))[0] == 204


def test_a_large_request_is_read_in_slices_and_whole(otelcd):
    d = otelcd(config())
    n = 20_000
    body = pushed.v2(*(Series("m", sample(i), id=str(i), job=f"job{i % 7}", instance="i", text="word" * 10) for i in range(n)))
    assert len(pushed.snappy(body)) > 128 * 1024
    assert push(d, body)[:2] == (204, (n, 0, 0))
    (request,) = requests(d)
    assert sorted(p.value for p in points_of(request)) == list(range(n))


def test_max_series_refuses_new_ones_and_names_the_culprit(otelcd):
    d = otelcd(config(max_series=100))
    d.expect_warning("Samples of a remote write were left out", "New series are refused.*user_id", "Series are near their limit")
    body = pushed.v2(*(Series("logins_total", sample(1), user_id=str(i), job="auth", instance="i") for i in range(300)))
    status, written, text = push(d, body)
    assert status == 400 and "max_series" in text and written[0] <= 100
    assert push(d, pushed.v2(Series("logins_total", sample(2), user_id="1", job="auth", instance="i")))[0] == 204  # a known one goes on
    assert d.metric("otelcd_receiver_left_out", reason="series_limit") == 300 - written[0]
    assert d.metric("otelcd_prometheus_largest_metrics", receiver="prometheusremotewrite", metric="logins_total") == written[0]
    assert d.metric("otelcd_prometheus_label_values", receiver="prometheusremotewrite", label="user_id") > written[0] / 2
    named = {"receiver": "prometheusremotewrite", "metric": "logins_total", "label": "user_id"}
    assert d.metric("otelcd_prometheus_series_limit_refused", **named) > 0


def test_what_the_pipeline_cannot_take_now_is_asked_for_again(otelcd, receiver):
    r = receiver(lambda request: (503, {}, b"later"))
    more = ", remote_write_queue: {enabled: false}, retry_on_failure: {enabled: false}"
    d = otelcd(RELAY.format(url=r.url, form="prometheus.WriteRequest", more=more))
    d.expect_warning("")
    status, written, text = push(d, pushed.v2(Series("x", sample(1))))
    assert status == 503 and written is None
    r.answer = lambda request: (204, {}, b"")
    assert push(d, pushed.v2(Series("x", sample(1))))[:2] == (204, (1, 0, 0))
    assert [s.value for s in r.samples] == [1]


TWICE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  prometheus_remote_write/direct: {{endpoint: {direct}, protobuf_message: {form}}}
  prometheus_remote_write/relayed: {{endpoint: {relayed}, protobuf_message: {form}}}
service:
  pipelines:
    metrics: {{receivers: [otlp], exporters: [prometheus_remote_write/direct, prometheus_remote_write/relayed]}}
"""
FORMS = ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]


def told(s):
    """All of a sample but its type: version 1 does not say it."""
    return (*key(s), s.value, s.time, s.start, repr(s.histogram), repr(s.exemplars))


@pytest.mark.parametrize("form", FORMS)
def test_what_goes_through_two_otelcd_by_remote_write_is_the_same_series(otelcd, receiver, form):
    from test_remote_write import everything

    direct, relayed = receiver(accept), receiver(accept)
    second = otelcd(RELAY.format(url=relayed.url, form=form, more=""))
    url = f"http://{second.http_address('prometheusremotewrite')}/api/v1/write"
    first = otelcd(TWICE.format(direct=direct.url, relayed=url, form=form))
    first.export(everything())
    direct.wait(lambda r: len(r.samples) > 10)
    n = len(direct.samples)
    relayed.wait(lambda r: len(r.samples) >= n)
    assert sorted(map(told, relayed.samples)) == sorted(map(told, direct.samples))


def test_credentials_are_asked_for_and_cors_is_answered(otelcd):
    d = otelcd("""
extensions: {basicauth: {htpasswd: {inline: "me:{SHA}9kY0tG9xnjyqX7GjJKLOVUu0XWI="}}}
receivers:
  prometheusremotewrite:
    endpoint: "127.0.0.1:0"
    auth: {authenticator: basicauth}
    cors: {allowed_origins: ["http://here"]}
exporters: {file: {path: points}}
service:
  extensions: [basicauth]
  pipelines:
    metrics: {receivers: [prometheusremotewrite], exporters: [file]}
""")
    d.expect_warning("Request rejected")
    assert push(d, pushed.v2(Series("x", sample(1))))[0] == 401
    status, headers, _ = d.http("OPTIONS", "/api/v1/write", headers={"Origin": "http://here", "Access-Control-Request-Method": "POST"}, address=d.http_address("prometheusremotewrite"))
    assert status in (200, 204) and headers["Access-Control-Allow-Origin"] == "http://here"
