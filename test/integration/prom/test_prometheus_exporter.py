# SPDX-License-Identifier: Apache-2.0
"""What the prometheus exporter shows of OTLP requests, case by case (harness/golden.py)."""

import pytest

from harness import golden, otlp

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("case", golden.CASES)
def test_a_scrape_shows_what_the_case_expects(otelcd, case):
    d = otelcd(golden.config(case), allow=["Points rejected", "left out", "Several senders"])
    for body in golden.requests(case):
        assert d.http("POST", otlp.METRICS.path, body, JSON)[0] == 200
    for form in golden.formats(case):
        body = d.scrape("prometheus", golden.FORMATS[form])[1]
        assert golden.lines(form, body) == golden.expected(case, form)
