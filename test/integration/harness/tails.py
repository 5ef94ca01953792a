# SPDX-License-Identifier: Apache-2.0
"""Traces through the tail sampler, one processor beside another for each list of policies, and which traces each keeps.

test/data/tail_sampling/<name>.txt has the numbers of the traces that the Go collector keeps (`make oracle
ARGS=--rewrite`). Where it decides by the order in which spans come, or cannot be told, there is no case here but a test
of its own."""

import hashlib
import json
import random

import yaml

from . import decisions, otlp
from .limits import ROOT

FOLDER = ROOT / "test/data/tail_sampling"
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text())
TRACES = 400
MANY = 100_000  # for the shares

PIPELINE = "traces/{name}: {{receivers: [otlp], processors: [tail_sampling/{name}], exporters: [file/{name}]}}"


def config(folder, names):
    """All of them in one process; what comes in goes to each."""
    processors = {f"tail_sampling/{name}": {"decision_wait": "1h", "num_traces": 200_000, **CASES[name]} for name in names}
    exporters = {f"file/{name}": {"path": str(folder / name), "flush_interval": "100ms"} for name in names}
    return f"""
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}
      http: {{endpoint: "127.0.0.1:0"}}
processors: {json.dumps(processors)}
exporters: {json.dumps(exporters)}
service:
  pipelines:
    {(chr(10) + "    ").join(PIPELINE.format(name=name) for name in names)}
"""


def trace_of(i):
    return hashlib.sha256(b"tail-%d" % i).digest()[:16]


STATES = ["", "vendor=a", "other=1,vendor=b", "vendor=", "ot=th:8;rv:00000000000001,vendor=a", "no state", "vendor=c"]


def events_of(r):
    for _ in range(r.choice([0, 0, 0, 1, 2])):
        yield r.choice(["exception", "retry", "cache miss"]), {"kind": r.choice(["io", "parse", 7])}


def spans_of(i):
    """The spans of trace i, each with the number of its resource and of its scope."""
    r = random.Random(i)
    start = 1_700_000_000_000_000_000 + r.randrange(10**9)
    for j in range(r.choice([1, 1, 2, 3, 5, 8, 13])):
        attributes = {}
        if r.random() < 0.4:
            attributes["http.status_code"] = r.choice([200, 204, 404, 500, 503, "500", 500.0, True, -1, 0])
        if r.random() < 0.4:
            attributes["http.route"] = r.choice(["/a", "/a/b", "/health", "", "/A", 7])
        if r.random() < 0.3:
            attributes["keep"] = r.choice([True, False, "true", 1])
        duration = r.choice([0, 999_999, 1_000_000, 50_000_000, 99_999_999, 100_000_000, 101_000_000, 700_000_000])
        yield r.randrange(3), r.randrange(2), {
            "trace_id": trace_of(i),
            "span_id": hashlib.sha256(b"%d-%d" % (i, j)).digest()[:8],
            "parent_span_id": b"" if j == 0 else hashlib.sha256(b"%d-0" % i).digest()[:8],
            "name": f"{i}/{j}",
            "start_time_unix_nano": start + j * 1000,
            "end_time_unix_nano": start + j * 1000 + duration,
            "status": r.choices([0, 1, 2], [0.75, 0.15, 0.1])[0],
            "trace_state": r.choice(STATES),
            "flags": r.choice([0, 0, 0, 1, 0x101, 0x300]),
            "events": list(events_of(random.Random(f"{i}/{j}"))),
        }, attributes


RESOURCES = [{"service.name": "shop", "tier": 3}, {"service.name": "cart", "keep": True}, {}]


def requests(seed, traces=TRACES, each=200):
    """All spans in an order of that seed, in requests of so many."""
    spans = [span for i in range(traces) for span in spans_of(i)]
    random.Random(seed).shuffle(spans)
    for first in range(0, len(spans), each):
        yield build(spans[first : first + each])


def build(spans):
    request, scopes = otlp.SIGNALS["traces"].request(), {}
    for resource, scope, fields, attributes in spans:
        if (resource, scope) not in scopes:
            group = request.resource_spans.add(schema_url=f"https://schemas/{resource}")
            otlp.put(group.resource.attributes, RESOURCES[resource])
            scopes[resource, scope] = group.scope_spans.add()
            scopes[resource, scope].scope.name = f"scope-{scope}"
        fields = dict(fields)
        status, events = fields.pop("status"), fields.pop("events", [])
        span = scopes[resource, scope].spans.add(**fields)
        for name, values in events:
            event = span.events.add(name=name)
            otlp.put(event.attributes, values)
        if status:
            span.status.code = status
        otlp.put(span.attributes, attributes)
    return request


def kept(path):
    """Trace -> its spans' names, as the file exporter has them; every span once."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        for group in json.loads(line)["resourceSpans"]:
            for scope in group["scopeSpans"]:
                for span in scope["spans"]:
                    found.setdefault(int(span["name"].split("/")[0]), []).append(span["name"])
    return {i: sorted(names) for i, names in found.items()}


def whole(numbers):
    """What kept() is when these traces are kept, with all of their spans."""
    return {i: sorted(fields["name"] for _, _, fields, _ in spans_of(i)) for i in numbers}


def expected(name):
    return [int(i) for i in (FOLDER / f"{name}.txt").read_text().split()]


def keep_expected(name, numbers):
    lines = [" ".join(map(str, numbers[i : i + 20])) for i in range(0, len(numbers), 20)]
    (FOLDER / f"{name}.txt").write_text("".join(line + "\n" for line in lines))


# ---- shares: one span for each of many traces ----

SHARES = {
    "share_third": {"sampling_percentage": 33.3},
    "share_small": {"sampling_percentage": 0.05, "hash_salt": "salt"},
    "share_most": {"sampling_percentage": 99.999},
}


def share_config(folder, name):
    policies = [{"name": "share", "type": "probabilistic", "probabilistic": SHARES[name]}]
    keys = {"decision_wait": "1h", "num_traces": 200_000, "policies": policies}
    return f"""
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}
      http: {{endpoint: "127.0.0.1:0"}}
processors: {{tail_sampling: {json.dumps(keys)}}}
exporters: {{file: {{path: {folder}/kept, flush_interval: 100ms}}}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [file]}}
"""


def many(each=20_000):
    for first in range(0, MANY, each):
        request = otlp.SIGNALS["traces"].request()
        scope = request.resource_spans.add().scope_spans.add()
        for i in range(first, first + each):
            scope.spans.add(trace_id=trace_of(i), span_id=trace_of(i)[:8], name=f"{i}/0")
        yield request


def kept_of_many(path):
    return set(kept(path))


def expected_of_many(name):
    return decisions.read_bits(FOLDER / f"{name}.bits", MANY)


def keep_expected_of_many(name, found):
    decisions.write_bits(FOLDER / f"{name}.bits", found, MANY)
