# SPDX-License-Identifier: Apache-2.0
"""Cases of the prometheus exporter: test/data/prometheus/<case>/ has

config.yaml    the exporter's keys, without its endpoint
input.json     OTLP JSON requests, a list, sent one after another
expected.txt   the lines that a scrape of text 0.0.4 shows, sorted; also .om for OpenMetrics and .pb for protobuf, one
               line for each metric, where the case is about what only these show
collector.txt  where the Go collector shows something else: its lines (- ours, + its), for each format, with the reasons
               in docs/differences.md. "at random": it shows now this, now that"""

import json
import re

from .exposition import OPENMETRICS, PROTOBUF, TEXT, from_protobuf
from .limits import ROOT

FOLDER = ROOT / "test/data/prometheus"
CASES = sorted(p.name for p in FOLDER.iterdir())
FORMATS = {"txt": TEXT + ";escaping=allow-utf-8", "om": OPENMETRICS + ";escaping=allow-utf-8", "pb": PROTOBUF}

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
exporters:
  prometheus:
    endpoint: "127.0.0.1:0"
%s
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheus]}
"""


def config(case):
    keys = (FOLDER / case / "config.yaml").read_text()
    return CONFIG % "".join(f"    {line}\n" for line in keys.splitlines() if not line.startswith("#"))


def requests(case, folder=FOLDER):
    return [json.dumps(r).encode() for r in json.loads((folder / case / "input.json").read_text())]


def formats(case):
    return [f for f in FORMATS if (FOLDER / case / f"expected.{f}").exists()]


def expected(case, form):
    return (FOLDER / case / f"expected.{form}").read_text().split("\n")[:-1]


def lines(form, body):
    return protobuf_lines(body) if form == "pb" else text_lines(body.decode())


def _seconds(text):
    return repr(float(text))


def _exemplar(match):
    labels = ",".join(sorted(re.findall(r'\w+="[^"]*"', match[1])))
    return f" # {{{labels}}} {match[2]}" + (f" {_seconds(match[3])}" if match[3] else "")


def text_lines(text):
    """Sorted; exemplars' labels too, and times as one writes them. Empty HELP texts end without a blank."""
    found = []
    for line in text.removesuffix("\n").split("\n"):
        line = re.sub(r" # \{(.*?)\} (\S+)(?: (\S+))?$", _exemplar, line)
        found.append(re.sub(r" (1\.\d+e\+09|1[67]\d{8}\.\d+)(?=$| #)", lambda m: f" {_seconds(m[1])}", line).rstrip())
    return sorted(found)


def _side(spans, deltas):
    """Native buckets, by index."""
    buckets, at, count, i = {}, 0, 0, 0
    for span in spans:
        at += span.offset
        for _ in range(span.length):
            count += deltas[i]
            if count:
                buckets[at] = count
            at, i = at + 1, i + 1
    return buckets


def _time(t):
    return t.seconds + t.nanos / 1e9


def _exemplars(found):
    return [
        f"exemplar({','.join(f'{l.name}={l.value}' for l in sorted(x.label, key=lambda l: l.name))} {x.value} {_time(x.timestamp)})"
        for x in found
    ]


def _metric(metric):
    words = [",".join(f'{pair.name}="{pair.value}"' for pair in metric.label)]
    for kind in ("gauge", "counter", "untyped"):
        if metric.HasField(kind):
            words += [kind, str(getattr(metric, kind).value)]
    if metric.HasField("counter") and metric.counter.HasField("exemplar"):
        words += _exemplars([metric.counter.exemplar])
    if metric.HasField("summary"):
        s = metric.summary
        words += ["summary", str(s.sample_count), str(s.sample_sum)] + [f"q{q.quantile}:{q.value}" for q in s.quantile]
    if metric.HasField("histogram"):
        h = metric.histogram
        words += ["histogram", str(h.sample_count), str(h.sample_sum)]
        for b in h.bucket:
            if b.upper_bound != float("inf") or b.HasField("exemplar"):
                words += [f"le{b.upper_bound}:{b.cumulative_count}"] + _exemplars([b.exemplar] if b.HasField("exemplar") else [])
        if h.HasField("schema"):
            words += [f"schema {h.schema} zero {h.zero_threshold} {h.zero_count}"]
            words += [f"positive {_side(h.positive_span, h.positive_delta)} negative {_side(h.negative_span, h.negative_delta)}"]
        words += sorted(_exemplars(h.exemplars))
    for kind in ("counter", "summary", "histogram"):
        if metric.HasField(kind) and getattr(metric, kind).HasField("created_timestamp"):
            words.append(f"created {_time(getattr(metric, kind).created_timestamp)}")
    if metric.timestamp_ms:
        words.append(f"at {metric.timestamp_ms}")
    return " ".join(words)


def protobuf_lines(body):
    return sorted(f"{f.name} ({f.help}) {_metric(m)}" for f in from_protobuf(body).values() for m in f.metric)
