# SPDX-License-Identifier: Apache-2.0
"""Where the Go collector's routing connector sends items, and what its log_dedup makes of them (harness/parted.py). Both
are of an older release, the last one that could be had, in a collector of their own (older.yaml)."""

import pytest
from harness import otlp, parted
from oracle import ask


@pytest.mark.parametrize("name", parted.CASES)
def test_the_collector_parts_items_as_is_kept(older_collector, request, name, tmp_path):
    case = parted.CASES[name]
    folder = tmp_path / "out"
    folder.mkdir()
    c = older_collector(parted.config(case, folder, dedup="logdedup"))
    for _ in range(case.get("times", 1)):
        status, body = ask(c.ports["http"], "POST", otlp.SIGNALS[case["signal"]].path, parted.request(case), parted.headers(case))
        assert status == case.get("status", 200), body
    c.close()
    found = parted.left(folder, case)
    if request.config.getoption("--rewrite"):
        parted.keep_expected(name, found)
    assert found == parted.expected(name)
