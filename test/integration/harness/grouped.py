# SPDX-License-Identifier: Apache-2.0
"""Cases of groupbytrace: what is sent in one or several requests, and what leaves as one.

test/data/groupbytrace/NAME.json is a list of lists of ResourceSpans, a request each; expected/NAME.json what leaves: per
request its spans, each with what it is in, sorted. Spans of one resource that came in several requests are as many
ResourceSpans in the Go collector, and one in otelcd (docs/differences.md), so what a span is in stands beside it."""

import json

from google.protobuf import json_format

from . import otlp
from .limits import ROOT

FOLDER = ROOT / "test/data/groupbytrace"
CASES = sorted(path.stem for path in FOLDER.glob("*.json"))

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors:
  groupbytrace: {wait_duration: 2s, num_traces: 1000}
exporters:
  file: {path: %s, format: proto}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [groupbytrace], exporters: [file]}
"""


def config(out):
    return CONFIG % out


def requests(name):
    for groups in json.loads((FOLDER / f"{name}.json").read_text()):
        yield json.dumps({"resourceSpans": groups})


def shown(message):
    """Go writes an empty status."""
    fields = json_format.MessageToDict(message)
    return json.dumps({k: v for k, v in fields.items() if v != {}}, sort_keys=True)


def spans_of(request):
    return sorted(
        [shown(group.resource), group.schema_url, shown(scopes.scope), scopes.schema_url, shown(span)]
        for group in request.resource_spans
        for scopes in group.scope_spans
        for span in scopes.spans
    )


def left(path):
    """What is in a file of the file exporter: each message has its length, of 4 bytes, before it."""
    data = path.read_bytes() if path.exists() else b""
    found = []
    while len(data) >= 4 and len(data) - 4 >= int.from_bytes(data[:4], "big"):
        n = int.from_bytes(data[:4], "big")
        request = otlp.SIGNALS["traces"].request.FromString(data[4 : 4 + n])
        assert len({s.trace_id for g in request.resource_spans for ss in g.scope_spans for s in ss.spans}) == 1
        found.append(spans_of(request))
        data = data[4 + n :]
    return sorted(found)


def expected(name):
    return json.loads((FOLDER / f"expected/{name}.json").read_text())


def keep_expected(name, found):
    (FOLDER / "expected").mkdir(exist_ok=True)
    (FOLDER / f"expected/{name}.json").write_text(json.dumps(found, indent=1) + "\n")
