# SPDX-License-Identifier: Apache-2.0
"""The log_dedup processor in a running otelcd."""

import json
import signal
import subprocess

import pytest
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  {name}: {options}
exporters:
  file: {{path: {folder}/out, append: true}}
service:
  pipelines:
    logs: {{receivers: [otlp], processors: [{name}], exporters: [file]}}
"""


def config(folder, name="log_dedup", **options):
    return CONFIG.format(folder=folder, name=name, options=json.dumps({"interval": "1h", **options}))


def send(d, *bodies, address=None):
    records = [{"body": {"stringValue": b}} for b in bodies]
    request = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
    assert d.http("POST", "/v1/logs", request, {"Content-Type": "application/json"}, address=address)[0] == 200


def counts(folder):
    found = {}
    for line in (folder / "out").read_text().splitlines():
        for record in json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
            attributes = {a["key"]: a["value"] for a in record["attributes"]}
            assert set(attributes) == {"log_count", "first_observed_timestamp", "last_observed_timestamp"}
            found.setdefault(record["body"]["stringValue"], []).append(int(attributes["log_count"]["intValue"]))
    return found


def test_what_is_held_leaves_when_a_reload_changes_it_and_at_the_end(otelcd, tmp_path):
    d = otelcd(config(tmp_path))
    send(d, "a", "b", "a")
    send(d, "a")
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 2)
    assert d.metric("otelcd_pipeline_dropped_items", reason="deduplicated") == 2
    d.reload(config(tmp_path, interval="2h"))
    assert counts(tmp_path) == {"a": [3], "b": [1]}
    send(d, "a", "a")
    assert d.stop() == 0
    assert counts(tmp_path) == {"a": [3, 2], "b": [1]}


def test_once_an_interval_what_was_gathered_is_sent_and_counted(otelcd, tmp_path):
    d = otelcd(config(tmp_path, interval="50ms"))
    send(d, "a", "a", "a")
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcol_dedup_processor_aggregated_logs_count")) == 1)
    assert d.metric("otelcol_dedup_processor_aggregated_logs_sum") == 3
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_delivered_items")) == 1)
    assert counts(tmp_path) == {"a": [3]}
    assert d.ledger("pipeline", "logs") == {**d.ledger("pipeline", "logs"), "received": 3, "delivered": 1, "dropped": 2}


def test_past_its_bound_new_records_go_on_at_once_with_a_warning(otelcd, tmp_path):
    d = otelcd(config(tmp_path, max_records=1))
    send(d, "a", "b")
    d.expect_warning("Too many different log records are held")
    assert d.ledger("pipeline", "logs")["delivered"] == 1


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"interval": "0s"}, "interval: interval must be greater than 0"),
        ({"log_count_attribute": ""}, "log_count_attribute: log_count_attribute must be set"),
        ({"timezone": "Mars/Olympus"}, "timezone: timezone is invalid"),
        ({"exclude_fields": ["body"]}, "exclude_fields::0: cannot exclude the entire body"),
        ({"exclude_fields": ["severity"]}, "exclude_fields::0: a field begins with body or attributes"),
        ({"exclude_fields": ["body.a", "body.a"]}, "exclude_fields::1: duplicate exclude_field"),
        ({"include_fields": ["attributes"]}, "include_fields::0: name the attributes one by one"),
        ({"include_fields": ["body.a"], "exclude_fields": ["body.b"]}, "cannot define both exclude_fields and include_fields"),
        ({"exclude_fields": ["body" + ".a" * 33]}, "a field has at most 32 keys"),
        ({"conditions": ["nme == 1"]}, "conditions::0: the context log has no field nme"),
    ],
)
def test_a_mistake_has_its_place(tmp_path, options, complaint):
    (tmp_path / "c.yaml").write_text(config(tmp_path, **options))
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert complaint in ran.stderr and ran.returncode == 1, ran.stderr


def test_its_old_name_is_taken(otelcd, tmp_path):
    d = otelcd(config(tmp_path, name="logdedup"))
    d.expect_warning("Fault in the configuration")
    send(d, "a")
