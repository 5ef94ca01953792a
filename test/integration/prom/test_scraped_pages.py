# SPDX-License-Identifier: Apache-2.0
"""What the prometheus receiver makes of pages, held against test/data/scraped (see harness/scraped.py)."""

import pytest
from harness import scraped


@pytest.mark.parametrize("case", scraped.CASES)
def test_pages_become_the_expected_points(otelcd, case):
    assert scraped.take(otelcd, case) == scraped.expected(case)
