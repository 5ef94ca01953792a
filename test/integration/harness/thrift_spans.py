# SPDX-License-Identifier: Apache-2.0
"""Spans of Zipkin's first version in Thrift's binary protocol, as tracers of that time wrote them."""

import struct

BOOL, DOUBLE, I16, I32, I64, STRING, STRUCT, LIST = 2, 4, 6, 8, 10, 11, 12, 15
KINDS = {bool: 0, bytes: 1, "i16": 2, "i32": 3, int: 4, float: 5, str: 6}
BASE = 1700000000000000  # us


def i64(number, value):
    return struct.pack(">bhq", I64, number, value)


def text(number, value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">bhi", STRING, number, len(value)) + value


def inside(number, fields):
    return struct.pack(">bh", STRUCT, number) + fields + b"\0"


def listed(number, structs):
    return struct.pack(">bhbi", LIST, number, STRUCT, len(structs)) + b"".join(s + b"\0" for s in structs)


def host(service="", ipv4=0, port=0, ipv6=b""):
    more = text(4, ipv6) if ipv6 else b""
    return struct.pack(">bhi", I32, 1, ipv4) + struct.pack(">bhh", I16, 2, port) + text(3, service) + more


def annotation(time, value, at=None):
    return i64(1, time) + text(2, value) + (inside(3, at) if at else b"")


def binary(key, value, at=None, kind=None):
    """`kind`: a number in the place of what the value's type says."""
    packed = {bool: lambda v: bytes([v]), int: lambda v: struct.pack(">q", v), float: lambda v: struct.pack(">d", v)}.get(type(value), lambda v: v)(value)
    return text(1, key) + text(2, packed) + struct.pack(">bhi", I32, 3, KINDS[type(value)] if kind is None else kind) + (inside(4, at) if at else b"")


def span(number, name, annotations=(), binaries=(), parent=None, time=None, duration=None, high=None):
    fields = i64(1, number) + text(3, name) + i64(4, number)
    fields += i64(5, parent) if parent is not None else b""
    fields += listed(6, annotations) + listed(8, binaries) + struct.pack(">bhb", BOOL, 9, 1)
    fields += i64(10, time) if time is not None else b""
    fields += i64(11, duration) if duration is not None else b""
    return fields + (i64(12, high) if high is not None else b"")


def record(spans):
    return struct.pack(">bi", STRUCT, len(spans)) + b"".join(s + b"\0" for s in spans)


def statuses():
    """Each way in which a span says how it ended, and all at once."""
    tags = {
        "census.status_code": "0", "census.status_description": "census", "otel.status_code": "2", "otel.status_description": "code",
        "http.status_code": "404", "http.status_message": "http", "error": "boom",
    }  # fmt: skip
    several = [["error", "census.status_description"], ["error", "otel.status_description", "http.status_code"], ["http.status_code", "http.status_message"]]
    return [{k: tags[k]} for k in tags] + [tags] + [{k: tags[k] for k in keys} for keys in several] + [
        {"census.status_code": "7"}, {"census.status_code": "none"}, {"otel.status_code": "OK"}, {"http.status_code": 200}, {"http.status_code": "399"},
        {"http.response.status_code": 500}, {"error": False},
    ]  # fmt: skip


def sample():
    """What both sides read alike (docs/differences.md has the rest)."""
    front = host("Front", 0x0A000001, 80)
    spans = [
        span(1, "client", [annotation(BASE, "cs", front), annotation(BASE + 5, "half way"), annotation(BASE + 9, "cr", front)], parent=7, high=3),
        span(2, "server", [annotation(BASE + 3, "ss", host("")), annotation(BASE, "sr", host("back", ipv6=bytes(15) + b"\1"))], time=BASE - 10, duration=50),
        span(3, "sends", [annotation(BASE, "ms", host("unknown-service", 1)), annotation(BASE, ""), annotation(BASE + 1, "mr", front)], time=0),
        span(4, "local", binaries=[binary("lc", "part"), binary("lc", b"raw"), binary("a", "größe", front)], time=BASE),
        span(5, "nobody", binaries=[binary("lc", "part")], duration=3),
        span(6, "mapped", [annotation(BASE, "sr", host("back", 0x7F000001, 8080, bytes(10) + b"\xff\xff\x0a\x00\x00\x02"))]),
        span(-1, "", high=-1, parent=0),
        span(8, "types", [annotation(0, "never")], [
            binary("yes", True), binary("no", False), binary("odd", b"\2", kind=0), binary("bytes", b"\x00\xff"), binary("short", b"\1\2", kind=2),
            binary("medium", b"\xff\xff\xff", kind=3), binary("long", -5), binary("double", 1.5), binary("none", b"", kind=5), binary("twice", "1"),
            binary("twice", "2"), binary("strange", b"x", kind=17),
        ]),
    ]  # fmt: skip
    for i, tags in enumerate(statuses()):
        spans.append(span(100 + i, "status", binaries=[binary(k, v) for k, v in tags.items()], time=BASE))
    return record(spans)
