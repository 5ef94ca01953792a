# SPDX-License-Identifier: Apache-2.0
"""Statements of OTTL and what the Go collector makes of them (test/data/ottl/functions).

NAME.txt: a statement a line, as OTTL has it ($ is not doubled); a line that is no editor is the value of
attributes["out"]. NAME.json: per statement, in order, what became of the log record below: `changed` (null: removed),
or `refused` at the start. `error` is Go's sentence when it failed at run time.
All statements of a file run in one process, each on a record of its own."""

import json
import re

import yaml

from .limits import ROOT

FOLDER = ROOT / "test/data/ottl/functions"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem != "differences")  # of statements

ATTRIBUTES = {
    "s": "hello world",
    "i": 42,
    "d": 3.5,
    "big": 1.5e300,
    "small": 1e-7,
    "whole": 7.0,
    "nan": {"$double": "NaN"},
    "inf": {"$double": "Infinity"},
    "b": True,
    "es": "",
    "none": None,
    "by": {"$bytes": "AQL/"},
    "latin": {"$bytes": "Y2Fm6YA="},
    "utf16": {"$bytes": "aADpAA=="},
    "sjis": {"$bytes": "k/qWew=="},
    "uni": "héllo wörld",
    "multi": "one\ntwo",
    "path": "/a/b/c",
    "list": ["a", "b", "c"],
    "nums": [3, 1, 2],
    "mixed": [3, "b", 1.5, True, "a"],
    "nested": [{"k": "v"}, [1]],
    "emptylist": [],
    "m": {"x": 1, "y": {"z": "deep", "l": [1, 2]}},
    "emptymap": {},
    "flatm": {"a": "1", "b": 2, "c": True, "d": 1.5},
    "quoted": {"k": "a b", "q": 'x"y', "e": "a=b", "n": ""},
    "conf": {"a": {"b": 1}, "a.b": 2, "l": [{"k": 1}]},
    "things": [{"name": "one", "value": 1, "detail": {"id": "x1"}}, {"name": "two", "value": [2], "detail": {"id": "x2"}}],
    "json": '{"k":"v","nested":{"a":1},"list":[1,"two"]}',
    "sev": "err",
    "keyname": "i",
    "pattern": "o w",
    "npattern": "(?P<first>\\w+)",
    "badpattern": "(",
}


def typed(value):
    """As OTLP JSON has it."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [typed(v) for v in value]}}
    if "$bytes" in value:
        return {"bytesValue": value["$bytes"]}
    if "$double" in value:
        return {"doubleValue": value["$double"]}
    return {"kvlistValue": {"values": pairs(value)}}


def pairs(attributes):
    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def plain(value):
    """The other way."""
    for kind, v in value.items():
        if kind == "intValue":
            return int(v)
        if kind == "doubleValue":
            return float(v) if isinstance(v, (int, float)) else {"$double": v}
        if kind == "arrayValue":
            return [plain(one) for one in v.get("values", [])]
        if kind == "kvlistValue":
            return plain_pairs(v.get("values", []))
        return {"$bytes": v} if kind == "bytesValue" else v
    return None


def plain_pairs(listed):
    return {pair["key"]: plain(pair.get("value", {})) for pair in listed}


RECORD = {
    "timeUnixNano": "1700000000123456789",
    "observedTimeUnixNano": "1700000001000000000",
    "severityNumber": 9,
    "severityText": "INFO",
    "body": {"stringValue": "the body"},
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "attributes": pairs(ATTRIBUTES),
}


def statements(name):
    """The lines of a file, as statements."""
    for line in (FOLDER / f"{name}.txt").read_text().split("\n"):
        if line and not line.startswith("#"):
            yield line if re.match("[a-z_]+\\(|Set", line) else f'set(attributes["out"], {line})'


def keep_record():
    """For those that read no Python."""
    (FOLDER / "record.json").write_text(json.dumps(RECORD, indent=1) + "\n")


def expected(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def keep_expected(name, found):
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, sort_keys=True) for case in found)
    (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def guarded(statement, number):
    return f"{statement} where flags == {number}"


def config(numbered, out):
    """`numbered`: pairs of a number and a statement."""
    listed = [guarded(statement, number).replace("$", "$$") for number, statement in numbered]
    return yaml.safe_dump(
        {
            "receivers": {"otlp": {"protocols": {kind: {"endpoint": "127.0.0.1:0"} for kind in ("grpc", "http")}}},
            "processors": {"transform": {"error_mode": "ignore", "log_statements": [{"context": "log", "statements": listed}]}},
            "exporters": {"file": {"path": str(out)}},
            "service": {"pipelines": {"logs": {"receivers": ["otlp"], "processors": ["transform"], "exporters": ["file"]}}},
        },
        sort_keys=False,
        width=100000,
    )


def request(numbers):
    records = [{**RECORD, "flags": number} for number in numbers]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})


def changes(record):
    """Fields and attributes that are not as they came; null: it has gone."""
    record = dict(record)
    record.pop("flags", None)
    found = {}
    for field in sorted(RECORD.keys() | record.keys()):
        if field != "attributes" and record.get(field) != RECORD.get(field):
            found[field] = record.get(field)
    after = plain_pairs(record.get("attributes", []))
    for key in sorted(ATTRIBUTES.keys() | after.keys()):
        if key not in after:
            found[f"attributes {key}"] = "$gone"
        elif key not in ATTRIBUTES or repr(after[key]) != repr(ATTRIBUTES[key]) and after[key] != ATTRIBUTES[key]:
            found[f"attributes {key}"] = after[key]
    return found


def results(text):
    """Of what the file exporter wrote: changes by number. Go prints addresses, which are others each time."""
    found = {}
    for line in re.sub(r"\b0x[0-9a-f]{9,}", "0xADDRESS", text).splitlines():
        for group in json.loads(line)["resourceLogs"]:
            for scope in group["scopeLogs"]:
                for record in scope["logRecords"]:
                    found[record["flags"]] = changes(record)
    return found
