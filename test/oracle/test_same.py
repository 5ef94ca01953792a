# SPDX-License-Identifier: Apache-2.0
"""Same configuration, same request: otelcd answers and shows what the Go collector does. What differs on purpose is
taken out here by name, and stands in docs/differences.md with the reason."""

import http.client
import json
import re

import grpc
import pytest

from configs import SCRAPE
from harness import golden, otlp
from harness.exposition import OPENMETRICS, PROTOBUF, TEXT
from harness.limits import PATIENCE
from rpc import rpc_status_pb2


def http_post(address, path, body, headers):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers.get("Content-Type"), data


def call(address, rpc, body):
    with grpc.insecure_channel(address) as channel:
        try:
            return 0, channel.unary_unary(rpc)(body, timeout=PATIENCE)
        except grpc.RpcError as e:
            return e.code().value[0], b""


def scrape(address, accept):
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", "/metrics", headers={"Accept": accept})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.headers["Content-Type"], data


def metric_requests():
    m = otlp.Metrics
    return {
        "gauges and units": m().gauge("room.temp", 21.5, "Cel", "warm", room="a b").gauge("ratio", 0.5, "1").gauge("load", 1e300),
        "names": m().gauge("1st.thing", 1).gauge("a..b__c", 2).gauge("ключ", 3, **{"ключ": "значение"}).gauge("_x", 4, _y="1", __z="2"),
        "sums": m().sum("req", 3, "{request}", code="200").sum("disk.total", 5, "By").sum("depth", -1, monotonic=False),
        "deltas": m().sum("d", 5, temporality=otlp.DELTA).sum("nd", 5, monotonic=False, temporality=otlp.DELTA),
        "histograms": m().histogram("h", [0.1, 3, 7], [1, 5], "s", exemplars=[3.0]).histogram("empty", [], [1]),
        "exponential": m().exponential("e", 3, -2, [1, 0, 0, 0, 2, 3], zero=1, total=9).exponential("fine", 12, 100, [1] * 50),
        "summaries": m().summary("s", {0.5: 1, 0.99: 2.5}, 7, 12.5, k="v"),
        "escapes": m().gauge("esc", 1, description='back\\slash "quote"\nline', v='a\\b"c\nd'),
        "units": m().gauge("speed", 1, "m/s").gauge("free.GiBy", 1, "By").gauge("k", 1, "KBy").gauge("p", 1, "%").gauge("u", 1, "bogus/d"),
    }


def comparable(text):
    """The lines in order of name, times aside."""
    text = re.sub(r'# \{[^}]*\} (\S+) \S+', r"# \1", text)
    text = re.sub(r"(_created\{[^}]*\}) \S+", r"\1", text)
    return sorted(line for line in text.splitlines() if not line.startswith("# UNIT "))


@pytest.mark.parametrize("name", metric_requests())
def test_expositions_are_the_same(otelcd, collector, name):
    c, d = collector(SCRAPE), otelcd(SCRAPE, allow=["."])
    body = metric_requests()[name].request.SerializeToString()
    for address in (c.ports["http"], d.http_address()):
        assert http_post(address, "/v1/metrics", body, {"Content-Type": "application/x-protobuf"})[0] == 200
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 0)
    for accept in (TEXT, OPENMETRICS):
        theirs, ours = wait_scrape(c.ports["scrape"], accept), scrape(d.scrape_address("prometheus"), accept)
        assert ours[0] == theirs[0]
        assert comparable(ours[1].decode()) == comparable(theirs[1].decode())
    addresses = c.ports["scrape"], d.scrape_address("prometheus")
    theirs, ours = (golden.protobuf_lines(scrape(address, PROTOBUF)[1]) for address in addresses)
    assert [line.replace(",user=42", "") for line in ours] == theirs  # filtered attributes are ours


def wait_scrape(address, accept):
    """The collector's batch takes 10 ms; its first scrapes may be empty."""
    for _ in range(200):
        kind, body = scrape(address, accept)
        if len(body) > 10:
            return kind, body
    return kind, body


GOOD = otlp.traces(2)
JSON = {"Content-Type": "application/json"}
PB = {"Content-Type": "application/x-protobuf"}
SPAN = '{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}'
POSTS = {
    "good": ("/v1/traces", GOOD.SerializeToString(), PB),
    "empty protobuf": ("/v1/traces", b"", PB),
    "empty json": ("/v1/traces", b"", JSON),
    "array": ("/v1/traces", b"[]", JSON),
    "null": ("/v1/traces", b"null", JSON),
    "snake case": ("/v1/traces", b'{"resource_spans":[]}', JSON),
    "bad id": ("/v1/traces", (SPAN % '{"traceId":"abc"}').encode(), JSON),
    "upper case id": ("/v1/traces", (SPAN % '{"traceId":"5B8EFFF798038103D269B633813FC60C"}').encode(), JSON),
    "enum name": ("/v1/traces", (SPAN % '{"kind":"SPAN_KIND_SERVER"}').encode(), JSON),
    "time as number": ("/v1/traces", (SPAN % '{"startTimeUnixNano":1}').encode(), JSON),
    "1.5 for an int": ("/v1/traces", (SPAN % '{"startTimeUnixNano":1.5}').encode(), JSON),
    "truncated json": ("/v1/traces", b'{"resourceSpans":[', JSON),
    "truncated protobuf": ("/v1/traces", b"\x0a\x05ab", PB),
    "wrong wire type": ("/v1/traces", b"\x08\x01", PB),
    "invalid UTF-8": ("/v1/logs", b"\x0a\x05\x1a\x03\xff\xfe\xfd", PB),
    "unknown path": ("/v1/other", b"", PB),
    "no pipeline": ("/v1development/profiles", b"", PB),
    "charset": ("/v1/traces", GOOD.SerializeToString(), {"Content-Type": "application/x-protobuf; charset=utf-8"}),
    "identity": ("/v1/traces", GOOD.SerializeToString(), {**PB, "Content-Encoding": "identity"}),
    "not gzip": ("/v1/traces", b"abc", {**PB, "Content-Encoding": "gzip"}),
    "not gzip, json": ("/v1/traces", b"abc", {**JSON, "Content-Encoding": "gzip"}),
    "brotli": ("/v1/traces", b"abc", {**PB, "Content-Encoding": "br"}),
}


@pytest.fixture
def pair(otelcd, collector):
    return collector(SCRAPE), otelcd(SCRAPE, allow=["."])


def test_http_answers_are_the_same(pair):
    c, d = pair
    different = {}
    for name, (path, body, headers) in POSTS.items():
        theirs, ours = (http_post(address, path, body, headers) for address in (c.ports["http"], d.http_address()))
        if ours[:2] != theirs[:2] or (ours[0] in (200, 405, 415) and ours[2] != theirs[2]):
            different[name] = f"{ours}, the collector {theirs}"
        elif ours[1] == "application/x-protobuf" and ours[0] >= 400:
            codes = [rpc_status_pb2.Status.FromString(a[2]).code for a in (ours, theirs)]
            if codes[0] != codes[1]:
                different[name] = f"codes {codes}"
        elif ours[1] == "application/json" and ours[0] >= 400:
            codes = [json.loads(a[2])["code"] for a in (ours, theirs)]
            if codes[0] != codes[1]:
                different[name] = f"codes {codes}"
    assert not different, "\n".join(f"{k}: {v}" for k, v in different.items())


CALLS = {
    "good": (otlp.TRACES.rpc, GOOD.SerializeToString()),
    "empty": (otlp.TRACES.rpc, b""),
    "no pipeline": (otlp.PROFILES.rpc, b""),
    "unknown service": ("/x.Y/Z", b""),
    "unknown method": (otlp.TRACES.rpc.replace("Export", "Import"), b""),
}


def test_grpc_answers_are_the_same(pair):
    c, d = pair
    different = {}
    for name, (rpc, body) in CALLS.items():
        theirs, ours = (call(address, rpc, body) for address in (c.ports["grpc"], d.grpc_address()))
        if ours != theirs:
            different[name] = f"{ours}, the collector {theirs}"
    assert not different, "\n".join(f"{k}: {v}" for k, v in different.items())


def test_debug_prints_the_same(pair):
    c, d = pair
    for request in (otlp.traces(3), otlp.logs(3)):
        for address in (c.ports["http"], d.http_address()):
            sort = next(s for s in otlp.SIGNALS.values() if isinstance(request, s.request))
            assert http_post(address, sort.path, request.SerializeToString(), PB)[0] == 200
        d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 0)
    for _ in range(500):
        if c.stdout.read_text().count("LogRecord #") == 3:
            break
    assert d.folder.joinpath("stdout").read_text() == c.stdout.read_text()
