# SPDX-License-Identifier: Apache-2.0
"""The cases of test/data/prometheus before the Go collector: it shows the expected lines too, but for those that
collector.txt has, each of which stands in docs/differences.md with its reason. `make oracle ARGS=--rewrite` writes what is
expected anew from what otelcd shows, and collector.txt: look at the difference before you keep it."""

import pytest

from harness import golden, otlp
from oracle import JSON, ask, differences, settle


@pytest.mark.parametrize("case", golden.CASES)
def test_the_collector_shows_the_same_but_for_what_is_listed(otelcd, collector, request, case):
    rewrite = request.config.getoption("--rewrite")
    config = golden.config(case)
    c = collector(config)
    for body in golden.requests(case):
        ask(c.ports["http"], "POST", otlp.METRICS.path, body, JSON)
    if rewrite:
        d = otelcd(config, allow=["."])
        for body in golden.requests(case):
            ask(d.http_address(), "POST", otlp.METRICS.path, body, JSON)
    found = []
    for form in golden.formats(case):
        path = golden.FOLDER / case / f"expected.{form}"
        if rewrite:
            ours = golden.lines(form, d.scrape("prometheus", golden.FORMATS[form])[1])
            path.write_text("".join(line + "\n" for line in ours))
        theirs = ask(c.ports["scrape"], "GET", "/metrics", headers={"Accept": golden.FORMATS[form]})[1]
        found += differences(form, golden.expected(case, form), golden.lines(form, theirs))
    listed = golden.FOLDER / case / "collector.txt"
    if listed.exists() and listed.read_text().startswith("at random"):
        return
    settle(listed, found, rewrite)
