# SPDX-License-Identifier: Apache-2.0
"""The routing connector: which pipeline has which items, and what the ledgers say of it."""

import json
import subprocess

import pytest
from harness import otlp
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0", include_metadata: true}}}}}}
connectors:
  routing: {routing}
exporters:
  file/a: {{path: {folder}/a}}
  file/b: {{path: {folder}/b}}
  file/c: {{path: {folder}/c}}
service:
  pipelines:
    {signal}/in: {{receivers: [otlp], exporters: [routing]}}
    {signal}/a: {{receivers: [routing], exporters: [file/a]}}
    {signal}/b: {{receivers: [routing], exporters: [file/b]}}
    {signal}/c: {{receivers: [routing], exporters: [file/c]}}
"""


def config(folder, signal, table, **more):
    routing = {"table": [{**route, "pipelines": [f"{signal}/{to}" for to in route["pipelines"]]} for route in table], **more}
    return CONFIG.format(routing=json.dumps(routing), folder=folder, signal=signal)


def resource(tenant, **rest):
    return {"resource": {"attributes": [{"key": "tenant", "value": {"stringValue": tenant}}]}, **rest}


def logs(*tenants):
    """For each tenant an info, a warning and an error, with a body that says which is which."""
    records = {
        t: [
            {"severityNumber": n, "severityText": s, "body": {"stringValue": f"{t} {s}"}}
            for s, n in (("info", 9), ("warn", 13), ("error", 17))
        ]
        for t in tenants
    }
    return {"resourceLogs": [resource(t, scopeLogs=[{"scope": {"name": "s"}, "logRecords": records[t]}]) for t in tenants]}


def metrics():
    def points(*values):
        return {"dataPoints": [{"asInt": str(v), "attributes": [{"key": "v", "value": {"intValue": str(v)}}]} for v in values]}

    listed = [{"name": "m", "gauge": points(1, 2)}, {"name": "n", "gauge": points(3, 4)}]
    return {"resourceMetrics": [resource("x", scopeMetrics=[{"metrics": listed}])]}


def send(d, signal, request, **headers):
    path = otlp.SIGNALS[signal].path
    return d.http("POST", path, json.dumps(request), {"Content-Type": "application/json", **headers})[0]


def kept(folder, name, found):
    """What that pipeline's file has, in order: the values that `found` picks out of each item."""
    text = (folder / name).read_text() if (folder / name).exists() else ""
    return [value for line in text.splitlines() for value in found(json.loads(line))]


def bodies(request):
    return [
        record["body"]["stringValue"] for r in request["resourceLogs"] for s in r["scopeLogs"] for record in s["logRecords"]
    ]


def values(request):
    return [
        int(p["asInt"])
        for r in request["resourceMetrics"]
        for s in r["scopeMetrics"]
        for m in s["metrics"]
        for p in m["gauge"]["dataPoints"]
    ]


def test_each_item_goes_with_the_first_route_that_is_true_of_it(otelcd, tmp_path):
    table = [
        {"condition": 'attributes["tenant"] == "x"', "pipelines": ["a"]},
        {"context": "log", "condition": "severity_number >= SEVERITY_NUMBER_ERROR", "pipelines": ["b"]},
        {"statement": 'route() where log.severity_number >= 13 and resource.attributes["tenant"] != "q"', "pipelines": ["a"]},
    ]
    d = otelcd(config(tmp_path, "logs", table, default_pipelines=["logs/c"]))
    assert send(d, "logs", logs("x", "y", "q")) == 200
    assert kept(tmp_path, "a", bodies) == ["x info", "x warn", "x error", "y warn"]
    assert kept(tmp_path, "b", bodies) == ["y error", "q error"]
    assert kept(tmp_path, "c", bodies) == ["y info", "q info", "q warn"]
    assert d.ledger("pipeline", "logs/in")["delivered"] == 9
    assert [d.ledger("pipeline", f"logs/{p}")["received"] for p in "abc"] == [4, 2, 3]


def test_metrics_and_data_points_are_routed(otelcd, tmp_path):
    table = [
        {"context": "metric", "condition": 'name == "n"', "pipelines": ["a"]},
        {"context": "datapoint", "condition": "value_int == 2", "pipelines": ["b", "c"]},
    ]
    d = otelcd(config(tmp_path, "metrics", table, default_pipelines=["metrics/c"]))
    assert send(d, "metrics", metrics()) == 200
    assert kept(tmp_path, "a", values) == [3, 4]
    assert kept(tmp_path, "b", values) == [2]
    assert sorted(kept(tmp_path, "c", values)) == [1, 2]


def test_what_a_route_copies_is_shown_to_the_routes_behind_it(otelcd, tmp_path):
    table = [
        {"context": "log", "condition": "severity_number == 17", "pipelines": ["a"], "action": "copy"},
        {"context": "resource", "condition": 'attributes["tenant"] == "x"', "pipelines": ["b"]},
    ]
    d = otelcd(config(tmp_path, "logs", table, default_pipelines=["logs/c"]))
    assert send(d, "logs", logs("x", "y")) == 200
    assert kept(tmp_path, "a", bodies) == ["x error", "y error"]
    assert kept(tmp_path, "b", bodies) == ["x info", "x warn", "x error"]
    assert kept(tmp_path, "c", bodies) == ["y info", "y warn", "y error"]
    assert d.ledger("pipeline", "logs/in")["delivered"] == 6


@pytest.mark.parametrize(
    "route",
    [
        {"context": "request", "condition": 'request["X-Tenant"] == "acme"'},
        {"context": "request", "statement": 'route() where request["X-Tenant"] != "other"'},
        {"condition": 'otelcol.client.metadata["X-Tenant"][0] == "acme"'},
        {"context": "otelcol", "condition": 'client.metadata["x-tenant"] == ["acme"]'},
    ],
)
def test_a_request_goes_by_its_headers(otelcd, tmp_path, route):
    d = otelcd(config(tmp_path, "logs", [{**route, "pipelines": ["a"]}], default_pipelines=["logs/c"], error_mode="silent"))
    assert send(d, "logs", logs("x"), **{"X-Tenant": "acme"}) == 200
    assert send(d, "logs", logs("y"), **{"X-Tenant": "other"}) == 200
    assert send(d, "logs", logs("z")) == 200
    assert {b[0] for b in kept(tmp_path, "a", bodies)} == {"x"}
    assert {b[0] for b in kept(tmp_path, "c", bodies)} == {"y", "z"}


def test_what_no_route_is_true_of_is_booked_and_told_of(otelcd, tmp_path):
    table = [{"context": "log", "condition": "severity_number == 9", "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "logs", table))
    assert send(d, "logs", logs("x")) == 200
    d.expect_warning("no route is true of")
    assert kept(tmp_path, "a", bodies) == ["x info"]
    assert d.metric("otelcd_pipeline_dropped_items", reason="unrouted") == 2
    assert d.ledger("pipeline", "logs/in")["delivered"] == 1


@pytest.mark.parametrize("mode, status", [("ignore", 200), ("silent", 200), ("propagate", 400)])
def test_a_condition_that_fails_is_not_true_or_refuses_the_request(otelcd, tmp_path, mode, status):
    table = [{"context": "log", "condition": "ParseJSON(body)[0] == 1", "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "logs", table, default_pipelines=["logs/c"], error_mode=mode))
    assert send(d, "logs", logs("x")) == status
    if mode == "ignore":
        d.expect_warning("a statement could not be run")
    assert len(kept(tmp_path, "c", bodies)) == (3 if status == 200 else 0)
    assert d.ledger("pipeline", "logs/in")["refused"] == (0 if status == 200 else 3)


GOOD = {"condition": 'attributes["a"] == "b"', "pipelines": ["a"]}


@pytest.mark.parametrize(
    "table, more, complaint",
    [
        ([], {}, "table: invalid routing table: the routing table is empty"),
        ([{"pipelines": ["a"]}], {}, "table::0: invalid route: no condition or statement provided"),
        ([{**GOOD, "statement": "route()"}], {}, "table::0: invalid route: both condition and statement provided"),
        ([{**GOOD, "pipelines": []}], {}, "table::0::pipelines: invalid route: no pipelines defined"),
        ([{**GOOD, "context": "cloud"}], {}, "table::0::context: invalid context: cloud"),
        ([{**GOOD, "pipelines": ["d"]}], {}, 'table::0::pipelines::0: pipeline not found: "logs/d"'),
        ([GOOD], {"default_pipelines": ["logs/in"]}, 'default_pipelines::0: pipeline not found: "logs/in"'),
        ([{"condition": 'span.name == "x"', "pipelines": ["a"]}], {}, "the context span is none of logs"),
        ([{"statement": 'set(attributes["x"], 1)', "pipelines": ["a"]}], {}, "other statements are not run here"),
        ([{"context": "log", "statement": 'delete_key(resource.attributes, "x")', "pipelines": ["a"]}], {}, "nothing above it"),
        ([{"context": "otelcol", "statement": 'delete_key(client.metadata, "x")', "pipelines": ["a"]}], {}, "cannot be changed"),
        (
            [{"condition": "log.flags == 1", "pipelines": ["b"]}, {"statement": 'delete_key(attributes, "x")', "pipelines": ["a"]}],
            {},
            "table::1::statement: what changes resources stands before",
        ),
        ([{"statement": 'delete_key(attribute, "x")', "pipelines": ["a"]}], {}, "did you mean attributes?"),
        ([{"statement": "route() where nme == 1", "pipelines": ["a"]}], {}, "table::0::statement: the context resource has no"),
        ([{"context": "request", "condition": 'request["x"]', "pipelines": ["a"]}], {}, 'write request["name of a header"]'),
        ([GOOD], {"match_once": True}, "match_once: routes match once"),
        ([GOOD, GOOD], {}, "table::1: \"attributes"),
    ],
)
def test_a_mistake_in_the_table_has_its_place(tmp_path, table, more, complaint):
    (tmp_path / "c.yaml").write_text(config(tmp_path, "logs", table, **more))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert complaint in ran.stderr and ran.returncode == (0 if "never asked" in ran.stderr else 1), ran.stderr


def attributes(request):
    """Of each record: its body, the keys of its resource, its own keys."""
    return [
        (
            record["body"]["stringValue"],
            [a["key"] for a in r["resource"].get("attributes", [])],
            [a["key"] for a in record.get("attributes", [])],
        )
        for r in request["resourceLogs"]
        for s in r["scopeLogs"]
        for record in s["logRecords"]
    ]


def test_a_statement_changes_what_its_route_is_true_of_and_later_routes_see_it(otelcd, tmp_path):
    table = [
        {"statement": 'delete_key(resource.attributes, "tenant") where resource.attributes["tenant"] == "x"', "pipelines": ["a"],
         "action": "copy"},
        {"condition": 'resource.attributes["tenant"] == nil', "pipelines": ["b"], "action": "copy"},
        {"statement": 'delete_matching_keys(log.attributes, "^k") where log.severity_number == 17', "pipelines": ["c"]},
        {"condition": 'log.attributes["k2"] == nil', "pipelines": ["b"]},
    ]  # fmt: skip
    d = otelcd(config(tmp_path, "logs", table, default_pipelines=["logs/c"]))
    request = logs("x", "y")
    for r in request["resourceLogs"]:
        for record in r["scopeLogs"][0]["logRecords"]:
            record["attributes"] = [{"key": k, "value": {"intValue": "1"}} for k in ("k1", "k2", "m")]
    assert send(d, "logs", request) == 200
    whole = ["k1", "k2", "m"]
    x = [("x info", [], whole), ("x warn", [], whole), ("x error", [], ["m"])]
    assert kept(tmp_path, "a", attributes) == x
    assert kept(tmp_path, "b", attributes) == x
    y = [(f"y {s}", ["tenant"], whole) for s in ("info", "warn")] + [("y error", ["tenant"], ["m"])]
    assert sorted(kept(tmp_path, "c", attributes)) == sorted(x + y)
    assert d.ledger("pipeline", "logs/in")["delivered"] == 6


def test_a_statement_may_change_all_that_goes_one_way(otelcd, tmp_path):
    table = [{"statement": 'delete_key(attributes, "tenant")', "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "logs", table))
    assert send(d, "logs", logs("x", "y")) == 200
    assert [found[1] for found in kept(tmp_path, "a", attributes)] == [[]] * 6


def test_a_metric_or_point_may_be_changed_on_its_way(otelcd, tmp_path):
    table = [{"context": "metric", "statement": 'delete_key(metadata, "k") where name == "n"', "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "metrics", table, default_pipelines=["metrics/b"]))
    request = metrics()
    for m in request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]:
        m["metadata"] = [{"key": "k", "value": {"stringValue": "v"}}]
    assert send(d, "metrics", request) == 200
    listed = lambda request: [  # noqa: E731
        (m["name"], "metadata" in m) for r in request["resourceMetrics"] for s in r["scopeMetrics"] for m in s["metrics"]
    ]
    assert (kept(tmp_path, "a", listed), kept(tmp_path, "b", listed)) == ([("n", False)], [("m", True)])


def test_a_point_is_changed_by_the_statement_of_its_route(otelcd, tmp_path):
    table = [{"context": "datapoint", "statement": 'delete_key(attributes, "v") where value_int > 2', "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "metrics", table, default_pipelines=["metrics/b"]))
    assert send(d, "metrics", metrics()) == 200
    keys = lambda request: [  # noqa: E731
        (p["asInt"], "attributes" in p)
        for r in request["resourceMetrics"]
        for s in r["scopeMetrics"]
        for m in s["metrics"]
        for p in m["gauge"]["dataPoints"]
    ]
    assert kept(tmp_path, "a", keys) == [("3", False), ("4", False)]
    assert kept(tmp_path, "b", keys) == [("1", True), ("2", True)]


def test_a_statement_that_fails_is_no_match_and_changes_nothing(otelcd, tmp_path):
    table = [{"context": "log", "statement": "delete_key(body, \"k\") where true", "pipelines": ["a"]}]
    d = otelcd(config(tmp_path, "logs", table, default_pipelines=["logs/b"]), allow=["could not be run"])
    assert send(d, "logs", logs("x")) == 200
    assert kept(tmp_path, "b", bodies) == ["x info", "x warn", "x error"]
    assert kept(tmp_path, "a", bodies) == []
