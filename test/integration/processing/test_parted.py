# SPDX-License-Identifier: Apache-2.0
"""Items go where the Go collector sends them, and equal records become one as there (harness/parted.py)."""

import pytest
from harness import otlp, parted


@pytest.mark.parametrize("name", parted.CASES)
def test_items_are_parted_and_gathered_as_in_the_collector(otelcd, tmp_path, name):
    case = parted.CASES[name]
    folder = tmp_path / "out"
    folder.mkdir()
    d = otelcd(parted.config(case, folder), allow=["."])
    for _ in range(case.get("times", 1)):
        status, _, body = d.http("POST", otlp.SIGNALS[case["signal"]].path, parted.request(case), parted.headers(case))
        assert status == case.get("ours", 200), body
    d.stop()
    assert parted.left(folder, case) == parted.expected(name)
