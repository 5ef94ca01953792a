# SPDX-License-Identifier: Apache-2.0
"""An item has so many steps for the patterns of a processor, and what is left of it then does not get by."""

import json

from harness import otlp

CONFIG = r"""
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  redaction: {allow_all_keys: true, blocked_values: ["(a|b|c|d){100}[a-z]{200}x"]}
  attributes: {actions: [{action: delete, pattern: "(a|b|c|d){100}[a-z]{200}x"}, {key: long, action: extract, pattern: "(?P<out>(?:a|b|c|d){100}[a-z]{200})x"}]}
  attributes/included: {include: {match_type: regexp, log_bodies: ["(a|b|c|d){100}[a-z]{200}x"]}, actions: [{key: mark, action: insert, value: in}]}
  filter: {logs: {exclude: {match_type: regexp, bodies: ["(a|b|c|d){100}[a-z]{200}x"]}}}
  metrics_transform: {transforms: [{include: "(a|b|c|d){100}[a-z]{200}x", match_type: regexp, action: update, new_name: renamed}]}
  resource: {attributes: [{action: hash, pattern: "(a|b|c|d){100}[a-z]{200}x"}]}
  tail_sampling:
    decision_wait: 100ms
    policies:
      - {name: long, type: string_attribute, string_attribute: {key: long, values: ["(a|b|c|d){100}[a-z]{200}x"], enabled_regex_matching: true}}
      - {name: all, type: always_sample}
exporters:
  file: {path: "FOLDER/out", flush_interval: 100ms}
  nop:
service:
  pipelines:
    logs: {receivers: [otlp], processors: [filter, attributes/included, redaction], exporters: [file]}
    metrics: {receivers: [otlp], processors: [metrics_transform, resource, attributes], exporters: [file]}
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [nop]}
"""
LONG = "a" * 300_000  # searched for the pattern, it may take more than an item has


def pair(key, value):
    return {"key": key, "value": {"stringValue": value}}


def send(d, signal, body):
    status, *_ = d.http("POST", otlp.SIGNALS[signal].path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert status == 200


def counted(d, processor):
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_processor_search_limit", processor=processor)) == 1)


def test_what_patterns_had_no_steps_left_for_is_masked_deleted_and_hashed_and_counted(otelcd, tmp_path):
    d = otelcd(CONFIG.replace("FOLDER", str(tmp_path)))
    d.expect_warning("may take more steps than")
    resource = {"attributes": [pair(LONG, "secret"), pair("near", "secret too")]}
    send(d, "logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": LONG}, "attributes": [pair("short", "x"), pair("long", LONG)]}]}]}]})
    point = {"asInt": "1", "timeUnixNano": "1700000000000000000", "attributes": [pair(LONG, "secret"), pair("long", "none")]}
    send(d, "metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [{"name": LONG, "gauge": {"dataPoints": [point]}}]}]}]})
    span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "s", "attributes": [pair("long", LONG)]}
    send(d, "traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    for processor in ("redaction", "attributes", "attributes/included", "filter", "resource", "metrics_transform"):
        counted(d, processor)
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcol_processor_tail_sampling_sampling_policy_evaluation_error")) == 1)
    assert d.stop() == 0
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    (log,) = (line for line in lines if "resourceLogs" in line)
    (metric,) = (line for line in lines if "resourceMetrics" in line)
    assert log["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"] == [pair(key, "****") for key in ("short", "long", "mark")]
    assert "secret" not in json.dumps(metric) and not metric["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0].get("attributes")
    assert metric["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["name"] == LONG
