# SPDX-License-Identifier: Apache-2.0
"""Spans as records of Kafka in Jaeger's and Zipkin's forms: what the Go collector wrote of them, and read of that, kept as
test/data/kafka/ENCODING.json by test/oracle."""

import base64
import json

from . import otlp
from .limits import ROOT

ENCODINGS = ["jaeger_proto", "jaeger_json", "zipkin_proto", "zipkin_json"]
READ = [*ENCODINGS, "zipkin_thrift"]  # that is written by nobody any more
FOLDER = ROOT / "test/data/kafka"
BASE = 1700000000000000000


def sample():
    """One request of what both sides make the same of (docs/differences.md has the rest)."""
    request = otlp.TRACES.request()
    for i, resource in enumerate(({"service.name": "Front", "host.name": "h1", "plain": "x"}, {"service.name": "back", "process.pid": 7}, {})):
        group = request.resource_spans.add()
        group.resource.SetInParent()
        otlp.put(group.resource.attributes, resource)
        for k, scope in enumerate(("", "lib")):
            spans = group.scope_spans.add()
            spans.scope.name, spans.scope.version = scope, "1.2" if scope else ""
            for n in range(6):
                add_span(spans.spans.add(), 100 * i + 10 * k + n + 1, n)
    return request


def add_span(span, number, n):
    span.trace_id = bytes(8 if n == 4 else 0) + bytes([number]) * (8 if n == 4 else 16)
    span.span_id = number.to_bytes(8, "big")
    span.name = f"Work {number}"
    span.kind = n
    span.start_time_unix_nano = BASE + 1000 * number
    span.end_time_unix_nano = span.start_time_unix_nano + 1_500_000
    span.status.SetInParent()
    if n == 1:
        span.parent_span_id = b"parentid"
        span.trace_state = "a=b,c=d"
        otlp.put(span.attributes, {"text": "größe \"quoted\"", "int": -5, "double": 1.5, "bool": True, "bytes": b"\x00\xff"})
        items = span.attributes.add(key="list").value.array_value.values
        items.add(int_value=1), items.add(string_value="two")
    if n == 2:
        span.status.code = 1
        otlp.put(span.attributes, {"http.status_code": 200, "network.local.address": "10.0.0.1", "net.host.port": 80})
    if n == 3:
        span.status.code, span.status.message = 2, "it failed"
        otlp.put(span.attributes, {"http.response.status_code": 500, "service.peer.name": "peer", "network.peer.address": "2001:db8::1", "net.peer.port": 81})
    if n in (4, 5):
        event = span.events.add(time_unix_nano=BASE + 5000, name="plain")
        event = span.events.add(time_unix_nano=BASE + 6000, name="with")
        otlp.put(event.attributes, {"k": "v", "n": 12, "f": 0.5, "b": False})
        link = span.links.add(trace_id=b"0123456789abcdef", span_id=b"linkedto")
        otlp.put(link.attributes, {"opentracing.ref_type": "follows_from"})


def in_order(attributes):
    values = sorted(attributes, key=lambda a: a.key)
    del attributes[:]
    attributes.extend(values)


def spans_of(requests):
    """Each span with what it is in, as text, in one order."""
    found = []
    for request in requests:
        for group in request.resource_spans:
            in_order(group.resource.attributes)
            for spans in group.scope_spans:
                for span in spans.spans:
                    in_order(span.attributes)
                    for part in (*span.events, *span.links):
                        in_order(part.attributes)
                    span.status.SetInParent()
                    found.append(f"{group.resource}{spans.scope.name} {spans.scope.version}\n{span}")
    return sorted(found)


def packed(data):
    return base64.b64encode(data).decode()


def keep(encoding, records, read):
    FOLDER.mkdir(exist_ok=True)
    kept = {"records": [[packed(k or b""), packed(v)] for k, v in records], "read": spans_of(read)}
    (FOLDER / f"{encoding}.json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def kept(encoding):
    """The collector's records, and what it reads of them."""
    found = json.loads((FOLDER / f"{encoding}.json").read_text())
    return [tuple(map(base64.b64decode, pair)) for pair in found["records"]], found["read"]
