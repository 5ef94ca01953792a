# SPDX-License-Identifier: Apache-2.0
"""What the otlp receiver answers: the status tables of OTLP/gRPC and OTLP/HTTP, with bad input of every kind.

Every test runs against the real binary; the fixture asserts the ledger and a clean exit at the end.
"""

import base64
import gzip
import http.client
import json
import socket
import struct
import zlib

import grpc
import pytest

from h2client import Client
from harness import otlp
from harness.limits import PATIENCE

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 1}
      http:
        endpoint: "127.0.0.1:0"
        max_request_body_size: 1048576
        include_metadata: true
        response_headers: {x-served-by: otelcd}
        cors: {allowed_origins: ["https://*.example.com"], allowed_headers: [X-Foo], max_age: 600}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [nop]}
"""

# One span, from the reference's byte example: 57 bytes.
SPAN = bytes.fromhex(
    "0a371235 1233 0a105b8efff798038103d269b633813fc60c 1208eee19b7ec3c1b174 2a0173 3002"
    "3900485 9e3faeb6f15 410012f41efbeb6f15".replace(" ", ""))
SPAN_JSON = {"resourceSpans": [{"scopeSpans": [{"spans": [{
    "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "name": "s", "kind": 2,
    "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000"}]}]}]}


@pytest.fixture
def daemon(otelcd):
    return otelcd(CONFIG)


def post(port, path, body, headers=None, method="POST"):
    """One HTTP/1.1 exchange: status, headers, body."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        c.request(method, path, body, {"content-type": "application/x-protobuf", **(headers or {})})
        r = c.getresponse()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    finally:
        c.close()


def test_paths_that_are_configured_take_the_place_of_the_usual_ones(otelcd):
    paths = "include_metadata: true, traces_url_path: /t, metrics_url_path: /m/n, logs_url_path: /l".replace(", ", "\n        ")
    text = CONFIG.replace("include_metadata: true", paths).replace("    metrics:", "    logs: {receivers: [otlp], exporters: [nop]}\n    metrics:")
    d = otelcd(text, expect=["Request rejected"])
    for sort, path in (("traces", "/t"), ("metrics", "/m/n"), ("logs", "/l")):
        body = otlp.sample(sort, 2).SerializeToString()
        assert post(d.http_port, path, body)[0] == 200
        assert post(d.http_port, f"/v1/{sort}", body)[0] == 404
        assert d.ledger("pipeline", sort)["delivered"] == 2


def accepted(daemon, signal="spans", transport="grpc"):
    return daemon.metric(f"otelcol_receiver_accepted_{signal}", receiver="otlp", transport=transport)


# --- gRPC ---

def test_a_span_sent_over_grpc_is_acknowledged_with_an_empty_partial_success(daemon):
    with Client(daemon.grpc_port) as c:
        a = c.call(TRACES, SPAN)
    assert (a.status, a.grpc_status) == (200, 0)
    assert a.headers["content-type"] == "application/grpc"
    assert a.body == b"\0\0\0\0\2\x0a\0"
    assert accepted(daemon) == 1


def test_an_empty_request_is_a_success_and_no_message_is_not(daemon):
    daemon.expect_warning("Request rejected", "nothing in it")
    with Client(daemon.grpc_port) as c:
        assert c.call(TRACES, b"").grpc_status == 0
        assert c.call(TRACES, b"\x7a\x02hi").grpc_status == 0  # only an unknown field
        assert c.post(TRACES, b"").grpc_status == 13
    assert accepted(daemon) in (None, 0)


def test_each_reason_of_a_rejection_is_in_the_log_however_loud_another_is(daemon):
    daemon.expect_warning("unknown service", "resource_spans")
    with Client(daemon.grpc_port) as c:
        for _ in range(20):
            c.call("/a.b/C", SPAN)
        assert c.call(TRACES, b"\x0a\x05abc").grpc_status == 3
    daemon.wait_log("^Request rejected$", 2)
    assert [r["reason"] for r in daemon.records("^Request rejected$")][:2] == ["unknown_path", "malformed_message"]


def test_the_prefix_and_the_message_may_be_cut_anywhere_into_data_frames(daemon):
    framed = struct.pack(">BI", 0, len(SPAN)) + SPAN
    with Client(daemon.grpc_port) as c:
        for cut in range(1, len(framed)):
            stream = c.start(TRACES)
            c.send(stream, framed[:cut])
            c.conn.send_data(stream, b"")
            c.send(stream, framed[cut:])
            c.conn.send_data(stream, b"", end_stream=True)
            c.flush()
            assert c.wait(stream).grpc_status == 0, cut
    assert accepted(daemon) == len(framed) - 1


@pytest.mark.parametrize("encoding, compress", [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
])
def test_compressed_messages_are_inflated(daemon, encoding, compress):
    with Client(daemon.grpc_port) as c:
        a = c.call(TRACES, compress(SPAN), [("grpc-encoding", encoding)], flag=1)
        assert a.grpc_status == 0, a["grpc-message"]
        assert c.call(TRACES, SPAN, [("grpc-encoding", encoding)], flag=0).grpc_status == 0
    assert accepted(daemon) == 2


@pytest.mark.parametrize("what, call, status, text", [
    ("flag 1 without an encoding", lambda c: c.call(TRACES, gzip.compress(SPAN), flag=1), 13, "grpc-encoding"),
    ("an unknown encoding", lambda c: c.call(TRACES, b"x", [("grpc-encoding", "br")], flag=1), 12, "not supported"),
    ("flag 2", lambda c: c.call(TRACES, SPAN, flag=2), 13, "flag 2"),
    ("data that does not inflate", lambda c: c.call(TRACES, b"xxxx", [("grpc-encoding", "gzip")], flag=1), 13, "gzip"),
    ("a length of 4 GiB", lambda c: c.post(TRACES, b"\0\xff\xff\xff\xff"), 8, "larger than max"),
    ("a message over the limit", lambda c: c.call(TRACES, b"\x7a\x80\x80\x40" + bytes(1 << 20)), 8, "larger than max"),
    ("a bomb", lambda c: c.call(TRACES, gzip.compress(bytes(1 << 24)), [("grpc-encoding", "gzip")], flag=1), 8,
     "after decompression"),
    ("a message cut short", lambda c: c.post(TRACES, b"\0\0\0\0\x39" + SPAN[:20]), 13, "EOF"),
    ("a prefix cut short", lambda c: c.post(TRACES, b"\0\0"), 13, "EOF"),
    ("two messages", lambda c: c.post(TRACES, 2 * (struct.pack(">BI", 0, len(SPAN)) + SPAN)), 13, "more than one"),
    ("an unknown method", lambda c: c.call("/a.b/C", SPAN), 12, "unknown service"),
    ("a signal without a pipeline", lambda c: c.call(LOGS, SPAN), 12, "no pipeline takes logs"),
    ("protobuf that does not parse", lambda c: c.call(TRACES, b"\x0a\x05abc"), 3, "resource_spans"),
    ("a trace id of 3 bytes", lambda c: c.call(TRACES, bytes.fromhex("0a0912071205 0a03010203".replace(" ", ""))), 3,
     "trace_id"),
])
def test_grpc_faults_get_their_status_and_a_text_that_names_them(daemon, what, call, status, text):
    daemon.expect_warning("Request rejected")
    with Client(daemon.grpc_port) as c:
        a = call(c)
        assert a.status == 200
        assert a.grpc_status == status, (what, a["grpc-message"])
        assert text in a["grpc-message"], what
        assert c.call(TRACES, SPAN).grpc_status == 0  # the connection serves on
    assert accepted(daemon) == 1


def test_requests_that_are_no_grpc_calls_get_http_statuses(daemon):
    daemon.expect_warning("Request rejected", "An OTLP/HTTP exporter")
    with Client(daemon.grpc_port) as c:
        a = c.call(TRACES, SPAN, [("grpc-timeout", "10")])
        assert (a.status, a.grpc_status) == (400, 13)
        a = c.post(TRACES, b"", method="GET")
        assert (a.status, a.grpc_status) == (405, 13)
        a = c.post("/v1/traces", b"x", [("content-type", "text/plain")], grpc=False)
        assert a.status == 415


def test_a_deadline_that_has_passed_is_answered_deadline_exceeded(daemon):
    daemon.expect_warning("Request rejected")
    with Client(daemon.grpc_port) as c:
        stream = c.start(TRACES, [("grpc-timeout", "50m")])
        c.send(stream, b"\0\0\0\0\x39" + SPAN[:20])
        assert c.wait(stream).grpc_status == 4


def test_a_nested_value_of_100000_levels_is_refused_and_harms_nobody(daemon):
    daemon.expect_warning("Request rejected")
    value = b""
    for _ in range(100000):  # any_value -> kvlist/array -> any_value
        value = b"\x0a" + varint(len(value)) + value
        value = b"\x2a" + varint(len(value)) + value
        if len(value) > 900000:
            break
    key_value = b"\x0a\x01k\x12" + varint(len(value)) + value
    body = key_value
    for tag in (b"\x4a", b"\x12", b"\x12", b"\x0a"):  # span.attributes, scope.spans, resource.scope_spans, request
        body = tag + varint(len(body)) + body
    with Client(daemon.grpc_port) as c:
        a = c.call(TRACES, body)
        assert a.grpc_status == 3 and "deep" in a["grpc-message"], a["grpc-message"]
        assert c.call(TRACES, SPAN).grpc_status == 0


def varint(n):
    out = b""
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def test_the_health_service_answers_check_and_list(daemon):
    with Client(daemon.grpc_port) as c:
        assert c.call("/grpc.health.v1.Health/Check", b"").body == b"\0\0\0\0\2\x08\1"
        name = TRACES.split("/")[1].encode()
        assert c.call("/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(name)]) + name).body == b"\0\0\0\0\2\x08\1"
        assert c.call("/grpc.health.v1.Health/Check", b"\x0a\x01x").grpc_status == 5
        packed = gzip.compress(b"\x0a" + bytes([len(name)]) + name)
        assert c.call("/grpc.health.v1.Health/Check", packed, [("grpc-encoding", "gzip")], flag=1).body == b"\0\0\0\0\2\x08\1"
        assert name in c.call("/grpc.health.v1.Health/List", b"").body


def test_who_watches_the_health_is_told_of_the_stop(daemon):
    watch = daemon.channel(daemon.grpc_address()).unary_stream("/grpc.health.v1.Health/Watch")(b"")
    assert next(watch) == b"\x08\1"
    daemon.terminate()
    assert next(watch) == b"\x08\2"
    with pytest.raises(grpc.RpcError) as end:
        next(watch)
    assert end.value.code() == grpc.StatusCode.UNAVAILABLE


# --- HTTP ---

def test_a_span_sent_over_http_is_acknowledged_in_its_own_encoding(daemon):
    status, headers, body = post(daemon.http_port, "/v1/traces", SPAN)
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"\x0a\0")
    assert headers["x-served-by"] == "otelcd"
    status, headers, body = post(daemon.http_port, "/v1/traces", json.dumps(SPAN_JSON),
                                 {"content-type": "application/json; charset=utf-8"})
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"partialSuccess": {}})
    assert accepted(daemon, transport="http") == 2


@pytest.mark.parametrize("encoding, compress", [
    ("gzip", gzip.compress), ("deflate", zlib.compress), ("zlib", zlib.compress), ("identity", None), ("", bytes),
])
def test_content_encodings_are_inflated(daemon, encoding, compress):
    if compress is None:  # the Go collector refuses "identity"; so does its list of algorithms here
        daemon.expect_warning("Request rejected")
    body = compress(SPAN) if compress else SPAN
    status, _, text = post(daemon.http_port, "/v1/traces", body, {"content-encoding": encoding})
    assert status == (200 if compress else 400), text


def test_a_chunked_body_without_a_length_is_taken(daemon):
    c = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=PATIENCE)
    c.request("POST", "/v1/traces", iter([SPAN[:7], SPAN[7:8], SPAN[8:]]),
              {"content-type": "application/x-protobuf"}, encode_chunked=True)
    assert c.getresponse().status == 200
    c.close()
    assert accepted(daemon, transport="http") == 1


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("what, args, status, text", [
    ("another path", ("/v1/nothing", SPAN), 404, b"/v1/traces"),
    ("a trailing slash", ("/v1/traces/", SPAN), 404, b"404"),
    ("a signal without a pipeline", ("/v1/logs", b""), 404, b"404"),
    ("another media type", ("/v1/traces", SPAN, {"content-type": "text/plain"}), 415,
     b"415 unsupported media type, supported: [application/json, application/x-protobuf]"),
    ("GET", ("/v1/traces", None, {}, "GET"), 405, b"405 method not allowed, supported: [POST]"),
    ("an unknown coding", ("/v1/traces", SPAN, {"content-encoding": "br"}), 400, b"unsupported Content-Encoding: br"),
    ("broken gzip", ("/v1/traces", b"xxxx", {"content-encoding": "gzip"}), 400, b"gzip"),
    ("bad protobuf", ("/v1/traces", b"\x0a\x05abc"), 400, b"resource_spans"),
    ("bad JSON", ("/v1/traces", b"{", JSON), 400, b"line 1"),
    ("an empty JSON body", ("/v1/traces", b"", JSON), 400, b"code"),
    ("a JSON list", ("/v1/traces", b"[]", JSON), 400, b"code"),
    ("an id that is no hex", ("/v1/traces",
                              b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', JSON), 400,
     b"traceId"),
    ("a body over the limit", ("/v1/traces", bytes(1048577)), 413, b"max_request_body_size"),
    ("a bomb", ("/v1/traces", gzip.compress(bytes(1 << 24)), {"content-encoding": "gzip"}), 413,
     b"after decompression"),
])
def test_http_faults_get_their_status_and_a_text_that_names_them(daemon, what, args, status, text):
    daemon.expect_warning("Request rejected")
    got, headers, body = post(daemon.http_port, *args)
    assert got == status, (what, body)
    assert text in body, what
    if status == 405:
        assert headers["allow"] == "POST"
    if status in (400, 413):
        assert headers["content-type"] == (args[2] if len(args) > 2 else {}).get("content-type",
                                                                                 "application/x-protobuf")
    assert post(daemon.http_port, "/v1/traces", SPAN)[0] == 200


@pytest.mark.parametrize("body, headers, hint", [
    (b'{"log":"hello"}', JSON, '"log" is no field of a request for traces, which begins with {"resourceSpans"'),
    (b'{"resourcespans":[{}]}', JSON, '"resourcespans" is no field'),
    (b'{"resourceMetrics":[{}]}', JSON, "this is a request for metrics, sent to where traces are taken"),
    (b'{"a":[1,{}],"b":{"c":null}}', JSON, '"a" is no field'),
    (b"\x7a\x02hi", {}, "field 15 is no field of a request for traces"),
    (gzip.compress(b'{"log":"hello"}'), {**JSON, "content-encoding": "gzip"}, '"log" is no field'),
    (b'{"log":"' + 300_000 * b"x" + b'"}', JSON, '"log" is no field'),
], ids=["a log line", "another case", "another signal", "several", "protobuf", "gzip", "beside the loop"])
def test_a_body_with_no_field_that_otlp_knows_is_a_success_that_is_counted_and_told(daemon, body, headers, hint):
    """OTLP has unknown fields ignored, so it is a success; but the sender, whose mistake it is, gets a warning with it."""
    daemon.expect_warning("nothing in it")
    for _ in range(3):
        status, _, text = post(daemon.http_port, "/v1/traces", body, headers)
        assert status == 200
        if headers:
            partial = json.loads(text)["partialSuccess"]
        else:
            partial = {"errorMessage": otlp.TRACES.response.FromString(text).partial_success.error_message}
        assert hint in partial["errorMessage"] and "rejectedSpans" not in partial
    assert daemon.metric("otelcd_receiver_rejected_requests", reason="nothing_in_it", transport="http") == 3
    assert hint in daemon.wait_log("nothing in it")["error"]
    assert len(daemon.records("nothing in it")) == 1, "with back-off"


@pytest.mark.parametrize("body, headers", [
    (b"{}", JSON), (b'{"resourceSpans":[]}', JSON), (b'{"resource_spans":[]}', JSON), (b"null", JSON), (b"", {}), (b"\x0a\0", {}),
    (b'{"x":1,"resourceSpans":[]}', JSON),
])
def test_a_request_that_is_empty_as_otlp_has_it_is_silent(daemon, body, headers):
    assert post(daemon.http_port, "/v1/traces", body, headers)[0] == 200
    assert daemon.metrics().sum("otelcd_receiver_rejected_requests") == 0


@pytest.mark.parametrize("path", ["//v1/traces", "/v1//traces", "/./v1/traces", "/v1/%74races", "/x/../v1/traces", "/v1/traces/.", "///v1/./traces?a=b"])
def test_a_path_written_in_another_way_is_served(daemon, path):
    assert post(daemon.http_port, path, SPAN)[0] == 200
    assert accepted(daemon, transport="http") == 1


@pytest.mark.parametrize("path", ["/v1%2Ftraces", "/v1/traces/x", "/v1/%ztraces", "//", "/../..", "/v1/traces//"])
def test_a_path_that_is_another_in_its_clean_form_too_is_unknown(daemon, path):
    daemon.expect_warning("Request rejected")
    assert post(daemon.http_port, path, SPAN)[0] == 404


@pytest.mark.parametrize("path, without", [("/v1/traces/v1/traces", b"/v1/traces"), ("/v1/metrics/v1/traces", b"/v1/metrics")])
def test_a_signals_url_given_as_the_base_is_told_its_remedy(daemon, path, without):
    daemon.expect_warning("Request rejected")
    status, _, body = post(daemon.http_port, path, SPAN)
    says = b"OTEL_EXPORTER_OTLP_ENDPOINT themselves: write it without " + without
    assert status == 404 and says in body
    assert says.decode() in daemon.wait_log("Request rejected")["error"]


def test_a_grpc_method_with_another_content_type_is_unsupported_media_not_an_unknown_path(daemon):
    daemon.expect_warning("Request rejected", "An OTLP/HTTP exporter")
    for method in (TRACES, LOGS, "/grpc.health.v1.Health/Check"):
        status, headers, body = post(daemon.grpc_port, method, SPAN)
        assert status == 415 and b"application/grpc" in body and headers["content-type"].startswith("text/plain")
    with Client(daemon.grpc_port) as c:
        assert c.post(TRACES, b"{}", [("content-type", "application/json")], grpc=False).status == 415


@pytest.mark.parametrize("allowed", ["*", "http://*"])
def test_any_allowed_origin_may_send_credentials(otelcd, allowed):
    """Browsers refuse the answer "*" for a request with credentials, and sendBeacon always has them."""
    d = otelcd(CONFIG.replace("https://*.example.com", allowed))
    ask = {"origin": "http://app.example.com", "access-control-request-method": "POST"}
    for method, headers in (("OPTIONS", ask), ("POST", {"origin": ask["origin"]})):
        status, h, _ = post(d.http_port, "/v1/traces", SPAN if method == "POST" else None, headers, method)
        assert status in (200, 204)
        assert h["access-control-allow-origin"] == ask["origin"]
        assert h["access-control-allow-credentials"] == "true" and "Origin" in h["vary"]


def test_preflights_are_answered_as_the_configuration_allows(daemon):
    ask = {"origin": "https://app.example.com", "access-control-request-method": "POST",
           "access-control-request-headers": "x-foo"}
    status, h, _ = post(daemon.http_port, "/v1/traces", None, ask, "OPTIONS")
    assert status == 204
    assert h["access-control-allow-origin"] == "https://app.example.com"
    assert h["access-control-allow-headers"] == "x-foo"
    assert h["access-control-allow-methods"] == "POST"
    assert h["access-control-max-age"] == "600"
    for wrong in ({"origin": "https://evil.com"}, {"access-control-request-method": "DELETE"},
                  {"access-control-request-headers": "x-foo, x-bar"}):
        status, h, _ = post(daemon.http_port, "/v1/traces", None, {**ask, **wrong}, "OPTIONS")
        assert status == 204 and "access-control-allow-origin" not in h, wrong
    status, h, _ = post(daemon.http_port, "/v1/traces", SPAN, {"origin": "https://app.example.com"})
    assert status == 200 and h["access-control-allow-origin"] == "https://app.example.com"
    status, h, _ = post(daemon.http_port, "/v1/traces", SPAN, {"origin": "https://evil.com"})
    assert status == 200 and "access-control-allow-origin" not in h


# --- either port, either protocol ---

def test_an_http_exporter_pointed_at_the_grpc_port_is_served_and_the_log_says_what_to_correct(daemon):
    daemon.expect_warning("An OTLP/HTTP exporter sends to the OTLP/gRPC port")
    for _ in range(3):
        assert post(daemon.grpc_port, "/v1/traces", SPAN)[0] == 200
    assert accepted(daemon, transport="http") == 3
    daemon.wait_log("An OTLP/HTTP exporter sends to the OTLP/gRPC port")
    assert len(daemon.lines("An OTLP/HTTP exporter sends to the OTLP/gRPC port")) == 1


def test_a_grpc_exporter_pointed_at_the_http_port_is_served_and_the_log_says_what_to_correct(daemon):
    daemon.expect_warning("A gRPC exporter sends to the OTLP/HTTP port")
    with Client(daemon.http_port) as c:
        assert c.call(TRACES, SPAN).grpc_status == 0
    assert accepted(daemon) == 1


def test_a_tls_client_on_a_plain_port_is_named_in_the_log(daemon):
    daemon.expect_warning("TLS")
    for _ in range(3):
        s = socket.create_connection(("127.0.0.1", daemon.grpc_port), timeout=PATIENCE)
        s.sendall(bytes.fromhex("160301020001000 1fc0303".replace(" ", "")) + bytes(200))
        try:
            while s.recv(4096):
                pass
        except ConnectionError:
            pass
        s.close()
    assert post(daemon.http_port, "/v1/traces", SPAN)[0] == 200
    daemon.wait_log("TLS")
    daemon.wait_log("TLS")
    assert len(daemon.lines("TLS")) == 1
    found = daemon.metrics().find("otelcd_receiver_broken_connections", reason="tls", transport="grpc")
    assert [s.value for s in found] == [3]


# --- overload ---

SMALL = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors:
  memory_limiter: {check_interval: 100ms, limit_mib: 1, spike_limit_mib: 0}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}
"""


def test_what_the_memory_limiter_refuses_is_told_to_both_kinds_of_senders_as_retryable(otelcd):
    d = otelcd(SMALL)  # the process alone is larger than 1 MiB
    d.expect_warning("Memory usage is above soft limit", "memory")
    with Client(d.grpc_port) as c:
        a = c.call(TRACES, SPAN)
        for _ in range(50):
            if a.grpc_status == 14:
                break
            a = c.call(TRACES, SPAN)
    assert a.grpc_status == 14 and "memory" in a["grpc-message"]
    status, h, body = post(d.http_port, "/v1/traces", json.dumps(SPAN_JSON), JSON)
    assert status == 503 and json.loads(body)["code"] == 14
    if "retry-after" in h:
        assert int(h["retry-after"]) >= 1
        details = base64.b64decode(a["grpc-status-details-bin"] + "==")
        assert b"google.rpc.RetryInfo" in details


@pytest.mark.parametrize("endpoint, hosts", [("0.0.0.0:0", 2), ("[::]:0", 2), (":0", 2), ("127.0.0.1:0", 1)])
def test_a_wildcard_of_either_family_listens_on_both(otelcd, endpoint, hosts):
    """As in Go; a container's localhost may be ::1, and nearly every configuration says 0.0.0.0."""
    d = otelcd(CONFIG_AT.format(endpoint=endpoint))
    port = d.grpc_address().rsplit(":", 1)[1]
    taken = 0
    for host in ("127.0.0.1", "[::1]"):
        try:
            d.export(otlp.traces(1), address=f"{host}:{port}")
            taken += 1
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.UNAVAILABLE
    assert taken == hosts


CONFIG_AT = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "{endpoint}"}}}}}}}}
exporters: {{nop: }}
service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [nop]}}}}}}
"""


def test_a_body_limit_of_zero_or_less_is_the_default(otelcd):
    text = CONFIG_AT.replace("grpc: {{endpoint", "http: {{max_request_body_size: -1, endpoint").format(endpoint="127.0.0.1:0")
    d = otelcd(text, allow=["Request rejected"])
    assert d.post(otlp.traces(1))[0] == 200
    host, port = d.http_address().rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        s.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 20971521\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 413 ")


TO_FILE = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
exporters:
  file: {path: %s}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
"""
JSON_TYPE = {"content-type": "application/json"}


def written_names(path):
    requests = [json.loads(line) for line in path.read_text().splitlines()]
    return [span["name"] for r in requests for rs in r["resourceSpans"] for ss in rs["scopeSpans"] for span in ss["spans"]]


def named(name):
    return json.dumps(SPAN_JSON).replace('"name": "s"', f'"name": "{name}"')


def test_documents_behind_one_another_are_all_taken(otelcd, tmp_path):
    d = otelcd(TO_FILE % (tmp_path / "out"))
    body = "\n".join(named(name) for name in ("a", "b", "c")) + "\n"
    status, _, answer = post(d.http_port, "/v1/traces", body.encode(), JSON_TYPE)
    assert (status, json.loads(answer)) == (200, {"partialSuccess": {}})
    assert written_names(tmp_path / "out") == ["a", "b", "c"]
    assert d.ledger("pipeline", "traces")["delivered"] == 3


def test_what_stands_behind_a_document_and_is_none_is_refused_with_its_place(otelcd, tmp_path):
    d = otelcd(TO_FILE % (tmp_path / "out"))
    d.expect_warning("Request rejected")
    status, _, answer = post(d.http_port, "/v1/traces", named("a").encode() + b"\n}}garbage", JSON_TYPE)
    assert status == 400 and "line 2 column 1: the document has ended" in json.loads(answer)["message"]
    assert d.ledger("pipeline", "traces")["received"] == 0


@pytest.mark.parametrize("form", ["grpc", "protobuf", "json"])
def test_a_string_that_is_not_utf8_costs_that_string_only(otelcd, tmp_path, form):
    d = otelcd(TO_FILE % (tmp_path / "out"))
    d.expect_warning("Strings that are not UTF-8 were repaired")
    bad = SPAN.replace(b"\x2a\x01s", b"\x2a\x03\xffs\xfe").replace(b"\x0a\x37\x12\x35\x12\x33", b"\x0a\x39\x12\x37\x12\x35")
    if form == "grpc":
        channel = grpc.insecure_channel(d.grpc_address())
        assert channel.unary_unary(TRACES)(SPAN + bad, timeout=PATIENCE) == b"\n\x00"  # an empty partial_success
        channel.close()
    elif form == "protobuf":
        assert post(d.http_port, "/v1/traces", SPAN + bad, {"content-type": "application/x-protobuf"})[0] == 200
    else:
        body = named("s").encode() + named("?s!").encode().replace(b"?s!", b"\xffs\xfe")
        assert post(d.http_port, "/v1/traces", body, JSON_TYPE)[0] == 200
    assert written_names(tmp_path / "out") == ["s", "\ufffds\ufffd"]
    transport = "grpc" if form == "grpc" else "http"
    assert d.metric("otelcd_receiver_repaired_strings", transport=transport) == 1
    warning = d.wait_log("repaired")
    place = "resourceSpans[0].scopeSpans[0].spans[0].name" if form == "json" else "resource_spans[1].scope_spans[0].spans[0].name"
    assert place in warning["first"] and warning["strings"] == 1
