# SPDX-License-Identifier: Apache-2.0
"""Cases of connectors that make metrics of spans: test/data/connectors/cases.yaml has a list of

name       of the case
input      the OTLP JSON request in inputs/ that goes through, without .json
connector  {its name: its options}, as in a configuration

expected/<name>.json is what it sends of that in its first intervals: the first two that differ, without times, ids made at
the start and the order of points; <name>.collector.txt what the Go collector sends instead (- ours, + its), for reasons
that stand in docs/differences.md."""

import json
import time

import yaml

from .limits import PATIENCE, ROOT

FOLDER = ROOT / "test/data/connectors"
CASES = {case["name"]: case for case in yaml.safe_load((FOLDER / "cases.yaml").read_text())}

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
connectors: %s
exporters:
  file: {path: "%s"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [%s]}
    metrics: {receivers: [%s], exporters: [file]}
"""
TIMES = ("startTimeUnixNano", "timeUnixNano")


def config(case, path):
    ((name, options),) = case["connector"].items()
    options = {"metrics_flush_interval": "100ms", **(options or {})}
    return CONFIG % (json.dumps({name: options}), path, name, name)


def request(case):
    return (FOLDER / f"inputs/{case['input']}.json").read_bytes()


def attributes(listed):
    made = {a["key"]: json.dumps(a["value"], sort_keys=True) for a in listed}
    if "collector.instance.id" in made:
        made["collector.instance.id"] = "*"
    return dict(sorted(made.items()))


def point(p):
    assert all(int(p[t]) > 1e18 for t in TIMES) and int(p[TIMES[0]]) <= int(p[TIMES[1]])
    made = {k: v for k, v in p.items() if k not in TIMES and v not in ([], {}, 0, "0") and k != "negative"}
    made["attributes"] = attributes(p.get("attributes", []))
    if "positive" in made:
        made["positive"] = {k: v for k, v in made["positive"].items() if v not in ([], 0)}
    if made.get("exemplars"):
        made["exemplars"] = [{k: v for k, v in e.items() if k != "timeUnixNano"} for e in made["exemplars"]]
    return made


def interval(line):
    """What an interval's metrics say, as something that can be compared."""
    found = []
    for r in json.loads(line).get("resourceMetrics", []):
        for s in r["scopeMetrics"]:
            for m in s["metrics"]:
                ((kind, data),) = [(k, v) for k, v in m.items() if isinstance(v, dict)]
                if data.get("dataPoints"):
                    points = sorted((point(p) for p in data.pop("dataPoints")), key=lambda p: json.dumps(p["attributes"]))
                    found.append(
                        {
                            "resource": attributes(r.get("resource", {}).get("attributes", [])),
                            "scope": s.get("scope", {}),
                            "metric": m["name"],
                            "unit": m.get("unit", ""),
                            "kind": kind,
                            **data,
                            "points": points,
                        }
                    )
    return sorted(found, key=lambda m: json.dumps([m["resource"], m["metric"]]))


def differing(path, n):
    """The first n intervals of the file that differ from the one before, as lines of text; waits for them."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = []
        for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
            made = interval(line) if line.endswith("\n") else []
            if made and (not found or made != found[-1]):
                found.append(made)
        if len(found) >= n:
            return json.dumps(found[:n], indent=1, sort_keys=True).split("\n")
        assert time.monotonic() < deadline, f"{len(found)} intervals of {n}"
        time.sleep(0.02)


def intervals(case):
    return case.get("intervals", 2)


def expected(name):
    return (FOLDER / f"expected/{name}.json").read_text().split("\n")[:-1]
