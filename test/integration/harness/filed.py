# SPDX-License-Identifier: Apache-2.0
"""What the file exporter writes, read again; and the cases that it shares with the Go collector (test/data/file)."""

import json
import pathlib

import zstandard
from google.protobuf.json_format import MessageToDict

from harness.limits import ROOT
from harness.otlp import LOGS, METRICS, TRACES

FOLDER = pathlib.Path(ROOT) / "test/data/file"
# One request of each, sent in this order; the texts are those of the debug exporter's tests.
CASES = [(s, ROOT / f"test/data/debug/{s.name}{n}.json") for s in (LOGS, METRICS, TRACES) for n in (1, 2)]
SEGMENTS = [
    "one", "two", "", ".", "..", "/", "/abs", "./dot", "../dotdot", "../../etc/x", "a/b c", "sub/./../q", ".hidden",
    "d//e/", "sub/../../../up", "\u00e9:|*?", None, 5, True,
]  # fmt: skip

PIPELINE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  file:
    path: {path}
    {more}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
    metrics: {{receivers: [otlp], exporters: [file]}}
    logs: {{receivers: [otlp], exporters: [file]}}
"""


def config(path, *more):
    return PIPELINE.format(path=json.dumps(str(path)), more="\n    ".join(more))


def prefixed(data):
    """Messages with their length in front; the whole file must be such."""
    messages = []
    while data:
        n = int.from_bytes(data[:4], "big")
        assert len(data) >= 4 + n, "the last message is cut short"
        messages.append(data[4 : 4 + n])
        data = data[4 + n :]
    return messages


def inflated(messages):
    return [zstandard.ZstdDecompressor().decompress(m, max_output_size=1 << 26) for m in messages]


def lines(data):
    text = data.decode()
    assert text == "" or text.endswith("\n"), "the last line is cut short"
    return [json.loads(line) for line in text.split("\n")[:-1]]


def same(value):
    """JSON without messages in which nothing is set: the Collector writes them whether or not they were sent."""
    if isinstance(value, dict):
        smaller = {k: same(v) for k, v in value.items()}
        return {k: v for k, v in smaller.items() if v != {} or k == "value"}
    return [same(v) for v in value] if isinstance(value, list) else value


def parsed(messages):
    """Protobuf messages of the cases, in order, for comparing (as JSON: NaN is like itself)."""
    return [same(MessageToDict(sort.request.FromString(m))) for (sort, _), m in zip(CASES, messages, strict=True)]
