# SPDX-License-Identifier: Apache-2.0
"""Cases of remote write: the requests of each case of the prometheus exporter (harness/golden.py), with those of its keys
that remote write has too, and cases/<case>/ of its own, with config.yaml and input.json in the same manner. test/data/remote_write/<case>.txt has what shall be written, one line a sample, sorted; a
<case>.collector.txt what the Go collector writes instead (- ours, + its), for reasons that stand in docs/differences.md."""

import json

from . import golden
from .limits import ROOT

FOLDER = ROOT / "test/data/remote_write"
OWN = sorted(p.name for p in (FOLDER / "cases").iterdir())
CASES = [*golden.CASES, *OWN]
# The prometheus exporter's key, and remote write's; the others it has not.
KEYS = {
    "namespace": "namespace",
    "add_metric_suffixes": "add_metric_suffixes",
    "translation_strategy": "translation_strategy",
    "resource_to_telemetry_conversion": "resource_to_telemetry_conversion",
    "const_labels": "external_labels",
}

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
exporters:
  prometheus_remote_write:
    endpoint: %s
%s
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}
"""


def requests(case):
    return golden.requests(case, FOLDER / "cases" if case in OWN else golden.FOLDER)


def config(case, url):
    if case in OWN:
        keys = (FOLDER / "cases" / case / "config.yaml").read_text()
        return CONFIG % (url, "".join(f"    {line}\n" for line in keys.splitlines() if not line.startswith("#")))
    keys = (golden.FOLDER / case / "config.yaml").read_text().splitlines()
    pairs = [line.split(":", 1) for line in keys if not line.startswith("#")]
    lines = [f"{KEYS[name]}:{value}" for name, value in pairs if name in KEYS]
    if any("NoUTF8" in line or "NoTranslation" in line for line in lines):
        lines.append("protobuf_message: io.prometheus.write.v2.Request")
    return CONFIG % (url, "".join(f"    {line}\n" for line in lines))


def line(sample):
    labels = ", ".join(f"{n}={json.dumps(v)}" for n, v in sorted(sample.labels.items()))
    if sample.histogram is None:
        value = "stale" if isinstance(sample.value, bytes) else repr(sample.value)
    else:
        value = " ".join(f"{k}={v}" for k, v in sorted(sample.histogram.items()) if k != "sum_bits")
    more = "".join(f" # {sorted(x.items())} {v!r} {at}" for x, v, at in sample.exemplars)
    about = f" [{sample.metadata}]" if sample.metadata else ""
    started = f" since {sample.start}" if sample.start else ""
    return f"{sample.name}{{{labels}}} {value} {sample.time}{started}{more}{about}"


def lines(samples):
    return sorted(map(line, samples))


def expected(case):
    return (FOLDER / f"{case}.txt").read_text().split("\n")[:-1]
