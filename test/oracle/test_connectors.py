# SPDX-License-Identifier: Apache-2.0
"""The same spans through the Go collector's connectors and ours (harness/connected.py)."""

import pytest
from harness import connected
from oracle import JSON, ask, differences, settle


@pytest.mark.parametrize("name", connected.CASES)
def test_the_collector_makes_the_same_of_spans_but_for_what_is_listed(otelcd, collector, request, name, tmp_path):
    rewrite = request.config.getoption("--rewrite")
    case = connected.CASES[name]
    c = collector(connected.config(case, tmp_path / "theirs"))
    assert ask(c.ports["http"], "POST", "/v1/traces", connected.request(case), JSON)[0] == 200
    theirs = connected.differing(tmp_path / "theirs", connected.intervals(case))
    if rewrite:
        d = otelcd(connected.config(case, tmp_path / "ours"), allow=["."])
        assert d.http("POST", "/v1/traces", connected.request(case), JSON)[0] == 200
        ours = connected.differing(tmp_path / "ours", connected.intervals(case))
        (connected.FOLDER / f"expected/{name}.json").write_text("".join(line + "\n" for line in ours))
    settle(connected.FOLDER / f"expected/{name}.collector.txt", differences("", connected.expected(name), theirs), rewrite)
