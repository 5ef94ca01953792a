# SPDX-License-Identifier: Apache-2.0
"""OTLP as independent clients speak it: the gRPC C core, Python's HTTP/1.1, curl and h2load."""

import gzip
import json
import re
import subprocess
import zlib

import grpc
import lz4.frame
import pytest
import snappy
import zstandard

from configs import DEBUG, NOP
from harness import otlp
from harness.limits import PATIENCE, tool
from harness.otlp import LOGS, SIGNALS, TRACES
from rpc import health_pb2, rpc_status_pb2

THREE = ("traces", "metrics", "logs")


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_grpc_takes_each_signal(otelcd, name, compression):
    d = otelcd(NOP)
    response = d.export(otlp.sample(name, 7), compression=compression)
    assert response.HasField("partial_success"), "present and empty, as the Go collector answers"
    assert response.partial_success.ByteSize() == 0
    assert d.ledger("pipeline", name)["delivered"] == 7
    accepted = d.metrics().value(f"otelcol_receiver_accepted_{SIGNALS[name].items}", receiver="otlp", transport="grpc")
    assert accepted == 7


ENCODINGS = {
    None: lambda b: b,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zlib": zlib.compress,
    "zstd": lambda b: zstandard.ZstdCompressor().compress(b),
    "snappy": snappy.compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_http_takes_protobuf_in_each_encoding(otelcd, encoding):
    d = otelcd(NOP)
    for name in THREE:
        request = otlp.sample(name, 5)
        headers = {"Content-Encoding": encoding} if encoding else {}
        status, headers, body = d.post(request, ENCODINGS[encoding](request.SerializeToString()), headers)
        assert (status, headers["Content-Type"]) == (200, "application/x-protobuf"), body
        assert SIGNALS[name].response.FromString(body).HasField("partial_success")
        assert d.ledger("pipeline", name)["delivered"] == 5
    accepted = d.metrics().value("otelcol_receiver_accepted_spans", receiver="otlp", transport="http")
    assert accepted == 5


def test_http_takes_json_as_node_writes_it(otelcd):
    d = otelcd(DEBUG)
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "web"}}]},
                "scopeSpans": [
                    {
                        "scope": {"name": "demo"},
                        "spans": [
                            {
                                "traceId": "5b8efff798038103d269b633813fc60c",
                                "spanId": "eee19b7ec3c1b174",
                                "name": "I'm a server span",
                                "startTimeUnixNano": "1544712660000000000",
                                "endTimeUnixNano": 1544712661000000000,
                                "kind": 2,
                                "flags": 257,
                                "attributes": [{"key": "n", "value": {"intValue": 12345678901}}],
                                "events": [],
                                "links": [],
                            }
                        ],
                    }
                ],
            }
        ]
    }
    status, headers, answer = d.post(
        None, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"}, "/v1/traces"
    )
    assert (status, headers["Content-Type"]) == (200, "application/json"), answer
    assert json.loads(answer) == {"partialSuccess": {}}
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug") == 1)
    dump = (d.folder / "stdout").read_text()
    assert "5b8efff798038103d269b633813fc60c" in dump and "n: Int(12345678901)" in dump


def test_chunked_bodies_need_no_content_length(otelcd):
    d = otelcd(NOP)
    body = otlp.traces(50).SerializeToString()
    pieces = (body[i : i + 100] for i in range(0, len(body), 100))  # http.client sends an iterable in chunks
    assert d.http("POST", "/v1/traces", pieces, {"Content-Type": "application/x-protobuf"})[0] == 200
    assert d.ledger("pipeline", "traces")["delivered"] == 50


def test_either_port_serves_either_protocol_and_the_log_says_what_to_correct(otelcd):
    d = otelcd(NOP, expect=["gRPC|4317|4318|HTTP"])
    assert d.post(otlp.traces(2), address=d.grpc_address())[0] == 200
    assert d.post(otlp.traces(2), address=d.grpc_address())[0] == 200
    d.export(otlp.traces(3), address=d.http_address())
    d.export(otlp.traces(3), address=d.http_address())
    assert d.ledger("pipeline", "traces")["delivered"] == 10
    said = d.records(level="warn")
    assert len(said) == 2, f"once for each port: {said}"


CURL = {
    "http/1.1": ["--http1.1"],
    "h2 with prior knowledge": ["--http2-prior-knowledge"],
    "h2 by upgrade, which may stay 1.1": ["--http2"],
    "chunked": ["--http1.1", "-H", "Transfer-Encoding: chunked"],
    "Expect: 100-continue": ["--http1.1", "-H", "Expect: 100-continue", "--expect100-timeout", "20"],
    "HTTP/1.0": ["--http1.0"],
}


def curl(*args):
    ran = subprocess.run(
        [tool("curl"), "-sS", "--max-time", str(int(PATIENCE)), *args], capture_output=True, timeout=2 * PATIENCE
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@pytest.mark.parametrize("how", CURL)
def test_curl(otelcd, tmp_path, how):
    d = otelcd(NOP)
    (tmp_path / "body").write_bytes(otlp.traces(100).SerializeToString())
    status = curl(
        *CURL[how],
        *["-H", "Content-Type: application/x-protobuf", "--data-binary", f"@{tmp_path}/body", "-w", "%{http_code}"],
        *["-o", str(tmp_path / "answer"), f"http://{d.http_address()}/v1/traces"],
    )
    assert status == b"200"
    assert d.ledger("pipeline", "traces")["delivered"] == 100


def grpc_body(request):
    message = request.SerializeToString()
    return b"\0" + len(message).to_bytes(4, "big") + message


def test_h2load_every_request_is_counted(otelcd, tmp_path):
    d = otelcd(NOP)
    (tmp_path / "body").write_bytes(grpc_body(otlp.traces(10)))
    ran = subprocess.run(
        [tool("h2load", "nghttp2-client"), "-n", "2000", "-c", "10", "-m", "32", "-t", "1", "-d", str(tmp_path / "body")]
        + ["-H", "content-type: application/grpc", "-H", "te: trailers", f"http://{d.grpc_address()}{TRACES.rpc}"],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert re.search(r"2000 succeeded, 0 failed, 0 errored, 0 timeout", ran.stdout), ran.stdout + ran.stderr
    assert d.ledger("pipeline", "traces")["delivered"] == 20000


def test_grpc_health_service(otelcd):
    d = otelcd(NOP)
    check = d.channel(d.grpc_address()).unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    assert check(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status == health_pb2.HealthCheckResponse.SERVING


def test_malformed_protobuf_is_answered_with_what_is_wrong(otelcd):
    d = otelcd(NOP, allow=["."])
    status, headers, body = d.post(otlp.traces(1), b"\x0a\xff\xff\xff\xff\x0f")
    assert status == 400
    answer = rpc_status_pb2.Status.FromString(body)
    assert answer.code == 3 and "at byte" in answer.message, answer
    channel = d.channel(d.grpc_address())
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(LOGS.rpc)(b"\x0a\x05abc", timeout=PATIENCE)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at byte" in raised.value.details()


def test_wrong_method_type_path_and_encoding(otelcd):
    d = otelcd(NOP, allow=["."])
    status, _, body = d.http("GET", "/v1/traces")
    assert (status, body) == (405, b"405 method not allowed, supported: [POST]")
    status, _, body = d.post(otlp.traces(1), headers={"Content-Type": "text/plain"})
    assert (status, body) == (
        415,
        b"415 unsupported media type, supported: [application/json, application/x-protobuf]",
    )
    assert d.post(otlp.traces(1), path="/v1/traces/")[0] == 404
    assert d.post(otlp.traces(1), path="/v2/traces")[0] == 404
    assert d.post(otlp.traces(1), headers={"Content-Encoding": "br"})[0] == 400
    with pytest.raises(grpc.RpcError) as raised:
        d.channel(d.grpc_address()).unary_unary("/nowhere.Service/Call")(b"", timeout=PATIENCE)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_signal_without_a_pipeline_is_refused(otelcd):
    d = otelcd(NOP.replace("    logs: {receivers: [otlp], exporters: [nop]}\n", ""), allow=["."])
    assert d.post(otlp.logs(1))[0] == 404
    with pytest.raises(grpc.RpcError) as raised:
        d.export(otlp.logs(1))
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_bodies_beyond_the_limit_are_refused(otelcd):
    config = NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', 'grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 1}')
    config = config.replace(
        'http: {endpoint: "127.0.0.1:0"}', 'http: {endpoint: "127.0.0.1:0", max_request_body_size: 100000}'
    )
    d = otelcd(config, allow=["."])
    large = otlp.logs(20000)
    assert large.ByteSize() > 1 << 20
    with pytest.raises(grpc.RpcError) as raised:
        d.export(large)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.RpcError) as raised:
        d.export(large, compression=grpc.Compression.Gzip)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100000
    assert d.post(large, bomb, {"Content-Encoding": "gzip"})[0] in (400, 413)
    d.export(otlp.logs(1))
    assert d.ledger("pipeline", "logs")["delivered"] == 1
