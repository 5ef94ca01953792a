# SPDX-License-Identifier: Apache-2.0
"""100,000 spans or log records through the probabilistic sampler, and which of them are kept.

test/data/sampler/<name>.bits has one bit for each, as the Go collector has decided (`make oracle ARGS=--rewrite`). Where
it drops what was sampled before, with hash_seed, otelcd decides by the hash (docs/differences.md)."""

import hashlib
import json
import struct
import zlib

from . import otlp
from .limits import ROOT

FOLDER = ROOT / "test/data/sampler"
ITEMS = 100_000
EACH = 10_000  # of one request

# Signal, and the processor's configuration.
CASES = {
    "traces_hash_seed": ("traces", {"mode": "hash_seed", "sampling_percentage": 15.3, "hash_seed": 22}),
    "traces_hash_seed_most": ("traces", {"sampling_percentage": 99.95}),
    "traces_equalizing": ("traces", {"mode": "equalizing", "sampling_percentage": 33.3}),
    "traces_proportional": ("traces", {"mode": "proportional", "sampling_percentage": 7.77, "sampling_precision": 6}),
    "logs_hash_seed": ("logs", {"sampling_percentage": 25, "hash_seed": 4000000000}),
    "logs_from_attribute": ("logs", {"sampling_percentage": 40, "attribute_source": "record", "from_attribute": "source"}),
    "logs_equalizing": ("logs", {"mode": "equalizing", "sampling_percentage": 1}),
    "logs_proportional": ("logs", {"mode": "proportional", "sampling_percentage": 62.5}),
}

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 16}
      http: {endpoint: "127.0.0.1:0"}
processors: {probabilistic_sampler: %s}
exporters:
  file: {path: %s, flush_interval: 100ms}
service:
  pipelines:
    %s: {receivers: [otlp], processors: [probabilistic_sampler], exporters: [file]}
"""


def config(name, path):
    signal, keys = CASES[name]
    return CONFIG % (json.dumps(keys), path, signal)


def trace_of(i):
    return hashlib.sha256(b"%d" % i).digest()[:16]


def sampled_before(i):
    return i % 3 == 0 and trace_of(i)[9] >= 0x80


def is_kept_by_hash(keys, i):
    """FNV-1a of the seed and the bytes, and the percentage in 32-bit floats, as both collectors have it."""
    hashed = b"host-%d" % i if keys.get("attribute_source") == "record" else trace_of(i)
    h = 2166136261
    for byte in struct.pack("<I", keys.get("hash_seed", 0)) + hashed:
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    percentage, factor = struct.unpack("<ff", struct.pack("<ff", keys["sampling_percentage"], 16384 / 100))
    return h & 16383 < int(struct.unpack("<f", struct.pack("<f", percentage * factor))[0])


def requests(signal):
    """A third of the items have been sampled before, at one half."""
    for first in range(0, ITEMS, EACH):
        request = otlp.SIGNALS[signal].request()
        resource = (request.resource_spans if signal == "traces" else request.resource_logs).add()
        scope = (resource.scope_spans if signal == "traces" else resource.scope_logs).add()
        for i in range(first, first + EACH):
            trace_id, before = trace_of(i), sampled_before(i)
            if signal == "traces":
                span = scope.spans.add(trace_id=trace_id, span_id=trace_id[:8], name=str(i))
                if before:
                    span.trace_state = "ot=th:8"
                continue
            record = scope.log_records.add(trace_id=trace_id)
            record.body.string_value = str(i)
            record.attributes.add(key="source").value.string_value = f"host-{i}"
            if before:
                record.attributes.add(key="sampling.threshold").value.string_value = "8"
        yield request


def kept(signal, path):
    """The numbers of the items in a file of the file exporter."""
    found = set()
    for line in path.read_text().splitlines():
        request = json.loads(line)
        for resource in request["resourceSpans" if signal == "traces" else "resourceLogs"]:
            for scope in resource["scopeSpans" if signal == "traces" else "scopeLogs"]:
                if signal == "traces":
                    found |= {int(span["name"]) for span in scope["spans"]}
                else:
                    found |= {int(record["body"]["stringValue"]) for record in scope["logRecords"]}
    return found


def read_bits(path, n):
    """The numbers below n whose bit is set."""
    data = zlib.decompress(path.read_bytes())
    return {i for i in range(n) if data[i // 8] >> i % 8 & 1}


def write_bits(path, numbers, n):
    data = bytearray((n + 7) // 8)
    for i in numbers:
        data[i // 8] |= 1 << i % 8
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(bytes(data), 9))


def expected(name):
    return read_bits(FOLDER / f"{name}.bits", ITEMS)


def ours(name):
    """The same, with what was sampled before decided by the hash where the hash decides."""
    _, keys = CASES[name]
    found = expected(name)
    if keys.get("mode", "hash_seed") == "hash_seed":
        found |= {i for i in range(ITEMS) if sampled_before(i) and is_kept_by_hash(keys, i)}
    return found


def keep_expected(name, found):
    write_bits(FOLDER / f"{name}.bits", found, ITEMS)
