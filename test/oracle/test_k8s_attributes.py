# SPDX-License-Identifier: Apache-2.0
"""The same resources through the Go collector's k8s_attributes processor and ours, which ask the same API server
(harness/clustered.py)."""

import json

import pytest
from harness import clustered
from oracle import JSON, ask, differences, gather, settle


@pytest.mark.parametrize("name", clustered.CASES)
def test_the_collector_finds_the_same_pods_and_says_the_same_of_them(otelcd, collector, request, monkeypatch, tmp_path, name):
    case = clustered.CASES[name]
    rewrite = request.config.getoption("--rewrite")
    expected = clustered.FOLDER / f"expected/{name}.json"
    api = clustered.server()
    monkeypatch.setenv("KUBECONFIG", clustered.kubeconfig(tmp_path, api.address))
    try:
        body = clustered.request(case["resources"])
        if rewrite:
            d = otelcd(clustered.config(case["processor"], tmp_path / "ours"), allow=["."])
            assert d.http("POST", "/v1/traces", body, JSON)[0] == 200
            found = clustered.attributes((tmp_path / "ours").read_text().splitlines())
            expected.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        c = collector(clustered.config(case["processor"], tmp_path / "theirs"))
        assert ask(c.ports["http"], "POST", "/v1/traces", body, JSON)[0] == 200
        written = lambda: (tmp_path / "theirs").read_text().splitlines()
        theirs = clustered.attributes(gather(written, 1))
        found = differences("", clustered.shown(json.loads(expected.read_text())), clustered.shown(theirs))
        settle(expected.with_suffix(".collector.txt"), found, rewrite)
    finally:
        api.close()
