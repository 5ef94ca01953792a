# SPDX-License-Identifier: Apache-2.0
"""What connectors make of spans, case by case (harness/connected.py)."""

import pytest
from harness import connected

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("name", connected.CASES)
def test_a_case_comes_out_as_expected(otelcd, name, tmp_path):
    case = connected.CASES[name]
    d = otelcd(connected.config(case, tmp_path / "out"))
    assert d.http("POST", "/v1/traces", connected.request(case), JSON)[0] == 200
    assert connected.differing(tmp_path / "out", connected.intervals(case)) == connected.expected(name)
    if "deprecated" in name:
        d.expect_warning("Fault in the configuration")
    if "limit" in name:
        d.expect_warning("Too many series")
