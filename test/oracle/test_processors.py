# SPDX-License-Identifier: Apache-2.0
"""The same configuration and request through the Go collector's processors and ours (harness/processed.py)."""

import functools
import re
import subprocess

import pytest
from conftest import build
from harness import decisions, grouped, otlp, processed
from harness.limits import PATIENCE
from oracle import JSON, ask, differences, gather, in_order, settle, their_length

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def shown(collector):
    """Without the empty requests that it sends on once an interval."""
    lines = iter(processed.lines(collector.stdout.read_text()))
    return [line for line in lines if not (re.match(r'\w+\t{"resource \w+": 0,', line) and next(lines, "") == "")]


@functools.cache
def has_connector(name):
    told = subprocess.run([build(), "components"], capture_output=True, text=True, timeout=PATIENCE).stdout
    return f"name: {name}\n" in told.partition("connectors:")[2].partition("extensions:")[0]


@pytest.mark.parametrize("name", processed.CASES)
def test_the_collector_makes_the_same_of_it_but_for_what_is_listed(otelcd, collector, request, name):
    rewrite = request.config.getoption("--rewrite")
    case = processed.CASES[name]
    if "sum" in case.get("connectors", {}) and not has_connector("sum"):
        pytest.skip("a collector with the connector sum is built from the sources of its repository: ORACLE names one")
    path = otlp.SIGNALS[case["signal"]].path
    c = collector(processed.config(case), *processed.arguments(case))
    assert ask(c.ports["http"], "POST", path, processed.request(case), processed.headers(case))[0] == 200
    expected = processed.FOLDER / f"expected/{name}.txt"
    if rewrite:
        d = otelcd(processed.config(case), allow=["."])
        assert d.http("POST", path, processed.request(case), processed.headers(case))[0] == 200
        d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
        ours = processed.lines((d.folder / "stdout").read_text())
        expected.write_text("".join(line + "\n" for line in ours))
    listed = processed.FOLDER / f"expected/{name}.collector.txt"
    theirs = gather(lambda: shown(c), None if rewrite else their_length(processed.expected(name), listed))
    found = differences("", processed.expected(name), in_order(processed.expected(name), theirs))
    settle(listed, found, rewrite)


@pytest.mark.parametrize("name", decisions.CASES)
def test_the_collector_keeps_the_same_of_a_hundred_thousand_items(collector, request, name, tmp_path):
    signal, _ = decisions.CASES[name]
    c = collector(decisions.config(name, tmp_path / "kept"))
    for body in decisions.requests(signal):
        status, answer = ask(c.ports["http"], "POST", otlp.SIGNALS[signal].path, body.SerializeToString(), PROTOBUF)
        assert status == 200, answer
    c.close()
    found = decisions.kept(signal, tmp_path / "kept")
    if request.config.getoption("--rewrite"):
        decisions.keep_expected(name, found)
    assert found == decisions.expected(name)


@pytest.mark.parametrize("name", grouped.CASES)
def test_the_collector_sends_the_same_spans_together(collector, request, name, tmp_path):
    c = collector(grouped.config(tmp_path / "out"))
    for body in grouped.requests(name):
        assert ask(c.ports["http"], "POST", "/v1/traces", body, JSON)[0] == 200
    rewrite = request.config.getoption("--rewrite")
    gather(lambda: grouped.left(tmp_path / "out"), None if rewrite else len(grouped.expected(name)))
    c.close()
    found = grouped.left(tmp_path / "out")
    if rewrite:
        grouped.keep_expected(name, found)
    assert found == grouped.expected(name)
