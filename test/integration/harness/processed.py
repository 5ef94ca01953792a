# SPDX-License-Identifier: Apache-2.0
"""Cases of processors: test/data/processors/cases.yaml has a list of

name        of the case
signal      traces, metrics or logs
input       the OTLP JSON request in inputs/ that goes through, without .json
metadata    headers of the request; the receiver keeps them
processors  as in a configuration; the pipeline has all of them, in this order
connectors  instead of processors: one that makes metrics of what comes
gate        a feature gate that the Go collector wants to be open

expected/<name>.txt is what the debug exporter shows of the result, attributes sorted; <name>.collector.txt what the Go
collector shows instead (- ours, + its), for reasons that stand in docs/differences.md."""

import json
import re

import yaml

from .limits import ROOT

FOLDER = ROOT / "test/data/processors"
CASES = {case["name"]: case for case in yaml.safe_load((FOLDER / "cases.yaml").read_text())}

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0", include_metadata: true}
processors: %s
exporters:
  debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}
service:
  pipelines:
    %s: {receivers: [otlp], processors: [%s], exporters: [debug]}
"""


CONNECTED = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0", include_metadata: true}
connectors: %s
exporters:
  debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}
service:
  pipelines:
    %s: {receivers: [otlp], exporters: [%s]}
    metrics/made: {receivers: [%s], exporters: [debug]}
"""


def config(case):
    if "connectors" in case:
        (name,) = case["connectors"]
        return CONNECTED % (json.dumps(case["connectors"]), case["signal"], name, name)
    return CONFIG % (json.dumps(case["processors"]), case["signal"], ", ".join(case["processors"]))


def arguments(case):
    """Of the Go collector's command line."""
    return ["--feature-gates=" + case["gate"]] if "gate" in case else []


def request(case):
    return (FOLDER / f"inputs/{case['input']}.json").read_bytes()


def headers(case):
    return {"Content-Type": "application/json", **case.get("metadata", {})}


NOW = re.compile(r"^Timestamp: 20(?:2[6-9]|[3-9]\d)-\S+ \S+\.\d+ .*")  # inputs are older, or whole seconds


def lines(text):
    """Of the debug exporter; runs of attributes sorted, for their order means nothing. What is as old as the test is now."""
    out, run = [], []
    for line in text.splitlines():
        line = NOW.sub("Timestamp: now", line)
        if re.match(r"\d{4}-\d\d-\d\dT", line):
            continue
        if line.lstrip().startswith("-> "):
            run.append(line)
            continue
        out += sorted(run)
        run = []
        out.append(line)
    return out + sorted(run)


def expected(name):
    return (FOLDER / f"expected/{name}.txt").read_text().split("\n")[:-1]
