# SPDX-License-Identifier: Apache-2.0
"""Requests that leave in the bytes that a client has compressed, and those that may not."""

import gzip
import json

import pytest
import zstandard
from harness import otlp
from harness.otlp_peer import INFLATE, HttpPeer

CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}}}
processors:
  attributes: {{actions: [{{key: added, value: here, action: insert}}]}}
  batch: {{timeout: 10ms}}
exporters:
  otlp_http: {options}
service:
  pipelines:
    logs: {{receivers: [otlp], processors: [{processors}], exporters: [otlp_http]}}
"""


def packed(coding, content):
    """As otlp_http would not write it itself."""
    return gzip.compress(content, 9) if coding == "gzip" else zstandard.ZstdCompressor(level=7).compress(content)


@pytest.fixture
def started(otelcd):
    peers = []

    def start(answer=None, processors="", allow=(), **options):
        p = HttpPeer(answer)
        peers.append(p)
        every = {"endpoint": p.endpoint, "retry_on_failure": {"initial_interval": "10ms", "max_interval": "20ms"}, **options}
        return otelcd(CONFIG.format(options=json.dumps(every), processors=processors), allow=["not used by any", *allow]), p

    yield start
    for p in peers:
        p.close()


def sent(d, p, body, coding):
    """What the peer has got for it."""
    request = otlp.sample("logs", 50)
    content = request.SerializeToString()
    raw = body(content)
    assert d.post(request, raw, {"Content-Encoding": coding})[0] == 200
    p.wait(lambda p: len(p.taken) == 1)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.ledger("exporter", "otlp_http", "logs")["delivered"] == 50
    return raw, content, p.taken[0]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_comes_and_goes_in_one_coding_is_not_compressed_again(started, coding):
    d, p = started(compression=coding)
    raw, content, call = sent(d, p, lambda c: packed(coding, c), coding)
    assert call.raw == raw and call.headers["content-encoding"] == coding
    assert d.metrics().sum("otelcd_exporter_otlp_sent_bytes") == len(raw)


def test_it_is_sent_as_it_came_again_when_the_peer_had_no_time(started):
    refused = []

    def once(call):
        if not refused:
            refused.append(call.raw)
            return 503, {}, b""
        return None

    d, p = started(once, allow=["Exporting failed", "The peer does not take"], compression="gzip")
    raw, _, call = sent(d, p, lambda c: packed("gzip", c), "gzip")
    assert refused == [raw] and call.raw == raw


@pytest.mark.parametrize("why, body, came, options, processors", [
    ("another coding", lambda c: packed("zstd", c), "zstd", {"compression": "gzip"}, ""),
    ("a level of one's own", lambda c: packed("gzip", c), "gzip", {"compression": "gzip", "compression_params": {"level": 1}}, ""),
    ("two members", lambda c: packed("gzip", c[:7]) + packed("gzip", c[7:]), "gzip", {"compression": "gzip"}, ""),
    ("two frames", lambda c: packed("zstd", c[:7]) + packed("zstd", c[7:]), "zstd", {"compression": "zstd"}, ""),
    ("another encoding", lambda c: packed("gzip", c), "gzip", {"compression": "gzip", "encoding": "json"}, ""),
    ("none", lambda c: packed("gzip", c), "gzip", {"compression": "none"}, ""),
    ("what was changed", lambda c: packed("gzip", c), "gzip", {"compression": "gzip"}, "attributes"),
    ("what goes in several parts", lambda c: packed("gzip", c), "gzip", {"compression": "gzip", "sending_queue": {"batch": {"min_size": 1, "max_size": 100, "flush_timeout": "1ms"}}}, ""),
], ids=lambda v: v if isinstance(v, str) and " " in v else None)  # fmt: skip
def test_the_clients_bytes_do_not_go_for(started, why, body, came, options, processors):
    d, p = started(processors=processors, **options)
    raw, content, call = sent(d, p, body, came)
    assert call.raw != raw or why == "what goes in several parts"
    out = INFLATE[call.headers.get("content-encoding")](call.raw)
    if "encoding" not in options and not processors:
        assert out == content
    assert (b"added" in out) == bool(processors)


def test_what_was_mended_leaves_mended(started):
    d, p = started(allow=["Strings that are not UTF-8 were repaired"], compression="gzip")
    request = otlp.sample("logs", 1)
    request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = "ab##cd"
    raw = packed("gzip", request.SerializeToString().replace(b"ab##cd", b"ab\xff\xffcd"))
    assert d.post(request, raw, {"Content-Encoding": "gzip"})[0] == 200
    p.wait(lambda p: len(p.taken) == 1)
    assert p.taken[0].raw != raw and p.taken[0].message.resource_logs[0].scope_logs[0].log_records[0].body.string_value.startswith("ab\ufffd")


def test_one_that_the_peer_finds_too_large_is_cut(started):
    def large(call):
        return (413, {}, b"") if call.size > 2000 else None

    d, p = started(large, allow=["The peer takes no requests as large"], compression="gzip")
    request = otlp.sample("logs", 50)
    assert d.post(request, packed("gzip", request.SerializeToString()), {"Content-Encoding": "gzip"})[0] == 200
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.ledger("exporter", "otlp_http", "logs")["delivered"] == 50 and len(p.taken) > 1


def test_a_peer_that_cannot_read_the_clients_bytes_gets_them_in_our_own(started):
    """As one that knows no more than deflate's smallest window, or finds a fault in an optional field of gzip."""
    refused = []

    def strict(call):
        if call.raw == raw:
            refused.append(call.size)
            return 400, {}, b"cannot inflate"
        return None

    d, p = started(strict, compression="gzip")
    request = otlp.sample("logs", 50)
    raw = packed("gzip", request.SerializeToString())
    assert d.post(request, raw, {"Content-Encoding": "gzip"})[0] == 200
    p.wait(lambda p: len(p.taken) == 1)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert len(refused) == 1 and p.taken[0].raw != raw and INFLATE["gzip"](p.taken[0].raw) == request.SerializeToString()
    assert d.ledger("exporter", "otlp_http", "logs")["delivered"] == 50


def test_what_the_peer_refuses_in_our_own_coding_too_is_dropped(started):
    calls = []

    def never(call):
        calls.append(call.raw)
        return 400, {}, b"no"

    d, p = started(never, compression="gzip", allow=["."])
    request = otlp.sample("logs", 50)
    assert d.post(request, packed("gzip", request.SerializeToString()), {"Content-Encoding": "gzip"})[0] == 200
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") == 50)
    assert len(calls) == 2 and calls[0] != calls[1]
