# SPDX-License-Identifier: Apache-2.0
"""What otelcd says to other programs: faults as JSON and SARIF."""

import json
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT

MISTAKEN = """\
receivers:
  otlp:
    protocols: {grpc: {endpoint: localhost}}
processors:
  batch: {timeuot: 1s}
exporters:
  logging: {loglevel: debug}
  prometheusremotewrite: {endpoint: "${env:OTELCD_TEST_UNSET}"}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [logging]}
"""
PLACE = re.compile(r"^(?:(?P<file>\S+?):)?(?:(?P<line>\d+):(?P<column>\d+):)? ?(?P<warning>warning: )?(?P<rest>.*)$")


def run(*args, **more):
    return subprocess.run([OTELCD, *args], capture_output=True, text=True, timeout=PATIENCE, **more)


@pytest.fixture
def mistaken(tmp_path):
    file = tmp_path / "my otelcd.yaml"
    file.write_text(MISTAKEN)
    return str(file)


def test_faults_as_json_are_those_of_the_text_with_the_remedy_apart(mistaken):
    text, ran = run("validate", "-c", mistaken), run("validate", "-c", mistaken, "--format", "json")
    assert (text.returncode, ran.returncode, ran.stderr) == (1, 1, "")
    told = json.loads(ran.stdout)
    joined = []
    for f in told["faults"]:
        assert f["file"] == mistaken and f["severity"] in ("error", "warning")
        one = [line for line in text.stderr.splitlines() if line.startswith(f"{mistaken}:{f['line']}:{f['column']}:") and f["text"] in line]
        assert len(one) == 1 and f"{f['path']}: " in one[0] and ("warning: " in one[0]) == (f["severity"] == "warning"), f
        assert one[0].endswith(f["remedy"] if f["remedy"] is not None else f["text"])
        joined += one
    assert sorted(joined) == sorted(text.stderr.splitlines()[:-1])
    assert told["errors"] + told["warnings"] == len(joined) and told["errors"] >= 3 and told["warnings"] >= 2 and told["complete"]
    assert {f["path"]: (f["text"], f["remedy"]) for f in told["faults"]}["processors::batch"] == ("has invalid keys: timeuot", 'did you mean "timeout"?')


def test_a_configuration_without_faults_is_an_empty_list():
    ran = run("validate", "-c", str(ROOT / "config/otelcd.yaml"), "--format", "json")
    assert (ran.returncode, ran.stderr) == (0, "") and json.loads(ran.stdout) == {"faults": [], "errors": 0, "warnings": 0, "complete": True}


def test_sarif_has_each_fault_at_its_place(mistaken):
    faults = json.loads(run("validate", "-c", mistaken, "--format", "json").stdout)["faults"]
    ran = run("validate", "-c", mistaken, "--format", "sarif")
    log = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr, log["version"]) == (1, "", "2.1.0")
    (one,) = log["runs"]
    rules = {rule["id"] for rule in one["tool"]["driver"]["rules"]}
    assert one["tool"]["driver"]["name"] == "otelcd" and one["columnKind"] == "unicodeCodePoints"
    assert len(one["results"]) == len(faults)
    for result, fault in zip(one["results"], faults):
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert result["ruleId"] in rules and result["level"] == fault["severity"] and result["message"]["text"].startswith(fault["text"])
        assert physical["artifactLocation"]["uri"] == "file://" + mistaken.replace(" ", "%20")
        assert physical["region"] == {"startLine": fault["line"], "startColumn": fault["column"]}
        assert location["logicalLocations"] == [{"fullyQualifiedName": fault["path"]}]


def test_a_place_that_is_no_file_is_no_artifact():
    ran = run("validate", "-c", str(ROOT / "config/otelcd.yaml"), "--set", "processors.batch.timeout=never", "--format", "sarif")
    (result,) = json.loads(ran.stdout)["runs"][0]["results"]
    assert result["locations"] == [{"logicalLocations": [{"fullyQualifiedName": "processors::batch::timeout"}]}]


def test_a_format_that_is_not_there_is_a_mistake_of_the_command_line():
    ran = run("validate", "-c", str(ROOT / "config/otelcd.yaml"), "--format", "xml")
    assert (ran.returncode, ran.stdout) == (2, "") and "text, json or sarif" in ran.stderr
