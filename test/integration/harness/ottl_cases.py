# SPDX-License-Identifier: Apache-2.0
"""What of OTTL has a case that the Go collector was asked about: the statements and conditions of test/data by the
context that they are read in, and the rows of the reference that none of them has."""

import json
import re

import yaml

from .limits import ROOT

DATA = ROOT / "test/data"
LISTS = {"trace_statements", "metric_statements", "log_statements", "profile_statements", "trace_conditions", "metric_conditions",
         "log_conditions", "profile_conditions"}
BARE = {"span": "span", "spanevent": "spanevent", "metric": "metric", "datapoint": "datapoint", "log_record": "log", "resource": "resource",
        "scope": "scope", "profile": "profile", "spans": "span", "spanevents": "spanevent", "metrics": "metric", "datapoints": "datapoint",
        "logs": "log"}


def of_group(group):
    if isinstance(group, str):
        yield None, group
        return
    for text in [*group.get("statements", []), *group.get("conditions", [])]:
        yield group.get("context"), text


def texts_below(value, context=None):
    """(context or None, text) of all lists of OTTL in a configuration."""
    if isinstance(value, list):
        for one in value:
            yield from texts_below(one, context)
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key in LISTS:
            for group in below:
                yield from of_group(group)
        elif key in ("condition", "statement") and isinstance(below, str):
            yield value.get("context", "resource"), below
        elif key in BARE and isinstance(below, list) and all(isinstance(one, str) for one in below):
            yield from ((BARE[key], text) for text in below)
        elif key == "conditions" and isinstance(below, list) and all(isinstance(one, str) for one in below):
            yield from ((context, text) for text in below)
        else:
            yield from texts_below(below, BARE.get(key, context))


def texts():
    for path in (DATA / "ottl/functions").glob("*.json"):
        if path.name != "record.json":
            yield from (("log", case["statement"]) for case in json.loads(path.read_text()) if "refused" not in case)
    for path in ("processors", "tail_sampling", "connectors", "parted", "ottl/profiles"):
        yield from texts_below(yaml.safe_load((DATA / path / "cases.yaml").read_text()))


def rows(reference):
    """Of docs/reference/ottl.md: ("function", name), ("path", context, name), ("name", enum)."""
    heading, context = "", ""
    for line in reference.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("### "):
            context = line[4:]
        elif heading in ("Editors", "Converters") and line.startswith("- `"):
            yield "function", line[3:].split("(")[0]
        elif heading == "Paths" and line.startswith("- `"):
            yield "path", context, line[3:].split("`")[0].removeprefix(context + ".")
        elif line.startswith("- ") and heading not in ("Not served",):
            yield from (("name", one) for one in re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)` \(", line))


def is_in(row, listed):
    if row[0] == "function":
        return any(re.search(rf"\b{row[1]}[(),]", text) for _, text in listed)
    if row[0] == "name":
        return any(re.search(rf"\b{row[1]}\b", text) for _, text in listed)
    _, context, name = row
    end = rf"{re.escape(name)}(?![.\w])"
    return any(re.search(rf"\b{context}\.{end}" if at != context else rf"(?<![\w.\"]){end}|\b{context}\.{end}", text) for at, text in listed)


def missing(reference):
    listed = list(texts())
    return [row for row in dict.fromkeys(rows(reference)) if not is_in(row, listed)]
