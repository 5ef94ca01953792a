# SPDX-License-Identifier: Apache-2.0
"""The same requests to the Go collector and to otelcd, and what either writes (harness/written.py)."""

import pytest
from harness import otlp, written
from harness.remote_write import Receiver, accept
from oracle import JSON, ask, differences, gather, settle, their_length

SECOND = "exporter.prometheusremotewritexporter.enableSendingRW2"


@pytest.mark.parametrize("case", written.CASES)
def test_the_collector_writes_the_same_but_for_what_is_listed(otelcd, collector, request, case):
    rewrite = request.config.getoption("--rewrite")
    theirs, ours = Receiver(accept, strict=False), Receiver(accept)
    c = collector(written.config(case, theirs.url), f"--feature-gates={SECOND}")
    for body in written.requests(case):
        ask(c.ports["http"], "POST", otlp.METRICS.path, body, JSON)
    listed = written.FOLDER / f"{case}.collector.txt"
    known = None if rewrite else their_length(written.expected(case), listed)
    gather(lambda: list(theirs.samples), known)  # what is still queued when it ends is lost
    c.close()
    if rewrite:
        d = otelcd(written.config(case, ours.url), allow=["."])
        for body in written.requests(case):
            d.http("POST", otlp.METRICS.path, body, JSON)
        d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
        written.FOLDER.mkdir(exist_ok=True)
        (written.FOLDER / f"{case}.txt").write_text("".join(line + "\n" for line in written.lines(ours.samples)))
    found = differences("", written.expected(case), written.lines(theirs.samples))
    theirs.close()
    ours.close()
    settle(listed, found, rewrite)
