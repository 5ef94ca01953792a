# SPDX-License-Identifier: Apache-2.0
"""What the processors make of OTLP requests, case by case (harness/processed.py)."""

import hashlib
import json
import re
import signal
import subprocess

import pytest
from harness import decisions, otlp, processed
from harness.limits import OTELCD, PATIENCE


@pytest.mark.parametrize("name", processed.CASES)
def test_a_case_comes_out_as_expected(otelcd, name):
    case = processed.CASES[name]
    d = otelcd(processed.config(case))
    status, _, body = d.http("POST", otlp.SIGNALS[case["signal"]].path, processed.request(case), processed.headers(case))
    assert status == 200, body
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
    assert processed.lines((d.folder / "stdout").read_text()) == processed.expected(name)
    if d.metric("otelcd_pipeline_dropped_items", reason="undecidable"):
        d.expect_warning("sampling cannot be decided")
    if d.metrics().find("otelcd_statement_faults") and "silent" not in name:
        d.expect_warning("a statement could not be run")
    if d.metric("otelcd_pipeline_dropped_items", reason="bucket_mismatch"):
        d.expect_warning("different buckets")
    if d.metric("otelcd_pipeline_dropped_items", reason="stream_limit"):
        d.expect_warning("Points of new streams are dropped")
    if "nothing_allowed" in name:
        d.expect_warning("every attribute is removed")
    if "misfit" in name:
        d.expect_warning("cannot be combined")


@pytest.mark.parametrize("name", decisions.CASES)
def test_a_hundred_thousand_items_are_sampled_as_the_collector_samples_them(otelcd, name, tmp_path):
    signal, _ = decisions.CASES[name]
    d = otelcd(decisions.config(name, tmp_path / "kept"))
    for request in decisions.requests(signal):
        d.export(request)
    assert decisions.kept(signal, tmp_path / "kept") == decisions.ours(name)
    ledger = d.ledger("pipeline", signal)
    assert ledger["received"] == decisions.ITEMS and ledger["delivered"] == len(decisions.ours(name))
    counted = {s.labels["sampled"]: s.value for s in d.metrics().all if "probabilistic_sampler_count" in s.name and s.value}
    assert sum(counted.values()) == decisions.ITEMS and counted["true"] == ledger["delivered"]
    assert d.metric("otelcd_pipeline_dropped_items", reason="sampled") == ledger["dropped"]


ADDRESSES = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "[::]:0"}}, http: {{endpoint: {folder}/socket, transport: unix}}}}}}
processors:
  resource: {{attributes: [{{key: address, action: upsert, from_context: client.address}}]}}
exporters:
  file: {{path: {folder}/out}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [resource], exporters: [file]}}
"""


def test_the_address_of_a_client_is_without_port_and_brackets(otelcd, tmp_path):
    d = otelcd(ADDRESSES.format(folder=tmp_path))
    port = d.grpc_address().rsplit(":", 1)[1]
    for host in ("127.0.0.1", "[::1]"):
        d.export(otlp.traces(1), address=f"{host}:{port}")
    command = ["curl", "-sS", "--unix-socket", tmp_path / "socket", "-H", "Content-Type: application/x-protobuf"]
    request = otlp.traces(1).SerializeToString()
    subprocess.run([*command, "--data-binary", "@-", "http://x/v1/traces"], input=request, check=True, timeout=PATIENCE)
    found = []
    for line in (tmp_path / "out").read_text().splitlines():
        attributes = json.loads(line)["resourceSpans"][0]["resource"]["attributes"]
        found += [a["value"].get("stringValue") for a in attributes if a["key"] == "address"]
    assert found == ["127.0.0.1", "::1", ""]


BRANCHES = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
{processors}
exporters:
  file/edited: {{path: {folder}/edited}}
  file/plain: {{path: {folder}/plain}}
service:
  pipelines:
    traces/edited: {{receivers: [otlp], processors: [attributes], exporters: [file/edited]}}
    traces/plain: {{receivers: [otlp], exporters: [file/plain]}}
"""


def test_one_branch_edits_and_the_other_sees_the_original(otelcd, tmp_path):
    text = BRANCHES.format(
        folder=tmp_path,
        processors="  attributes: {actions: [{key: secret, action: delete}, {key: mark, action: insert, value: 1}]}",
    )
    d = otelcd(text)
    d.export(otlp.traces(1, {"secret": "x", "other": "y"}))
    seen = {}
    for name in ("edited", "plain"):
        request = json.loads((tmp_path / name).read_text())
        seen[name] = {a["key"] for a in request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]}
    assert seen == {"edited": {"other", "mark"}, "plain": {"secret", "other"}}


def pipeline(processors, signal="traces"):
    names = ", ".join(re.findall(r"^  (\w+):", processors, re.M))
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  debug: {{}}
service:
  pipelines:
    {signal}: {{receivers: [otlp], processors: [{names}], exporters: [debug]}}
processors:
{processors}
"""


@pytest.mark.parametrize(
    "signal, processors, place, words",
    [
        ("traces", "  attributes: {}", "10:15", 'missing required field "actions"'),
        ("traces", "  attributes:\n    actions:\n      - {action: insert, value: 1}", "12:9", 'missing required field "key"'),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: frob}", "12:26", 'unsupported action "frob"'),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: insert}", "12:9", '"value", "from_attribute"'),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: insert, value: 1, from_attribute: b}", "12:9", "multiple value sources"),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: insert, value: 1, pattern: x}", "12:53", 'does not use "pattern"'),
        ("traces", "  attributes:\n    actions:\n      - {action: delete, pattern: '('}", "12:35", "missing ): ("),
        ("traces", "  attributes:\n    actions:\n      - {action: delete, pattern: '(?=x)'}", "12:35", "invalid perl operator: (?="),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: extract, pattern: '(.*)'}", "12:44", "unnamed matcher group"),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: extract, pattern: 'x'}", "12:44", "no named matcher groups"),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: convert, converted_type: bool}", "12:51", "write int, double or string"),
        ("traces", "  attributes:\n    actions:\n      - {key: a, action: insert, from_context: auth.}", "12:48", "for instance auth.username"),
        ("traces", "  attributes:\n    actions: [{key: a, action: delete}]\n    include: {match_type: strict}", "12:14", "at least one of"),
        ("traces", "  attributes:\n    actions: [{key: a, action: delete}]\n    include: {services: [x]}", "12:14", "write strict or regexp"),
        ("traces", "  attributes:\n    actions: [{key: a, action: delete}]\n    include: {match_type: regexp, services: ['[']}", "12:46", "missing ]: ["),
        ("logs", "  attributes:\n    actions: [{key: a, action: delete}]\n    exclude: {match_type: strict, span_names: [x]}", "12:47", "not be specified for log records"),
        ("metrics", "  attributes:\n    actions: [{key: a, action: delete}]\n    exclude: {match_type: strict, services: [x]}", "12:45", "not be specified for metrics"),
        ("traces", "  attributes:\n    actions: [{key: a, action: delete}]\n    include: {match_type: strict, span_kinds: [server]}", "12:48", "SPAN_KIND_SERVER"),
        ("traces", "  attributes:\n    actions: [{key: a, action: delete}]\n    include: {match_type: regexp, attributes: [{key: a, value: 1}]}", "12:64", "in quotes"),
        ("traces", "  resource: {}", "10:13", 'missing required field "attributes"'),
        ("traces", "  span: {}", "10:9", "must be specified"),
        ("traces", "  span: {status: {code: ok}}", "10:25", '"Ok", "Error" or "Unset"'),
        ("traces", "  span: {status: {code: Ok, description: x}}", "10:42", 'only for "code" "Error"'),
        ("traces", "  span: {name: {to_attributes: {rules: ['(']}}}", "10:41", "missing ): ("),
        ("traces", "  probabilistic_sampler: {sampling_percentage: -1}", "10:48", "negative"),
        ("traces", "  probabilistic_sampler: {sampling_percentage: 1e-16}", "10:48", "too small"),
        ("traces", "  probabilistic_sampler: {sampling_percentage: 1, sampling_precision: 0}", "10:71", "invalid sampling precision"),
        ("traces", "  probabilistic_sampler: {sampling_percentage: 1, mode: frob}", "10:57", "is not one of hash_seed"),
    ],
)
def test_a_mistake_is_found_before_the_start_with_its_place(tmp_path, signal, processors, place, words):
    file = tmp_path / "otelcd.yaml"
    file.write_text(pipeline(processors, signal))
    ran = subprocess.run([OTELCD, "validate", "--config", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and ran.stderr.endswith("\n1 fault\n") and ran.stderr.count("\n") == 2, ran.stderr
    assert f"{file}:{place}: " in ran.stderr and words in ran.stderr


def odd_records():
    request = otlp.logs(5)
    records = request.resource_logs[0].scope_logs[0].log_records
    odd = (
        [(f"k{i}", "v") for i in range(10_000)],
        [("twice", "1"), ("other", "x"), ("twice", "2"), ("twice", "3")],
        [("", "empty key"), ("", "again")],
        [("long", "x" * 300_000)],
        [],
    )
    for record, attributes in zip(records, odd):
        del record.attributes[:]
        for key, value in attributes:
            record.attributes.add(key=key).value.string_value = value
    deep = records[4].attributes.add(key="deep").value
    for _ in range(20):
        deep = deep.array_value.values.add()
    deep.string_value = "bottom"
    return request


def test_odd_attributes_are_edited_like_others(otelcd, tmp_path):
    actions = [
        {"key": "twice", "action": "update", "value": "once"},
        {"key": "", "action": "delete", "pattern": "^$"},
        {"action": "hash", "pattern": "^k[0-9]*7$"},
        {"key": "deep", "action": "convert", "converted_type": "string"},
        {"key": "long", "action": "extract", "pattern": "^(?P<first>x{3})"},
        {"key": "mark", "action": "insert", "from_attribute": "long"},
    ]
    text = pipeline(f"  attributes: {json.dumps({'actions': actions})}", "logs")
    d = otelcd(text.replace("debug: {}", f"file: {{path: {tmp_path}/out}}").replace("[debug]", "[file]"))
    d.export(odd_records())
    records = json.loads((tmp_path / "out").read_text())["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    seen = [[(a["key"], a["value"].get("stringValue")) for a in r.get("attributes", [])] for r in records]
    assert len(seen[0]) == 10_000 and sum(len(v) == 64 for _, v in seen[0]) == 1000
    assert seen[1] == [("twice", "once"), ("other", "x")]
    assert seen[2] == []
    assert dict(seen[3])["first"] == "xxx" and len(dict(seen[3])["mark"]) == 300_000
    assert seen[4] == [("deep", "[" * 20 + '"bottom"' + "]" * 20)]


def test_what_is_sampled_away_is_answered_ok_and_booked(otelcd):
    d = otelcd(pipeline("  probabilistic_sampler: {sampling_percentage: 0}"))
    d.export(otlp.traces(2))
    ledger = d.ledger("pipeline", "traces")
    assert (ledger["received"], ledger["delivered"], ledger["dropped"]) == (2, 0, 2)


def spans_with(state, n=100):
    request = otlp.traces(n)
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id = hashlib.sha256(span.trace_id).digest()[:16]
        span.trace_state = state
    return request


FOREIGN = "ot=rv:00000000000001;th:0"


@pytest.mark.parametrize("state", ["", FOREIGN, "ot=th:0", "a=b,ot=rv:fedcba98765432"])
def test_tiers_with_hash_seed_keep_their_share_of_what_is_left_whatever_is_written_in_the_trace_state(otelcd, tmp_path, state):
    tiers = "  probabilistic_sampler/1: {hash_seed: 2, sampling_percentage: 50}\n  probabilistic_sampler/2: {hash_seed: 3, sampling_percentage: 50}"
    text = pipeline(tiers).replace("processors: []", "processors: [probabilistic_sampler/1, probabilistic_sampler/2]")
    d = otelcd(text.replace("debug: {}", f"file: {{path: {tmp_path}/out}}").replace("[debug]", "[file]"))
    d.export(spans_with(state, 2000))
    spans = json.loads((tmp_path / "out").read_text())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert 400 < len(spans) < 600
    states = {span["traceState"] for span in spans}
    assert states == {state} if state else all(re.fullmatch("ot=rv:[0-9a-f]{14};th:8", s) for s in states)
    assert d.ledger("pipeline", "traces")["dropped"] == 2000 - len(spans)


@pytest.mark.parametrize("mode", ["hash_seed", "equalizing", "proportional"])
@pytest.mark.parametrize("state", ["ot=th:0", FOREIGN, "ot=rv:00000000000001;th:8", "ot=th:ffffff7", "sampled", "ot=", "ot=x"])
def test_a_hundred_per_cent_keeps_all(otelcd, mode, state):
    d = otelcd(pipeline(f"  probabilistic_sampler: {{mode: {mode}, sampling_percentage: 100, sampling_precision: 1}}"))
    request = spans_with(state, 50)
    request.resource_spans[0].scope_spans[0].spans.add(name="without a trace id", trace_state=state)
    d.export(request)
    assert d.ledger("pipeline", "traces")["delivered"] == 51


MANY_MEMBERS = ",".join(f"k{i}=v" for i in range(33))


@pytest.mark.parametrize("mode", ["hash_seed", "equalizing", "proportional"])
@pytest.mark.parametrize("state", ["sampled", "ot=", "ot=x", MANY_MEMBERS])
def test_what_cannot_be_decided_has_a_reason_of_its_own_and_passes_where_the_user_says_so(otelcd, mode, state):
    text = pipeline("  probabilistic_sampler: {mode: %s, sampling_percentage: 50, fail_closed: %s}")
    closed = otelcd(text % (mode, "true"))
    closed.expect_warning("sampling cannot be decided. fail_closed: false keeps them")
    closed.export(spans_with(state))
    assert closed.ledger("pipeline", "traces")["dropped"] == 100
    assert closed.metric("otelcd_pipeline_dropped_items", reason="undecidable") == 100
    assert closed.metric("otelcd_pipeline_dropped_items", reason="sampled") == 0
    name = "otelcol_processor_probabilistic_sampler_count_traces_sampled"
    assert closed.metric(name, policy="undecidable", sampled="false") == 100
    opened = otelcd(text % (mode, "false"))
    opened.export(spans_with(state))
    assert opened.ledger("pipeline", "traces")["delivered"] == 100


@pytest.mark.parametrize("level", ["normal", "detailed"])
def test_the_time_a_processor_takes_is_measured_at_level_detailed(otelcd, level):
    text = BRANCHES.format(folder="/dev", processors="  attributes: {actions: [{key: a, action: delete}]}")
    text = text.replace("file/edited: {path: /dev/edited}", "nop/edited:").replace("file/plain: {path: /dev/plain}", "nop/plain:")
    text = text.replace("file/", "nop/").replace("service:", "service:\n  telemetry: {metrics: {level: %s}}" % level)
    d = otelcd(text)
    d.export(otlp.traces(1))
    found = [s.value for s in d.metrics().find("otelcol_processor_internal_duration_count", processor="attributes")]
    assert found == ([1] if level == "detailed" else [])


HOLDING = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
processors: {{{name}: {{interval: 1h}}}}
exporters:
  file: {{path: {folder}/out, append: true}}
service:
  pipelines:
    {signal}: {{receivers: [otlp], processors: [{name}], exporters: [file]}}
"""


def gauges(value):
    """Two points of one stream, the newer one first."""
    return {
        "resourceMetrics": [
            {
                "scopeMetrics": [
                    {"metrics": [{"name": "g", "gauge": {"dataPoints": [{"timeUnixNano": str(v), "asInt": str(v)} for v in (value, value - 1)]}}]}
                ]
            }
        ]
    }


def test_what_interval_holds_leaves_when_a_reload_changes_it_and_at_the_end(otelcd, tmp_path):
    text = HOLDING.format(name="interval", signal="metrics", folder=tmp_path)
    d = otelcd(text)
    assert d.http("POST", "/v1/metrics", json.dumps(gauges(7)), {"Content-Type": "application/json"})[0] == 200
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 1)
    assert d.metric("otelcd_pipeline_dropped_items", reason="superseded") == 1
    d.reload(text.replace("1h", "2h"))
    assert (tmp_path / "out").read_text().count('"asInt":"7"') == 1
    assert d.http("POST", "/v1/metrics", json.dumps(gauges(9)), {"Content-Type": "application/json"})[0] == 200
    assert d.stop() == 0
    assert (tmp_path / "out").read_text().count('"asInt":"9"') == 1
