# SPDX-License-Identifier: Apache-2.0
"""Which traces the Go collector's tail sampler keeps (harness/tails.py)."""

import pytest
from harness import tails
from oracle import ask

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def test_the_collector_keeps_the_same_traces(collector, request, tmp_path):
    c = collector(tails.config(tmp_path, tails.CASES))
    for body in tails.requests(seed=1):
        assert ask(c.ports["http"], "POST", "/v1/traces", body.SerializeToString(), PROTOBUF)[0] == 200
    c.close()
    for name in tails.CASES:
        found = sorted(tails.kept(tmp_path / name))
        if request.config.getoption("--rewrite"):
            tails.keep_expected(name, found)
        assert found == tails.expected(name), name


@pytest.mark.parametrize("name", tails.SHARES)
def test_the_collector_keeps_the_same_share_of_a_hundred_thousand_traces(collector, request, tmp_path, name):
    c = collector(tails.share_config(tmp_path, name))
    for body in tails.many():
        assert ask(c.ports["http"], "POST", "/v1/traces", body.SerializeToString(), PROTOBUF)[0] == 200
    c.close()
    found = tails.kept_of_many(tmp_path / "kept")
    if request.config.getoption("--rewrite"):
        tails.keep_expected_of_many(name, found)
    assert found == tails.expected_of_many(name)
