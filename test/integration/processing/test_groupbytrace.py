# SPDX-License-Identifier: Apache-2.0
"""The groupbytrace processor in a running otelcd."""

import json
import signal
import subprocess

import pytest
from harness import grouped
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  groupbytrace: {options}
exporters:
  file: {{path: {folder}/out, append: true}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [groupbytrace], exporters: [file]}}
"""


def config(folder, **options):
    return CONFIG.format(folder=folder, options=json.dumps(options))


def send(d, *spans, address=None):
    listed = [{"traceId": f"{trace:032x}", "name": name} for trace, name in spans]
    request = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": listed}]}]})
    assert d.http("POST", "/v1/traces", request, {"Content-Type": "application/json"}, address=address)[0] == 200


def requests(folder):
    """The names of the spans of each request that came out."""
    return [
        [span["name"] for r in json.loads(line)["resourceSpans"] for s in r["scopeSpans"] for span in s["spans"]]
        for line in (folder / "out").read_text().splitlines()
    ]


def test_the_spans_of_a_trace_leave_together(otelcd, tmp_path):
    d = otelcd(config(tmp_path, wait_duration="100ms"))
    send(d, (1, "a"), (2, "x"), (1, "b"))
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcol_processor_groupbytrace_traces_released")) == 2)
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
    assert sorted(requests(tmp_path)) == [["a", "b"], ["x"]]
    assert d.ledger("pipeline", "traces")["delivered"] == 3


def test_what_is_held_leaves_when_a_reload_changes_it_and_at_the_end(otelcd, tmp_path):
    d = otelcd(config(tmp_path, wait_duration="1h"))
    send(d, (1, "a"))
    send(d, (2, "x"), (1, "b"))
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcol_processor_groupbytrace_num_traces_in_memory")) == 2)
    d.reload(config(tmp_path, wait_duration="2h"))
    assert sorted(requests(tmp_path)) == [["a", "b"], ["x"]]
    send(d, (3, "z"))
    assert d.stop() == 0
    assert requests(tmp_path)[2:] == [["z"]]


def test_past_its_bound_traces_leave_early_with_a_warning(otelcd, tmp_path):
    d = otelcd(config(tmp_path, wait_duration="1h", num_traces=1))
    send(d, (1, "a"), (2, "x"))
    d.expect_warning("Traces leave before wait_duration is over")
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 1)


@pytest.mark.parametrize("option, complaint", [("discard_orphans", "'discard orphans' not supported"), ("store_on_disk", "'disk storage' not supported")])
def test_what_is_not_served_is_refused(tmp_path, option, complaint):
    (tmp_path / "c.yaml").write_text(config(tmp_path, **{option: True}))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and f"{option}: " in ran.stderr and complaint in ran.stderr


@pytest.mark.parametrize("name", grouped.CASES)
def test_what_leaves_together_is_what_the_go_collector_sends_together(otelcd, tmp_path, name):
    d = otelcd(grouped.config(tmp_path / "out"))
    for request in grouped.requests(name):
        assert d.http("POST", "/v1/traces", request, {"Content-Type": "application/json"})[0] == 200
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
    assert d.stop() == 0
    assert grouped.left(tmp_path / "out") == grouped.expected(name)
