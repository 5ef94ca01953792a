# SPDX-License-Identifier: Apache-2.0
"""What the processors make of OTLP requests, case by case (harness/processed.py)."""

import pytest
from harness import otlp, processed


@pytest.mark.parametrize("name", processed.CASES)
def test_a_case_comes_out_as_expected(otelcd, name):
    case = processed.CASES[name]
    d = otelcd(processed.config(case))
    status, _, body = d.http("POST", otlp.SIGNALS[case["signal"]].path, processed.request(case), processed.headers(case))
    assert status == 200, body
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
    assert processed.lines((d.folder / "stdout").read_text()) == processed.expected(name)
