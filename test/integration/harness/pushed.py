# SPDX-License-Identifier: Apache-2.0
"""Remote writes that tests send, encoded here field by field: what decodes them is harness/remote_write.py."""

import struct

from .remote_write import STALE

V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
COUNTER, GAUGE, HISTOGRAM, GAUGE_HISTOGRAM, SUMMARY, INFO, STATESET = range(1, 8)
NOW = 1_800_000_000_000  # ms


def varint(v):
    v &= (1 << 64) - 1
    out = bytearray()
    while v > 0x7F:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    return bytes([*out, v])


def zigzag(v):
    return (v << 1) ^ (v >> 63)


def number(field, v):
    return varint(field << 3) + varint(v)


def field(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def double(field, v):
    bits = struct.pack("<Q", STALE) if v == "stale" else struct.pack("<d", v)
    return varint(field << 3 | 1) + bits


def snappy(message):
    """Literals alone."""
    out = varint(len(message))
    for at in range(0, len(message), 1 << 16):
        part = message[at : at + (1 << 16)]
        out += bytes([61 << 2]) + (len(part) - 1).to_bytes(2, "little") + part
    return out


def sample(value, at=NOW, start=0):
    return double(1, value) + number(2, at) + (number(3, start) if start else b"")


def histogram(count, total, schema=0, zero=0, positive=(), negative=(), custom=(), at=NOW, start=0):
    """positive, negative: (spans, deltas)."""
    out = number(1, count) + double(2 + 1, total) + number(4, zigzag(schema))
    out += double(5, 1e-128) + number(6, zero)
    for base, side in ((8, negative), (11, positive)):
        for offset, length in side[0] if side else ():
            out += field(base, number(1, zigzag(offset)) + number(2, length))
        if side:
            out += field(base + 1, b"".join(varint(zigzag(d)) for d in side[1]))
    out += number(15, at)
    if custom:
        out += field(16, struct.pack(f"<{len(custom)}d", *custom))
    return out + (number(17, start) if start else b"")


class Series:
    def __init__(self, name, *samples, histograms=(), exemplars=(), kind=0, help="", unit="", more=b"", pairs=None, **labels):
        """exemplars: (labels, value, ms). pairs: the labels as they shall be written, in place of name and labels."""
        named = {"__name__": name, **labels}
        self.pairs = sorted(named.items()) if pairs is None else pairs
        self.samples, self.histograms, self.exemplars = samples, histograms, exemplars
        self.kind, self.help, self.unit, self.more = kind, help, unit, more


def label(name, value):
    return field(1, field(1, name) + field(2, value))


def v1(*series, metadata=()):
    """metadata: (kind, family, help, unit)."""
    out = b""
    for s in series:
        one = b"".join(label(*p) for p in s.pairs) + b"".join(field(2, x) for x in s.samples)
        for labels, value, at in s.exemplars:
            one += field(3, b"".join(label(*p) for p in labels.items()) + double(2, value) + number(3, at))
        out += field(1, one + b"".join(field(4, h) for h in s.histograms) + s.more)
    for kind, family, help, unit in metadata:
        out += field(3, number(1, kind) + field(2, family) + field(4, help) + field(5, unit))
    return out


def v2(*series):
    symbols = {"": 0}

    def ref(text):
        return symbols.setdefault(text, len(symbols))

    def refs(pairs):
        return field(1, b"".join(varint(ref(x)) for p in pairs for x in p))

    out = b""
    for s in series:
        one = refs(s.pairs) + b"".join(field(2, x) for x in s.samples) + b"".join(field(3, h) for h in s.histograms)
        for labels, value, at in s.exemplars:
            one += field(4, refs(labels.items()) + double(2, value) + number(3, at))
        about = number(1, s.kind) + number(3, ref(s.help)) + number(4, ref(s.unit))
        out += field(5, one + field(5, about) + s.more)
    return b"".join(field(4, s) for s in symbols) + out


ENCODE = {V1: v1, V2: v2}


def push(daemon, body, kind=V2, address=None, headers=None, packed=True, path="/api/v1/write", method="POST"):
    """(status, what was written: samples, histograms, exemplars; None without the headers, text)."""
    headers = {"Content-Type": kind, "Content-Encoding": "snappy", "User-Agent": "test", **(headers or {})}
    status, answer, text = daemon.http(
        method, path, snappy(body) if packed else body, headers, address or daemon.http_address("prometheusremotewrite")
    )
    written = [answer.get(f"X-Prometheus-Remote-Write-{what}-Written") for what in ("Samples", "Histograms", "Exemplars")]
    return status, None if None in written else tuple(map(int, written)), text.decode()
