# SPDX-License-Identifier: Apache-2.0
"""`otelcd ottl`: statements and conditions tried on a file of OTLP JSON."""

import json
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE

LOGS = {"resourceLogs": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
    "scopeLogs": [{"scope": {"name": "x"}, "logRecords": [
        {"severityNumber": 9, "body": {"stringValue": "hello"},
         "attributes": [{"key": "z", "value": {"intValue": "7"}}, {"key": "a", "value": {"doubleValue": 7}}]},
        {"severityNumber": 17, "body": {"stringValue": "oops"}}]}]}]}
SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [
    {"traceId": "01" * 16, "spanId": "02" * 8, "name": "GET /", "kind": 2, "events": [{"name": "a"}, {"name": "b"}]},
    {"traceId": "01" * 16, "spanId": "03" * 8, "name": "SELECT", "kind": 3}]}]}]}
METRICS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
    {"name": "queue", "gauge": {"dataPoints": [{"asInt": "3", "timeUnixNano": "1"}, {"asDouble": 5, "timeUnixNano": "2"}]}}]}]}]}
INPUTS = {"logs": LOGS, "traces": SPANS, "metrics": METRICS}


def ottl(request, *args):
    text = request if isinstance(request, str) else json.dumps(request)
    return subprocess.run([OTELCD, "ottl", *args], input=text, capture_output=True, text=True, timeout=PATIENCE)


def records(out):
    return [r for resource in json.loads(out)["resourceLogs"] for scope in resource["scopeLogs"] for r in scope["logRecords"]]


def test_a_statement_shows_each_changed_item_before_and_after():
    ran = ottl(LOGS, 'set(log.severity_text, "bad") where log.severity_number > 10')
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == """\
  resource:
    attributes:
      service.name: shop
  scope:
    name: x
  log:
    severityNumber: 17
+   severityText: bad
    body: oops

1 of 2 items changed
"""


def test_several_statements_run_in_their_order():
    ran = ottl(LOGS, 'set(log.attributes["n"], 1)', 'set(log.attributes["n"], log.attributes["n"] + 1)', "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    for record in records(ran.stdout):
        assert {"key": "n", "value": {"intValue": "2"}} in record["attributes"]


def test_items_that_statements_add_are_shown_too():
    ran = ottl(METRICS, 'copy_metric(name="copy") where metric.name == "queue"')
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("+   name: copy\n") == 2 and ran.stdout.endswith("\n2 items before, 4 after\n")


def test_dollars_and_quotes_of_a_statement_stay_what_they_are():
    ran = ottl(LOGS, r'replace_pattern(log.body, "(o)", "$1$$\"${1}")', "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert records(ran.stdout)[0]["body"]["stringValue"] == 'hello$"o'


@pytest.mark.parametrize("signal, condition, told", [
    ("logs", 'log.attributes["z"] == 7', "true of 1 of 2 (log)"),
    ("logs", 'resource.attributes["service.name"] == "shop"', "true of 1 of 1 (resource)"),
    ("logs", 'not (log.body == "oops") and true', "true of 1 of 2 (log)"),
    ("traces", "span.kind == SPAN_KIND_SERVER", "true of 1 of 2 (span)"),
    ("traces", 'spanevent.name == "b"', "true of 1 of 2 (spanevent)"),
    ("traces", "spanevent.event_index == 1", "true of 1 of 2 (spanevent)"),
    ("metrics", "datapoint.value_int == 3", "true of 1 of 2 (datapoint)"),
    ("metrics", 'metric.name == "other"', "true of 0 of 1 (metric)"),
])
def test_a_condition_is_asked_of_all_that_it_is_about(signal, condition, told):
    ran = ottl(INPUTS[signal], condition)
    assert (ran.returncode, ran.stderr, ran.stdout.splitlines()[-1]) == (0, "", told)


def test_what_a_condition_is_true_of_is_printed_as_json():
    ran = ottl(LOGS, "log.severity_number > 10", "--json")
    assert [r["body"]["stringValue"] for r in records(ran.stdout)] == ["oops"]
    assert ottl(LOGS, "log.severity_number > 90", "--json").stdout == "{}\n"


def test_paths_need_no_context_where_it_is_said():
    ran = ottl(LOGS, 'delete_key(attributes, "z")', "--context", "log")
    assert ran.returncode == 0 and "-     z: 7\n" in ran.stdout and "      a: 7.0\n" in ran.stdout


@pytest.mark.parametrize("args, told", [
    (["set(log.bdy, 1)"], "line 1, column 5: the context log has no field bdy; did you mean body?\n    set(log.bdy, 1)\n        ^\n"),
    (["true ==\n log.bdy"], "line 2, column 2: the context log has no field bdy"),
    (["set(body, 1)"], "a dot: resource, scope or log; or say it with --context\n"),
    (["set(span.name, 1)"], "the context span is none of this signal's, which are resource, scope or log\n"),
    (["set(log.body, 1) were true"], "the text should end before `were`; a condition begins with `where`"),
    (["set(name, 1)", "--context", "span"], "logs have no context span: take resource scope log"),
    (["set(resource.attributes, 1)", "sett(resource.attributes, 1)"], "did you mean set?"),
])
def test_a_mistake_in_a_text_is_shown_at_its_place(args, told):
    ran = ottl(LOGS, *args)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert told in ran.stderr


def test_what_fails_on_an_item_is_told_and_the_rest_goes_on():
    ran = ottl(LOGS, 'set(log.attributes["j"], ParseJSON(log.body))', 'set(log.attributes["k"], 1)')
    assert ran.returncode == 1 and "2 of 2 items changed" in ran.stdout
    assert "ParseJSON: this is no JSON" in ran.stderr
    ran = ottl(LOGS, "Int(log.body) > log.attributes")
    assert ran.returncode == 0 and "true of 0 of 2" in ran.stdout
    ran = ottl(LOGS, 'ParseJSON(log.body) == "x"')
    assert ran.returncode == 1 and "failed on 2: " in ran.stderr and "this is no JSON" in ran.stderr


@pytest.mark.parametrize("text, told", [
    ("", "by which its signal is known"), ("{}", "by which its signal is known"), ('{"resourceLogs":[', "line 1 column 18"),
    ('{"resourceLogs":[{"scopeLogs":3}]}', "scopeLogs"), ("[1]", "by which its signal is known")])
def test_input_that_is_no_request_is_told(text, told):
    ran = ottl(text, "log.severity_number > 1") if text else ottl("", "true")
    assert ran.returncode == 1 and ran.stderr.startswith("otelcd ottl: standard input: ") and told in ran.stderr


@pytest.mark.parametrize("args", [[], ["true", "false"], ["--config", "x", "true"], ["true", "--json=1"]])
def test_a_wrong_command_line_has_its_own_exit_code(args):
    assert ottl(LOGS, *args).returncode == 2
