# SPDX-License-Identifier: Apache-2.0
"""Scrapes and discovery of the prometheus receiver with tokens of its own: fetched once, renewed after a 401, and told when
there is none."""

import json

import pytest
from harness.kubernetes import ApiServer, pod
from harness.targets import TEXT, Target, config, job, wait_point
from test_auth_client import TokenServer, token
from test_prometheus_receiver import validate

FAILED = "Failed to scrape Prometheus endpoint"
PAGE = b"# TYPE load gauge\nload 0.5\n"


@pytest.fixture
def target():
    t = Target(PAGE)
    yield t
    t.close()


@pytest.fixture
def tokens():
    running = []

    def start(answer=lambda form, headers, n: token(n)):
        running.append(TokenServer(answer))
        return running[-1]

    yield start
    for s in running:
        s.close()


def oauth2(s, **more):
    return {"client_id": "us", "client_secret": "secret", "token_url": s.url, **more}


def test_a_token_is_fetched_once_and_goes_with_each_scrape(otelcd, target, tokens):
    s = tokens()
    d = otelcd(config([job(target, oauth2=oauth2(s, scopes=["a", "b"], endpoint_params={"audience": "x"}))]), allow=[FAILED])
    assert wait_point(d, "load", value=0.5)
    target.wait_asked(4)
    assert {h["Authorization"] for _, h in target.asked} == {"Bearer token-1"} and len(s.requests) == 1
    form, _ = s.requests[0]
    assert form == {"grant_type": "client_credentials", "scope": "a b", "audience": "x"}
    assert d.metric("otelcd_oauth2_fetches", result="token") == 1


def test_a_target_that_takes_a_token_no_more_gets_another(otelcd, target, tokens):
    s = tokens()
    good = {"Bearer token-1"}
    target.page = lambda h: (200, TEXT, PAGE) if h.headers["Authorization"] in good else (401, TEXT, b"")
    d = otelcd(config([job(target, oauth2=oauth2(s))]), allow=[FAILED])
    assert wait_point(d, "up", value=1)
    good.clear()
    good.add("Bearer token-2")
    assert wait_point(d, "up", value=0)
    n = len(target.asked)
    target.wait_asked(n + 2)
    assert target.asked[-1][1]["Authorization"] == "Bearer token-2"


def test_without_a_token_nothing_is_asked_and_the_reason_is_told(otelcd, target, tokens):
    s = tokens(lambda form, headers, n: (400, {"error": "invalid_client"}))
    d = otelcd(config([job(target, oauth2=oauth2(s))]), expect=["Cannot get a token", FAILED])
    assert wait_point(d, "up", value=0)
    assert "invalid_client" in d.wait_log(FAILED)["error"] and target.asked == []


def test_a_redirect_to_another_host_takes_no_token_along(otelcd, target, tokens):
    s, there = tokens(), Target(PAGE)
    try:
        target.page = lambda h: (302, {"Location": f"http://{there.address}/x"}, b"")
        d = otelcd(config([job(target, oauth2=oauth2(s))]), allow=[FAILED])
        assert wait_point(d, "load", value=0.5)
        assert "Authorization" not in there.asked[0][1] and target.asked[0][1]["Authorization"] == "Bearer token-1"
        d.stop()
    finally:
        there.close()


def test_an_api_server_is_asked_with_a_token_too(otelcd, tokens):
    s, api = tokens(), ApiServer()
    try:
        api.put("pods", pod("a", ports=[1]))
        sd = {"role": "pod", "api_server": f"http://{api.address}", "oauth2": oauth2(s)}
        d = otelcd(config([{"job_name": "test", "kubernetes_sd_configs": [sd]}]), allow=[FAILED])
        assert wait_point(d, "up", value=0)
        assert api.wait_asked("/api/v1/pods", watch="true")[2]["Authorization"] == "Bearer token-1"
        d.stop()
    finally:
        api.close()


@pytest.mark.parametrize("more, why", [
    ({"client_secret_file": "/nowhere"}, "at most one of client_secret and client_secret_file"),
    ({"token_url": "ftp://x"}, "oauth2::token_url"),
    ({"client_id": ""}, "client_id"),
    ({"audience": "x"}, "only the grant client_credentials is served"),
    ({"proxy_connect_header": {"X": ["y"]}}, "oauth2::proxy_connect_header"),
])  # fmt: skip
def test_a_fault_is_named_where_it_stands(tmp_path, more, why):
    wanted = {"client_id": "us", "client_secret": "secret", "token_url": "http://x/", **more}
    ran = validate(tmp_path, "scrape_configs: " + json.dumps([{"job_name": "a", "oauth2": wanted}]))
    assert ran.returncode != 0 and why in ran.stderr, ran.stderr
