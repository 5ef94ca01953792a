# SPDX-License-Identifier: Apache-2.0
"""Scrapes and discovery of the prometheus receiver with tokens of its own: fetched once, renewed after a 401, and told when
there is none."""

import base64
import json
import subprocess
import time

import pytest
from harness.servers.kubernetes import ApiServer, pod
from harness.limits import PATIENCE
from harness.targets import TEXT, Target, config, job, wait_point
from test_auth_client import TokenServer, token
from test_prometheus_receiver import validate

FAILED = "Failed to scrape Prometheus endpoint"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
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


@pytest.mark.parametrize("said", [{}, {"grant_type": ""}], ids=["left_out", "empty"])
def test_a_token_is_fetched_once_and_goes_with_each_scrape(otelcd, target, tokens, said):
    s = tokens()
    d = otelcd(config([job(target, oauth2=oauth2(s, scopes=["a", "b"], endpoint_params={"audience": "x"}, **said))]), allow=[FAILED])
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


@pytest.fixture
def key(tmp_path):
    file = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", file, "2048"], check=True, capture_output=True, timeout=PATIENCE)
    return file


def take_apart(assertion, key, tmp_path):
    """Its claims, once OpenSSL has found the signature good."""
    head, claims, signature = assertion.split(".")
    decode = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    public, signed, said = (tmp_path / name for name in ("public.pem", "signature", "said"))
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True, timeout=PATIENCE)
    signed.write_bytes(decode(signature))
    said.write_text(f"{head}.{claims}")
    verify = ["openssl", "dgst", "-" + {"RS256": "sha256", "RS384": "sha384"}[json.loads(decode(head))["alg"]]]
    subprocess.run([*verify, "-verify", public, "-signature", signed, said], check=True, capture_output=True, timeout=PATIENCE)
    return json.loads(decode(head)), json.loads(decode(claims))


def test_who_signs_what_he_is_needs_no_secret(otelcd, target, tokens, key, tmp_path):
    s = tokens()
    said = {"grant_type": JWT, "client_certificate_key_file": str(key), "client_certificate_key_id": "k-7",
            "signature_algorithm": "RS384", "claims": {"sub": "them", "roles": ["a", 1]}, "scopes": ["a", "b"],
            "client_id": "us", "token_url": s.url}  # fmt: skip
    d = otelcd(config([job(target, oauth2=said)]), allow=[FAILED])
    assert wait_point(d, "load", value=0.5)
    assert {h["Authorization"] for _, h in target.asked} == {"Bearer token-1"}
    form, headers = s.requests[0]
    assert set(form) == {"grant_type", "assertion", "scope"} and "Authorization" not in headers
    assert form["grant_type"] == JWT and form["scope"] == "a b"
    head, claims = take_apart(form["assertion"], key, tmp_path)
    assert head == {"alg": "RS384", "kid": "k-7", "typ": "JWT"}
    assert abs(claims.pop("iat") - time.time()) < 600 and claims.pop("exp") and claims.pop("jti")
    assert claims == {"iss": "us", "sub": "them", "aud": s.url, "scope": "a b", "roles": ["a", 1]}


def test_a_key_that_is_gone_is_a_failure_until_it_is_back(otelcd, target, tokens, key):
    s, good = tokens(), {"Bearer token-1"}
    target.page = lambda h: (200, TEXT, PAGE) if h.headers["Authorization"] in good else (401, TEXT, b"")
    said = {"grant_type": JWT, "client_certificate_key_file": str(key), "client_id": "us", "token_url": s.url}
    d = otelcd(config([job(target, oauth2=said)]), expect=["Cannot get a token", FAILED])
    assert wait_point(d, "load", value=0.5)
    kept = key.read_bytes()
    key.unlink()
    good.clear()
    assert "client_certificate_key" in d.wait_log("^Cannot get a token")["error"]
    good.add("Bearer token-2")
    key.write_bytes(kept)
    d.wait_log("^There is a token again")
    s.wait(2)


@pytest.mark.parametrize("more, why", [
    ({"client_secret_file": "/nowhere"}, "at most one of client_secret and client_secret_file"),
    ({"token_url": "ftp://x"}, "oauth2::token_url"),
    ({"client_id": ""}, "client_id"),
    ({"audience": "x"}, "oauth2::audience: it is of another grant: write grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer"),
    ({"grant_type": JWT}, "oauth2::client_certificate_key: it is missing"),
    ({"grant_type": JWT, "client_certificate_key": "x"}, "oauth2::client_secret: it is of another grant: remove it"),
    ({"grant_type": JWT, "client_certificate_key_file": "/nowhere"}, "oauth2::client_certificate_key_file: /nowhere"),
    ({"client_certificate_key_ref": "x"}, "secrets by reference are not served"),
    ({"proxy_connect_header": {"X": ["y"]}}, "oauth2::proxy_connect_header"),
])  # fmt: skip
def test_a_fault_is_named_where_it_stands(tmp_path, more, why):
    wanted = {"client_id": "us", "client_secret": "secret", "token_url": "http://x/", **more}
    ran = validate(tmp_path, "scrape_configs: " + json.dumps([{"job_name": "a", "oauth2": wanted}]))
    assert ran.returncode != 0 and why in ran.stderr, ran.stderr
