# SPDX-License-Identifier: Apache-2.0
"""What filter and transform count, log and refuse; what they make of items is in test_processors.py."""

import json
import subprocess

import pytest
from harness import otlp
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0"}}
      http: {{endpoint: "127.0.0.1:0"}}
processors:
  {processor}
exporters:
  nop:
service:
  pipelines:
    logs: {{receivers: [otlp], processors: [{name}], exporters: [nop]}}
"""


def config(name, body):
    return CONFIG.format(name=name, processor=f"{name}: {body}")


def records(*severities):
    request = otlp.logs(len(severities))
    for record, severity in zip(request.resource_logs[0].scope_logs[0].log_records, severities):
        record.severity_number = severity
    return request


def test_what_a_condition_drops_is_in_the_ledger_and_counted_by_condition(otelcd):
    d = otelcd(config("filter", '{log_conditions: ["log.severity_number < 9", "log.severity_number > 20"]}'))
    d.export(records(1, 5, 9, 17, 24))
    assert d.ledger("pipeline", "logs") == {"received": 5, "delivered": 2, "held": 0, "refused": 0, "dropped": 3}
    assert d.metric("otelcd_pipeline_dropped_items", reason="filtered") == 3
    assert d.metric("otelcol_processor_filter_logs_filtered", filter="filter") == 3
    assert d.metric("otelcd_processor_dropped_items", processor="filter", condition="log.severity_number < 9") == 2
    assert d.metric("otelcd_processor_dropped_items", processor="filter", condition="log.severity_number > 20") == 1


def test_when_nothing_is_left_the_sender_hears_that_all_is_well(otelcd):
    d = otelcd(config("filter", '{log_conditions: ["log.severity_number >= 0"]}'))
    d.export(records(1, 2))
    assert d.ledger("pipeline", "logs") == {"received": 2, "delivered": 0, "held": 0, "refused": 0, "dropped": 2}


@pytest.mark.parametrize("name, key", [("filter", "log_conditions"), ("transform", "log_statements")])
def test_a_text_that_fails_is_passed_over_counted_and_told_with_the_item(otelcd, name, key):
    text = "log.severity_number / 0 == 1" if name == "filter" else "set(log.severity_number, 1 / 0)"
    d = otelcd(config(name, f'{{{key}: ["{text}"]}}'))
    d.export(records(1, 2, 3))
    assert d.ledger("pipeline", "logs")["delivered"] == 3
    assert d.metric("otelcd_statement_faults", component=name, statement=text) == 3
    d.expect_warning("could not be run")
    line = d.wait_log("could not be run")
    assert line["statement"] == text and line["context"] == "log" and "a division by 0" in line["reason"] and line["sample"]


@pytest.mark.parametrize("name, key", [("filter", "log_conditions"), ("transform", "log_statements")])
def test_with_propagate_a_text_that_fails_rejects_the_batch(otelcd, name, key):
    text = "log.severity_number / 0 == 1" if name == "filter" else "set(log.severity_number, 1 / 0)"
    d = otelcd(config(name, f'{{error_mode: propagate, {key}: ["{text}"]}}'))
    status, _, body = d.http("POST", otlp.SIGNALS["logs"].path, records(1).SerializeToString(), {"Content-Type": "application/x-protobuf"})
    assert status == 400 and b"a division by 0" in body
    ledger = d.ledger("pipeline", "logs")
    assert ledger["refused"] == 1 and ledger["delivered"] == 0


FAULTS = """
processors:
  filter:
    log_conditions:
      - log.severity_number < SEVERITY_NUMBER_WRN
      - 'log.attributes["it''s"] == spn.name'
      - |
        log.body == "x" and
          log.bdy == 3
      - >-
        log.body ==
        resource.atributes["x"]
      - "log.body == \\"a\\\\\\\\d\\" or log.body = 3"
"""

PLACES = [
    ":7:31: processors::filter::log_conditions::0: the context log has no name SEVERITY_NUMBER_WRN",
    ":8:37: processors::filter::log_conditions::1: a path begins with its context here: log.spn",
    ":11:11: processors::filter::log_conditions::2: the context log has no field bdy; did you mean body?",
    ":14:9: processors::filter::log_conditions::3: the context resource has no field atributes; did you mean attributes?",
    ":15:45: processors::filter::log_conditions::4: write == to compare",
]


def test_a_mistake_has_its_line_and_column_inside_of_the_text(tmp_path):
    text = 'receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}\nexporters: {nop: }\n'
    text += "service: {pipelines: {logs: {receivers: [otlp], processors: [filter], exporters: [nop]}}}" + FAULTS
    (tmp_path / "c.yaml").write_text(text)
    result = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 1
    for place in PLACES:
        assert place in result.stderr, result.stderr


def test_a_context_that_the_signal_has_not_is_told_with_those_that_it_has(tmp_path):
    text = config("transform", "{log_statements: [{context: spn, statements: ['set(body, 1)']}]}")
    (tmp_path / "c.yaml").write_text(text)
    result = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert result.returncode == 1
    assert 'log_statements::0::context: "spn" is no context of this signal: write resource, scope or log\n' in result.stderr


METRICS = CONFIG.replace("    logs:", "    metrics:")


def test_data_points_that_a_statement_adds_are_received_and_those_that_fail_to_come_are_told(otelcd):
    text = 'copy_metric(name="copy") where name == "m"'
    body = "{metric_statements: [{context: metric, statements: ['%s', 'copy_metric() where name == \"copy\"']}]}" % text
    d = otelcd(METRICS.format(name="transform", processor=f"transform: {body}"))
    point = {"asInt": "1", "timeUnixNano": "1"}
    request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": [point]}}] * 3}]}]}
    status, _, body = d.http("POST", "/v1/metrics", json.dumps(request).encode(), {"Content-Type": "application/json"})
    assert status == 200, body
    n = 3 + 3 * 10
    assert d.ledger("pipeline", "metrics") == {"received": n, "delivered": n, "held": 0, "refused": 0, "dropped": 0}
    assert d.metric("otelcd_statement_faults", component="transform", statement='copy_metric() where name == "copy"') == 3
    d.expect_warning("could not be run")


HOSTILE = {
    "deep JSON": "[" * 10_000 + "]" * 10_000,
    "deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "entities": '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><l>&b;</l>',
    "deep XML": "<a>" * 10_000 + "</a>" * 10_000,
    "wide XML": "<r>" + "<a b='c'/>" * 90_000 + "</r>",
    "a megabyte": "ab" * 500_000,
    "no number": "NaN",
    "no time": "9999999-99-99T99:99:99Z",
}
STATEMENTS = {  # and how many of the records it fails on, at least
    'set(attributes["o"], ParseJSON(body)) where IsString(body)': len(HOSTILE),
    'set(attributes["o"], ParseXML(body)) where IsString(body)': len(HOSTILE) - 1,
    'set(attributes["o"], ParseSimplifiedXML(body)) where IsString(body)': len(HOSTILE) - 1,
    'set(attributes["o"], GetXML(body, "//a[//a[//a]]")) where IsString(body)': 1,
    'set(attributes["o"], ParseKeyValue(body)) where IsString(body)': 1,
    'set(attributes["o"], ParseCSV(body, body, ",")) where IsString(body)': 0,
    'set(attributes["o"], IsMatch(body, "[ab]*a[ab]{300}x"))': 1,
    'set(attributes["o"], ExtractPatterns(body, "(?P<a>(x+x+)+y)|(?P<b>[ab]*a[ab]{500}x)")) where IsString(body)': 1,
    'set(attributes["o"], ExtractGrokPatterns(body, "' + "%{GREEDYDATA} " * 40 + '%{GREEDYDATA:last}x$")) where IsString(body)': 0,
    'replace_pattern(body, "a(.*z)?", "$0$0$0$0") where IsString(body)': 1,
    'set(attributes["o"], Time(body, "%Y-%m-%dT%H:%M:%SZ")) where IsString(body)': len(HOSTILE),
    'set(attributes["o"], Duration(body)) where IsString(body)': len(HOSTILE),
    'set(attributes["o"], Double(body) / 0.0) where body == "NaN"': 1,
    'set(attributes["o"], 9223372036854775807 * 9223372036854775807 + Int(severity_number))': 0,
    'set(attributes["o"], severity_number / (severity_number - severity_number))': len(HOSTILE) + 1,
    'set(attributes["o"], Int(attributes["nan"]) + Int(attributes["inf"]))': 0,
    'set(time, Unix(9223372036854775807))': len(HOSTILE) + 1,
    'set(time, TruncateTime(time, Duration("2562047h")))': 0,
}


def hostile():
    attributes = [{"key": "nan", "value": {"doubleValue": "NaN"}}, {"key": "inf", "value": {"doubleValue": "-Infinity"}}]
    more = {"severityNumber": 9, "timeUnixNano": "18446744073709551615", "attributes": attributes}
    bodies = [{"stringValue": text} for text in HOSTILE.values()] + [{"doubleValue": "NaN"}]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": body, **more} for body in bodies]}]}]})


def test_bad_input_fails_statements_and_loses_no_batch(otelcd):
    transform = {"error_mode": "ignore", "log_statements": [{"context": "log", "statements": [s.replace("$", "$$") for s in STATEMENTS]}]}
    d = otelcd(config("transform", json.dumps(transform)), allow=["could not be run"])
    for _ in range(2):
        status, _, body = d.http("POST", "/v1/logs", hostile(), {"Content-Type": "application/json"})
        assert status == 200, body
    items = len(HOSTILE) + 1
    assert d.ledger("pipeline", "logs") == {"received": 2 * items, "delivered": 2 * items, "held": 0, "refused": 0, "dropped": 0}
    found = {s: d.metric("otelcd_statement_faults", component="transform", statement=s) for s in STATEMENTS}
    assert {s: n for s, n in found.items() if n < 2 * STATEMENTS[s]} == {}


@pytest.mark.parametrize("statement, why", [
    ('set(attributes["o"], "' + "x" * 1_000_000 + '")', "longer than 65536 bytes"),
    ('set(attributes["o"], ' + "(" * 10_000 + "1" + ")" * 10_000 + ")", "nested deeper than 100 levels"),
    ('set(attributes["o"], ' + "[" * 10_000 + "]" * 10_000 + ")", "nested deeper than 100 levels"),
    ('set(attributes["o"], 1) where ' + "not (" * 5_000 + "true" + ")" * 5_000, "nested deeper than 100 levels"),
    ('set(attributes["o"], ' + "Concat([" * 2_000 + '"a"' + '], "")' * 2_000 + ")", "nested deeper than 100 levels"),
    ('set(attributes["o"], ExtractGrokPatterns(body, "%{A}", true, ["A=%{B}", "B=%{A}"]))', "more than 20 levels deep"),
    ('set(attributes["o"], ExtractGrokPatterns(body, "%{A}", true, ["A=%{A}%{A}"]))', "more than 20 levels deep"),
    ('set(attributes["o"], IsMatch(body, "' + "(a{1000}){1000}" + '"))', "invalid regular expression"),
], ids=["1 MB", "parentheses", "lists", "conditions", "calls", "grok in a circle", "grok of itself", "a large pattern"])
def test_statements_without_measure_are_refused_at_load(tmp_path, statement, why):
    (tmp_path / "c.yaml").write_text(config("transform", json.dumps({"log_statements": [{"context": "log", "statements": [statement]}]})))
    ran = subprocess.run([OTELCD, "validate", "--config", str(tmp_path / "c.yaml")], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and why in ran.stderr, ran.stderr[-600:]
