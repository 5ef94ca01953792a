# SPDX-License-Identifier: Apache-2.0
"""`otelcd test`: tests of a configuration, which stand in files beside it."""

import json
import re
import socket
import subprocess
from xml.etree import ElementTree

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT

TRACE = "0102030405060708090a0b0c0d0e0f10"
SPAN = "{traceId: 0102030405060708090a0b0c0d0e0f10, spanId: '0102030405060708', name: GET /"


def run(*args, cwd=None):
    return subprocess.run([OTELCD, "test", *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, cwd=cwd)


def one(tmp_path, processors, *steps, name="it holds"):
    """A file with one test of these processors."""
    lines = [f"processors: {processors}", "tests:", f"  - name: {name}", "    steps:", *(f"      - {s}" for s in steps)]
    (tmp_path / "t.yaml").write_text("\n".join(lines) + "\n")
    return run(tmp_path / "t.yaml")


def passes(tmp_path, processors, *steps):
    ran = one(tmp_path, processors, *steps)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert ran.stdout == f"ok   {tmp_path}/t.yaml: it holds\n1 passed, 0 failed\n"


def fails(tmp_path, processors, *steps):
    ran = one(tmp_path, processors, *steps)
    assert (ran.returncode, ran.stderr) == (1, ""), ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"FAIL {tmp_path}/t.yaml: it holds\n") and ran.stdout.endswith("0 passed, 1 failed\n")
    return ran.stdout


def is_wrong(tmp_path, told, processors, *steps):
    ran = one(tmp_path, processors, *steps)
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stdout + ran.stderr
    assert told in ran.stderr


FILTER = "{filter: {log_conditions: ['log.severity_number < 13']}}"
TWO = "send: {logs: [{severityNumber: 9, body: a}, {severityNumber: 17, body: b, attributes: {code: 7, x: 1.5}}]}"


# ---- what is shipped ----


def test_the_examples_of_the_page_on_testing_pass(tmp_path):
    text = (ROOT / "docs/testing.md").read_text()
    examples = re.findall(r"(?m)^    # (\w+\.yaml)\n((?:    .*\n|\n(?=    (?!#)))+)", text)
    assert [name for name, _ in examples] == ["filter_test.yaml", "transform.yaml", "transform_test.yaml", "sampling_test.yaml", "outage_test.yaml"]
    for name, body in examples:
        (tmp_path / name).write_text(re.sub("(?m)^    ", "", body))
    ran = run(*sorted(p.name for p in tmp_path.glob("*_test.yaml")), cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert ran.stdout.endswith("5 passed, 0 failed\n")


def test_each_shipped_configuration_has_tests_that_pass():
    shipped = sorted(p.name for p in (ROOT / "config").glob("*.yaml"))
    tests = [ROOT / "config/tests" / name for name in shipped]
    ran = run(*tests)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert all(f"ok   {path}: " in ran.stdout for path in tests)


# ---- what passes ----


def test_what_is_filtered_is_missing_and_in_the_ledger(tmp_path):
    passes(tmp_path, FILTER, TWO, "expect: {logs: [{severityNumber: 17, body: b, attributes: {x: 1.5, code: 7}}]}",
           "expect: {dropped: {filtered: 1}, refused: {}, held: 0, delivered: 1}")


def test_hours_pass_at_once(tmp_path):
    point = "send: {metrics: [{name: a, sum: {isMonotonic: true, aggregationTemporality: 2, dataPoints: [{asInt: %d, timeUnixNano: %d}]}}]}"
    passes(tmp_path, "{interval: {interval: 6h}}", point % (1, 1), point % (5, 2), "advance: 5h59m59s", "expect: {nothing: true}",
           "advance: 1s", "expect: {items: 1, conditions: [datapoint.value_int == 5]}", "advance: 12h", "expect: {nothing: true}")


def test_timers_fire_in_order_though_time_moves_at_once(tmp_path):
    """A trace is decided after 10 s and then waits 5 s in a batch."""
    processors = "{tail_sampling: {decision_wait: 10s, policies: [{name: all, type: always_sample}]}, batch: {timeout: 5s}}"
    span = f"send: {{spans: [{SPAN}}}]}}"
    passes(tmp_path, processors, span, "advance: 14s", "expect: {signal: traces, nothing: true}", "advance: 3s",
           "expect: {signal: traces, items: 1}")
    passes(tmp_path, processors, span, "advance: 1h", "expect: {signal: traces, items: 1}")


def test_tail_sampling_keeps_whole_traces_by_policy(tmp_path):
    passes(tmp_path, "{tail_sampling: {decision_wait: 2s, policies: [{name: slow, type: latency, latency: {threshold_ms: 100}}]}}",
           f"send: {{spans: [{SPAN}, startTimeUnixNano: 1, endTimeUnixNano: 200000001}}, {{traceId: {'11' * 16}, spanId: '{'12' * 8}', name: fast}}]}}",
           "expect: {held: 2}", "advance: 4s", "expect: {conditions: ['span.name == \"GET /\"']}", "expect: {dropped: {not_sampled: 1}, held: 0}")


QUEUED = """\
configuration:
  receivers: {otlp: {protocols: {http: }}, otlp/kafka: {protocols: {http: {endpoint: "localhost:4444"}}}}
  exporters:
    otlp_http: {endpoint: "http://backend:4318", retry_on_failure: {initial_interval: 1s, max_elapsed_time: 1m}, sending_queue: QUEUE}
    prometheus_remote_write: {endpoint: "http://backend/write", retry_on_failure: {max_elapsed_time: 1m}}
    debug:
    debug/queued: {sending_queue: {enabled: true}}
    kafka: {brokers: ["broker:9092"], retry_on_failure: {max_elapsed_time: 1m}}
  service:
    pipelines:
      logs: {receivers: [otlp], exporters: [otlp_http]}
      logs/kafka: {receivers: [otlp/kafka], exporters: [kafka, debug/queued]}
      metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}
      traces: {receivers: [otlp], exporters: [debug]}
tests:
  - name: it holds
    steps:
"""


def with_queue(tmp_path, *steps, queue="{queue_size: 2}"):
    lines = "".join(f"      - {s}\n" for s in steps)
    (tmp_path / "t.yaml").write_text(QUEUED.replace("QUEUE", queue) + lines)
    return run(tmp_path / "t.yaml")


def send_logs(*bodies, answer="accepted"):
    return f"send: {{to: otlp, answer: {answer}, logs: [{', '.join('{body: ' + b + '}' for b in bodies)}]}}"


SPANS = f"{SPAN}}}"


@pytest.mark.parametrize("queue, steps", [
    ("{queue_size: 2}", [
        "backend: {of: otlp_http, is: unreachable, for: 30s}", send_logs("a", "b"), "expect: {exporter: otlp_http, held: 2, delivered: 0, attempts: 1}",
        "advance: 20s", "expect: {exporter: otlp_http, held: 2, dropped: {}}", "expect: {from: otlp_http, nothing: true}", "advance: 40s",
        "expect: {exporter: otlp_http, held: 0, delivered: 2}", "expect: {from: otlp_http, logs: [{body: a}, {body: b}]}"]),
    ("{queue_size: 2}", [
        "backend: {of: otlp_http, is: unreachable}", send_logs("a"), "advance: 5m", "expect: {exporter: otlp_http, held: 0, dropped: {unavailable: 1}}"]),
    ("{queue_size: 2}", [
        "backend: {of: otlp_http, is: unreachable}", send_logs("a"), send_logs("b"), send_logs("c", answer="retry"), "expect: {pipeline: logs, refused: {queue_full: 1}}"]),
    ("{queue_size: 2}", [
        "backend: {of: otlp_http, is: refusing}", send_logs("a"), "expect: {exporter: otlp_http, dropped: {rejected_by_peer: 1}, attempts: 1}",
        "backend: {of: otlp_http}", send_logs("b"), "expect: {from: otlp_http, logs: [{body: b}]}"]),
    ("{queue_size: 2}", [
        "backend: {of: otlp_http, is: partial, takes: 2}", send_logs("a", "b", "c"), "expect: {exporter: otlp_http, delivered: 2, dropped: {rejected_by_peer: 1}}",
        "expect: {from: otlp_http, logs: [{body: a}, {body: b}]}", send_logs("d", "e"), "expect: {from: otlp_http, items: 2}"]),
    ("{enabled: false}", ["backend: {of: otlp_http, is: unreachable, for: 10s}", send_logs("a", answer="waiting"), "advance: 30s", "expect: {pipeline: logs, delivered: 1}"]),
    ("{batch: {flush_timeout: 5s, min_size: 3}}", [
        send_logs("a", "b"), "expect: {exporter: otlp_http, held: 2, attempts: 0}", send_logs("c"), "expect: {exporter: otlp_http, held: 0, attempts: 1}"]),
    ("{queue_size: 2}", [
        "backend: {of: debug, is: unreachable, for: 10s}", f"send: {{to: otlp, spans: [{SPANS}], answer: retry}}", "expect: {pipeline: traces, refused: {unavailable: 1}}",
        "advance: 10s", f"send: {{to: otlp, spans: [{SPANS}], answer: accepted}}"]),
    ("{queue_size: 2}", [
        "backend: {of: debug, is: partial, takes: 0}", f"send: {{to: otlp, spans: [{SPANS}], answer: rejected}}", "expect: {pipeline: traces, dropped: {rejected_by_peer: 1}}"]),
    ("{queue_size: 2}", [
        "backend: {of: prometheus_remote_write, is: unreachable, for: 20s}", "send: {metrics: [{name: a, gauge: {dataPoints: [{asInt: 1}]}}]}",
        "expect: {exporter: prometheus_remote_write, held: 1}", "advance: 1m", "expect: {exporter: prometheus_remote_write, held: 0, delivered: 1}"]),
    ("{queue_size: 2}", [
        "backend: {of: kafka, is: unreachable, for: 20s}", "send: {to: otlp/kafka, answer: accepted, logs: [{body: a}]}",
        "expect: {exporter: kafka, held: 1}", "expect: {exporter: debug/queued, held: 0, delivered: 1}", "advance: 1m", "expect: {exporter: kafka, delivered: 1}"]),
    ("{queue_size: 2}", ["backend: {of: otlp_http, is: unreachable}", send_logs("a"), "stop: true", "expect: {exporter: otlp_http, held: 0, delivered: 0}"]),
])
def test_a_backend_fails_as_long_as_it_is_said(tmp_path, queue, steps):
    ran = with_queue(tmp_path, *steps, queue=queue)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("end", ["", "      - stop: true\n      - expect: {pipeline: logs, held: 0, refused: {unavailable: 1}}\n"])
def test_what_a_sender_waits_for_is_answered_before_the_end(tmp_path, end):
    (tmp_path / "t.yaml").write_text(f"""
configuration:
  receivers: {{otlp: {{protocols: {{grpc: }}}}}}
  exporters:
    otlp_grpc: {{endpoint: "localhost:4317", tls: {{insecure: true}}}}
    otlp_http: {{endpoint: "http://localhost:4318", sending_queue: {{enabled: false}}}}
  service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}}}}}
tests:
  - name: both are away
    steps:
      - backend: {{of: otlp_grpc, is: unreachable}}
      - backend: {{of: otlp_http, is: unreachable}}
      - send: {{logs: [{{body: a}}], answer: waiting}}
{end}""")
    ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_queue_on_disk_is_played_without_one(tmp_path):
    text = QUEUED.replace("QUEUE", "{storage: file_storage}").replace("1s, max_elapsed_time: 1m", "1s").replace("  service:\n", f"  extensions: {{file_storage: {{directory: {tmp_path}/q, create_directory: true}}}}\n  service:\n    extensions: [file_storage]\n")
    steps = ["backend: {of: otlp_http, is: unreachable, for: 2h}", send_logs("a"), "advance: 1h", "expect: {exporter: otlp_http, held: 1}", "advance: 2h", "expect: {exporter: otlp_http, delivered: 1}"]
    (tmp_path / "t.yaml").write_text(text + "".join(f"      - {s}\n" for s in steps))
    ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 0 and not (tmp_path / "q").exists(), ran.stdout + ran.stderr


def test_what_an_exporter_holds_is_told_with_a_failure(tmp_path):
    ran = with_queue(tmp_path, "backend: {of: otlp_http, is: unreachable}", send_logs("a"), "expect: {exporter: otlp_http, attempts: 7}")
    assert ran.returncode == 1 and "expect of exporter otlp_http: attempts 1, not 7" in ran.stdout, ran.stdout + ran.stderr
    assert "exporter otlp_http: received 1 = delivered 0 + held 1 + refused {} + dropped {}; what is held waits" in ran.stdout


def test_what_is_held_is_handed_on_when_it_stops(tmp_path):
    passes(tmp_path, "{batch: {timeout: 1h}}", TWO, "expect: {pipeline: logs, held: 2}", "stop: true", "expect: {signal: logs, items: 2}")


def test_each_test_begins_anew_at_the_same_time(tmp_path):
    step = """
      - send: {logs: [{body: a}]}
      - expect: {signal: logs, logs: [{body: a, timeUnixNano: 1700000000000000000}]}
      - advance: 1s
      - send: {logs: [{body: a}]}
      - expect: {signal: logs, logs: [{body: a, timeUnixNano: 1700000001000000000}]}
      - expect: {pipeline: logs, delivered: 2}
"""
    (tmp_path / "t.yaml").write_text("processors: {transform: {log_statements: ['set(log.time, Now())']}}\ntests:\n"
                                     f"  - name: a\n    steps:{step}  - name: b\n    steps:{step}")
    ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_connectors_run_and_an_exporter_of_several_signals_is_asked_for_one(tmp_path):
    (tmp_path / "t.yaml").write_text("""\
configuration:
  receivers: {nop: }
  connectors: {count: {logs: {seen: {conditions: ['severity_number > 10']}}}}
  exporters: {debug: }
  service:
    pipelines:
      logs: {receivers: [nop], exporters: [count, debug]}
      metrics: {receivers: [count], exporters: [debug]}
tests:
  - name: what is bad is counted
    steps:
      - send: {logs: [{severityNumber: 9}, {severityNumber: 17}]}
      - expect: {signal: metrics, items: 1, conditions: ['metric.name == "seen"', datapoint.value_int == 1]}
      - expect: {signal: logs, items: 2}
""")
    ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_request_stands_in_a_file_or_in_the_form_of_otlp(tmp_path):
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "a"}, "severityNumber": 17}]}]}]}
    (tmp_path / "in.json").write_text(json.dumps(request))
    passes(tmp_path, FILTER, "send: {file: in.json}", f"expect: {{otlp: {json.dumps(request)}}}", "send: {file: in.json}", "expect: {file: in.json}")


def test_values_have_the_types_of_yaml(tmp_path):
    attributes = '{i: 7, d: 7.0, s: "7", b: true, l: [1, x, {k: 2}], m: {k: 1.5}, big: 9007199254740993, e: ""}'
    passes(tmp_path, FILTER, f"send: {{logs: [{{severityNumber: 17, attributes: {attributes}}}]}}",
           "expect: {conditions: ['log.attributes[\"i\"] == 7', 'IsDouble(log.attributes[\"d\"])', 'IsString(log.attributes[\"s\"])', "
           "'log.attributes[\"b\"] == true', 'log.attributes[\"l\"][2][\"k\"] == 2', 'log.attributes[\"m\"][\"k\"] == 1.5', "
           "'log.attributes[\"big\"] == 9007199254740993', 'IsInt(log.attributes[\"i\"])']}")


def test_a_batch_that_a_statement_rejects_is_answered_so(tmp_path):
    processors = "{filter: {error_mode: propagate, log_conditions: ['ParseJSON(log.body) == \"x\"']}}"
    passes(tmp_path, processors, "send: {logs: [{body: no}], answer: rejected}", "expect: {pipeline: logs, refused: {statement: 1}}")
    told = fails(tmp_path, processors, "send: {logs: [{body: no}]}")
    assert "t.yaml:5: send to nop (logs): the answer is rejected, not accepted or waiting: " in told and "this is no JSON" in told


def test_nothing_is_bound_or_made(tmp_path):
    """The address is taken, the queue's directory cannot be made: neither matters."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "t.yaml").write_text(f"""\
configuration:
  receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{taken.getsockname()[1]}"}}}}}}}}
  extensions: {{file_storage: {{directory: /proc/none, create_directory: true}}}}
  exporters: {{otlp_grpc: {{endpoint: "127.0.0.1:1", sending_queue: {{storage: file_storage}}}}}}
  service: {{extensions: [file_storage], pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_grpc]}}}}}}
tests:
  - name: a
    steps: [{{send: {{logs: [{{body: a}}]}}}}, {{expect: {{items: 1}}}}]
""")
        ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 0, ran.stdout + ran.stderr


# ---- what fails ----


def test_what_differs_is_shown_line_by_line(tmp_path):
    told = fails(tmp_path, FILTER, TWO, "expect: {logs: [{severityNumber: 17, body: b, attributes: {code: '7', x: 1.5}}]}")
    assert told == f"""\
FAIL {tmp_path}/t.yaml: it holds
    {tmp_path}/t.yaml:6: expect from nop (logs): 1 of 1 items differ (- wanted, + came out)
          log:
            severityNumber: 17
            body: b
            attributes:
        -     code: "7"
        +     code: 7
              x: 1.5
        pipeline logs: received 2 = delivered 1 + held 0 + refused {{}} + dropped {{filtered: 1}}
0 passed, 1 failed
"""


def test_what_is_held_is_pointed_at(tmp_path):
    told = fails(tmp_path, "{batch: {timeout: 5s}}", TWO, "expect: {signal: logs, items: 2}")
    assert "0 items came out, not 2" in told and "held 2" in told and "waits for time to pass (advance:)" in told


@pytest.mark.parametrize("expect, told", [
    ("{nothing: true}", "1 item came out, not 0\n        these:\n        log:\n          severityNumber: 17\n"),
    ("{items: 2}", "1 item came out, not 2"),
    ("{conditions: ['log.body == \"x\"']}", "the condition is true of 0 of 1, not of 1\n        log.body == \"x\"\n        not true of:\n        log:\n"),
    ("{conditions: [{condition: 'log.body == \"b\"', items: 0}]}", "the condition is true of 1 of 1, not of 0"),
    ("{conditions: ['ParseJSON(log.body) == 1']}", "it fails on 1: "),
    ("{logs: []}", "1 of 1 items differ"),
    ("{logs: [{severityNumber: 17, body: b, attributes: {code: 7, x: 1.5}}, {body: c}]}", "        -   body: c\n"),
    ("{pipeline: logs, dropped: {}}", "expect of pipeline logs: dropped {filtered: 1}, not {}"),
    ("{pipeline: logs, dropped: {policy: 1}}", "dropped {filtered: 1}, not {policy: 1}"),
    ("{pipeline: logs, refused: {memory_limit: 1}}", "refused {}, not {memory_limit: 1}"),
    ("{pipeline: logs, held: 1}", "held 0, not 1"),
    ("{pipeline: logs, delivered: 2}", "delivered 1, not 2"),
])
def test_what_is_not_as_expected_is_told(tmp_path, expect, told):
    assert told in fails(tmp_path, FILTER, TWO, f"expect: {expect}")


def test_a_condition_that_nothing_could_be_asked_of_is_not_met(tmp_path):
    told = fails(tmp_path, FILTER, "expect: {signal: logs, conditions: ['true and log.body != nil']}")
    assert "nothing came out that the condition could be asked of" in told


def test_what_the_components_log_is_shown_with_the_failure(tmp_path):
    told = fails(tmp_path, "{transform: {log_statements: ['set(log.body, ParseJSON(log.body))']}}", "send: {logs: [{body: no}]}",
                 "expect: {signal: logs, conditions: ['log.body != \"no\"']}")
    assert "logged: a statement could not be run and is passed over" in told and "this is no JSON" in told


def test_a_look_takes_away_what_it_has_seen(tmp_path):
    passes(tmp_path, FILTER, TWO, "expect: {items: 1, signal: logs}", "expect: {nothing: true, signal: logs}", TWO, "expect: {items: 1, signal: logs}")


def test_nothing_can_be_sent_after_the_end(tmp_path):
    assert "nothing can be sent after stop" in fails(tmp_path, FILTER, "stop: true", TWO)


def test_a_failed_test_leaves_the_others_alone(tmp_path):
    (tmp_path / "t.yaml").write_text("processors: {batch: }\ntests:\n"
                                     "  - {name: bad, steps: [{expect: {signal: logs, items: 1}}]}\n"
                                     "  - {name: good, steps: [{expect: {signal: logs, items: 0}}]}\n")
    ran = run(tmp_path / "t.yaml")
    assert ran.returncode == 1 and "\nok   " in ran.stdout and ran.stdout.endswith("1 passed, 1 failed\n")
    ran = run(tmp_path / "t.yaml", "--filter", "goo")
    assert ran.returncode == 0 and ran.stdout.endswith("1 passed, 0 failed\n")
    ran = run(tmp_path / "t.yaml", "--filter", "none of them")
    assert ran.returncode == 2 and "there is no test with a name that has none of them" in ran.stderr
    ran = run(tmp_path / "t.yaml", "--format", "tap")
    lines = ran.stdout.splitlines()
    assert ran.returncode == 1 and lines[0] == "TAP version 14" and lines[-1] == "1..2"
    assert f"not ok 1 - {tmp_path}/t.yaml: bad" in lines and f"ok 2 - {tmp_path}/t.yaml: good" in lines
    assert all(re.match("ok|not ok|#|TAP|1\\.\\.2$", line) for line in lines)


def test_results_can_be_had_as_junit(tmp_path):
    (tmp_path / "t.yaml").write_text("processors: {batch: }\ntests:\n"
                                     "  - {name: 'a < b & \"c\"', steps: [{expect: {signal: logs, items: 1}}]}\n"
                                     "  - {name: good, steps: [{expect: {signal: logs, items: 0}}]}\n")
    ran = run(tmp_path / "t.yaml", "--format", "junit")
    suite = ElementTree.fromstring(ran.stdout)
    assert ran.returncode == 1 and suite.attrib == {"name": "otelcd test", "tests": "2", "failures": "1"}
    assert [c.get("name") for c in suite] == ['a < b & "c"', "good"] and all(c.get("classname") == f"{tmp_path}/t.yaml" for c in suite)
    assert "0 items came out, not 1" in suite[0].find("failure").text and suite[1].find("failure") is None


# ---- what is wrong ----


@pytest.mark.parametrize("told, steps", [
    (":5:9: tests::0::steps::0: a step is one of send: {...}", ["{}"]),
    (":5:9: tests::0::steps::0: a step is one of", ["{stop: true, advance: 1s}"]),
    ("a step is one of", ["stop: false"]), ("a step is one of", ["send:"]),
    ("has invalid keys: sent; did you mean \"send\"?", ["sent: {}"]),
    ("what is sent is one of otlp:, file:, spans:, metrics: and logs:", ["send: {}"]),
    ("what is sent is one of", ["send: {logs: [], spans: []}"]),
    ("the items are a list", ["send: {logs: {body: a}}"]),
    (":5:24: tests::0::steps::0: OTLP has no bodyy here; did you mean \"body\"?", ["send: {logs: [{bodyy: a}]}"]),
    ("OTLP has no span here", ["send: {otlp: {resourceSpans: [{scopeSpans: [{span: []}]}]}}"]),
    ("OTLP has no kee here; did you mean \"key\"?", ["send: {spans: [{attributes: [{kee: a, value: {intValue: 1}}]}]}"]),
    ("no receiver of logs is called otlp: take nop", ["send: {to: otlp, logs: []}"]),
    ("a request begins with resourceSpans", ["send: {otlp: {resourceLog: []}}"]),
    ("none.json: ", ["send: {file: none.json}"]),
    ("nothing is expected", ["expect: {}"]),
    ("no exporter of logs is called x: take nop", ["expect: {from: x, logs: []}"]),
    ("of which signal? Write signal:", ["expect: {items: 1}"]),
    ("there are several pipelines: say which with pipeline:", ["expect: {held: 1}"]),
    ("there is no pipeline x", ["expect: {held: 1, pipeline: x}"]),
    ("exporter: goes with dropped:", ["expect: {items: 1, exporter: nop, signal: logs}"]),
    ("ask for two ledgers", ["expect: {held: 1, exporter: nop, pipeline: logs, signal: logs}"]),
    ("no exporter of data is called x: take nop", ["backend: {of: x}"]), ("takes: goes with is: partial", ["backend: {takes: 1}"]),
    ("a backend that is well is so until", ["backend: {for: 1s}"]), ("is: ", ["backend: {is: ill}"]), ("a step is one of", ["backend:"]),
    ("pipeline: goes with dropped:", ["expect: {items: 1, pipeline: logs, signal: logs}"]),
    ("reasons with their numbers", ["expect: {pipeline: logs, dropped: {a: b}}"]),
    (":5:55: tests::0::steps::0: the context log has no field bdy; did you mean body?", ["expect: {signal: logs, conditions: [\"true and log.bdy == 1\"]}"]),
    ("logs have no context span", ["expect: {signal: logs, context: span, conditions: ['name == 1']}"]),
    ("a condition is a text, or {condition: TEXT, items: NUMBER}", ["expect: {signal: logs, conditions: [{condition: 'true'}]}"]),
    ("nothing: true and something else", ["expect: {nothing: true, logs: []}"]),
    ("signal: says traces, and what is expected are logs", ["expect: {signal: traces, logs: []}"]),
    ("the resource of spans:, metrics: or logs:", ["send: {otlp: {resourceLogs: []}, resource: {a: b}}"]),
    ("advance", ["advance: 745h"]), ("advance", ["advance: -1s"]), ("advance", ["advance: soon"]),
])
def test_a_mistake_in_a_file_is_told_at_its_place(tmp_path, told, steps):
    is_wrong(tmp_path, told, "{batch: }", *steps)


@pytest.mark.parametrize("head, told", [
    ("", "what is tested? Write config: FILE"), ("processors: []", "a map of processors"), ("config: none.yaml", "none.yaml: cannot read the configuration"),
    ("processors: {batch: {timeot: 1s}}", "t.yaml:1:22: processors::batch: has invalid keys: timeot"),
    ("processors: {nothing: }", "nothing"), ("{processors: {batch: }, config: x}", "processors alone are tested without a configuration"),
    ("configuration: {}", "empty configuration"), ("tets: []", "has invalid keys: tets; did you mean \"tests\"?"), ("- a", "t.yaml:1:1"), ("a: [", "t.yaml:"),
])
def test_a_mistake_in_what_is_tested_is_told(tmp_path, head, told):
    tests = "tests: [{name: a, steps: [{stop: true}]}]\n"
    (tmp_path / "t.yaml").write_text((head[:-1] + ", " + tests.strip() + "}") if head.startswith("{") else head + "\n" + (tests if head not in ("- a", "a: [") else ""))
    ran = run(tmp_path / "t.yaml")
    assert (ran.returncode, ran.stdout) == (2, ""), ran.stdout + ran.stderr
    assert told in ran.stderr, ran.stderr


def test_a_command_line_without_files_has_its_own_exit_code(tmp_path):
    assert run().returncode == 2
    wrong = run("x.yaml", "--format", "xml")
    assert wrong.returncode == 2 and "no format xml: take text, tap or junit" in wrong.stderr
    ran = run(tmp_path / "none.yaml")
    assert ran.returncode == 2 and "none.yaml: cannot read the tests" in ran.stderr
