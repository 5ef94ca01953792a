# SPDX-License-Identifier: Apache-2.0
"""Large requests are unpacked beside the loop: nothing of that is seen but that the others are served meanwhile."""

import gzip
import json
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf import json_format

from configs import NOP
from harness import otlp
from harness.alerts import wait

N = 20_000


def request(n=N):
    r = otlp.logs(1)
    record = r.resource_logs[0].scope_logs[0].log_records[0]
    record.body.string_value = "a line of ordinary length, as services write it"
    otlp.put(record.attributes, {"http.request.method": "GET", "order": 17, "share": 0.25})
    r.resource_logs[0].scope_logs[0].log_records.extend([record] * (n - 1))
    return r


def text(n=N):
    """The JSON form, made from that of one record: protobuf's own way takes its time."""
    r = json_format.MessageToDict(request(1))
    logs = r["resourceLogs"][0]["scopeLogs"][0]
    record = logs["logRecords"][0]
    record.pop("traceId", None), record.pop("spanId", None)
    logs["logRecords"] = ["RECORDS"]
    return json.dumps(r).replace('"RECORDS"', ",".join([json.dumps(record)] * n)).encode()


WIRE = request().SerializeToString()
JSON = text()
PROTO_TYPE = {"content-type": "application/x-protobuf"}
JSON_TYPE = {"content-type": "application/json"}
FORMS = {
    "protobuf": (WIRE, PROTO_TYPE),
    "protobuf, gzip": (gzip.compress(WIRE, 1), {**PROTO_TYPE, "content-encoding": "gzip"}),
    "protobuf, deflate": (zlib.compress(WIRE, 1), {**PROTO_TYPE, "content-encoding": "deflate"}),
    "JSON": (JSON, JSON_TYPE),
    "JSON, gzip": (gzip.compress(JSON, 1), {**JSON_TYPE, "content-encoding": "gzip"}),
    "JSON with much air, gzip": (gzip.compress(b" " * (10 << 20) + JSON), {**JSON_TYPE, "content-encoding": "gzip"}),
}


def rejected(d, reason):
    return d.metrics().sum("otelcd_receiver_rejected_requests", reason=reason)


@pytest.mark.parametrize("form", FORMS)
def test_a_large_request_of_each_form_arrives_whole(otelcd, form):
    body, headers = FORMS[form]
    d = otelcd(NOP)
    for n in (1, 2):
        assert d.http("POST", "/v1/logs", body, headers)[0] == 200
        assert d.ledger("pipeline", "logs")["delivered"] == n * N
    assert d.metrics().value("otelcd_budget_used_bytes") < len(WIRE)


def test_many_large_requests_at_once_are_all_answered_and_small_ones_between_them(otelcd):
    d = otelcd(NOP)
    with ThreadPoolExecutor(12) as pool:
        large = [pool.submit(d.http, "POST", "/v1/logs", *FORMS[f]) for f in list(FORMS) * 3]
        small = [d.http("POST", "/v1/traces", otlp.traces(1).SerializeToString(), PROTO_TYPE)[0] for _ in range(20)]
        assert [f.result()[0] for f in large] == [200] * len(large)
    assert small == [200] * 20
    assert d.ledger("pipeline", "logs")["delivered"] == len(large) * N


def test_a_large_request_over_grpc_arrives_whole(otelcd):
    d = otelcd(NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', 'grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 16}'))
    for compression in (None, grpc.Compression.Gzip):
        d.export(request(), compression=compression)
    assert d.ledger("pipeline", "logs")["delivered"] == 2 * N


@pytest.mark.parametrize(
    "body, headers, status, says, reason",
    [
        (JSON[:-1] + b"!", JSON_TYPE, 400, b"line 1", "malformed_message"),
        (WIRE[:-3], PROTO_TYPE, 400, b"at byte", "malformed_message"),
        (gzip.compress(WIRE, 1)[:-100_000], {**PROTO_TYPE, "content-encoding": "gzip"}, 400, b"cannot decompress gzip", "bad_encoding"),
        (gzip.compress(bytes(1 << 26)), {**PROTO_TYPE, "content-encoding": "gzip"}, 413, b"larger than 20971520 bytes", "too_large"),
        (gzip.compress(b" " * (1 << 26)), {**JSON_TYPE, "content-encoding": "gzip"}, 413, b"larger than 20971520 bytes", "too_large"),
        (gzip.compress(b" " * (1 << 23)), {**JSON_TYPE, "content-encoding": "gzip"}, 400, b"there is no JSON document", "malformed_message"),
    ],
    ids=["JSON", "protobuf", "gzip cut short", "bomb", "JSON bomb", "JSON of nothing"],
)
def test_what_is_wrong_with_a_large_request_is_named_and_counted(otelcd, body, headers, status, says, reason):
    d = otelcd(NOP, expect=["Request rejected"])
    answer = d.http("POST", "/v1/logs", body, headers)
    assert answer[0] == status and says in answer[2], answer
    assert rejected(d, reason) == 1
    assert d.http("POST", "/v1/logs", *FORMS["JSON"])[0] == 200


def begin(d, body):
    host, _, port = d.http_address().rpartition(":")
    s = socket.create_connection((host, int(port)))
    s.sendall(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body))
    try:
        s.sendall(body)
    except (ConnectionResetError, BrokenPipeError):
        pass  # by a stop
    return s


def answer_of(s):
    with s:
        try:
            return s.recv(4096)
        except ConnectionResetError:
            return b""


def test_who_leaves_before_the_answer_leaves_nothing_behind(otelcd):
    d = otelcd(NOP)
    for _ in range(6):
        begin(d, JSON).close()

    def settled():
        return d.ledger("pipeline", "logs")["received"] + N * rejected(d, "aborted") == 6 * N

    wait(settled, "six requests are not accounted for")
    wait(lambda: d.metrics().value("otelcd_budget_used_bytes") < len(WIRE), "the budget is not given back")
    assert d.ledger("pipeline", "logs")["held"] == 0


def test_a_deadline_that_passes_meanwhile_is_said(otelcd):
    d = otelcd(NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', 'grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}'))
    large = request(5 * N)
    call = d.caller(large)
    call(request(1))
    for timeout in (0.02, 0.04, 0.06, 0.08):
        try:
            call(large, timeout=timeout)
        except grpc.RpcError as e:
            assert e.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    call(request(1))
    wait(lambda: d.ledger("pipeline", "logs")["held"] == 0, "something is held")


def test_a_stop_waits_for_large_requests_and_answers_them(otelcd):
    d = otelcd(NOP)
    waiting = [begin(d, JSON) for _ in range(5)]
    wait(lambda: d.metrics().sum("otelcd_receiver_connections", transport="http") == 5, "five connections")
    d.terminate()
    answers = [answer_of(s) for s in waiting]
    assert d.wait_end() == 0
    # A request whose last bytes had not been read when the stop came may be cut short, never half taken.
    taken = sum(a.startswith(b"HTTP/1.1 200") for a in answers)
    assert d.final_ledgers()[("pipeline", "logs")]["delivered"] == taken * N


def test_where_the_budget_is_small_large_requests_are_unpacked_at_once(otelcd):
    d = otelcd(NOP + "  memory_budget_mib: 64\n")
    for form in FORMS:
        assert d.http("POST", "/v1/logs", *FORMS[form])[0] == 200
    assert d.ledger("pipeline", "logs")["delivered"] == len(FORMS) * N


def test_a_stop_that_cannot_wait_gives_large_requests_up(otelcd):
    d = otelcd(NOP, args=["--set", "service.shutdown_timeout=1ms"], allow=["Did not stop in time"])
    with ThreadPoolExecutor(8) as pool:
        began = [pool.submit(begin, d, JSON) for _ in range(8)]
        wait(lambda: d.metrics().value("otelcd_budget_used_bytes") > 3 * len(JSON), "no request is being unpacked")
        d.terminate()
        waiting = [f.result() for f in began]
    assert d.wait_end() == 0
    for s in waiting:
        s.close()
    delivered = d.final_ledgers()[("pipeline", "logs")]["delivered"]
    assert delivered % N == 0 and delivered <= 8 * N
