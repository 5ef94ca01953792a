# SPDX-License-Identifier: Apache-2.0
"""What remote write makes of OTLP requests, case by case (harness/written.py)."""

import pytest
from harness import otlp, written
from harness.remote_write import Receiver, accept


@pytest.mark.parametrize("case", written.CASES)
def test_a_case_is_written_as_expected(otelcd, case):
    r = Receiver(accept)
    d = otelcd(written.config(case, r.url), allow=["Points are not sent", "Points rejected", "left out", "Several senders"])
    for body in written.requests(case):
        d.http("POST", otlp.METRICS.path, body, {"Content-Type": "application/json"})
        # Each by itself: what waits together may be written together.
        d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
    r.close()
    assert written.lines(r.samples) == written.expected(case)
