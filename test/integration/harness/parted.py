# SPDX-License-Identifier: Apache-2.0
"""Cases of the routing connector and of log_dedup: test/data/parted has in cases.yaml

name       of the case
signal     traces, metrics or logs
input      the OTLP JSON request of test/data/processors/inputs that goes through, without .json
routing    options of the connector, whose pipelines are called a, b and c
log_dedup  or those of the processor
times      how often the request is sent
status     of the Go collector's answer, if it is not 200; `ours` likewise: it refuses for good what will fail again

expected.json has what the Go collector makes of it: for each file the items, with what they are in, in no order."""

import json

import yaml

from . import kept
from .limits import ROOT

FOLDER = ROOT / "test/data/parted"
CASES = {case["name"]: case for case in yaml.safe_load((FOLDER / "cases.yaml").read_text())}

ROUTED = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0", include_metadata: true}}}
connectors:
  routing: %s
exporters:
  file/a: {path: "%s/a"}
  file/b: {path: "%s/b"}
  file/c: {path: "%s/c"}
service:
  pipelines:
    %s/in: {receivers: [otlp], exporters: [routing]}
    %s/a: {receivers: [routing], exporters: [file/a]}
    %s/b: {receivers: [routing], exporters: [file/b]}
    %s/c: {receivers: [routing], exporters: [file/c]}
"""
GATHERED = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors:
  %s: %s
exporters:
  file: {path: "%s/a"}
service:
  pipelines:
    logs: {receivers: [otlp], processors: [%s], exporters: [file]}
"""
MADE = ("timeUnixNano", "observedTimeUnixNano")  # by the processor's clock
CLOCKED = ("first_observed_timestamp", "last_observed_timestamp")


def config(case, folder, dedup="log_dedup"):
    if "log_dedup" in case:
        return GATHERED % (dedup, json.dumps({"interval": "1h", **case["log_dedup"]}), folder, dedup)
    signal = case["signal"]
    routing = json.loads(json.dumps(case["routing"]))
    for route in routing["table"]:
        route["pipelines"] = [f"{signal}/{name}" for name in route["pipelines"]]
    if "default_pipelines" in routing:
        routing["default_pipelines"] = [f"{signal}/{name}" for name in routing["default_pipelines"]]
    return ROUTED % (json.dumps(routing), folder, folder, folder, signal, signal, signal, signal)


def request(case):
    return (ROOT / f"test/data/processors/inputs/{case['input']}.json").read_bytes()


def headers(case):
    return {"Content-Type": "application/json", **case.get("headers", {})}


def plain(value):
    """Without what is empty, pairs by their keys."""
    if isinstance(value, dict):
        made = {k: plain(v) for k, v in value.items()}
        return {k: v for k, v in made.items() if v not in ("", 0, "0", [], {}, None)}
    if not isinstance(value, list):
        return value
    made = [plain(one) for one in value]
    return sorted(made, key=lambda one: one["key"]) if made and all(isinstance(one, dict) and "key" in one for one in made) else made


def clockless(item, case):
    if "log_dedup" not in case or not any(a["key"] == CLOCKED[0] for a in item.get("attributes", [])):
        return item
    item = {k: v for k, v in item.items() if k not in MADE}
    item["attributes"] = [a for a in item["attributes"] if a["key"] not in CLOCKED]
    return item


def items(group, case):
    """(what it is in, item) of a resource; of metrics the points."""
    for scopes in ("scopeLogs", "scopeSpans", "scopeMetrics"):
        for scope in group.get(scopes, []):
            above = {"resource": group.get("resource", {}), "scope": scope.get("scope", {})}
            for item in [*scope.get("logRecords", []), *scope.get("spans", [])]:
                yield {**above, "item": clockless(item, case)}
            for metric in scope.get("metrics", []):
                (kind,) = [k for k, v in metric.items() if isinstance(v, dict) and "dataPoints" in v] or [None]
                head = {k: v for k, v in metric.items() if k != kind}
                for point in metric.get(kind, {}).get("dataPoints", []):
                    yield {**above, "metric": head, "data": {k: v for k, v in metric[kind].items() if k != "dataPoints"}, "item": point}


def left(folder, case):
    found = {}
    for path in sorted(folder.iterdir()):
        listed = [plain(one) for line in path.read_text().splitlines() for kind in json.loads(line).values() for group in kind for one in items(group, case)]
        if listed:
            found[path.name] = sorted(json.dumps(one, sort_keys=True) for one in listed)
    return found


def expected(name):
    return kept.expected(FOLDER, name)


def keep_expected(name, found):
    kept.keep_expected(FOLDER, CASES, name, found)
