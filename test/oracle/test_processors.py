# SPDX-License-Identifier: Apache-2.0
"""The same configuration and request through the Go collector's processors and ours (harness/processed.py)."""

import time

import pytest
from harness import decisions, otlp, processed
from harness.limits import PATIENCE
from oracle import ask, differences, settle

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def wait_lines(collector, n):
    """It writes to its stdout before it answers, but a moment may pass until the file has it."""
    deadline = time.monotonic() + PATIENCE
    while len(found := processed.lines(collector.stdout.read_text())) < n and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("name", processed.CASES)
def test_the_collector_makes_the_same_of_it_but_for_what_is_listed(otelcd, collector, request, name):
    rewrite = request.config.getoption("--rewrite")
    case = processed.CASES[name]
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
    theirs = wait_lines(c, len(processed.expected(name)))
    settle(processed.FOLDER / f"expected/{name}.collector.txt", differences("", processed.expected(name), theirs), rewrite)


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
