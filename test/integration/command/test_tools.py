# SPDX-License-Identifier: Apache-2.0
"""What otelcd says to other programs: faults as JSON and SARIF, the completion of shells."""

import json
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT, tool

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


# --- completion ---

BASH = """
source "$SCRIPT"
compopt() { :; }
COMP_WORDS=(otelcd "$@"); COMP_CWORD=$#
COMP_WORDS[0]=$OTELCD
_otelcd
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What zsh's completion is told, without a terminal.
ZSH = """
compdef() { : }
source "$SCRIPT"
compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -rl -- "$@" }
_files() { print -rl -- *(N) }
_describe() { print -rl -- ${${(P)2}%%:*} }
compset() { : }
words=("$OTELCD" "$@"); CURRENT=$#words
_otelcd
"""
FISH = """
source "$SCRIPT"
function otelcd; $OTELCD $argv; end
complete -C "$LINE"
"""
SHELLS = {"bash": (BASH, ["bash", "--norc", "-c"], ["-"]), "zsh": (ZSH, ["zsh", "-f", "-c"], ["-"]), "fish": (FISH, ["fish", "--no-config", "-c"], [])}


@pytest.fixture(params=SHELLS)
def completed(request, tmp_path):
    """What the shell offers for the last of these words."""
    shell = request.param
    script, command, zeroth = SHELLS[shell]
    tool(shell)
    (tmp_path / "script").write_text(run("completion", shell).stdout)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.yaml").write_text("")

    def ask(*words):
        ran = subprocess.run([*command, script, *zeroth, *(words if shell != "fish" else [])],
                             capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path / "here",
                             env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SCRIPT": str(tmp_path / "script"), "OTELCD": str(OTELCD), "LINE": " ".join(("otelcd", *words))})
        assert ran.returncode in (0, 1) and ran.stderr == "", ran.stderr
        return {line.split("\t")[0].removesuffix("=") for line in ran.stdout.split("\n") if line}

    return ask


def test_a_shell_offers_the_verbs(completed):
    assert completed("") >= {"validate", "print-config", "components", "completion", "healthcheck", "status", "top", "wal", "test", "ottl", "version"}


def test_a_shell_offers_the_flags_of_a_verb_and_no_others(completed):
    offered = completed("validate", "--")
    assert offered >= {"--config", "--set", "--format"} and not offered & {"--ca", "--mode", "--filter"}


def test_a_shell_offers_what_a_flag_of_that_verb_can_be(completed):
    assert completed("validate", "--format", "") == {"text", "json", "sarif"}
    assert completed("print-config", "--format", "") == {"yaml", "json"}
    assert completed("print-config", "--mode", "") == {"redacted", "unredacted"}


def test_a_shell_offers_files_where_one_is_wanted(completed):
    assert completed("--config", "") == {"mine.yaml"}
    assert "mine.yaml" in completed("test", "")


def test_a_shell_offers_the_keys_of_the_configuration(completed):
    offered = completed("validate", "--set", "service.telemetry.l")
    assert "service.telemetry.logs.level" in offered
    assert "processors.batch.send_batch_size" in completed("validate", "--set", "processors.b")


def test_another_shell_is_a_mistake_of_the_command_line():
    ran = run("completion", "csh")
    assert (ran.returncode, ran.stdout) == (2, "") and "bash|zsh|fish" in ran.stderr
