# SPDX-License-Identifier: Apache-2.0
"""The cases of test/data/scraped before the Go collector: it makes the expected points too, but for those that
collector.txt has, each of which stands in docs/differences.md with its reason. `make oracle ARGS=--rewrite` writes what
is expected anew from what otelcd makes, and collector.txt: look at the difference before you keep it."""

import time

import pytest

from harness import scraped
from harness.limits import PATIENCE
from oracle import differences, settle


def wait_lines(path, target, n):
    deadline = time.monotonic() + PATIENCE
    while (found := scraped.lines(path, target, n)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("case", scraped.CASES)
def test_the_collector_makes_the_same_points_but_for_what_is_listed(otelcd, collector, request, tmp_path, case):
    rewrite = request.config.getoption("--rewrite")
    if rewrite:
        ours = scraped.take(otelcd, case)
        (scraped.FOLDER / case / "expected.txt").write_text("".join(line + "\n" for line in ours))
    target = scraped.Pages(case)
    try:
        collector(scraped.config(case, target, tmp_path / "theirs"))
        theirs = wait_lines(tmp_path / "theirs", target.address, len(target.pages))
    finally:
        target.close()
    settle(scraped.FOLDER / case / "collector.txt", differences("", scraped.expected(case), theirs), rewrite)
